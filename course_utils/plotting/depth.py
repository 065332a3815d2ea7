"""Signals layer by layer, sets of numbers that share a mean, percentiles over time, and effects with their spread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from course_utils.check import check_same_length, check_shape
from course_utils.plotting.style import COLORS, CYCLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINES = ("-", "--", ":", "-.")


def signal_curves(
    axes: Axes, curves: Mapping[str, Any], *, floor: float = 1e-12, ceiling: float = 1e12, first: int = 0
) -> None:
    """Draw the size of a signal in each layer, one line a network, on a log axis.

    Values outside ``[floor, ceiling]`` are cut off at the border of the picture, and marked there by a triangle.

    Args:
        axes: where to draw.
        curves: name -> positive sizes, one a layer.
        floor: lower end of the axis, above 0.
        ceiling: upper end of the axis.
        first: number of the first layer.
    """
    import numpy as np

    for index, (name, values) in enumerate(curves.items()):
        sizes = np.asarray(values, dtype=float)
        layers = np.arange(first, first + len(sizes))
        color, style = CYCLE[index % len(CYCLE)], LINES[index // len(CYCLE) % len(LINES)]
        inside = np.isfinite(sizes) & (sizes >= floor) & (sizes <= ceiling)
        axes.plot(layers[inside], sizes[inside], color=color, linestyle=style, label=name)
        if not inside.all():
            leaves = int(np.argmax(~inside)) if inside[0] else int(len(sizes) - 1 - np.argmax(~inside[::-1]))
            up = not sizes[leaves] < floor
            axes.plot(
                [layers[leaves]],
                [ceiling if up else floor],
                marker="^" if up else "v",
                color=color,
                markersize=8,
                clip_on=False,
                zorder=3,
            )
    axes.set(yscale="log", ylim=(floor, ceiling), xlabel="layer")


def shared_statistics(axes: Axes, groups: Any, title: str, *, channels: int, caption: str = "") -> None:
    """Draw a batch as a table of cells in which the coloured ones share one mean and one deviation.

    Args:
        axes: where to draw.
        groups: rows are examples, columns are channels times positions (all positions of the first channel
            first); 1 for a cell that belongs to the set of the marked value, 2 for the marked value itself, else 0.
        title: above the table.
        channels: how many channels the columns hold, for the gaps between them.
        caption: under the table.
    """
    import numpy as np
    from matplotlib.patches import Rectangle

    cells = check_shape("groups", np.asarray(groups), (None, None))
    rows, columns = cells.shape
    if columns % channels:
        raise ValueError(f"groups must have a multiple of {channels} columns, one block a channel, got {columns}")
    width = columns // channels
    fill = {0: "#EDEDED", 1: COLORS["sky"], 2: COLORS["vermillion"]}
    for r in range(rows):
        for c in range(columns):
            left = c + 0.5 * (c // width)
            axes.add_patch(Rectangle((left, rows - 1 - r), 0.9, 0.9, facecolor=fill[int(cells[r, c])]))
    axes.set(xlim=(-0.2, columns + 0.5 * channels), ylim=(-0.2, rows + 0.1), aspect="equal", xticks=[], yticks=[])
    axes.set_title(title, fontsize=9)
    axes.set_xlabel(caption, fontsize=8)
    axes.grid(visible=False)
    for side in axes.spines.values():
        side.set_visible(False)


def percentile_tracks(axes: Axes, steps: Any, tracks: Any, *, color: str = COLORS["blue"], label: str = "") -> None:
    """Draw a low, a middle and a high percentile over the steps of training: a band with a line in it.

    Args:
        axes: where to draw.
        steps: step of each recording, shape ``(T,)``.
        tracks: the three percentiles, shape ``(T, 3)``.
        color: of band and line.
        label: for the legend.
    """
    import numpy as np

    values = check_shape("tracks", np.asarray(tracks, dtype=float), (None, 3))
    check_same_length("steps", steps, "tracks", values)
    axes.fill_between(steps, values[:, 0], values[:, 2], color=color, alpha=0.25, linewidth=0)
    axes.plot(steps, values[:, 1], color=color, linewidth=1.5, label=label or None)


def effect_rows(
    axes: Axes, effects: Mapping[str, Sequence[float]], own: Mapping[str, float] | None = None, *, unit: str = ""
) -> None:
    """Draw a row of dots for each effect, one dot a seed, with the median as a bar and a line at no effect.

    Args:
        axes: where to draw.
        effects: name -> difference for each seed.
        own: name -> the reader's own difference, drawn as a diamond.
        unit: of the horizontal axis.
    """
    import numpy as np

    names = list(effects)
    for row, name in enumerate(names):
        values = np.asarray(effects[name], dtype=float)
        y = len(names) - 1 - row
        spread = y + 0.22 * (((np.arange(len(values)) * 0.618) % 1) - 0.5)  # an even jitter that never changes
        axes.plot(values, spread, "o", color=COLORS["blue"], alpha=0.35, markersize=4, markeredgewidth=0)
        axes.plot([np.median(values)] * 2, [y - 0.3, y + 0.3], color=COLORS["blue"], linewidth=2.5)
        if own is not None and name in own:
            axes.plot(
                [own[name]], [y], "D", color=COLORS["vermillion"], markersize=7, markeredgecolor="white", zorder=3
            )
    axes.axvline(0, color=COLORS["ink"], linewidth=1, linestyle=":")
    axes.set_yticks(range(len(names)), names[::-1])
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlabel(unit)
    axes.grid(visible=False, axis="y")

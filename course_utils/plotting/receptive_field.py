"""What a unit sees: cones of connections, coverage with holes, points where a layer reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from course_utils.check import check_same_length
from course_utils.plotting.style import COLORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_cone(axes: Axes, positions: Sequence[np.ndarray], edges: Sequence[np.ndarray], all_units: bool = True) -> None:
    """Draw a stack of layers along one axis, with the connections below one unit of the top layer.

    Args:
        axes: where to draw.
        positions: for each layer, input first, the horizontal positions of its units in input pixels.
        edges: for each layer after the input, (E, 2) pairs: unit of this layer, unit of the layer below.
        all_units: draw units that take no part as small gray dots.
    """
    check_same_length("positions after the input", positions[1:], "edges", edges)
    used: list[set[int]] = [set() for _ in positions]
    for level, pairs in enumerate(edges, start=1):
        for unit, below in pairs:
            used[level].add(int(unit))
            used[level - 1].add(int(below))
            axes.plot(
                [positions[level][unit], positions[level - 1][below]],
                [level, level - 1],
                color=COLORS["sky"],
                linewidth=0.9,
                zorder=1,
            )
    for level, line in enumerate(positions):
        seen = np.array(sorted(used[level]), dtype=int)
        if all_units:
            rest = np.delete(line, seen)
            axes.plot(rest, np.full(len(rest), level), "o", color=COLORS["gray"], alpha=0.45, markersize=2.5, zorder=2)
        color = COLORS["vermillion"] if level == len(positions) - 1 else COLORS["blue"]
        axes.plot(line[seen], np.full(len(seen), level), "o", color=color, markersize=4.5, zorder=3)
    axes.set(yticks=range(len(positions)), ylim=(-0.5, len(positions) - 0.5))
    axes.set_yticklabels(["input"] + [f"layer {level}" for level in range(1, len(positions))])
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(length=0)
    axes.grid(False)


def draw_coverage(axes: Axes, counts: np.ndarray) -> None:
    """Draw how many paths lead from a unit to each pixel of its field; pixels with none stay white.

    Args:
        axes: where to draw.
        counts: (H, W), at least 0.
    """
    shown = np.ma.masked_equal(counts, 0)
    axes.imshow(shown, cmap="viridis", vmin=0, vmax=max(1, counts.max()), interpolation="nearest")
    height, width = counts.shape
    axes.set_xticks(np.arange(width + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(height + 1) - 0.5, minor=True)
    axes.grid(False)
    axes.grid(True, which="minor", color=COLORS["gray"], alpha=0.35, linewidth=0.4)
    axes.tick_params(which="both", length=0)
    axes.set(xticks=[], yticks=[])


def draw_readings(
    axes: Axes,
    image: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    color: str = "orange",
    white: float | None = None,
) -> None:
    """Draw an image with the points at which the taps of one output position read it, joined in tap order.

    Args:
        axes: where to draw.
        image: (H, W).
        rows: (k, k) positions in pixels.
        columns: likewise.
        color: name of a course colour.
        white: brightness that is drawn white; the brightest pixel if None.
    """
    axes.imshow(image, cmap="gray", vmin=0, vmax=white, interpolation="nearest")
    for i in range(len(rows)):
        axes.plot(columns[i], rows[i], color=COLORS[color], linewidth=0.9)
        axes.plot(columns[:, i], rows[:, i], color=COLORS[color], linewidth=0.9)
    axes.plot(columns.ravel(), rows.ravel(), "o", color=COLORS[color], markersize=4, markeredgecolor=COLORS["ink"])
    axes.set(xticks=[], yticks=[])
    axes.grid(False)

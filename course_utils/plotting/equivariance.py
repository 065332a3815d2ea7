"""Pictures of pooling and moving: tables of numbers with windows on them, two orders of the same two steps, bins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.check import check_choice, check_int, check_same_length, check_shape
from course_utils.plotting.features import few_shades
from course_utils.plotting.style import COLORS, CYCLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def number_table(
    axes: Axes,
    values: np.ndarray,
    *,
    windows: Sequence[tuple[int, int, int]] = (),
    rings: Sequence[tuple[int, int]] = (),
    title: str = "",
    style: str = ".0f",
) -> None:
    """Draw a small map as shaded cells with their numbers.

    Args:
        axes: where to draw.
        values: shape (H, W).
        windows: ``(row, column, side)`` of squares to outline, each in a colour of its own.
        rings: ``(row, column)`` of cells to ring.
        title: above the table.
        style: format of the numbers.
    """
    from matplotlib.patches import Circle, Rectangle

    check_shape("values", values, (None, None))
    largest = max(float(np.abs(values).max()), 1e-12)
    axes.imshow(np.abs(values) / largest, cmap="Blues", vmin=0, vmax=2.2)
    for (r, c), value in np.ndenumerate(values):
        axes.text(c, r, format(value, style), ha="center", va="center", fontsize=9, color=COLORS["ink"])
    for i, (row, column, side) in enumerate(windows):
        inset = 0.04 + 0.05 * (i % 3)  # so that neighbours that overlap stay apart
        corner, length = (column - 0.5 + inset, row - 0.5 + inset), side - 2 * inset
        axes.add_patch(
            Rectangle(corner, length, length, fill=False, edgecolor=CYCLE[(i + 1) % len(CYCLE)], linewidth=2)
        )
    for row, column in rings:
        axes.add_patch(Circle((column, row), 0.4, fill=False, edgecolor=COLORS["ink"], linewidth=1.4))
    axes.set(xticks=[], yticks=[], title=title)
    for spine in axes.spines.values():
        spine.set_visible(False)


def two_orders(
    start: np.ndarray,
    move_first: tuple[np.ndarray, np.ndarray],
    layer_first: tuple[np.ndarray, np.ndarray],
    move: str = "shift",
    layer: str = "filter",
    *,
    gap: np.ndarray | None = None,
) -> Figure:
    """Draw "move, then layer" above "layer, then move", and the difference of the two results.

    Args:
        start: picture, shape (H, W).
        move_first: the moved picture and what the layer makes of it.
        layer_first: what the layer makes of the picture, and that, moved.
        move: name of the move.
        layer: name of the layer.
        gap: difference of the two results; their plain difference if left out.

    Returns:
        The figure, not yet shown: make it the last expression of a cell. The difference is black where it is zero, on
        the scale of the results.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    gap = np.abs(move_first[1] - layer_first[1]) if gap is None else np.abs(gap)
    ends = np.stack([move_first[1], layer_first[1]])
    span = max(float(np.abs(ends).max()), 1e-12)
    figure = Figure(figsize=(6.6, 3.5), dpi=110, layout=ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03))
    grid = figure.subplots(2, 4, width_ratios=[1, 1, 1, 1])
    titles = [("picture", f"{move} …", f"… then {layer}"), ("picture", f"{layer} …", f"… then {move}")]
    rows = [(start, *move_first), (start, *layer_first)]
    for r, (images, names) in enumerate(zip(rows, titles)):
        for c, (image, name) in enumerate(zip(images, names)):
            # Signed maps are drawn around grey, pictures from black to white.
            signed = image.min() < 0
            low, high = (-span, span) if signed else (0.0, max(float(image.max()), 1e-12))
            grid[r, c].imshow(few_shades(image, 20), cmap="gray", vmin=low, vmax=high, interpolation="nearest")
            grid[r, c].set_title(name, fontsize=9, loc="center", pad=2)
    grid[0, 3].imshow(few_shades(gap), cmap="inferno", vmin=0, vmax=span, interpolation="nearest")
    grid[0, 3].set_title("difference", fontsize=9, loc="center", pad=2)
    relative = float(gap.max()) / span
    wording = "none" if relative < 1e-9 else f"{relative:.0%} of the\nlargest value"
    grid[1, 3].text(0.5, 0.5, f"largest\ndifference:\n{wording}", ha="center", va="center", fontsize=10)
    for axes in grid.flat:
        axes.set_axis_off()
    return figure


def bin_rows(axes: Axes, size: int, bins: Sequence[tuple[int, int]]) -> None:
    """Draw pixels of one axis as a row of squares, and the bins over them as bars.

    Args:
        axes: where to draw.
        size: number of pixels.
        bins: ``(start, end)`` of each bin, end exclusive.
    """
    from matplotlib.patches import Rectangle

    check_int("size", size, minimum=1)
    for i in range(size):
        axes.add_patch(Rectangle((i, 0), 1, 0.6, facecolor="#E8E8E8", edgecolor="white"))
    for i, (start, end) in enumerate(bins):
        color = CYCLE[i % len(CYCLE)]
        axes.plot([start + 0.08, end - 0.08], [0.85 + 0.22 * (i % 2)] * 2, color=color, linewidth=4)
    axes.set(xlim=(-0.2, max(size, 1) + 0.2), ylim=(-0.1, 1.3))
    axes.set_axis_off()


def filter_groups(filters: np.ndarray, pictures: np.ndarray, responses: np.ndarray) -> Figure:
    """Draw a group of filters, and below it which of them answers most to each picture.

    Args:
        filters: shape (G, h, w).
        pictures: shape (P, h, w).
        responses: shape (P, G).

    Returns:
        The figure, not yet shown: make it the last expression of a cell.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    check_shape("responses", responses, (len(pictures), len(filters)))
    count = len(filters)
    figure = Figure(figsize=(7, 2.9), dpi=110, layout=ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03))
    panels: Any = figure.subfigures(1, 2, width_ratios=[1, 1.1])
    left, right = panels
    cells = left.subplots(2, max(count, len(pictures)), squeeze=False)
    for axes in cells.flat:
        axes.set_axis_off()
    span = float(np.abs(filters).max())
    for k in range(count):
        cells[0, k].imshow(filters[k], cmap="gray", vmin=-span, vmax=span)
        cells[0, k].set_title(f"filter {k}", fontsize=9, loc="center", pad=2, color=CYCLE[k % len(CYCLE)])
    for p, picture in enumerate(pictures):
        cells[1, p].imshow(picture, cmap="gray")
        cells[1, p].set_title(f"input {p}", fontsize=9, loc="center", pad=2)
    axes = right.subplots()
    width = 0.8 / count
    for k in range(count):
        where = np.arange(len(pictures)) + (k - (count - 1) / 2) * width
        axes.bar(where, responses[:, k], width=width, color=CYCLE[k % len(CYCLE)])
    axes.plot(np.arange(len(pictures)), responses.max(axis=1), "k_", markersize=26, markeredgewidth=2)
    axes.axhline(0, color=COLORS["gray"], linewidth=0.8)
    axes.set(xticks=range(len(pictures)), xlabel="input", ylabel="response", title="The maximum (black) hardly moves")
    return figure


def paired_bands(
    axes: Axes, names: Sequence[str], before: Sequence[Sequence[float]], after: Sequence[Sequence[float]]
) -> None:
    """Draw two sets of values for each name, one dot a seed, a line between the medians.

    Args:
        axes: where to draw.
        names: one a row, drawn from top to bottom.
        before: values in blue, one list a name.
        after: values in vermillion, one list a name.
    """
    check_same_length("names", names, "before", before)
    check_same_length("names", names, "after", after)
    for row, (first, second) in enumerate(zip(before, after)):
        y = len(names) - 1 - row
        axes.plot([np.median(first), np.median(second)], [y, y], color=COLORS["gray"], linewidth=1, zorder=1)
        for values, color, marker in ((first, "blue", "o"), (second, "vermillion", "s")):
            axes.plot(values, [y] * len(values), marker, color=COLORS[color], markersize=5, alpha=0.35, zorder=2)
            axes.plot([np.median(values)], [y], marker, color=COLORS[color], markersize=8, zorder=3)
    axes.set_yticks(range(len(names)), list(reversed(list(names))))
    axes.set_ylim(-0.6, len(names) - 0.4)


def winner_map(
    axes: Axes, advantage: np.ndarray, extent: tuple[float, float, float, float], scale: str = "log"
) -> None:
    """Draw where one of two methods wins: blue where ``advantage`` is positive, orange where negative.

    Args:
        axes: where to draw.
        advantage: shape (rows, columns), rows from the bottom up.
        extent: left, right, bottom, top of the map in the units of the axes.
        scale: scale of both axes, ``"log"`` or ``"linear"``.
    """
    check_shape("advantage", advantage, (None, None))
    check_choice("scale", scale, ("log", "linear"))
    spread = np.geomspace if scale == "log" else np.linspace
    x = spread(extent[0], extent[1], advantage.shape[1])
    y = spread(extent[2], extent[3], advantage.shape[0])
    levels = np.array([-1e9, 0, 1e9])
    axes.contourf(x, y, advantage, levels=levels, colors=["#F5C98A", "#9CC9E8"])
    axes.contour(x, y, advantage, levels=[0], colors=[COLORS["ink"]], linewidths=1.2)
    axes.set(xscale=scale, yscale=scale)

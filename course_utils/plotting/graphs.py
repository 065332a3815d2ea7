"""Computation graphs with values and gradients on them, and slices of a loss seen from above."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from course_utils.check import check_shape
from course_utils.plotting.style import COLORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Place = tuple[float, float]


def graph_places(edges: Sequence[tuple[str, str]]) -> dict[str, Place]:
    """Return where to draw each node: a column for the longest way to it, the column's nodes under each other.

    Args:
        edges: ``(source, target)`` pairs without a cycle.

    Raises:
        ValueError: if the edges close a cycle.
    """
    nodes = list(dict.fromkeys(node for edge in edges for node in edge))
    column = dict.fromkeys(nodes, 0)
    for _ in nodes:  # each round settles at least one more column
        moved = False
        for source, target in edges:
            if column[target] <= column[source]:
                column[target], moved = column[source] + 1, True
        if not moved:
            break
    else:
        raise ValueError("edges must not close a cycle: then no column is the first")
    places: dict[str, Place] = {}
    for number in sorted(set(column.values())):
        members = [node for node in nodes if column[node] == number]
        for k, node in enumerate(members):
            places[node] = (float(number), (len(members) - 1) / 2 - k)
    return places


def draw_graph(
    axes: Axes,
    edges: Sequence[tuple[str, str]],
    *,
    places: Mapping[str, Place] | None = None,
    names: Mapping[str, str] | None = None,
    values: Mapping[str, float] | None = None,
    gradients: Mapping[str, float] | None = None,
    edge_words: Mapping[tuple[str, str], str] | None = None,
    digits: int = 2,
) -> None:
    """Draw nodes and arrows; values above each node in blue, gradients below it in vermillion.

    Args:
        axes: where to draw; its frame and ticks are removed.
        edges: ``(source, target)`` pairs.
        places: node to (x, y); :func:`graph_places` if left out.
        names: node to what to write in its circle; the node's own name if left out.
        values: node to the number above it.
        gradients: node to the number below it.
        edge_words: edge to a word at its middle, a weight for example.
        digits: decimals of the numbers.
    """
    where = dict(places or graph_places(edges))
    for source, target in edges:
        axes.annotate(
            "",
            xy=where[target],
            xytext=where[source],
            arrowprops={"arrowstyle": "-|>", "color": COLORS["gray"], "lw": 1.3, "shrinkA": 13, "shrinkB": 13},
        )
        word = (edge_words or {}).get((source, target))
        if word:
            (x0, y0), (x1, y1) = where[source], where[target]
            axes.text(
                x0 + 0.42 * (x1 - x0), y0 + 0.42 * (y1 - y0), word, ha="center", va="center", fontsize=8,
                color=COLORS["ink"], bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
            )  # fmt: skip
    for node, (x, y) in where.items():
        axes.plot([x], [y], "o", markersize=24, markerfacecolor="#eef2f6", markeredgecolor=COLORS["ink"])
        axes.text(x, y, (names or {}).get(node, node), ha="center", va="center", fontsize=9)
        for numbers, color, shift, side in (
            (values, COLORS["blue"], 15, "bottom"),
            (gradients, COLORS["vermillion"], -15, "top"),
        ):
            if numbers and node in numbers:
                axes.annotate(
                    f"{numbers[node]:.{digits}f}".replace("-", "−"),
                    (x, y), xytext=(0, shift), textcoords="offset points", ha="center", va=side,
                    color=color, fontsize=9, fontweight="bold",
                )  # fmt: skip
    xs, ys = zip(*where.values())
    axes.set_xlim(min(xs) - 0.5, max(xs) + 0.5)
    axes.set_ylim(min(ys) - 0.75, max(ys) + 0.75)
    axes.set_axis_off()


def contour_slice(axes: Axes, offsets: Any, surface: Any, *, levels: int = 14) -> None:
    """Draw a square slice of a loss as filled contours on a logarithmic scale, with a cross at the centre.

    Args:
        axes: where to draw.
        offsets: the grid's coordinates in both directions, ascending.
        surface: losses above 0, row r for the r-th offset upwards.
        levels: how many contours.
    """
    import numpy as np
    from matplotlib.colors import LogNorm

    grid = np.asarray(offsets, dtype=float)
    heights = check_shape("surface", np.asarray(surface, dtype=float), (len(grid), len(grid)))
    if not (heights > 0).all():
        raise ValueError(f"surface must be greater than 0 for a logarithmic scale, got {heights.min()}")
    low, high = float(heights.min()), float(heights.max())
    steps = np.geomspace(low, max(high, low * 1.01), levels)
    filled = axes.contourf(grid, grid, heights, levels=steps, norm=LogNorm(low, steps[-1]), cmap="cividis")
    axes.contour(grid, grid, heights, levels=steps, colors="white", linewidths=0.4)
    axes.plot([0], [0], "+", color=COLORS["orange"], markersize=13, markeredgewidth=2.5)
    axes.set_aspect("equal")
    ticks = [steps[0], steps[levels // 2], steps[-1]]
    bar = axes.figure.colorbar(filled, ax=axes, shrink=0.85, ticks=ticks)
    bar.ax.set_yticklabels([f"{tick:.2g}" for tick in ticks])
    bar.ax.minorticks_off()

"""Networks as circles and lines, activations beside their slopes, and medians inside their bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from course_utils.check import check_int, check_same_length, check_shape
from course_utils.plotting.style import COLORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def layer_positions(sizes: Sequence[int]) -> list[list[tuple[float, float]]]:
    """Return where the units of a layered network go: layers from left to right, each centred around height 0.

    Args:
        sizes: units of every layer, the input first.

    Returns:
        For every layer its ``(x, y)`` points, top unit first.
    """
    return [
        [(float(column), (check_int("size", size, minimum=1) - 1) / 2 - row) for row in range(size)]
        for column, size in enumerate(sizes)
    ]


def network_diagram(
    axes: Axes,
    positions: Mapping[str, tuple[float, float]],
    weights: Mapping[tuple[str, str], float],
    *,
    labels: Mapping[str, str] | None = None,
    show_weights: bool = True,
    highlight: Sequence[tuple[str, str]] = (),
    radius: float = 0.17,
) -> None:
    """Draw a network: a circle a unit, an arrow an edge, blue for positive weights and vermillion for negative.

    Args:
        axes: where to draw; its frame is taken away.
        positions: unit to ``(x, y)``.
        weights: edge ``(source, target)`` to weight.
        labels: unit to the text in its circle; the unit's name if left out.
        show_weights: whether to write each weight beside its edge; a negative one is dashed as well.
        highlight: edges to draw thicker.
        radius: of the circles.

    Raises:
        ValueError: if an edge names a unit without a position.
    """
    from matplotlib.patches import Circle

    for edge in weights:
        for unit in edge:
            if unit not in positions:
                raise ValueError(f"positions must hold every unit, {unit!r} of edge {edge} has none")
    for (source, target), weight in weights.items():
        (x0, y0), (x1, y1) = positions[source], positions[target]
        length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
        ux, uy = (x1 - x0) / length, (y1 - y0) / length
        axes.annotate(
            "",
            xy=(x1 - radius * ux, y1 - radius * uy),
            xytext=(x0 + radius * ux, y0 + radius * uy),
            arrowprops={
                "arrowstyle": "-|>",
                "color": COLORS["blue"] if weight >= 0 else COLORS["vermillion"],
                "linestyle": "-" if weight >= 0 else "--",
                "lw": 2.6 if (source, target) in highlight else 1.3,
                "shrinkA": 0,
                "shrinkB": 0,
            },
            zorder=1,
        )
        if show_weights:
            # at a third of the way, where crossing edges have not met yet
            axes.text(
                x0 + 0.36 * (x1 - x0),
                y0 + 0.36 * (y1 - y0),
                f"{weight:g}",
                fontsize=8,
                ha="center",
                va="center",
                zorder=3,
                bbox={"boxstyle": "round,pad=0.12", "facecolor": "white", "edgecolor": "none"},
            )
    for unit, (x, y) in positions.items():
        axes.add_patch(Circle((x, y), radius, facecolor="white", edgecolor=COLORS["ink"], linewidth=1.2, zorder=4))
        text = (labels or {}).get(unit, unit)
        axes.text(x, y, text, ha="center", va="center", fontsize=9, zorder=5)
    xs, ys = zip(*positions.values())
    axes.set(xlim=(min(xs) - 0.4, max(xs) + 0.4), ylim=(min(ys) - 0.4, max(ys) + 0.4), aspect="equal")
    axes.axis("off")


def value_and_slope(axes: Axes, a: Any, value: Any, slope: Any, title: str = "") -> None:
    """Draw an activation as a line and its derivative as a dashed line over the same axis.

    Args:
        axes: where to draw.
        a: pre-activations, shape ``(N,)``, increasing.
        value: of the activation there, shape ``(N,)``.
        slope: of the activation there, shape ``(N,)``; a jump from one point to the next is left open.
        title: above the axes.
    """
    import numpy as np

    points = check_shape("a", np.asarray(a, dtype=float), (None,))
    slopes = check_shape("slope", np.array(slope, dtype=float), points.shape)
    axes.axhline(0, color=COLORS["gray"], linewidth=0.8)
    axes.axvline(0, color=COLORS["gray"], linewidth=0.8)
    axes.plot(points, check_shape("value", np.asarray(value), points.shape), color=COLORS["blue"], label="f(a)")
    open_slope = slopes.copy()
    open_slope[1:][np.abs(np.diff(slopes)) > 0.5] = np.nan
    axes.plot(points, open_slope, "--", color=COLORS["vermillion"], linewidth=1.6, label="slope f′(a)")
    axes.set_title(title)


def median_band(
    axes: Axes, x: Any, values: Any, *, color: str, label: str = "", marker: str = "o", **line: Any
) -> None:
    """Draw the median over seeds as a line in the band from smallest to largest.

    Args:
        axes: where to draw.
        x: shape ``(N,)``.
        values: one row a seed, shape ``(S, N)``.
        color: of line and band.
        label: for the legend.
        marker: of the points; lines differ in more than colour.
        line: further settings of Matplotlib's line.
    """
    import numpy as np

    rows = check_shape("values", np.asarray(values, dtype=float), (None, None))
    check_same_length("x", x, "values' columns", rows[0])
    axes.fill_between(x, rows.min(axis=0), rows.max(axis=0), color=color, alpha=0.18, linewidth=0)
    axes.plot(x, np.median(rows, axis=0), marker=marker, color=color, label=label, markersize=5, **line)

"""Cost against error: networks as labelled points, protocols and families by shape as well as colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from course_utils.plotting.style import COLORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKS = {"one crop": ("o", "blue"), "ten crops": ("s", "vermillion"), "whole image": ("^", "green")}


def draw_errors(
    axes: Axes,
    points: Mapping[str, tuple[float, float, str]],
    labels: Mapping[str, tuple[float, float]],
    lines: Sequence[Sequence[str]] = (),
) -> None:
    """Draw networks as points, with a line through each family.

    Args:
        axes: where to draw; the horizontal axis becomes logarithmic.
        points: name to (cost, error, protocol), the protocol one of ``MARKS``.
        labels: names to write, each with where: (right, up) in points from its mark.
        lines: families, each a sequence of names in ``points``.
    """
    for family in lines:
        axes.plot(*zip(*(points[n][:2] for n in family), strict=True), color=COLORS["gray"], linewidth=1, zorder=1)
    for protocol, (marker, color) in MARKS.items():
        chosen = [p for p in points.values() if p[2] == protocol]
        if chosen:
            x, y, _ = zip(*chosen, strict=True)
            axes.scatter(x, y, marker=marker, color=COLORS[color], label=protocol, s=34, edgecolor="white", zorder=2)
    for name, (right, up) in labels.items():
        axes.annotate(
            name.replace("_", " "), points[name][:2], (right, up), textcoords="offset points", fontsize=7,
            ha="left" if right >= 0 else "right", va="center",
        )  # fmt: skip
    axes.set_xscale("log")
    axes.legend(title="measured on", fontsize=7, title_fontsize=7)


def draw_map(
    axes: Axes,
    cost: Mapping[str, float],
    values: Mapping[str, Sequence[float]],
    families: Mapping[str, tuple[str, str]],
    labels: Mapping[str, tuple[float, float]],
) -> None:
    """Draw each network's seeds as a bar from the lowest to the highest, with a mark at the median.

    Args:
        axes: where to draw.
        cost: name to horizontal place.
        values: name to one value a seed.
        families: name to (marker, colour's name).
        labels: name to where its label stands, (right, up) in points; a thin line leads to one further off than 12.
    """
    from statistics import median

    for name, seeds in values.items():
        marker, color = families[name]
        x, middle = cost[name], median(seeds)
        axes.plot([x, x], [min(seeds), max(seeds)], color=COLORS[color], linewidth=3, alpha=0.45, zorder=1)
        axes.plot([x], [middle], marker=marker, color=COLORS[color], markersize=6, markeredgecolor="white", zorder=2)
        right, up = labels.get(name, (6, 0))
        far = abs(right) > 12 or abs(up) > 12
        leader = {"arrowstyle": "-", "color": COLORS["gray"], "linewidth": 0.6, "shrinkA": 1, "shrinkB": 3}
        axes.annotate(
            name, (x, middle), (right, up), textcoords="offset points", fontsize=7,
            ha="left" if right >= 0 else "right", va="center", arrowprops=leader if far else None,
        )  # fmt: skip

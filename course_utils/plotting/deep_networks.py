"""Pictures about depth: error against depth, the years of the challenge, where a network keeps its numbers (06c)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from course_utils.check import check_same_length
from course_utils.plotting.style import COLORS, CYCLE, MARKERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def error_against_depth(
    axes: Axes,
    runs: Mapping[int, Sequence[float]],
    *,
    color: str = COLORS["blue"],
    label: str = "",
    own: Mapping[int, float] | None = None,
) -> None:
    """Draw one dot a seed at each depth, and a line through the medians.

    Args:
        axes: where to draw.
        runs: depth -> error of each seed, 0..1.
        color: of dots and line.
        label: for the legend.
        own: depth -> the reader's own error, drawn as a diamond.
    """
    import numpy as np

    depths = sorted(runs)
    for depth in depths:
        values = 100 * np.asarray(runs[depth], dtype=float)
        axes.plot(np.full(len(values), depth), values, "o", color=color, alpha=0.45, markersize=5, markeredgewidth=0)
    medians = [100 * float(np.median(runs[depth])) for depth in depths]
    axes.plot(depths, medians, color=color, linewidth=2, label=label or None)
    for depth, value in (own or {}).items():
        axes.plot(
            [depth], [100 * value], "D", color=COLORS["vermillion"], markersize=8, markeredgecolor="white", zorder=3
        )
    axes.set_xticks(depths)
    axes.set(xlabel="layers with weights", ylabel="error, percent", ylim=(0, None))


def stage_bars(axes: Axes, shares: Mapping[str, Sequence[float]], parts: Sequence[str]) -> None:
    """Draw one horizontal bar of length 1 for each quantity, cut into the shares of a network's parts.

    Args:
        axes: where to draw.
        shares: quantity -> share of each part, summing to 1.
        parts: names of the parts, in the order of the shares.

    Raises:
        ValueError: if a quantity has not one share a part.
    """
    grays = ["sky", "blue", "green", "yellow", "orange", "vermillion", "purple", "gray"]
    for row, (name, values) in enumerate(shares.items()):
        check_same_length(name, values, "parts", parts)
        left = 0.0
        for part, value in zip(range(len(parts)), values, strict=True):
            color = COLORS[grays[part % len(grays)]]
            label = parts[part] if row == 0 else None
            axes.barh(-row, value, left=left, color=color, edgecolor="white", linewidth=0.8, label=label, height=0.62)
            if value > 0.06:
                dark = grays[part % len(grays)] in ("blue", "vermillion", "gray", "green")
                ink = "white" if dark else COLORS["ink"]
                axes.text(left + value / 2, -row, f"{100 * value:.0f}", ha="center", va="center", color=ink, fontsize=9)
            left += value
    axes.set_yticks([-row for row in range(len(shares))], list(shares))
    axes.set(xlim=(0, 1), xticks=[])
    axes.grid(visible=False)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.legend(ncols=4, loc="upper center", bbox_to_anchor=(0.45, -0.02), frameon=False, fontsize=9)


def challenge_years(upper: Axes, lower: Axes, entries: Sequence[Mapping[str, Any]]) -> None:
    """Draw error and depth by year; test and validation, one network and several are told apart by their marks.

    Args:
        upper: axes for the error.
        lower: axes for the depth.
        entries: each with ``year network depth top5_error images models``; ``depth`` is None of what is no network.
    """
    for entry in entries:
        test, single = entry["images"] == "test", entry["models"] == 1
        color = COLORS["blue"] if test else COLORS["vermillion"]
        face = color if test else "white"
        marker = "^" if entry["depth"] is None else "o" if single else "s"
        upper.plot([entry["year"]], [entry["top5_error"]], marker, color=color, markerfacecolor=face, markersize=7)
    best: dict[int, Mapping[str, Any]] = {}
    for entry in entries:
        if (
            entry["images"] == "test"
            and entry["top5_error"] < best.get(entry["year"], {"top5_error": 100})["top5_error"]
        ):
            best[entry["year"]] = entry
    years = sorted(best)
    upper.plot(years, [best[y]["top5_error"] for y in years], color=COLORS["blue"], linewidth=1, alpha=0.6, zorder=0)
    for marker, face, color, label in (
        ("^", COLORS["blue"], COLORS["blue"], "test images, no network"),
        ("s", COLORS["blue"], COLORS["blue"], "test images, several networks"),
        ("o", COLORS["blue"], COLORS["blue"], "test images, one network"),
        ("o", "white", COLORS["vermillion"], "validation images, one network"),
    ):
        upper.plot([], [], marker, color=color, markerfacecolor=face, label=label)
    upper.set(ylabel="top-5 error, percent", ylim=(0, 30))
    upper.legend(fontsize=8, loc="upper right")
    deep = {(e["year"], e["network"]): e["depth"] for e in entries if e["depth"]}
    for (year, name), depth in deep.items():
        if (name == "ResNet" and (year, "ResNet-152") in deep) or name == "Clarifai":
            continue  # the same dot twice
        lower.plot([year], [depth], "o", color=COLORS["ink"], markersize=6)
        above = name != "VGG"
        lower.annotate(
            f"{name.removesuffix(f'-{depth}')} {depth}",
            (year, depth),
            xytext=(0, 6 if above else -14),
            textcoords="offset points",
            ha="right" if year == 2017 else "center",
            fontsize=8,
        )
    lower.set(ylabel="layers", xlabel="year", yscale="log", ylim=(4, 400), yticks=[8, 20, 50, 152])
    lower.set_yticklabels(["8", "20", "50", "152"])
    lower.minorticks_off()


def change_curves(axes: Axes, amounts: Sequence[float], curves: Mapping[str, Sequence[float]]) -> None:
    """Draw how far each layer's answer moves with the amount of a change; early layers light, late layers dark.

    Args:
        axes: where to draw.
        amounts: of the change.
        curves: layer -> value at each amount.
    """
    for i, (name, values) in enumerate(curves.items()):
        check_same_length(name, values, "amounts", amounts)
        axes.plot(amounts, values, color=CYCLE[i], marker=MARKERS[i], markersize=4, linewidth=1.5, label=name)

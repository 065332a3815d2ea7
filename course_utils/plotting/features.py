"""Pictures of features: gradient histograms on a photo, matched points, code books, curves over labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from course_utils.check import check_int, check_same_length, check_shape
from course_utils.plotting.style import COLORS, CYCLE, MARKERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def few_shades(image: np.ndarray, levels: int = 32) -> np.ndarray:
    """Round grey values to some levels between their extremes, so that a figure with a palette keeps true greys.

    Args:
        image: (H, W) grey values.
        levels: number of shades, at least 2.
    """
    check_int("levels", levels, minimum=2)
    low, span = float(image.min()), max(float(np.ptp(image)), 1e-12)
    return low + np.round((image - low) / span * (levels - 1)) / (levels - 1) * span


def gradient_glyphs(axes: Axes, image: np.ndarray, histograms: np.ndarray, cell: int) -> None:
    """Draw each cell's histogram as a star of lines along the edges it saw.

    Args:
        axes: where to draw.
        image: (H, W) grey values, drawn pale below.
        histograms: (rows, columns, bins) of gradient directions over 180 degrees; an edge is drawn at right angles
            to its gradient.
        cell: side of a cell in pixels.
    """
    from matplotlib.collections import LineCollection

    check_shape("image", image, (None, None))
    rows, columns, bins = check_shape("histograms", histograms, (None, None, None)).shape
    pale = float(image.min()) - 0.5 * float(np.ptp(image))
    axes.imshow(few_shades(image), cmap="gray", vmin=pale, interpolation="nearest")
    strength = histograms / histograms.max()
    lines, shades = [], []
    for r in range(rows):
        for c in range(columns):
            for k in np.argsort(strength[r, c]):
                if strength[r, c, k] < 0.08:
                    continue
                edge = np.pi * (k + 0.5) / bins + np.pi / 2
                half = 0.48 * cell * np.array([np.cos(edge), np.sin(edge)])
                middle = np.array([(c + 0.5) * cell - 0.5, (r + 0.5) * cell - 0.5])
                lines.append([middle - half, middle + half])
                shades.append(min(1.0, 0.25 + strength[r, c, k]))
    axes.add_collection(LineCollection(lines, colors=COLORS["vermillion"], alpha=np.array(shades), linewidths=1.4))
    axes.set_axis_off()


def matched_points(
    axes: Axes, left: np.ndarray, right: np.ndarray, a: np.ndarray, b: np.ndarray, agree: np.ndarray
) -> None:
    """Draw two pictures side by side with a line for each match.

    Args:
        axes: where to draw.
        left: (H, W) grey values in [0, 1].
        right: (H, W), the same height.
        a: (N, 2) row and column in the left picture.
        b: (N, 2) in the right picture.
        agree: (N,) whether a match fits the known map: blue if it does, thick and vermillion if not.
    """
    check_same_length("a", a, "b", b)
    gap = 8
    canvas = np.ones((left.shape[0], left.shape[1] + gap + right.shape[1]))
    canvas[:, : left.shape[1]], canvas[:, left.shape[1] + gap :] = left, right
    axes.imshow(few_shades(canvas), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    for (r0, c0), (r1, c1), good in zip(a, b, agree):
        color, width = (COLORS["sky"], 0.7) if good else (COLORS["vermillion"], 1.8)
        axes.plot([c0, c1 + left.shape[1] + gap], [r0, r1], color=color, linewidth=width, marker="o", markersize=2)
    axes.set_axis_off()


def label_curves(axes: Axes, counts: Sequence[int], curves: Mapping[str, Sequence[float]], emphasis: str = "") -> None:
    """Draw accuracy against the number of labels, one named line a method, names at the right end.

    Args:
        axes: where to draw.
        counts: numbers of labelled images, ascending; drawn on a logarithmic axis.
        curves: accuracies by name, each as long as ``counts``.
        emphasis: name of the curve drawn thick.
    """
    ends: list[tuple[float, str, str]] = []
    for i, (name, values) in enumerate(curves.items()):
        check_same_length("counts", counts, name, values)
        color = CYCLE[i % len(CYCLE)]
        axes.plot(
            counts, values, marker=MARKERS[i % len(MARKERS)], color=color, linewidth=3 if name == emphasis else 1.5
        )
        ends.append((values[-1], name, color))
    low, high = axes.get_ylim()
    height = high
    for value, name, color in sorted(ends, reverse=True):
        height = min(value, height - 0.055 * (high - low))
        axes.annotate(
            name, (counts[-1], value), (counts[-1] * 1.12, height), color=color, va="center", annotation_clip=False
        )
    axes.set_xscale("log")
    axes.set_xticks(list(counts), [str(count) for count in counts])
    axes.minorticks_off()
    axes.set_xlabel("labelled training images")
    axes.set_ylabel("test accuracy")


def score_table(axes: Axes, values: np.ndarray, rows: Sequence[str], columns: Sequence[str], title: str = "") -> None:
    """Draw a table of scores as shaded cells with their numbers.

    Args:
        axes: where to draw.
        values: (R, C) scores; below 0 is shaded like 0, above 1 like 1.
        rows: R names.
        columns: C names.
        title: above the table.
    """
    check_shape("values", values, (len(rows), len(columns)))
    axes.imshow(np.clip(values, 0, 1), cmap="Blues", vmin=0, vmax=1.25, aspect="auto")
    for (r, c), value in np.ndenumerate(values):
        axes.text(c, r, f"{value:.2f}", ha="center", va="center", color="white" if value > 0.8 else COLORS["ink"])
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.set_title(title)

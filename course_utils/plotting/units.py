"""What units look for: walls of patches, filters beside their fits, curves from layer to layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.check import check_int
from course_utils.plotting.style import COLORS, CYCLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def mosaic(pictures: Any, columns: int = 3, gap: int = 1, ground: float = 1.0) -> np.ndarray:
    """Put small pictures into one, row by row.

    Args:
        pictures: (k, C, h, w).
        columns: pictures a row, at least 1.
        gap: pixels between two pictures.
        ground: value between them.

    Returns:
        (C, H, W).
    """
    check_int("columns", columns, minimum=1)
    check_int("gap", gap, minimum=0)
    batch = np.asarray(pictures)
    if batch.ndim != 4 or len(batch) == 0:
        raise ValueError(f"pictures must have shape (k, C, h, w) with k of at least 1, got {batch.shape}")
    k, c, h, w = batch.shape
    columns = min(columns, k)
    rows = -(-k // columns)
    wall = np.full((c, rows * (h + gap) - gap, columns * (w + gap) - gap), ground, dtype=batch.dtype)
    for i, picture in enumerate(batch):
        y, x = i // columns * (h + gap), i % columns * (w + gap)
        wall[:, y : y + h, x : x + w] = picture
    return wall


def patch_walls(
    walls: Mapping[str, Any], titles: Mapping[str, Sequence[str]] | None = None, size: float = 0.8
) -> Figure:
    """Draw the top patches of some units, one row a layer, one mosaic a unit.

    Args:
        walls: ``{layer: (U, k, 3, S, S)}`` in 0..1.
        titles: one short text a unit, by layer.
        size: inches of one mosaic.

    Returns:
        The figure, not yet shown: make it the last expression of a cell.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    most = max(len(units) for units in walls.values())
    tight = ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0.02, hspace=0.02)
    figure = Figure(figsize=(most * size + 0.3, len(walls) * (size + (0.16 if titles else 0))), dpi=110, layout=tight)
    grid = figure.subplots(len(walls), most, squeeze=False)
    for row, (layer, units) in zip(grid, walls.items(), strict=True):
        for number, axes in enumerate(row):
            axes.set(xticks=[], yticks=[])
            axes.grid(visible=False)
            for spine in axes.spines.values():
                spine.set_visible(False)
            if number < len(units):
                axes.imshow(mosaic(units[number]).transpose(1, 2, 0), interpolation="nearest")
                if titles and layer in titles:
                    axes.set_title(titles[layer][number], fontsize=7, pad=2)
        row[0].set_ylabel(layer, fontsize=8)
    return figure


def layer_curves(
    axes: Axes, layers: Sequence[str], curves: Mapping[str, Any], ylabel: str = "", dashed: Sequence[str] = ()
) -> None:
    """Draw measured curves from layer to layer: the median, and a band from the least to the most.

    Args:
        axes: where to draw.
        layers: names on the horizontal axis.
        curves: ``{label: (runs, layers)}``.
        ylabel: text of the vertical axis.
        dashed: labels of baselines.
    """
    places = np.arange(len(layers))
    for color, marker, (label, values) in zip(CYCLE, "osD^vPX", curves.items(), strict=False):
        runs = np.atleast_2d(np.asarray(values, dtype=float))
        style = "--" if label in dashed else "-"
        axes.fill_between(places, runs.min(0), runs.max(0), color=color, alpha=0.2, linewidth=0)
        axes.plot(places, np.median(runs, axis=0), style, color=color, marker=marker, label=label)
    axes.set_xticks(places, layers)
    axes.set_ylabel(ylabel)
    axes.legend(frameon=False)


def overlay(axes: Axes, picture: Any, strong: Any, truth: Any | None = None) -> None:
    """Draw a picture, dim where a unit is silent, with the outline of the truth.

    Args:
        axes: where to draw.
        picture: (3, H, W) in 0..1.
        strong: bool (H, W), where the unit answers.
        truth: bool (H, W), outlined.
    """
    image = np.asarray(picture).transpose(1, 2, 0)
    light = np.where(np.asarray(strong)[..., None], 1.0, 0.3)
    axes.imshow(image * light, interpolation="nearest")
    if truth is not None and np.asarray(truth).any():
        axes.contour(np.asarray(truth).astype(float), levels=[0.5], colors=[COLORS["yellow"]], linewidths=1.2)
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)

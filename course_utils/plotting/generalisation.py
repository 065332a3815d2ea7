"""Curves with seed bands around them, and strips of pictures with names beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from course_utils.check import check_int, check_same_length
from course_utils.plotting.bands import BandLike
from course_utils.plotting.style import COLORS, CYCLE, MARKERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def band_curve(
    axes: Axes,
    x: Sequence[float],
    bands: Sequence[BandLike],
    label: str = "",
    number: int = 0,
    values: Sequence[float] | None = None,
) -> None:
    """Draw medians over ``x``, the range from minimum to maximum behind them, and the reader's own values as diamonds.

    Args:
        axes: where to draw.
        x: positions, one a band.
        bands: minimum, median and maximum at each position.
        label: text for the legend.
        number: which colour and marker, counted from 0.
        values: own result at each position, in the metric's unit; left out if None.
    """
    check_same_length("x", x, "bands", bands)
    color, marker = CYCLE[number % len(CYCLE)], MARKERS[number % len(MARKERS)]
    axes.fill_between(x, [b.minimum for b in bands], [b.maximum for b in bands], color=color, alpha=0.18, linewidth=0)
    axes.plot(x, [b.median for b in bands], marker=marker, markersize=4, color=color, linewidth=1.4, label=label)
    if values is not None:
        check_same_length("x", x, "values", values)
        axes.plot(x, values, "D", color=COLORS["vermillion"], markersize=4.5, markeredgecolor="white", zorder=4)


def picture_strips(strips: Mapping[str, Any], size: float = 0.62) -> Figure:
    """Draw rows of pictures, each row with its name on the left.

    Args:
        strips: name to pictures: ``(N, H, W)`` or ``(N, 1, H, W)`` grey, ``(N, 3, H, W)`` colour; in [0, 1] or uint8.
        size: side of a picture in inches.

    Returns:
        The figure, not yet shown: make it the last expression of a cell.
    """
    import numpy as np
    from matplotlib.figure import Figure

    rows = {name: np.asarray(pictures) for name, pictures in strips.items()}
    columns = max(len(pictures) for pictures in rows.values())
    check_int("pictures a row", columns, minimum=1)
    margin = 0.3 + 0.075 * max(len(name) for name in rows)
    width, height = margin + columns * size, len(rows) * size
    figure = Figure(figsize=(width, height))
    figure.set_layout_engine("none")
    for row, (name, pictures) in enumerate(rows.items()):
        bottom = 1 - (row + 1) / len(rows)
        figure.text((margin - 0.12) / width, bottom + 0.5 / len(rows), name, ha="right", va="center", fontsize=9)
        for column, picture in enumerate(pictures):
            left = (margin + column * size) / width
            axes = figure.add_axes((left, bottom, 0.94 * size / width, 0.94 / len(rows)))
            top = 255 if picture.dtype == np.uint8 else 1
            shown = np.moveaxis(picture, 0, -1) if picture.ndim == 3 else picture
            if shown.ndim == 3 and shown.shape[-1] == 1:
                shown = shown[..., 0]
            axes.imshow(shown / top if shown.ndim == 3 else shown, cmap="gray", vmin=0, vmax=top)
            axes.set_axis_off()
    return figure

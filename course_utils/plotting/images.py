"""Pictures side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from course_utils.check import check_int, check_number, check_same_length

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def image_grid(
    images: Any,
    titles: Sequence[str] | None = None,
    columns: int = 8,
    size: float = 1.0,
    *,
    vmin: float | None = None,
    vmax: float | None = None,
    cmap: str = "gray",
    title_colors: Sequence[str] | None = None,
) -> Figure:
    """Draw images in rows of ``columns``.

    Args:
        images: ``(N, H, W)``, ``(N, 1, H, W)`` or ``(N, 3, H, W)``; uint8 in 0..255 or float. A float grey image
            is scaled to its own range unless ``vmin`` and ``vmax`` are given; a float colour image lies in 0..1.
        titles: one short text an image.
        columns: images a row.
        size: width and height of one image in inches.
        vmin: value drawn black, for grey images.
        vmax: value drawn white, for grey images.
        cmap: Matplotlib's name of a colour map for grey images.
        title_colors: one colour an image, for the titles.

    Returns:
        The figure, not yet shown: make it the last expression of a cell.

    Raises:
        ValueError: for an empty list, a wrong shape, or titles of another length.
    """
    import numpy as np
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    check_int("columns", columns, minimum=1)
    check_number("size", size, above=0)
    batch = np.stack([np.asarray(image) for image in images]) if len(images) else np.empty((0, 1, 1))
    if len(batch) == 0:
        raise ValueError("images must hold at least one image, got none")
    if batch.ndim == 4:
        if batch.shape[1] not in (1, 3):
            raise ValueError(f"images must have 1 or 3 channels in dimension 1, got shape {batch.shape}")
        batch = batch[:, 0] if batch.shape[1] == 1 else batch.transpose(0, 2, 3, 1)
    elif batch.ndim != 3:
        raise ValueError(f"images must have shape (N, H, W) or (N, C, H, W), got {batch.shape}")
    if titles is not None:
        check_same_length("titles", titles, "images", batch)
    columns = min(columns, len(batch))
    rows = math.ceil(len(batch) / columns)
    room = 0.24 if titles is not None else 0.0
    tight = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0.04, hspace=0.04)
    figure = Figure(figsize=(columns * size, rows * (size + room)), dpi=110, layout=tight)
    grid = figure.subplots(rows, columns, squeeze=False)
    if batch.dtype == np.uint8 and batch.ndim == 3 and vmin is None and vmax is None:
        vmin, vmax = 0, 255
    for i, axes in enumerate(grid.flat):
        axes.set_axis_off()
        if i >= len(batch):
            continue
        axes.imshow(batch[i], cmap=cmap, vmin=vmin, vmax=vmax)
        if titles is not None:
            color = title_colors[i] if title_colors is not None else "#222222"
            axes.set_title(titles[i], fontsize=9, loc="center", color=color, pad=2)
    return figure

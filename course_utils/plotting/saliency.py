"""Pictures, and below them maps of what mattered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.check import check_number, check_same_length
from course_utils.plotting.style import COLORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["map_rows", "outline", "scale_map"]


def scale_map(values: Any, percentile: float = 99.5) -> Any:
    """Scale a map (H, W) so that this percentile becomes 1; larger values are cut, negative ones become 0."""
    check_number("percentile", percentile, above=0, maximum=100)
    values = np.clip(np.asarray(values, dtype=float), 0, None)
    top = np.percentile(values, percentile) or values.max()
    return np.clip(values / top, 0, 1) if top > 0 else values


def outline(axes: Axes, mask: Any, color: str = COLORS["vermillion"]) -> None:
    """Draw the border of a mask (H, W) that has pixels inside and outside."""
    mask = np.asarray(mask, dtype=float)
    if 0 < mask.sum() < mask.size:
        axes.contour(mask, [0.5], colors=color, linewidths=1.2)


def map_rows(
    rows: Sequence[Any],
    names: Sequence[str],
    titles: Sequence[str] | None = None,
    *,
    outlines: Any | None = None,
    size: float = 1.0,
    cmap: str = "gray_r",
) -> Figure:
    """Draw rows of pictures and maps, with a name on the left of each row.

    Args:
        rows: each a sequence of pictures (3, H, W), uint8 or 0..1, or of maps (H, W), scaled one by one.
        names: one a row.
        titles: one a column.
        outlines: masks (columns, H, W), drawn on pictures and maps alike.
        size: inches of a cell's height.
        cmap: Matplotlib's name of the colours of maps.

    Returns:
        The figure, to be shown by the caller.
    """
    import matplotlib.pyplot as plt

    check_same_length("names", names, "rows", rows)
    columns = len(rows[0])
    height, width = np.asarray(rows[0][0]).shape[-2:]
    room = 0.2 if titles is not None else 0.0
    figure, grid = plt.subplots(
        len(rows),
        columns,
        figsize=(columns * size * width / height + 0.9, len(rows) * size + room),
        squeeze=False,
        gridspec_kw={"wspace": 0.02, "hspace": 0.02},
        layout="constrained",
    )
    for i, (name, row) in enumerate(zip(names, rows)):
        check_same_length("row", row, "first row", rows[0])
        for j, values in enumerate(row):
            axes, values = grid[i, j], np.asarray(values)
            axes.set(xticks=[], yticks=[])
            axes.grid(False)
            if values.ndim == 3:
                axes.imshow(values.transpose(1, 2, 0))
            else:
                axes.imshow(scale_map(values), cmap=cmap, vmin=0, vmax=1)
            if outlines is not None:
                outline(axes, outlines[j])
            if i == 0 and titles is not None:
                axes.set_title(titles[j], fontsize=9, loc="center", pad=2)
        grid[i, 0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
    return figure

"""Pictures, and below them maps of what mattered."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.check import check_int, check_number, check_same_length
from course_utils.plotting.style import COLORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Sheet", "map_rows", "outline", "scale_map"]

SHADES = 9


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


class Sheet:
    """A figure that shows itself in few colours: pictures and noisy maps would weigh too much in a page otherwise.

    Args:
        figure: a figure that pyplot does not know.
        name: what it says of itself where there are no pictures.
        colors: how many, 2 to 256.
    """

    def __init__(self, figure: Figure, name: str, colors: int = 64) -> None:
        self.figure, self.name = figure, name
        self.colors = check_int("colors", colors, minimum=2, maximum=256)

    def __repr__(self) -> str:
        return self.name

    def _repr_png_(self) -> bytes:
        from PIL import Image

        drawn, reduced = io.BytesIO(), io.BytesIO()
        self.figure.savefig(drawn, format="png", facecolor="white")
        image = Image.open(drawn).convert("RGB").quantize(self.colors, dither=Image.Dither.NONE)
        image.save(reduced, "PNG", optimize=True)
        return reduced.getvalue()


def map_rows(
    rows: Sequence[Any],
    names: Sequence[str],
    titles: Sequence[str] | None = None,
    *,
    outlines: Any | None = None,
    zoom: int = 2,
    cmap: str = "gray_r",
) -> Sheet:
    """Draw rows of pictures and maps, with a name on the left of each row.

    Every pixel becomes a square of whole pixels on the screen, in few shades: noise, too, stays small on disk.

    Args:
        rows: each a sequence of pictures (3, H, W), uint8 or 0..1, or of maps (H, W), scaled one by one.
        names: one a row.
        titles: one a column.
        outlines: masks (columns, H, W), drawn on pictures and maps alike.
        zoom: screen pixels along one picture pixel.
        cmap: Matplotlib's name of the colours of maps.

    Returns:
        A sheet: make it the last expression of a cell.
    """
    from matplotlib import rcParams
    from matplotlib.figure import Figure

    check_same_length("names", names, "rows", rows)
    check_int("zoom", zoom, minimum=1)
    columns = len(rows[0])
    height, width = (n * zoom for n in np.asarray(rows[0][0]).shape[-2:])
    gap, left, top = 4, 110 if any(names) else 4, 20 if titles is not None else 4
    whole = left + columns * (width + gap), top + len(rows) * (height + gap)
    dpi = rcParams["figure.dpi"]
    figure = Figure(figsize=(whole[0] / dpi, whole[1] / dpi), dpi=dpi, layout="none")  # type: ignore[arg-type]
    for i, (name, row) in enumerate(zip(names, rows)):
        check_same_length("row", row, "first row", rows[0])
        for j, values in enumerate(row):
            x, y = left + j * (width + gap), whole[1] - top - i * (height + gap) - height
            axes = figure.add_axes((x / whole[0], y / whole[1], width / whole[0], height / whole[1]))
            axes.set(xticks=[], yticks=[])
            axes.grid(False)
            for edge in axes.spines.values():
                edge.set(visible=True, color="#CCCCCC", linewidth=0.6)
            values = np.asarray(values)
            if values.ndim == 3:
                axes.imshow(values.transpose(1, 2, 0), aspect="auto", interpolation="nearest")
            else:
                shades = (scale_map(values) * SHADES).round()
                axes.imshow(shades, cmap=cmap, vmin=0, vmax=SHADES, aspect="auto", interpolation="nearest")
            if outlines is not None:
                outline(axes, outlines[j])
            if i == 0 and titles is not None:
                axes.set_title(titles[j], fontsize=9, loc="center", pad=3)
            if j == 0 and name:
                axes.text(-0.04, 0.5, name, transform=axes.transAxes, ha="right", va="center", fontsize=9)
    return Sheet(figure, f"{len(rows)} rows of {columns}")

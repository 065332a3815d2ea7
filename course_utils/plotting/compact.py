"""Figures in a notebook as pictures with a palette: a third of the bytes, the same to the eye."""

from __future__ import annotations

import io
from typing import Any

from course_utils.check import check_int


def palette_png(png: bytes, colors: int = 48) -> bytes:
    """Re-encode a PNG with a palette.

    A chart holds few colours; the thousands in its file are shades along the edges of letters and lines. The
    palette is chosen for coverage, so that a small mark keeps its colour.

    Args:
        png: an opaque picture.
        colors: size of the palette, 2 to 256.

    Returns:
        The new PNG, or the old one if that is smaller. The same input gives the same bytes.
    """
    from PIL import Image

    check_int("colors", colors, minimum=2, maximum=256)
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    reduced = picture.quantize(colors, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    out = io.BytesIO()
    reduced.save(out, "PNG", optimize=True)
    return min(out.getvalue(), png, key=len)


def compact_figures(colors: int = 48) -> None:
    """Store Matplotlib figures of this notebook with a palette; call it once, after ``use_style``.

    Does nothing outside a notebook. Photos lose shades: leave it out where colour gradations matter.
    """
    from IPython import get_ipython
    from IPython.core.pylabtools import print_figure

    shell: Any = get_ipython()
    if shell is None:
        return
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    plt.get_backend()  # the notebook's backend sets its own formatter when it starts; ours has to come after

    def encode(figure: Figure) -> bytes | None:
        png = print_figure(figure, "png", bbox_inches="tight")
        return palette_png(png, colors) if isinstance(png, bytes) else None

    shell.display_formatter.formatters["image/png"].for_type(Figure, encode)

"""A few functions that write SVG as text, with the same bytes for the same input on every machine."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from html import escape

import numpy as np
from numpy.typing import NDArray

__all__ = ["COLORS", "circle", "document", "image", "line", "number", "path", "polyline", "rect", "text"]

# Okabe and Ito's palette, safe for colour-blind readers.
COLORS = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "vermillion": "#D55E00",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "ink": "#1F2933",
    "gray": "#6B7280",
    "line": "#CBD2D9",
}


def number(value: float) -> str:
    """Return ``value`` with at most two decimals and no trailing zeros."""
    written = f"{float(value):.2f}".rstrip("0").rstrip(".")
    return "0" if written in ("-0", "") else written


def _attributes(attributes: dict[str, object]) -> str:
    parts = []
    for name, value in attributes.items():
        if value is None:
            continue
        written = number(value) if isinstance(value, int | float) else str(value)
        parts.append(f' {name.rstrip("_").replace("_", "-")}="{escape(written)}"')
    return "".join(parts)


def _element(tag: str, attributes: dict[str, object], body: str = "") -> str:
    opening = f"<{tag}{_attributes(attributes)}"
    return f"{opening}>{body}</{tag}>" if body else f"{opening}/>"


def line(x1: float, y1: float, x2: float, y2: float, **style: object) -> str:
    """Return a line; style names use underscores: ``stroke_width=2``."""
    return _element("line", {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "stroke": COLORS["ink"], **style})


def circle(x: float, y: float, r: float, **style: object) -> str:
    """Return a circle."""
    return _element("circle", {"cx": x, "cy": y, "r": r, **style})


def rect(x: float, y: float, width: float, height: float, **style: object) -> str:
    """Return a rectangle."""
    return _element("rect", {"x": x, "y": y, "width": width, "height": height, **style})


def image(x: float, y: float, side: float, pixels: NDArray[np.uint8], colors: int | None = None) -> str:
    """Return a picture of uint8, grey (H, W) or coloured (H, W, 3), as an embedded PNG, each pixel ``side`` wide.

    ``colors`` keeps that many colours only: a photo weighs a third then.
    """
    from PIL import Image

    out = io.BytesIO()
    drawn = Image.fromarray(np.ascontiguousarray(pixels, dtype=np.uint8))
    (drawn if colors is None else drawn.quantize(colors)).save(out, "PNG", optimize=True)
    address = f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode('ascii')}"
    height, width = pixels.shape[:2]
    frame: dict[str, object] = {"x": x, "y": y, "width": width * side, "height": height * side, "href": address}
    return _element("image", {**frame, "style": "image-rendering:pixelated"})


def polyline(points: Iterable[tuple[float, float]], **style: object) -> str:
    """Return an open line through ``points``."""
    joined = " ".join(f"{number(x)},{number(y)}" for x, y in points)
    return _element("polyline", {"points": joined, "fill": "none", "stroke": COLORS["ink"], **style})


def path(d: str, **style: object) -> str:
    """Return a path; one of many strokes weighs far less than as many lines."""
    return _element("path", {"d": d, "fill": "none", "stroke": COLORS["ink"], **style})


def text(x: float, y: float, words: str, **style: object) -> str:
    """Return a line of text; ``text_anchor="middle"`` centres it."""
    return _element("text", {"x": x, "y": y, "fill": COLORS["ink"], **style}, escape(words, quote=False))


def document(width: float, height: float, parts: Iterable[str]) -> str:
    """Return a complete SVG document on an opaque white ground."""
    body = rect(0, 0, width, height, fill="#ffffff") + "".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {number(width)} {number(height)}" '
        f'font-family="system-ui, sans-serif" font-size="14">{body}</svg>'
    )

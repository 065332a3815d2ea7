"""Moves that take pixels to new places without mixing them: mirror, shift, crop, turn, cut (chapter 04e).

All work on the last two axes of arrays ``(..., H, W)``, and return new arrays. Random versions for training batches are
in `course_utils.data.augment`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_int

Image = NDArray[Any]


def _image(x: ArrayLike) -> Image:
    x = np.asarray(x)
    if x.ndim < 2:
        raise ValueError(f"x must have shape (..., H, W), got {x.shape}")
    return x


def flip(x: ArrayLike) -> Image:
    """Mirror left to right."""
    return _image(x)[..., ::-1].copy()


def flip_loops(x: ArrayLike) -> Image:
    """Mirror one picture ``(H, W)`` pixel by pixel."""
    x = _image(x)
    height, width = x.shape
    out = np.empty_like(x)
    for i in range(height):
        for j in range(width):
            out[i, j] = x[i, width - 1 - j]
    return out


def shift(x: ArrayLike, down: int, right: int) -> Image:
    """Move the content by whole pixels; zeros come in at the border, what leaves is lost.

    Args:
        x: shape ``(..., H, W)``.
        down: rows, negative for up.
        right: columns, negative for left.
    """
    x = _image(x)
    down, right = check_int("down", down), check_int("right", right)
    height, width = x.shape[-2:]
    out = np.zeros_like(x)
    rows, columns = max(0, height - abs(down)), max(0, width - abs(right))
    to_row, to_column, from_row, from_column = max(0, down), max(0, right), max(0, -down), max(0, -right)
    if rows and columns:
        out[..., to_row : to_row + rows, to_column : to_column + columns] = x[
            ..., from_row : from_row + rows, from_column : from_column + columns
        ]
    return out


def shift_loops(x: ArrayLike, down: int, right: int) -> Image:
    """Shift one picture ``(H, W)`` pixel by pixel."""
    x = _image(x)
    height, width = x.shape
    out = np.zeros_like(x)
    for i in range(height):
        for j in range(width):
            if 0 <= i - down < height and 0 <= j - right < width:
                out[i, j] = x[i - down, j - right]
    return out


def crop(x: ArrayLike, top: int, left: int, height: int, width: int) -> Image:
    """Cut out a rectangle.

    Args:
        x: shape ``(..., H, W)``.
        top, left: first row and column, from 0.
        height, width: size of the rectangle, at least 1; it must lie inside the picture.
    """
    x = _image(x)
    check_int("height", height, minimum=1, maximum=x.shape[-2])
    check_int("width", width, minimum=1, maximum=x.shape[-1])
    check_int("top", top, minimum=0, maximum=x.shape[-2] - height)
    check_int("left", left, minimum=0, maximum=x.shape[-1] - width)
    return x[..., top : top + height, left : left + width].copy()


def quarter_turn(x: ArrayLike, turns: int = 1) -> Image:
    """Turn by 90 degrees, ``turns`` times, anticlockwise; no pixel is mixed."""
    x = _image(x)
    for _ in range(check_int("turns", turns) % 4):
        x = np.swapaxes(x, -1, -2)[..., ::-1, :]
    return x.copy()


def blank_square(x: ArrayLike, top: int, left: int, size: int, fill: float = 0.0) -> Image:
    """Blank a square; what lies outside the picture is ignored (cutout).

    Args:
        x: shape ``(..., H, W)``.
        top, left: first row and column of the square, may be negative.
        size: side of the square, at least 0.
        fill: value that goes in.

    Source: T. DeVries and G. W. Taylor, Improved regularization of convolutional neural networks with cutout, 2017.
    """
    x = _image(x).copy()
    check_int("size", size, minimum=0)
    bottom, end = max(0, check_int("top", top) + size), max(0, check_int("left", left) + size)
    x[..., max(0, top) : bottom, max(0, left) : end] = fill
    return x

"""Turn, zoom, slant and move as one matrix, and a picture read through it (chapter 04e)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_number, check_shape

Array = NDArray[np.float64]


def affine_matrix(degrees: float = 0, zoom: float = 1, down: float = 0, right: float = 0, slant: float = 0) -> Array:
    """Return the 3 x 3 matrix that carries a point (row, column, 1), counted from the centre, to its new place.

    Args:
        degrees: turn, anticlockwise as seen on the screen.
        zoom: factor above 0; 2 makes things twice as large.
        down, right: move in pixels, after turn and zoom.
        slant: columns that the top of a figure leans to the right for each row above the centre, before the turn.
    """
    check_number("zoom", zoom, above=0)
    angle = math.radians(check_number("degrees", degrees))
    cos, sin = zoom * math.cos(angle), zoom * math.sin(angle)
    # Rows grow downwards: an anticlockwise turn takes "right" (0, 1) to "up" (-1, 0).
    turn = np.array([[cos, -sin, down], [sin, cos, right], [0.0, 0.0, 1.0]])
    lean = np.array([[1.0, 0.0, 0.0], [-slant, 1.0, 0.0], [0.0, 0.0, 1.0]])
    return turn @ lean


def warp(x: ArrayLike, matrix: ArrayLike) -> Array:
    """Read every output pixel from the place that the matrix brings there, mixing the four pixels around it.

    Args:
        x: pictures, shape ``(..., H, W)``.
        matrix: shape ``(3, 3)``, from `affine_matrix` or a product of several; must have an inverse.

    Returns:
        Pictures of the same shape; outside of the old picture lie zeros.

    Raises:
        ValueError: the matrix has another shape or squashes the picture to a line.
    """
    x = np.asarray(x, dtype=float)
    height, width = x.shape[-2:]
    rows, columns = _sources(height, width, matrix)
    padded = np.pad(x, [(0, 0)] * (x.ndim - 2) + [(1, 1), (1, 1)])
    # Everything more than a pixel outside reads zeros: clip to the border that was just added.
    rows, columns = np.clip(rows + 1, 0, height + 1), np.clip(columns + 1, 0, width + 1)
    top = np.minimum(np.floor(rows).astype(int), height)
    left = np.minimum(np.floor(columns).astype(int), width)
    b, a = rows - top, columns - left
    return (
        (1 - b) * (1 - a) * padded[..., top, left]
        + (1 - b) * a * padded[..., top, left + 1]
        + b * (1 - a) * padded[..., top + 1, left]
        + b * a * padded[..., top + 1, left + 1]
    )


def warp_loops(x: ArrayLike, matrix: ArrayLike) -> Array:
    """Warp one picture ``(H, W)`` pixel by pixel."""
    x = check_shape("x", np.asarray(x, dtype=float), (None, None))
    height, width = x.shape
    rows, columns = _sources(height, width, matrix)
    out = np.zeros_like(x)
    for i in range(height):
        for j in range(width):
            row, column = rows[i, j], columns[i, j]
            for r in (math.floor(row), math.floor(row) + 1):
                for c in (math.floor(column), math.floor(column) + 1):
                    if 0 <= r < height and 0 <= c < width:
                        out[i, j] += (1 - abs(row - r)) * (1 - abs(column - c)) * x[r, c]
    return out


def _sources(height: int, width: int, matrix: ArrayLike) -> tuple[Array, Array]:
    """Return where each output pixel comes from: rows and columns of the old picture, each ``(H, W)``."""
    forward = check_shape("matrix", np.asarray(matrix, dtype=float), (3, 3))
    if abs(np.linalg.det(forward)) < 1e-12:
        raise ValueError("matrix must have an inverse, its determinant is 0: zoom by more than 0")
    middle_row, middle_column = (height - 1) / 2, (width - 1) / 2
    i, j = np.mgrid[:height, :width].astype(float)
    points = np.stack([i - middle_row, j - middle_column, np.ones_like(i)])  # (3, H, W)
    back = np.einsum("ab,bhw->ahw", np.linalg.inv(forward), points)
    # A turn by 90 degrees must land on pixels, not a rounding error beside them.
    return np.round(back[0] + middle_row, 9), np.round(back[1] + middle_column, 9)

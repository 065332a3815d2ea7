"""Max pooling: the largest value of a window, and a gradient that goes to the winner alone (chapter 05c)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_shape
from course_utils.scratch.pooling.windows import Array, as_maps, cut_windows, pooled_size


class MaxPooled(NamedTuple):
    """Pooled values, and for each the place ``row * width + column`` of its winner in the input map."""

    values: Array
    winners: NDArray[np.int64]


def max_pool_loop(x: ArrayLike, kernel_size: int, stride: int | None = None, padding: int = 0) -> MaxPooled:
    """Pool by four nested loops: the slow twin of `max_pool`."""
    x = as_maps("x", x)
    n, channels, height, width = x.shape
    step, rows, columns = pooled_size(height, width, kernel_size, stride, padding)
    values = np.full((n, channels, rows, columns), -np.inf, dtype=x.dtype)
    winners = np.full((n, channels, rows, columns), -1, dtype=np.int64)
    for image in range(n):
        for c in range(channels):
            for i in range(rows):
                for j in range(columns):
                    for r in range(max(0, i * step - padding), min(height, i * step - padding + kernel_size)):
                        for q in range(max(0, j * step - padding), min(width, j * step - padding + kernel_size)):
                            # Strictly greater: of equal values the first, row by row, wins.
                            if x[image, c, r, q] > values[image, c, i, j] or winners[image, c, i, j] < 0:
                                values[image, c, i, j] = x[image, c, r, q]
                                winners[image, c, i, j] = r * width + q
    return MaxPooled(values, winners)


def max_pool(x: ArrayLike, kernel_size: int, stride: int | None = None, padding: int = 0) -> MaxPooled:
    """Return the largest value of each window, and where it stood.

    Args:
        x: maps, shape (N, C, H, W).
        kernel_size: side of the window, at least 1.
        stride: step between windows; None for ``kernel_size``.
        padding: at most half the window. Padded places never win: they count as minus infinity, not as 0.

    Returns:
        ``(values, winners)``, both (N, C, rows, columns). Of equal values the first one, row by row, wins.

    Raises:
        ValueError: if an argument is out of range or the window does not fit once.
    """
    x = as_maps("x", x)
    height, width = x.shape[2:]
    step, rows, columns = pooled_size(height, width, kernel_size, stride, padding)
    windows = cut_windows(x, kernel_size, step, padding, fill=-np.inf)
    flat = windows.reshape(*windows.shape[:4], kernel_size * kernel_size)
    best = flat.argmax(axis=-1)
    values = np.take_along_axis(flat, best[..., None], axis=-1)[..., 0]
    row = np.arange(rows)[:, None] * step - padding + best // kernel_size
    column = np.arange(columns)[None, :] * step - padding + best % kernel_size
    return MaxPooled(values, row * width + column)


def max_pool_backward_loop(grad: ArrayLike, winners: NDArray[np.int64], height: int, width: int) -> Array:
    """Send each gradient to its winner by loops: the slow twin of `max_pool_backward`."""
    grad = as_maps("grad", grad)
    n, channels, rows, columns = grad.shape
    out = np.zeros((n, channels, height, width), dtype=grad.dtype)
    for image in range(n):
        for c in range(channels):
            for i in range(rows):
                for j in range(columns):
                    place = winners[image, c, i, j]
                    out[image, c, place // width, place % width] += grad[image, c, i, j]
    return out


def max_pool_backward(grad: ArrayLike, winners: NDArray[np.int64], height: int, width: int) -> Array:
    """Return the gradient for the input: every output's gradient, added up at its winner, 0 elsewhere.

    Args:
        grad: gradient for the pooled values, shape (N, C, rows, columns).
        winners: as returned by `max_pool`, same shape.
        height: rows of the input map.
        width: columns of the input map.

    Returns:
        Shape (N, C, height, width). Overlapping windows with one winner add up there.

    Raises:
        ValueError: if the shapes of ``grad`` and ``winners`` differ.
    """
    grad = as_maps("grad", grad)
    check_shape("winners", winners, grad.shape)
    n, channels = grad.shape[:2]
    first_place = np.arange(n * channels).reshape(n, channels, 1, 1) * (height * width)
    out = np.zeros(n * channels * height * width, dtype=grad.dtype)
    # Indexed += would keep only one of several gradients that meet at the same winner.
    np.add.at(out, (first_place + winners).ravel(), grad.ravel())
    return out.reshape(n, channels, height, width)

"""Adaptive pooling: the output size is given, and the windows follow from it (chapter 05c)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from course_utils.check import check_int
from course_utils.scratch.pooling.max_pool import MaxPooled
from course_utils.scratch.pooling.windows import Array, as_maps


def bins(size: int, count: int) -> list[tuple[int, int]]:
    """Return the ``count`` bins that PyTorch cuts ``size`` pixels into: bin i runs from floor(i N / M) to
    ceil((i + 1) N / M), exclusive.

    Neighbours share a pixel where the division is not whole; every pixel is in at least one bin. More bins
    than pixels are allowed: then pixels repeat.

    Args:
        size: pixels N along the axis, at least 1.
        count: bins M, at least 1.
    """
    check_int("size", size, minimum=1)
    check_int("count", count, minimum=1)
    return [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


def adaptive_average_pool_loop(x: ArrayLike, output_size: tuple[int, int]) -> Array:
    """Average each bin by loops: the slow twin of `adaptive_average_pool`."""
    x = as_maps("x", x)
    n, channels, height, width = x.shape
    out = np.zeros((n, channels, *output_size), dtype=x.dtype)
    for image in range(n):
        for c in range(channels):
            for i, (top, bottom) in enumerate(bins(height, output_size[0])):
                for j, (left, right) in enumerate(bins(width, output_size[1])):
                    for r in range(top, bottom):
                        for q in range(left, right):
                            out[image, c, i, j] += x[image, c, r, q] / ((bottom - top) * (right - left))
    return out


def bin_averages(size: int, count: int) -> Array:
    """Return the matrix, shape (count, size), whose row i averages bin i; each row sums to 1."""
    matrix = np.zeros((count, size))
    for i, (start, end) in enumerate(bins(size, count)):
        matrix[i, start:end] = 1 / (end - start)
    return matrix


def adaptive_average_pool(x: ArrayLike, output_size: tuple[int, int]) -> Array:
    """Return the mean of each bin, as a product with one small matrix on each side of the map.

    Args:
        x: maps, shape (N, C, H, W), of any height and width.
        output_size: rows and columns wanted.

    Returns:
        Shape (N, C, *output_size).

    Raises:
        ValueError: if an output size is below 1.
    """
    x = as_maps("x", x)
    down, across = bin_averages(x.shape[2], output_size[0]), bin_averages(x.shape[3], output_size[1])
    return down.astype(x.dtype) @ x @ across.T.astype(x.dtype)


def adaptive_average_pool_backward(grad: ArrayLike, height: int, width: int) -> Array:
    """Return the gradient for the input: the same two matrices, transposed.

    Args:
        grad: gradient for the pooled values, shape (N, C, rows, columns).
        height: rows of the input map.
        width: columns of the input map.
    """
    grad = as_maps("grad", grad)
    down, across = bin_averages(height, grad.shape[2]), bin_averages(width, grad.shape[3])
    return down.T.astype(grad.dtype) @ grad @ across.astype(grad.dtype)


def adaptive_max_pool_loop(x: ArrayLike, output_size: tuple[int, int]) -> MaxPooled:
    """Find the largest value of each bin by loops: the slow twin of `adaptive_max_pool`."""
    x = as_maps("x", x)
    n, channels, height, width = x.shape
    values = np.zeros((n, channels, *output_size), dtype=x.dtype)
    winners = np.full(values.shape, -1, dtype=np.int64)
    for image in range(n):
        for c in range(channels):
            for i, (top, bottom) in enumerate(bins(height, output_size[0])):
                for j, (left, right) in enumerate(bins(width, output_size[1])):
                    for r in range(top, bottom):
                        for q in range(left, right):
                            if winners[image, c, i, j] < 0 or x[image, c, r, q] > values[image, c, i, j]:
                                values[image, c, i, j] = x[image, c, r, q]
                                winners[image, c, i, j] = r * width + q
    return MaxPooled(values, winners)


def adaptive_max_pool(x: ArrayLike, output_size: tuple[int, int]) -> MaxPooled:
    """Return the largest value of each bin, and its place ``row * width + column``.

    The backward pass is `max_pool_backward`: a winner is a winner, whatever window it won.

    Args:
        x: maps, shape (N, C, H, W), of any height and width.
        output_size: rows and columns wanted.

    Returns:
        ``(values, winners)``, both (N, C, *output_size).
    """
    x = as_maps("x", x)
    values = np.empty((*x.shape[:2], *output_size), dtype=x.dtype)
    winners = np.empty(values.shape, dtype=np.int64)
    for i, (top, bottom) in enumerate(bins(x.shape[2], output_size[0])):
        for j, (left, right) in enumerate(bins(x.shape[3], output_size[1])):
            window = x[:, :, top:bottom, left:right].reshape(*x.shape[:2], -1)
            best = window.argmax(axis=-1)
            values[:, :, i, j] = np.take_along_axis(window, best[..., None], axis=-1)[..., 0]
            winners[:, :, i, j] = (top + best // (right - left)) * x.shape[3] + left + best % (right - left)
    return MaxPooled(values, winners)

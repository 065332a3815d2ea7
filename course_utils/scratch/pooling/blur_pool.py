"""Weighted-average pooling: a bell-shaped window in place of a box, and max pooling made gentle by it (chapter 05c)."""

from __future__ import annotations

from math import comb

import numpy as np
from numpy.typing import ArrayLike

from course_utils.check import check_int, check_shape
from course_utils.scratch.convolution_kinds.sizes import output_size
from course_utils.scratch.pooling.max_pool import max_pool
from course_utils.scratch.pooling.windows import Array, add_windows, as_maps, cut_windows


def binomial_kernel(size: int) -> Array:
    """Return a small bell: the outer product of a row of Pascal's triangle with itself, divided by its sum.

    Args:
        size: side, at least 1. 2 is the box of average pooling, 3 gives (1, 2, 1) / 4 along each axis.

    Returns:
        Shape (size, size), sums to 1.
    """
    check_int("size", size, minimum=1)
    row = np.array([comb(size - 1, i) for i in range(size)], dtype=float) / 2.0 ** (size - 1)
    return np.outer(row, row)


def weighted_pool_loop(x: ArrayLike, weights: ArrayLike, stride: int, padding: int = 0) -> Array:
    """Weigh and add up each window by nested loops: the slow twin of `weighted_pool`."""
    x, weights = as_maps("x", x), np.asarray(weights)
    size = len(weights)
    n, channels, height, width = x.shape
    rows, columns = output_size(height, size, stride, padding), output_size(width, size, stride, padding)
    out = np.zeros((n, channels, rows, columns), dtype=x.dtype)
    for image in range(n):
        for c in range(channels):
            for i in range(rows):
                for j in range(columns):
                    for u in range(size):
                        for v in range(size):
                            r, q = i * stride - padding + u, j * stride - padding + v
                            if 0 <= r < height and 0 <= q < width:
                                out[image, c, i, j] += weights[u, v] * x[image, c, r, q]
    return out


def weighted_pool(x: ArrayLike, weights: ArrayLike, stride: int, padding: int = 0) -> Array:
    """Return the weighted sum of each window, with the same fixed weights for every channel.

    Args:
        x: maps, shape (N, C, H, W).
        weights: shape (k, k); weights that sum to 1 make it an average.
        stride: step between windows, at least 1.
        padding: rows and columns of zeros on each side.

    Returns:
        Shape (N, C, rows, columns).

    Raises:
        ValueError: if an argument is out of range or the window does not fit once.
    """
    x, weights = _check(x, weights)
    size = len(weights)
    output_size(x.shape[2], size, stride, padding)
    output_size(x.shape[3], size, stride, padding)
    return np.einsum("nchwuv,uv->nchw", cut_windows(x, size, stride, padding), weights)


def weighted_pool_backward(
    grad: ArrayLike, weights: ArrayLike, height: int, width: int, stride: int, padding: int = 0
) -> Array:
    """Return the gradient for the input: each output's gradient, shared out by the weights.

    Args:
        grad: gradient for the pooled values, shape (N, C, rows, columns).
        weights: as in the forward pass.
        height: rows of the input map.
        width: columns of the input map.
        stride: as in the forward pass.
        padding: as in the forward pass.

    Returns:
        Shape (N, C, height, width).
    """
    grad, weights = _check(grad, weights)
    return add_windows(grad[..., None, None] * weights, height, width, stride, padding)


def blur_pool(x: ArrayLike, size: int = 3, stride: int = 2) -> Array:
    """Return average pooling through a bell: reflect at the border, blur with `binomial_kernel`, keep every stride-th.

    Args:
        x: maps, shape (N, C, H, W), both sides larger than ``size // 2``.
        size: side of the bell, odd, so that it has a centre.
        stride: step between windows.

    Returns:
        Shape (N, C, ceil(H / stride), ceil(W / stride)).

    Raises:
        ValueError: if ``size`` is even.

    Source: R. Zhang (2019), Making convolutional networks shift-invariant again.
    """
    x = as_maps("x", x)
    if check_int("size", size, minimum=1) % 2 == 0:
        raise ValueError(f"size must be odd, got {size}: an even bell would move the picture by half a pixel")
    reach = size // 2
    x = np.pad(x, ((0, 0), (0, 0), (reach, reach), (reach, reach)), mode="reflect")
    return weighted_pool(x, binomial_kernel(size), stride)


def max_blur_pool(x: ArrayLike, kernel_size: int = 2, size: int = 3, stride: int = 2) -> Array:
    """Return max pooling split in two: the maximum at every place (stride 1), then `blur_pool` with the stride.

    Args:
        x: maps, shape (N, C, H, W).
        kernel_size: side of the window of the maximum.
        size: side of the bell, odd.
        stride: step of the blur.

    Source: R. Zhang (2019).
    """
    return blur_pool(max_pool(x, kernel_size, stride=1).values, size, stride)


def _check(x: ArrayLike, weights: ArrayLike) -> tuple[Array, Array]:
    x, weights = as_maps("x", x), np.asarray(weights, dtype=float)
    check_shape("weights", weights, (len(weights), len(weights)))
    return x, weights.astype(x.dtype)

"""Average and sum pooling, the convolution that they are, and LeNet's subsampling (chapter 05c)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from course_utils.check import check_int, check_shape
from course_utils.scratch.pooling.windows import Array, add_windows, as_maps, cut_windows, pooled_size


def sum_pool_loop(x: ArrayLike, kernel_size: int, stride: int | None = None, padding: int = 0) -> Array:
    """Add up each window by nested loops: the slow twin of `sum_pool`."""
    x = as_maps("x", x)
    n, channels, height, width = x.shape
    step, rows, columns = pooled_size(height, width, kernel_size, stride, padding)
    out = np.zeros((n, channels, rows, columns), dtype=x.dtype)
    for image in range(n):
        for c in range(channels):
            for i in range(rows):
                for j in range(columns):
                    for r in range(max(0, i * step - padding), min(height, i * step - padding + kernel_size)):
                        for q in range(max(0, j * step - padding), min(width, j * step - padding + kernel_size)):
                            out[image, c, i, j] += x[image, c, r, q]
    return out


def sum_pool(x: ArrayLike, kernel_size: int, stride: int | None = None, padding: int = 0) -> Array:
    """Return the sum over each window.

    Args:
        x: maps, shape (N, C, H, W).
        kernel_size: side of the window, at least 1.
        stride: step between windows; None for ``kernel_size``.
        padding: rows and columns of zeros on each side, at most half the window.

    Returns:
        Shape (N, C, rows, columns).

    Raises:
        ValueError: if an argument is out of range or the window does not fit once.
    """
    x = as_maps("x", x)
    step, _, _ = pooled_size(x.shape[2], x.shape[3], kernel_size, stride, padding)
    return cut_windows(x, kernel_size, step, padding).sum(axis=(-2, -1))


def sum_pool_backward(
    grad: ArrayLike, height: int, width: int, kernel_size: int, stride: int | None = None, padding: int = 0
) -> Array:
    """Return the gradient for the input: each place collects the gradients of all windows that cover it.

    Args:
        grad: gradient for the sums, shape (N, C, rows, columns).
        height: rows of the input map.
        width: columns of the input map.
        kernel_size: as in the forward pass.
        stride: as in the forward pass.
        padding: as in the forward pass.

    Returns:
        Shape (N, C, height, width).

    Raises:
        ValueError: if ``grad`` has not the shape that these settings give.
    """
    grad = as_maps("grad", grad)
    step, rows, columns = pooled_size(height, width, kernel_size, stride, padding)
    check_shape("grad", grad, (None, None, rows, columns))
    copies = np.broadcast_to(grad[..., None, None], (*grad.shape, kernel_size, kernel_size))
    return add_windows(copies, height, width, step, padding)


def average_pool_loop(x: ArrayLike, kernel_size: int, stride: int | None = None, padding: int = 0) -> Array:
    """Average each window by nested loops: the slow twin of `average_pool`."""
    return sum_pool_loop(x, kernel_size, stride, padding) / kernel_size**2


def average_pool(x: ArrayLike, kernel_size: int, stride: int | None = None, padding: int = 0) -> Array:
    """Return the mean of each window; padded zeros count, as they do by default in PyTorch.

    Args: as for `sum_pool`.
    """
    return sum_pool(x, kernel_size, stride, padding) / kernel_size**2


def average_pool_backward(
    grad: ArrayLike, height: int, width: int, kernel_size: int, stride: int | None = None, padding: int = 0
) -> Array:
    """Return the gradient for the input: each output's gradient, shared out in equal parts over its window.

    Args: as for `sum_pool_backward`.
    """
    return sum_pool_backward(grad, height, width, kernel_size, stride, padding) / kernel_size**2


def averaging_kernel(channels: int, kernel_size: int) -> Array:
    """Return the depthwise kernel that averages: every weight is ``1 / kernel_size**2``.

    Returns:
        Shape (channels, 1, kernel_size, kernel_size), for a convolution with ``groups=channels``.
    """
    check_int("channels", channels, minimum=1)
    check_int("kernel_size", kernel_size, minimum=1)
    return np.full((channels, 1, kernel_size, kernel_size), 1 / kernel_size**2)


def subsample(x: ArrayLike, scale: ArrayLike, bias: ArrayLike, kernel_size: int = 2) -> Array:
    """Return LeNet-5's subsampling: the sum of each window, times a learned scale, plus a learned bias.

    Args:
        x: maps, shape (N, C, H, W).
        scale: one learned number a channel, shape (C,).
        bias: one learned number a channel, shape (C,); with ``scale`` the layer has 2C parameters.
        kernel_size: side of the windows, which tile the map.

    Returns:
        Shape (N, C, rows, columns), before the sigmoid that follows in LeNet-5.

    Source: Y. LeCun, L. Bottou, Y. Bengio and P. Haffner (1998), section II.B.
    """
    x = as_maps("x", x)
    scale, bias = np.asarray(scale, dtype=x.dtype), np.asarray(bias, dtype=x.dtype)
    check_shape("scale", scale, (x.shape[1],))
    check_shape("bias", bias, (x.shape[1],))
    return sum_pool(x, kernel_size) * scale[:, None, None] + bias[:, None, None]

"""L2 and Lp pooling: between the sum and the maximum (chapter 05c)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from course_utils.check import check_number
from course_utils.scratch.pooling.windows import Array, add_windows, as_maps, cut_windows, pooled_size


def lp_pool_loop(x: ArrayLike, kernel_size: int, stride: int | None = None, p: float = 2.0) -> Array:
    """Take the p-norm of each window by nested loops: the slow twin of `lp_pool`."""
    x = as_maps("x", x)
    n, channels, height, width = x.shape
    step, rows, columns = pooled_size(height, width, kernel_size, stride)
    out = np.zeros((n, channels, rows, columns), dtype=x.dtype)
    for image in range(n):
        for c in range(channels):
            for i in range(rows):
                for j in range(columns):
                    total = 0.0
                    for u in range(kernel_size):
                        for v in range(kernel_size):
                            total += abs(x[image, c, i * step + u, j * step + v]) ** p
                    out[image, c, i, j] = total ** (1 / p)
    return out


def lp_pool(x: ArrayLike, kernel_size: int, stride: int | None = None, p: float = 2.0) -> Array:
    """Return the p-norm ``(sum |x|^p)^(1/p)`` of each window.

    Args:
        x: maps, shape (N, C, H, W).
        kernel_size: side of the window, at least 1.
        stride: step between windows; None for ``kernel_size``.
        p: at least 1. 1 is the sum of the sizes, 2 the length, and a large p comes close to the largest size.

    Returns:
        Shape (N, C, rows, columns), at least 0.

    Raises:
        ValueError: if an argument is out of range or the window does not fit once.

    Source: P. Sermanet, S. Chintala and Y. LeCun (2012), Convolutional neural networks applied to house numbers
    digit classification. PyTorch's ``lp_pool2d`` takes no absolute value, so for odd p it agrees on maps that
    are not negative only.
    """
    x = as_maps("x", x)
    check_number("p", p, minimum=1)
    step, _, _ = pooled_size(x.shape[2], x.shape[3], kernel_size, stride)
    return _norms(cut_windows(x, kernel_size, step), p)[..., 0, 0]


def lp_pool_backward(
    grad: ArrayLike, x: ArrayLike, kernel_size: int, stride: int | None = None, p: float = 2.0
) -> Array:
    """Return the gradient for the input: ``g * sign(x) (|x| / y)^(p-1)``, added over the windows that hold x.

    A window of zeros sits on the tip of a cone and has no slope; it passes 0 on, as in PyTorch.

    Args:
        grad: gradient for the pooled values, shape (N, C, rows, columns).
        x: the input of the forward pass, shape (N, C, H, W).
        kernel_size: as in the forward pass.
        stride: as in the forward pass.
        p: as in the forward pass.

    Returns:
        Shape (N, C, H, W).
    """
    x, grad = as_maps("x", x), as_maps("grad", grad)
    step, _, _ = pooled_size(x.shape[2], x.shape[3], kernel_size, stride)
    windows = cut_windows(x, kernel_size, step)
    norms = _norms(windows, p)
    share = np.divide(np.abs(windows), norms, out=np.zeros(windows.shape, x.dtype), where=norms > 0)
    routed = grad[..., None, None] * np.sign(windows) * share ** (p - 1)
    return add_windows(routed, x.shape[2], x.shape[3], step)


def _norms(windows: Array, p: float) -> Array:
    # Divided by the largest size first: 1e200 ** 2 would overflow although the norm would not.
    largest = np.abs(windows).max(axis=(-2, -1), keepdims=True)
    safe = np.where(largest > 0, largest, 1.0).astype(windows.dtype)
    return largest * (np.abs(windows / safe) ** p).sum(axis=(-2, -1), keepdims=True) ** (1 / p)

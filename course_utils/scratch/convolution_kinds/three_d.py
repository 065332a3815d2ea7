"""Convolution along three axes: clips (time, height, width) and volumes (chapter 05b)."""

from __future__ import annotations

from itertools import product

import numpy as np

from course_utils.check import check_shape
from course_utils.scratch.convolution_kinds.sizes import output_size
from course_utils.scratch.convolution_kinds.windows import convolve, convolve_backward, pad_ends


def conv3d_loops(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
) -> np.ndarray:
    """Slide (O, C, d, k, k) kernels through (N, C, T, H, W) clips, one tap at a time.

    Args:
        x: (N, C, T, H, W).
        weight: (O, C, d, k, k): d frames deep.
        bias: (O,), or None.
        stride: the same along all three axes.
        padding: zeros added at both ends of all three axes.
        dilation: the same along all three axes.

    Returns:
        (N, O, T', H', W').
    """
    n, c, *sizes = check_shape("x", x, (None, None, None, None, None)).shape
    o, _, *kernel = check_shape("weight", weight, (None, c, None, None, None)).shape
    counts = [output_size(size, k, stride, padding, dilation) for size, k in zip(sizes, kernel)]
    padded = pad_ends(x, padding)
    z = np.zeros((n, o, *counts), dtype=np.result_type(x, weight))
    for t, i, j in product(*(range(m) for m in counts)):
        for d, a, b in product(*(range(k) for k in kernel)):
            frame, row, column = t * stride + d * dilation, i * stride + a * dilation, j * stride + b * dilation
            z[:, :, t, i, j] += padded[:, :, frame, row, column] @ weight[:, :, d, a, b].T
    return z if bias is None else z + bias[:, None, None, None]


def conv3d(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
) -> np.ndarray:
    """Apply the same layer to all clips and positions at once."""
    check_shape("weight", weight, (None, check_shape("x", x, (None,) * 5).shape[1], None, None, None))
    return convolve(x, weight, bias, stride, padding, dilation)


def conv3d_backward(
    gradient: np.ndarray, x: np.ndarray, weight: np.ndarray, stride: int = 1, padding: int = 0, dilation: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the gradients for input, weight and bias."""
    return convolve_backward(gradient, x, weight, stride, padding, dilation)

"""Convolution along one axis: sound, text, joint angles (chapter 05b)."""

from __future__ import annotations

import numpy as np

from course_utils.check import check_shape
from course_utils.scratch.convolution_kinds.sizes import output_size
from course_utils.scratch.convolution_kinds.windows import convolve, convolve_backward, pad_ends


def conv1d_loops(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
) -> np.ndarray:
    """Slide (O, C, k) kernels along (N, C, T) sequences, one tap at a time.

    Args:
        x: (N, C, T): a batch of sequences with C numbers at each of T steps.
        weight: (O, C, k).
        bias: (O,), or None.
        stride: as in any layer.
        padding: zeros added at both ends.
        dilation: as in any layer.

    Returns:
        (N, O, T').
    """
    n, c, length = check_shape("x", x, (None, None, None)).shape
    o, _, k = check_shape("weight", weight, (None, c, None)).shape
    steps = output_size(length, k, stride, padding, dilation)
    padded = pad_ends(x, padding)
    z = np.zeros((n, o, steps), dtype=np.result_type(x, weight))
    for sequence in range(n):
        for out in range(o):
            for t in range(steps):
                for a in range(k):
                    z[sequence, out, t] += padded[sequence, :, t * stride + a * dilation] @ weight[out, :, a]
    return z if bias is None else z + bias[:, None]


def conv1d(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
) -> np.ndarray:
    """Apply the same layer to all sequences and steps at once."""
    check_shape("weight", weight, (None, check_shape("x", x, (None, None, None)).shape[1], None))
    return convolve(x, weight, bias, stride, padding, dilation)


def conv1d_backward(
    gradient: np.ndarray, x: np.ndarray, weight: np.ndarray, stride: int = 1, padding: int = 0, dilation: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the gradients for input, weight and bias."""
    return convolve_backward(gradient, x, weight, stride, padding, dilation)

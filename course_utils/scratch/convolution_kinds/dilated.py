"""Dilated convolution: the same few weights, spread out (chapter 05b)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from course_utils.check import check_int, check_shape
from course_utils.scratch.convolution.im2col import conv2d_im2col, pad_borders
from course_utils.scratch.convolution_kinds.sizes import effective_kernel_size, output_size
from course_utils.scratch.convolution_kinds.strided import strided_conv2d_backward


def dilate_kernel(weight: np.ndarray, dilation: int) -> np.ndarray:
    """Return the kernels with ``dilation - 1`` zeros between neighbouring weights.

    Args:
        weight: (..., k, k).
        dilation: distance between weights in the result, at least 1.

    Returns:
        (..., k', k') with ``k' = k + (k - 1)(dilation - 1)``.
    """
    k = effective_kernel_size(weight.shape[-1], dilation)
    wide = np.zeros((*weight.shape[:-2], k, k), dtype=weight.dtype)
    wide[..., ::dilation, ::dilation] = weight
    return wide


def dilated_conv2d_loops(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
) -> np.ndarray:
    """Apply a dilated layer tap by tap: the definition, slowly.

    Args:
        x: (N, C, H, W) input maps.
        weight: (O, C, k, k).
        bias: (O,), or None.
        stride: step from one window to the next, at least 1.
        padding: zeros added at each side, at least 0.
        dilation: distance between taps, at least 1.

    Returns:
        (N, O, H', W').
    """
    n, c, height, width = x.shape
    o, _, k, _ = check_shape("weight", weight, (None, c, None, None)).shape
    rows = output_size(height, k, stride, padding, dilation)
    columns = output_size(width, k, stride, padding, dilation)
    padded = pad_borders(x, padding)
    z = np.zeros((n, o, rows, columns), dtype=np.result_type(x, weight))
    for i in range(rows):
        for j in range(columns):
            for a in range(k):
                for b in range(k):
                    pixel = padded[:, :, i * stride + dilation * a, j * stride + dilation * b]  # (N, C)
                    z[:, :, i, j] += pixel @ weight[:, :, a, b].T
    return z if bias is None else z + bias[:, None, None]


def dilated_conv2d(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
) -> np.ndarray:
    """Apply the same layer with one matrix product for each image; it never multiplies by an inserted zero."""
    return conv2d_im2col(x, weight, bias, stride=stride, padding=padding, dilation=dilation)


def dilated_conv2d_backward(
    gradient: np.ndarray, x: np.ndarray, weight: np.ndarray, stride: int = 1, padding: int = 0, dilation: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the gradients for input, weight and bias: those of the zero-filled kernel, read at the taps.

    Args:
        gradient: (N, O, H', W'), derivative of the loss for each output number.
        x: (N, C, H, W) input maps.
        weight: (O, C, k, k).
        stride: as forward.
        padding: as forward.
        dilation: as forward.

    Returns:
        Three arrays, shaped like input, weight and bias.
    """
    to_input, to_wide, to_bias = strided_conv2d_backward(gradient, x, dilate_kernel(weight, dilation), stride, padding)
    return to_input, to_wide[..., ::dilation, ::dilation], to_bias


def paths_to_input(kernel_size: int, dilations: Sequence[int]) -> np.ndarray:
    """Count the ways from one output of a stack of dilated layers to each input pixel, along one axis.

    Args:
        kernel_size: taps of every layer, at least 1.
        dilations: dilation of each layer, first layer first.

    Returns:
        Counts over the receptive field, from its first pixel to its last. A 0 is a hole: a pixel inside the
        field that the output cannot see. That is the gridding artefact.

    Source: Wang et al. (2018), Understanding convolution for semantic segmentation.
    """
    check_int("kernel_size", kernel_size, minimum=1)
    counts = np.ones(1, dtype=np.int64)
    for dilation in dilations:
        comb = np.zeros(effective_kernel_size(kernel_size, dilation), dtype=np.int64)
        comb[::dilation] = 1
        counts = np.convolve(counts, comb)
    return counts

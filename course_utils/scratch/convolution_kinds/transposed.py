"""Transposed convolution in three ways: stamps, zero insertion, and the gradient of a strided layer (chapter 05b).

Weights are laid out as in PyTorch: (C, O, k, k), input channels first. They are the weights of the layer from O to
C channels that is being transposed.
"""

from __future__ import annotations

import numpy as np

from course_utils.check import check_int, check_shape
from course_utils.scratch.convolution.im2col import conv2d_im2col
from course_utils.scratch.convolution_kinds.dilated import dilate_kernel, dilated_conv2d, dilated_conv2d_backward
from course_utils.scratch.convolution_kinds.sizes import (
    effective_kernel_size,
    output_size,
    transposed_output_size,
)


def transposed_conv2d_loops(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: int = 1,
    padding: int = 0,
    output_padding: int = 0,
    dilation: int = 1,
) -> np.ndarray:
    """Let every input pixel stamp its copy of the kernel onto the output, ``stride`` pixels apart.

    Args:
        x: (N, C, M, M') input maps.
        weight: (C, O, k, k).
        bias: (O,), or None.
        stride: distance between stamps, at least 1.
        padding: rows and columns *cut off* at each side: the padding of the layer that is transposed.
        output_padding: rows and columns added at the far ends.
        dilation: distance between the weights of a stamp.

    Returns:
        (N, O, H, W).
    """
    n, c, rows, columns = x.shape
    _, o, k, _ = check_shape("weight", weight, (c, None, None, None)).shape
    height = transposed_output_size(rows, k, stride, padding, output_padding, dilation)
    width = transposed_output_size(columns, k, stride, padding, output_padding, dilation)
    z = np.zeros((n, o, height, width), dtype=np.result_type(x, weight))
    for i in range(rows):
        for j in range(columns):
            for a in range(k):
                for b in range(k):
                    row, column = i * stride + a * dilation - padding, j * stride + b * dilation - padding
                    if 0 <= row < height and 0 <= column < width:
                        z[:, :, row, column] += x[:, :, i, j] @ weight[:, :, a, b]
    return z if bias is None else z + bias[:, None, None]


def insert_zeros(x: np.ndarray, stride: int) -> np.ndarray:
    """Return (..., H, W) maps with ``stride - 1`` zero rows and columns between neighbouring pixels."""
    check_int("stride", stride, minimum=1)
    height, width = x.shape[-2:]
    spread = np.zeros((*x.shape[:-2], stride * (height - 1) + 1, stride * (width - 1) + 1), dtype=x.dtype)
    spread[..., ::stride, ::stride] = x
    return spread


def transposed_conv2d_by_zero_insertion(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: int = 1,
    padding: int = 0,
    output_padding: int = 0,
    dilation: int = 1,
) -> np.ndarray:
    """Spread the input with zeros, pad it, and run an ordinary stride-1 layer with the kernel turned by 180 degrees.

    Arguments and result as in ``transposed_conv2d_loops``. Most products here are products with zero.
    """
    k = weight.shape[-1]
    for size in x.shape[-2:]:
        transposed_output_size(size, k, stride, padding, output_padding, dilation)
    border = effective_kernel_size(k, dilation) - 1 - padding
    spread = insert_zeros(x, stride)
    before, after = max(border, 0), max(border + output_padding, 0)
    spread = np.pad(spread, ((0, 0), (0, 0), (before, after), (before, after)))
    turned = dilate_kernel(weight, dilation).transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]
    z = conv2d_im2col(spread, np.ascontiguousarray(turned), bias)
    first, last = max(-border, 0), max(-(border + output_padding), 0)  # a padding beyond k' - 1 cuts the result
    return z[:, :, first : z.shape[2] - last, first : z.shape[3] - last]


def transposed_conv2d(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: int = 1,
    padding: int = 0,
    output_padding: int = 0,
    dilation: int = 1,
) -> np.ndarray:
    """Run the backward pass of a strided layer forward: one matrix product, then stamps added up.

    Arguments and result as in ``transposed_conv2d_loops``.
    """
    n, c, rows, columns = x.shape
    _, o, k, _ = check_shape("weight", weight, (c, None, None, None)).shape
    height = transposed_output_size(rows, k, stride, padding, output_padding, dilation)
    width = transposed_output_size(columns, k, stride, padding, output_padding, dilation)
    pulls = weight.reshape(c, -1).T @ x.reshape(n, c, rows * columns)  # (N, O k k, L)
    stamps = pulls.reshape(n, o, k, k, rows, columns)
    # A canvas with room for every stamp, of which the layer shows a part.
    reach = effective_kernel_size(k, dilation)
    tall, wide = stride * (rows - 1) + reach + output_padding, stride * (columns - 1) + reach + output_padding
    canvas = np.zeros((n, o, tall, wide), dtype=stamps.dtype)
    for a in range(k):
        down = slice(a * dilation, a * dilation + stride * (rows - 1) + 1, stride)
        for b in range(k):
            right = slice(b * dilation, b * dilation + stride * (columns - 1) + 1, stride)
            canvas[:, :, down, right] += stamps[:, :, a, b]
    z = canvas[:, :, padding : padding + height, padding : padding + width]
    return z if bias is None else z + bias[:, None, None]


def transposed_conv2d_backward(
    gradient: np.ndarray, x: np.ndarray, weight: np.ndarray, stride: int = 1, padding: int = 0, dilation: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the gradients for input, weight and bias: here the *strided* layer runs backward to front.

    Args:
        gradient: (N, O, H, W), derivative of the loss for each output number.
        x: (N, C, M, M') input maps.
        weight: (C, O, k, k).
        stride: as forward.
        padding: as forward.
        dilation: as forward.

    Returns:
        Three arrays, shaped like input, weight and bias.
    """
    to_input = dilated_conv2d(gradient, weight, None, stride, padding, dilation)
    # Output padding can leave room for positions at the far end at which there is no input: they stand for zeros.
    rows, columns = x.shape[-2:]
    filled = np.zeros(to_input.shape, dtype=x.dtype)
    filled[:, :, :rows, :columns] = x
    _, to_weight, _ = dilated_conv2d_backward(filled, gradient, weight, stride, padding, dilation)
    return to_input[:, :, :rows, :columns], to_weight, gradient.sum(axis=(0, 2, 3))


def strided_matrix(kernel: np.ndarray, size: int, stride: int = 1, padding: int = 0) -> np.ndarray:
    """Return the matrix of a strided 1-D convolution: output = matrix @ input.

    Args:
        kernel: (k,).
        size: pixels of the input.
        stride: as in the layer.
        padding: as in the layer.

    Returns:
        (M, size). Its transpose is the matrix of the transposed convolution.
    """
    rows = output_size(size, len(kernel), stride, padding)
    matrix = np.zeros((rows, size), dtype=np.float64)
    for i in range(rows):
        for a, value in enumerate(kernel):
            column = i * stride + a - padding
            if 0 <= column < size:
                matrix[i, column] = value
    return matrix


def overlap_counts(size: int, kernel_size: int, stride: int) -> np.ndarray:
    """Count how many stamps cover each output pixel of a transposed convolution, along one axis."""
    counts = np.zeros(transposed_output_size(size, kernel_size, stride), dtype=np.int64)
    for i in range(size):
        counts[i * stride : i * stride + kernel_size] += 1
    return counts


def phase_spread(z: np.ndarray, stride: int) -> float:
    """Return the standard deviation among the means of the ``stride**2`` phases of a (..., H, W) map.

    Pixels whose row and column leave the same remainders form a phase. A flat map has spread 0; a checkerboard
    shows as phases of different brightness.
    """
    means = [z[..., i::stride, j::stride].mean(axis=(-2, -1)) for i in range(stride) for j in range(stride)]
    return float(np.std(np.stack(means), axis=0).mean())

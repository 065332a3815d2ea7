"""Strided convolution: take every s-th position, forward and backward (chapter 05b)."""

from __future__ import annotations

import numpy as np

from course_utils.check import check_int, check_shape
from course_utils.scratch.convolution.im2col import col2im, conv2d_im2col, im2col, pad_borders
from course_utils.scratch.convolution_kinds.sizes import output_size


def subsample(z: np.ndarray, stride: int) -> np.ndarray:
    """Return every ``stride``-th row and column of (..., H, W) maps, starting with the first."""
    check_int("stride", stride, minimum=1)
    return z[..., ::stride, ::stride]


def strided_conv2d_loops(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None, stride: int = 1, padding: int = 0
) -> np.ndarray:
    """Apply a convolution layer with one dot product for each output number: the definition, slowly.

    Args:
        x: (N, C, H, W) input maps.
        weight: (O, C, k, k); not flipped, as in PyTorch.
        bias: (O,), or None.
        stride: step from one window to the next, at least 1.
        padding: zeros added at each side, at least 0.

    Returns:
        (N, O, H', W').
    """
    n, c, height, width = x.shape
    o, _, k, _ = check_shape("weight", weight, (None, c, None, None)).shape
    rows, columns = output_size(height, k, stride, padding), output_size(width, k, stride, padding)
    padded = pad_borders(x, padding)
    z = np.zeros((n, o, rows, columns), dtype=np.result_type(x, weight))
    for image in range(n):
        for out in range(o):
            for i in range(rows):
                for j in range(columns):
                    window = padded[image, :, i * stride : i * stride + k, j * stride : j * stride + k]
                    z[image, out, i, j] = (window * weight[out]).sum()
            if bias is not None:
                z[image, out] += bias[out]
    return z


def strided_conv2d(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None, stride: int = 1, padding: int = 0
) -> np.ndarray:
    """Apply the same layer with one matrix product for each image; arguments as in ``strided_conv2d_loops``."""
    return conv2d_im2col(x, weight, bias, stride=stride, padding=padding)


def strided_conv2d_backward_loops(
    gradient: np.ndarray, x: np.ndarray, weight: np.ndarray, stride: int = 1, padding: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the gradients of a loss for input, weight and bias, one output number at a time.

    Each output number pulls on the window it looked at, with the kernel as the profile of the pull.

    Args:
        gradient: (N, O, H', W'), derivative of the loss for each output number.
        x: (N, C, H, W) input maps.
        weight: (O, C, k, k).
        stride: as forward.
        padding: as forward.

    Returns:
        Three arrays, shaped like input, weight and bias.
    """
    k = weight.shape[-1]
    padded = pad_borders(x, padding)
    pulled, weight_gradient = np.zeros_like(padded), np.zeros_like(weight)
    n, o, rows, columns = gradient.shape
    for image in range(n):
        for out in range(o):
            for i in range(rows):
                for j in range(columns):
                    window = (image, slice(None), slice(i * stride, i * stride + k), slice(j * stride, j * stride + k))
                    pulled[window] += gradient[image, out, i, j] * weight[out]
                    weight_gradient[out] += gradient[image, out, i, j] * padded[window]
    height, width = x.shape[-2:]
    inside = pulled[:, :, padding : padding + height, padding : padding + width]
    return inside, weight_gradient, gradient.sum(axis=(0, 2, 3))


def strided_conv2d_backward(
    gradient: np.ndarray, x: np.ndarray, weight: np.ndarray, stride: int = 1, padding: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the same three gradients from two matrix products; arguments as in ``strided_conv2d_backward_loops``."""
    n, o, rows, columns = gradient.shape
    k = weight.shape[-1]
    flat = gradient.reshape(n, o, rows * columns)
    windows = im2col(x, k, stride, padding)  # (N, C k k, L)
    weight_gradient = np.einsum("nol,ncl->oc", flat, windows).reshape(weight.shape)
    pulls = weight.reshape(o, -1).T @ flat  # (N, C k k, L)
    return col2im(pulls, x.shape, k, stride, padding), weight_gradient, gradient.sum(axis=(0, 2, 3))

"""The backward pass of a convolution layer, derived by hand: by loops, by matrix products, and as convolutions."""

import numpy as np

from course_utils.check import check_shape
from course_utils.scratch.convolution.im2col import (
    Pair,
    as_pair,
    col2im,
    conv2d_im2col,
    im2col,
    output_shape,
    pad_borders,
)


def backward_loops(
    grad: np.ndarray, v: np.ndarray, kernel: np.ndarray, stride: int = 1, padding: int = 0, dilation: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Follow every product of the forward pass backwards: each hands on its share to both factors.

    Args:
        grad: (O, H', W') gradient of the loss with respect to the output.
        v: (C, H, W) input maps of one image.
        kernel: (O, C, kernel rows, kernel columns).
        stride: as in the forward pass.
        padding: as in the forward pass.
        dilation: as in the forward pass.

    Returns:
        Gradients with respect to input, kernel and bias.
    """
    padded = pad_borders(np.asarray(v, dtype=float), padding)
    grad_padded, grad_kernel = np.zeros_like(padded), np.zeros(kernel.shape)
    grad_bias = np.zeros(len(kernel))
    for i, j, k in np.ndindex(*grad.shape):
        grad_bias[i] += grad[i, j, k]
        for l, m, n in np.ndindex(*kernel.shape[1:]):
            row, column = j * stride + m * dilation, k * stride + n * dilation
            grad_kernel[i, l, m, n] += grad[i, j, k] * padded[l, row, column]
            grad_padded[l, row, column] += grad[i, j, k] * kernel[i, l, m, n]
    height, width = v.shape[1:]
    return grad_padded[:, padding : padding + height, padding : padding + width], grad_kernel, grad_bias


def conv2d_backward(
    grad: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Differentiate :func:`conv2d_im2col`: the forward pass is a matrix product, so the backward pass is two.

    Args:
        grad: (N, O, H', W') gradient of the loss with respect to the output.
        x: (N, C, H, W) input of the forward pass.
        weight: (O, C / groups, kernel rows, kernel columns).
        stride: as in the forward pass.
        padding: as in the forward pass.
        dilation: as in the forward pass.
        groups: as in the forward pass.

    Returns:
        ``(grad_x, grad_weight, grad_bias)`` in the shapes of ``x``, ``weight`` and (O,).

    Raises:
        ValueError: if ``grad`` has not the shape of the output.
    """
    n, c, height, width = x.shape
    o, _, k_rows, k_columns = weight.shape
    kernel_size = (k_rows, k_columns)
    out = output_shape(height, width, kernel_size, stride, padding, dilation)
    check_shape("grad", grad, (n, o, *out))
    g = grad.reshape(n, groups, o // groups, -1)  # (N, G, O/G, L)
    columns = im2col(x, kernel_size, stride, padding, dilation).reshape(n, groups, -1, g.shape[-1])
    rows = weight.reshape(groups, o // groups, -1)
    grad_rows = np.matmul(g, columns.swapaxes(-1, -2)).sum(axis=0)
    grad_columns = np.matmul(rows.swapaxes(-1, -2), g).reshape(n, -1, g.shape[-1])
    grad_x = col2im(grad_columns, (n, c, height, width), kernel_size, stride, padding, dilation)
    return grad_x, grad_rows.reshape(weight.shape), grad.sum(axis=(0, 2, 3))


def spread(grad: np.ndarray, stride: Pair) -> np.ndarray:
    """Put ``stride - 1`` rows and columns of zeros between the rows and columns of (N, O, H', W') maps."""
    rows, columns = as_pair("stride", stride, 1)
    n, o, height, width = grad.shape
    wide = np.zeros((n, o, (height - 1) * rows + 1, (width - 1) * columns + 1), dtype=grad.dtype)
    wide[:, :, ::rows, ::columns] = grad
    return wide


def grad_input_by_convolution(
    grad: np.ndarray,
    weight: np.ndarray,
    size: tuple[int, int],
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
) -> np.ndarray:
    """Compute the gradient with respect to the input as a full convolution of the output's gradient.

    The layer slides its kernel without flipping. Its transpose slides the flipped kernel over the gradient, with so
    much zero padding that every overlap counts, and with input and output channels exchanged. A stride becomes zeros
    between the gradient's numbers; the layer's own padding is cut off the result.

    Args:
        grad: (N, O, H', W').
        weight: (O, C, kernel rows, kernel columns).
        size: (H, W) of the input maps.
        stride: of the forward pass.
        padding: of the forward pass.
        dilation: of the forward pass.

    Returns:
        (N, C, H, W).
    """
    (p_rows, p_columns), (d_rows, d_columns) = as_pair("padding", padding, 0), as_pair("dilation", dilation, 1)
    reach = d_rows * (weight.shape[2] - 1), d_columns * (weight.shape[3] - 1)
    flipped = weight[:, :, ::-1, ::-1].swapaxes(0, 1)  # (C, O, k, k)
    full = conv2d_im2col(spread(grad, stride), flipped, padding=reach, dilation=dilation)
    grad_x = np.zeros((*full.shape[:2], size[0] + 2 * p_rows, size[1] + 2 * p_columns), dtype=full.dtype)
    grad_x[:, :, : full.shape[2], : full.shape[3]] = full  # rows that no window reached keep 0
    return grad_x[:, :, p_rows : p_rows + size[0], p_columns : p_columns + size[1]]


def grad_weight_by_correlation(
    grad: np.ndarray,
    x: np.ndarray,
    kernel_size: tuple[int, int],
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
) -> np.ndarray:
    """Compute the gradient with respect to the weights by sliding the output's gradient over the input.

    Stride and dilation change places: the steps between windows are now the gaps between the kernel's points. Images
    take the place of channels, since the gradient is a sum over images.

    Args:
        grad: (N, O, H', W').
        x: (N, C, H, W).
        kernel_size: rows and columns of the kernel.
        stride: of the forward pass.
        padding: of the forward pass.
        dilation: of the forward pass.

    Returns:
        (O, C, kernel rows, kernel columns).
    """
    moved = conv2d_im2col(
        x.swapaxes(0, 1), grad.swapaxes(0, 1), stride=dilation, padding=padding, dilation=stride
    )  # (C, O, at least kernel rows, at least kernel columns)
    return moved.swapaxes(0, 1)[:, :, : kernel_size[0], : kernel_size[1]]

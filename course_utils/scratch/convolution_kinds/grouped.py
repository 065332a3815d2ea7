"""Grouped and depthwise convolution: fewer connections between channels (chapter 05b)."""

from __future__ import annotations

import numpy as np

from course_utils.check import check_int
from course_utils.scratch.convolution.im2col import check_groups, conv2d_im2col
from course_utils.scratch.convolution_kinds.dilated import dilated_conv2d_backward, dilated_conv2d_loops
from course_utils.scratch.convolution_kinds.pointwise import pointwise_conv2d


def grouped_conv2d_loops(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
) -> np.ndarray:
    """Cut the channels into groups, run an independent layer on each, put the results one after the other.

    Args:
        x: (N, C, H, W) input maps.
        weight: (O, C / groups, k, k).
        bias: (O,), or None.
        stride: as in any layer.
        padding: as in any layer.
        dilation: as in any layer.
        groups: number of groups; divides C and O.

    Returns:
        (N, O, H', W').
    """
    check_groups(x.shape[1], len(weight), groups)
    parts = zip(np.split(x, groups, axis=1), np.split(weight, groups))
    z = np.concatenate([dilated_conv2d_loops(a, w, None, stride, padding, dilation) for a, w in parts], axis=1)
    return z if bias is None else z + bias[:, None, None]


def grouped_conv2d(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
) -> np.ndarray:
    """Run all groups at once: a stack of matrices times a stack of columns."""
    return conv2d_im2col(x, weight, bias, stride, padding, dilation, groups)


def grouped_conv2d_backward(
    gradient: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the gradients for input, weight and bias; no gradient crosses from one group to another."""
    check_groups(x.shape[1], len(weight), groups)
    parts = zip(np.split(gradient, groups, axis=1), np.split(x, groups, axis=1), np.split(weight, groups))
    to_input, to_weight, to_bias = zip(
        *(dilated_conv2d_backward(g, a, w, stride, padding, dilation) for g, a, w in parts)
    )
    return np.concatenate(to_input, axis=1), np.concatenate(to_weight), np.concatenate(to_bias)


def conv_weights(in_channels: int, out_channels: int, kernel_size: int, groups: int = 1) -> int:
    """Return the number of weights of a layer, ``k * k * C * O / groups`` (biases not counted)."""
    check_int("kernel_size", kernel_size, minimum=1)
    check_groups(in_channels, out_channels, groups)
    return kernel_size**2 * in_channels * out_channels // groups


def separable_weights(in_channels: int, out_channels: int, kernel_size: int = 3) -> int:
    """Return the weights of a depthwise layer and a 1x1 layer: ``k * k * C + C * O``, instead of ``k * k * C * O``."""
    depthwise = conv_weights(in_channels, in_channels, kernel_size, groups=in_channels)
    return depthwise + conv_weights(in_channels, out_channels, 1)


def depthwise_separable_conv2d(
    x: np.ndarray, depthwise: np.ndarray, pointwise: np.ndarray, stride: int = 1, padding: int = 0
) -> np.ndarray:
    """Filter each channel by itself, then mix the channels at each pixel.

    Args:
        x: (N, C, H, W) input maps.
        depthwise: (C, 1, k, k), one filter for each channel.
        pointwise: (O, C), the mixing matrix.
        stride: of the depthwise layer.
        padding: of the depthwise layer.

    Returns:
        (N, O, H', W').

    Source: Chollet (2017), Xception; Howard et al. (2017), MobileNets.
    """
    return pointwise_conv2d(grouped_conv2d(x, depthwise, None, stride, padding, groups=x.shape[1]), pointwise)


def merged_kernel(depthwise: np.ndarray, pointwise: np.ndarray) -> np.ndarray:
    """Return the one ordinary kernel (O, C, k, k) that does what filter and mix do together.

    For each pair of channels it is the channel's filter times one number: a rank-one choice among all kernels.
    """
    return pointwise[:, :, None, None] * depthwise[None, :, 0]

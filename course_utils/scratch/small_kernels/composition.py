"""Two layers in a row without anything between them are one layer: its kernel, its size, its weights (chapter 06c)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.check import check_int, check_shape


def compose(first: Tensor, second: Tensor) -> Tensor:
    """Return the kernel of the one layer that does what two layers without activation do.

    Args:
        first: weight of the lower layer (M, C, k, k).
        second: weight of the upper layer (O, M, l, l).

    Returns:
        Weight (O, C, k + l - 1, k + l - 1). Both layers correlate at stride 1, as PyTorch's do.
    """
    check_shape("first", first, (None, None, None, None))
    check_shape("second", second, (None, len(first), None, None))
    side = second.shape[-1] - 1
    # The upper layer looks at copies of the lower kernel, moved by each of its taps: a full convolution of both.
    maps = F.conv2d(F.pad(first.transpose(0, 1), (side,) * 4), second.flip(-1, -2))
    return maps.transpose(0, 1)


def compose_by_loops(first: Tensor, second: Tensor) -> Tensor:
    """Return the same as :func:`compose`, tap by tap."""
    side = first.shape[-1] + second.shape[-1] - 1
    kernel = first.new_zeros(len(second), first.shape[1], side, side)
    size = first.shape[-1]
    for o in range(len(second)):
        for m in range(len(first)):
            for i in range(second.shape[-1]):
                for j in range(second.shape[-1]):
                    kernel[o, :, i : i + size, j : j + size] += second[o, m, i, j] * first[m]
    return kernel


def stack_field(kernel_sizes: Sequence[int]) -> int:
    """Return the side of the field of a stack at stride 1.

    Args:
        kernel_sizes: of the layers, each at least 1.
    """
    return 1 + sum(check_int("kernel size", size, minimum=1) - 1 for size in kernel_sizes)


def stack_weights(kernel_sizes: Sequence[int], channels: Sequence[int]) -> int:
    """Count the weights of a stack, without biases.

    Args:
        kernel_sizes: of the layers.
        channels: of the input and of each layer's output: one more than layers.

    Raises:
        ValueError: if the lengths do not fit.
    """
    if len(channels) != len(kernel_sizes) + 1:
        raise ValueError(f"channels must have one entry more than kernel_sizes, got {len(channels)}; add the input's")
    return sum(k * k * a * b for k, a, b in zip(kernel_sizes, channels[:-1], channels[1:], strict=True))


def most_halvings(size: int) -> int:
    """Return how often a map of this side can be halved before a single unit is left: the logarithm, rounded down."""
    check_int("size", size, minimum=1)
    count = 0
    while size >= 2:
        size //= 2
        count += 1
    return count


def same_function(first: Tensor, second: Tensor, whole: Tensor, x: Tensor) -> float:
    """Return the largest difference between a pair of layers and one layer, where no padding is in sight.

    Args:
        first, second: weights of the pair.
        whole: weight of the one layer.
        x: images (N, C, H, W).
    """
    return float(torch.max((F.conv2d(F.conv2d(x, first), second) - F.conv2d(x, whole)).abs()))

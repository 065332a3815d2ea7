"""Output sizes of convolutions along one axis: forward, transposed, and the padding between them (chapter 05b)."""

from __future__ import annotations

from course_utils.check import check_int


def effective_kernel_size(kernel_size: int, dilation: int = 1) -> int:
    """Return the number of pixels from the first to the last tap, ``dilation * (kernel_size - 1) + 1``."""
    check_int("kernel_size", kernel_size, minimum=1)
    check_int("dilation", dilation, minimum=1)
    return dilation * (kernel_size - 1) + 1


def output_size(size: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Return how many positions a kernel takes along an axis, ``floor((N + 2p - r(k - 1) - 1) / s) + 1``.

    Args:
        size: pixels of the input along the axis, at least 1.
        kernel_size: taps of the kernel, at least 1.
        stride: step between positions, at least 1.
        padding: pixels added at each of the two ends, at least 0.
        dilation: distance between taps, at least 1.

    Raises:
        ValueError: if an argument is out of range, or if the kernel does not fit once.

    Source: Dumoulin and Visin (2016), A guide to convolution arithmetic for deep learning.
    """
    check_int("size", size, minimum=1)
    check_int("stride", stride, minimum=1)
    check_int("padding", padding, minimum=0)
    room = size + 2 * padding - effective_kernel_size(kernel_size, dilation)
    positions = room // stride + 1
    if positions < 1:
        raise ValueError(
            f"output size is floor(({size} + 2*{padding} - {dilation}*({kernel_size} - 1) - 1) / {stride}) + 1 "
            f"= {positions}, must be at least 1: pad more or use a smaller kernel"
        )
    return positions


def transposed_output_size(
    size: int, kernel_size: int, stride: int = 1, padding: int = 0, output_padding: int = 0, dilation: int = 1
) -> int:
    """Return the output size of a transposed convolution, ``s(M - 1) + r(k - 1) + 1 - 2p + output_padding``.

    Args:
        size: pixels ``M`` of the input along the axis, at least 1.
        kernel_size: taps of the kernel, at least 1.
        stride: step of the convolution that it transposes, at least 1.
        padding: padding of the convolution that it transposes: here it is *cut off* at each end.
        output_padding: pixels added at the far end, less than ``stride`` or less than ``dilation``.
        dilation: distance between taps, at least 1.

    Raises:
        ValueError: if an argument is out of range, or if the padding cuts everything off.

    Source: Dumoulin and Visin (2016).
    """
    check_int("size", size, minimum=1)
    check_int("stride", stride, minimum=1)
    check_int("padding", padding, minimum=0)
    reach = effective_kernel_size(kernel_size, dilation)
    check_int("output_padding", output_padding, minimum=0)
    if output_padding >= max(stride, dilation):
        raise ValueError(
            f"output_padding must be smaller than stride {stride} or dilation {dilation}, got {output_padding}"
        )
    pixels = stride * (size - 1) + reach - 2 * padding + output_padding
    if pixels < 1:
        raise ValueError(
            f"output size is {stride}*({size} - 1) + {dilation}*({kernel_size} - 1) + 1 - 2*{padding} "
            f"+ {output_padding} = {pixels}, must be at least 1: use a smaller padding"
        )
    return pixels


def output_padding_for(size: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Return the output padding with which the transposed layer gives ``size`` back.

    The floor in ``output_size`` drops the last ``(N + 2p - r(k - 1) - 1) mod s`` pixels: up to ``s`` input
    sizes share one output size. The number dropped is what ``output_padding`` adds again.
    """
    output_size(size, kernel_size, stride, padding, dilation)
    return (size + 2 * padding - effective_kernel_size(kernel_size, dilation)) % stride


def same_padding(kernel_size: int, dilation: int = 1) -> tuple[int, int]:
    """Return the padding before and after an axis that keeps its size at stride 1.

    The two add up to ``r(k - 1)``. With an even sum they are equal; with an odd one (an even kernel with
    odd dilation) the second is larger by one, as in PyTorch's ``padding="same"``.
    """
    total = effective_kernel_size(kernel_size, dilation) - 1
    return total // 2, total - total // 2

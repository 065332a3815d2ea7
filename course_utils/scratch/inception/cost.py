"""What an inception block costs, from its widths alone (chapter 07).

Multiply-adds are counted for one place of the map: times height times width they are the layer's. Source: C. Szegedy
et al., "Going deeper with convolutions", CVPR 2015, section 4; the factorisations: C. Szegedy et al., "Rethinking
the inception architecture for computer vision", CVPR 2016, section 3.
"""

from __future__ import annotations

from typing import NamedTuple

from course_utils.check import check_int


class Cost(NamedTuple):
    """Multiply-adds for one place of the map, and the maps that leave the block."""

    multiply_adds: int
    out_channels: int


def naive_cost(in_channels: int, one: int, three: int, five: int) -> Cost:
    """Return the cost of 1x1, 3x3 and 5x5 convolutions beside a pooling that hands on all maps.

    Args:
        in_channels: maps that come in.
        one: maps of the 1x1 convolution.
        three: of the 3x3 convolution.
        five: of the 5x5 convolution.
    """
    check_int("in_channels", in_channels, minimum=1)
    return Cost(in_channels * (one + 9 * three + 25 * five), one + three + five + in_channels)


def reduced_cost(
    in_channels: int, one: int, three_reduce: int, three: int, five_reduce: int, five: int, pool: int
) -> Cost:
    """Return the cost of the block with 1x1 reductions before the 3x3 and the 5x5 and behind the pooling.

    Args:
        in_channels: maps that come in.
        one: maps of the 1x1 convolution.
        three_reduce: maps that the 3x3 convolution reads.
        three: maps that it writes.
        five_reduce: maps that the 5x5 convolution reads.
        five: maps that it writes.
        pool: maps of the projection behind the pooling.
    """
    check_int("in_channels", in_channels, minimum=1)
    ones = in_channels * (one + three_reduce + five_reduce + pool)
    return Cost(ones + 9 * three_reduce * three + 25 * five_reduce * five, one + three + five + pool)


def reduction_pays_below(in_channels: int, out_channels: int, kernel_size: int) -> float:
    """Return the width below which a 1x1 reduction saves: ``k² C O / (C + k² O)``.

    Args:
        in_channels: C, maps that come in.
        out_channels: O, maps that the large kernel writes.
        kernel_size: k, its side.
    """
    area = check_int("kernel_size", kernel_size, minimum=1) ** 2
    return area * in_channels * out_channels / (in_channels + area * out_channels)


def factorised_share(kernel_size: int, parts: tuple[tuple[int, int], ...]) -> float:
    """Return what a chain of smaller kernels costs, as a share of one square kernel of the same reach.

    All layers have equally many maps. (1, 7) and (7, 1) in place of 7x7 cost 2 / 7.

    Args:
        kernel_size: side of the square kernel that is replaced.
        parts: (rows, columns) of the kernels in its place.

    Raises:
        ValueError: if the chain does not reach as far as the kernel.
    """
    rows = 1 + sum(h - 1 for h, _ in parts)
    columns = 1 + sum(w - 1 for _, w in parts)
    if (rows, columns) != (kernel_size, kernel_size):
        raise ValueError(
            f"parts must reach {kernel_size} x {kernel_size} pixels together, got {rows} x {columns}: "
            "each side adds its size less one"
        )
    return sum(h * w for h, w in parts) / kernel_size**2

"""The way back from pooling: where to put a value into a window of four.

Three answers: at the place where the maximum was (indices remembered), always in the same corner ("bed of nails"),
or everywhere (nearest). The first two leave holes that the next convolution has to fill.

Source: M. Zeiler, R. Fergus, ECCV 2014 (switches); H. Noh, S. Hong, B. Han, "Learning deconvolution network for
semantic segmentation", ICCV 2015; V. Badrinarayanan, A. Kendall, R. Cipolla, "SegNet", PAMI 2017.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from course_utils.check import check_int, check_shape


def unpool_by_winners_loop(
    values: NDArray[np.floating], winners: NDArray[np.int64], size: tuple[int, int]
) -> NDArray[np.floating]:
    """Put each value in its place, one by one: the slow twin of `unpool_by_winners`, on arrays.

    Takes what `course_utils.scratch.pooling.max_pool.max_pool` returns.
    """
    out = np.zeros((*values.shape[:2], *size), dtype=values.dtype)
    for n, c, i, j in np.ndindex(*values.shape):
        row, column = divmod(int(winners[n, c, i, j]), size[1])
        out[n, c, row, column] = values[n, c, i, j]
    return out


def unpool_by_winners(values: Tensor, winners: Tensor, size: tuple[int, int]) -> Tensor:
    """Put each value where the maximum of its window was; zeros elsewhere.

    Args:
        values: pooled maps, or maps of the same size from further up, (N, C, h, w).
        winners: int64, same shape: ``row * W + column`` of each maximum, as ``F.max_pool2d`` returns them with
            ``return_indices=True``. Windows must not overlap: a pixel that won twice would keep one value only.
        size: (H, W) of the result: that of the map before pooling, odd sizes too.

    Returns:
        (N, C, H, W).

    Raises:
        ValueError: if shapes differ or an index lies outside.
    """
    n, c = check_shape("values", values, (None, None, None, None)).shape[:2]
    check_shape("winners", winners, values.shape)
    pixels = size[0] * size[1]
    if winners.numel() and not winners.is_meta and not (winners.min() >= 0 and winners.max() < pixels):
        raise ValueError(f"winners must lie in 0..{pixels - 1} for a map of {size}, got up to {int(winners.max())}")
    flat = values.new_zeros(n, c, pixels)
    return flat.scatter(2, winners.flatten(2), values.flatten(2)).view(n, c, *size)


def unpool_bed_of_nails(x: Tensor, factor: int = 2) -> Tensor:
    """Put each value into the upper left corner of its window, zeros elsewhere: (N, C, f h, f w)."""
    check_int("factor", factor, minimum=1)
    n, c, height, width = check_shape("x", x, (None, None, None, None)).shape
    out = x.new_zeros(n, c, factor * height, factor * width)
    out[:, :, ::factor, ::factor] = x
    return out


def unpool_nearest(x: Tensor, factor: int = 2) -> Tensor:
    """Fill each window with its value: (N, C, f h, f w), as nearest-neighbour upsampling."""
    check_int("factor", factor, minimum=1)
    return x.repeat_interleave(factor, dim=-2).repeat_interleave(factor, dim=-1)

"""Dense output from a strided network by running it on shifted images and interlacing the results.

A network of stride f says something about every f-th pixel. Shift the image by one pixel, and it speaks about the
pixels beside them. f * f shifts cover all: for five halvings, 32 * 32 = 1024 runs. The dilated twin computes the same
numbers in one run, because it does not repeat what the shifted runs have in common.

Source: P. Sermanet et al., "OverFeat", ICLR 2014, section 3.3; J. Long, E. Shelhamer, T. Darrell, CVPR 2015,
section 3.2.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from course_utils.check import check_int, check_shape


def shifts(factor: int) -> Iterator[tuple[int, int]]:
    """Yield all pairs (rows, columns) by which the image is moved, ``factor ** 2`` of them."""
    check_int("factor", factor, minimum=1)
    return ((i, j) for i in range(factor) for j in range(factor))


def stitch(maps: dict[tuple[int, int], Tensor], factor: int) -> Tensor:
    """Interlace the maps of all shifts: that of shift (i, j) fills rows i, i + f, ... and columns j, j + f, ...

    Args:
        maps: by shift, each (N, K, rows, columns); maps of larger shifts may have a row or column less.
        factor: f.

    Returns:
        (N, K, H', W') with as many rows as those of the shifts (0, 0) to (f - 1, 0) together.
    """
    height = sum(maps[i, 0].shape[2] for i in range(factor))
    width = sum(maps[0, j].shape[3] for j in range(factor))
    first = maps[0, 0]
    out = first.new_empty(*first.shape[:2], height, width)
    for i, j in shifts(factor):
        out[:, :, i::factor, j::factor] = maps[i, j]
    return out


def shift_and_stitch(model: nn.Module, x: Tensor, factor: int) -> Tensor:
    """Return the output of a strided network at every pixel, by f * f runs.

    It equals ``dilated_twin(model)(x)`` exactly if the network pads nothing (pad the image instead, once). With
    padding inside, runs near the border see a zero where the twin sees a pixel; further in they agree.

    Args:
        model: maps (N, C, H, W) to (N, K, rows, columns); the product of its strides is ``factor``.
        x: images; each side must leave at least one output after a shift of ``factor - 1`` pixels.
        factor: f.

    Returns:
        (N, K, H', W'): for a network of field r without padding, H' = H - r + 1.

    Raises:
        ValueError: if the image is too small for all shifts.
    """
    check_shape("x", x, (None, None, None, None))
    maps: dict[tuple[int, int], Tensor] = {}
    with torch.no_grad():
        for i, j in shifts(factor):
            try:
                maps[i, j] = model(x[:, :, i:, j:])
            except RuntimeError as error:
                if (i, j) == (0, 0):  # not a matter of shifts
                    raise
                raise ValueError(
                    f"x of {tuple(x.shape[2:])} pixels is too small after a shift by {(i, j)}; pad it by "
                    f"{factor - 1} pixels first"
                ) from error
    return stitch(maps, factor)

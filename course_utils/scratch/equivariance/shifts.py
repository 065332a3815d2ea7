"""Shift first or filter first: by how much the two orders differ (chapters 05c and 05d)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.check import check_int, check_shape

Layer = Callable[[Tensor], Tensor]
Move = Callable[[Tensor, tuple[int, int]], Tensor]


def roll(x: Tensor, shift: tuple[int, int]) -> Tensor:
    """Move maps circularly: what leaves at one side enters at the other.

    Args:
        x: shape (..., H, W).
        shift: rows down and columns to the right.
    """
    return torch.roll(x, shift, dims=(-2, -1))


def slide(x: Tensor, shift: tuple[int, int]) -> Tensor:
    """Move maps and let zeros enter: what leaves is lost.

    Args:
        x: shape (..., H, W).
        shift: rows down and columns to the right.
    """
    down, right = shift
    height, width = x.shape[-2:]
    padded = F.pad(x, (max(right, 0), max(-right, 0), max(down, 0), max(-down, 0)))
    top, left = max(-down, 0), max(-right, 0)
    return padded[..., top : top + height, left : left + width]


def shift_gap(layer: Layer, x: Tensor, shift: tuple[int, int], stride: int = 1, move: Move = roll) -> Tensor:
    """Return ``layer(move(x)) - move(layer(x))``: zero everywhere if the layer is equivariant to this shift.

    Args:
        layer: maps (N, C, H, W) to maps.
        x: shape (N, C, H, W).
        shift: rows down and columns to the right, in pixels of the input.
        stride: of the layer. The output moves by ``shift / stride``, so both numbers must be multiples of it.
        move: `roll` or `slide`.

    Raises:
        ValueError: if the shift is no whole number of output pixels.
    """
    check_int("stride", stride, minimum=1)
    if shift[0] % stride or shift[1] % stride:
        raise ValueError(
            f"shift must be a multiple of stride {stride}, got {shift}: the output cannot move by part of a pixel"
        )
    return layer(move(x, shift)) - move(layer(x), (shift[0] // stride, shift[1] // stride))


def nearest_roll_gap(layer: Layer, x: Tensor, shift: tuple[int, int]) -> tuple[float, tuple[int, int]]:
    """Compare the output after a shift with *every* roll of the output before.

    Args:
        layer: maps (N, C, H, W) to maps.
        x: shape (N, C, H, W).
        shift: rows and columns, in pixels of the input.

    Returns:
        ``(gap, roll)``: the smallest largest absolute difference, and the roll that reaches it. A gap of 0 means
        that the output moved and did not change otherwise.
    """
    before, after = layer(x), layer(roll(x, shift))
    gaps = {
        (down, right): float((after - roll(before, (down, right))).abs().max())
        for down in range(before.shape[-2])
        for right in range(before.shape[-1])
    }
    best = min(gaps, key=lambda move: gaps[move])
    return gaps[best], best


def unchanged_fraction(before: Tensor, after: Tensor, tolerance: float = 0.0) -> float:
    """Return the share of numbers that differ by at most ``tolerance``.

    Raises:
        ValueError: if the shapes differ.
    """
    check_shape("after", after, before.shape)
    return float(((after - before).abs() <= tolerance).double().mean())


def relative_change(before: Tensor, after: Tensor) -> float:
    """Return the length of the difference over the length of ``before``: 0 unchanged, 1 as large as the signal.

    Raises:
        ValueError: if the shapes differ.
    """
    check_shape("after", after, before.shape)
    return float((after - before).norm() / before.norm())


def expected_unchanged(kernel_size: int, shift: int = 1) -> float:
    """Return the share of max-pooled values that survive a shift along one axis, ``(k - d) / (k + d)``.

    For independent values without ties. The old and the new window share ``k (k - d)`` of the ``k (k + d)`` places
    that they cover together, and the value survives exactly when the largest of all lies in the shared part.

    Args:
        kernel_size: side k of the window, at least 1.
        shift: pixels d along one axis, at least 0; from ``k`` on nothing is shared.
    """
    k, d = check_int("kernel_size", kernel_size, minimum=1), check_int("shift", shift, minimum=0)
    return max(0, k - d) / (k + d)


def shared_winner_fraction(x: Tensor, kernel_size: int, shift: int = 1) -> float:
    """Count the same share by loops over all windows at stride 1: the slow twin of the formula above.

    Args:
        x: one map, shape (H, W), values without ties.
        kernel_size: side of the window.
        shift: columns that the window moves.
    """
    check_shape("x", x, (None, None))
    kept = total = 0
    for i in range(x.shape[0] - kernel_size + 1):
        for j in range(x.shape[1] - kernel_size - shift + 1):
            old = x[i : i + kernel_size, j : j + kernel_size].max()
            new = x[i : i + kernel_size, j + shift : j + shift + kernel_size].max()
            kept += int(old == new)
            total += 1
    return kept / total

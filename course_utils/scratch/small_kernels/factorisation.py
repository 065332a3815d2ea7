"""Can two 3x3 layers compute what one 5x5 layer computes? How well, and from how many maps between (chapter 06c)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from course_utils.check import check_int, check_shape
from course_utils.scratch.small_kernels.composition import compose


@dataclass(frozen=True)
class Pair:
    """Two 3x3 layers that stand for one 5x5 kernel.

    Args:
        first: weight (M, 1, 3, 3).
        second: weight (1, M, 3, 3).
        residual: share of the kernel's squared length that is missing, 0..1.
    """

    first: Tensor
    second: Tensor
    residual: float


def residual_share(kernel: Tensor, first: Tensor, second: Tensor) -> float:
    """Return the share of the squared length of a 5x5 kernel that a pair of 3x3 layers misses."""
    missing = kernel - compose(first, second)[0, 0]
    return float((missing**2).sum() / (kernel**2).sum())


def fit_pair(kernel: Tensor, maps: int, *, restarts: int = 5, steps: int = 60, seed: int = 0) -> Pair:
    """Find the two 3x3 layers that come closest to a 5x5 kernel.

    With one layer held, the best other layer solves a linear least-squares problem; a few rounds of that, then
    Levenberg and Marquardt's steps on both together. The best of some random starts is returned: nothing promises
    that it is the best of all.

    Args:
        kernel: (5, 5), float64 for residuals below 1e-7.
        maps: between the two layers, at least 1.
        restarts: random starts, at least 1.
        steps: of each start.
        seed: of the starts.
    """
    check_shape("kernel", kernel, (5, 5))
    check_int("maps", maps, minimum=1)
    check_int("restarts", restarts, minimum=1)
    generator = torch.Generator().manual_seed(seed)
    target = kernel.flatten() / kernel.norm()
    places = _places(kernel.dtype)
    best: Tensor | None = None
    lowest = float("inf")
    for _ in range(restarts):
        values = torch.randn(2, maps, 9, generator=generator, dtype=kernel.dtype)
        for _ in range(5):
            for side in (0, 1):
                held = torch.einsum("ma,abp->pmb", values[1 - side], places if side else places.transpose(0, 1))
                # Many solutions are equally good, because products alone count: the shortest is taken.
                values[side] = (torch.linalg.pinv(held.reshape(25, -1)) @ target).view(maps, 9)
        values, error = _marquardt(values, target, places, steps)
        if error < lowest:
            lowest, best = error, values
    assert best is not None
    scale = float(kernel.norm())
    first, second = (best[0] * scale).view(maps, 1, 3, 3), best[1].view(1, maps, 3, 3)
    return Pair(first, second, residual_share(kernel, first, second))


def shifted_pair(kernel: Tensor) -> Pair:
    """Build two 3x3 layers that equal a 5x5 kernel exactly, without any fit.

    The first layer has nine maps, each of them the picture moved by one of its nine taps. The second layer then finds
    every pixel of the 5x5 window in some map at some tap: each of the 25 weights is put into one such place.

    Args:
        kernel: (5, 5).
    """
    check_shape("kernel", kernel, (5, 5))
    first = torch.eye(9, dtype=kernel.dtype).view(9, 1, 3, 3)
    second = kernel.new_zeros(1, 9, 3, 3)
    for row in range(5):
        for column in range(5):
            a, b = min(row, 2), min(column, 2)  # which map; the rest of the way is the second layer's tap
            second[0, 3 * a + b, row - a, column - b] = kernel[row, column]
    return Pair(first, second, residual_share(kernel, first, second))


def through_relu(pair: Pair) -> Pair:
    """Return a pair with twice the maps that computes the same with a ReLU between the layers.

    Every map is passed on with either sign, and put together again: ``x = relu(x) - relu(-x)``.
    """
    first, second = torch.cat([pair.first, -pair.first]), torch.cat([pair.second, -pair.second], dim=1)
    return Pair(first, second, pair.residual)


def _places(dtype: torch.dtype) -> Tensor:
    """Which of the 25 pixels tap ``a`` of the first and tap ``b`` of the second layer meet: (9, 9, 25)."""
    places = torch.zeros(9, 9, 25, dtype=dtype)
    for a in range(9):
        for b in range(9):
            places[a, b, 5 * (a // 3 + b // 3) + a % 3 + b % 3] = 1
    return places


def _marquardt(values: Tensor, target: Tensor, places: Tensor, steps: int) -> tuple[Tensor, float]:
    def missing(v: Tensor) -> Tensor:
        return torch.einsum("ma,mb,abp->p", v[0], v[1], places) - target

    gap, damping = missing(values), 1e-2
    error = float(gap @ gap)
    for _ in range(steps):
        slopes = torch.stack(
            [
                torch.einsum("mb,abp->pma", values[1], places),
                torch.einsum("ma,abp->pmb", values[0], places),
            ],
            dim=1,
        ).flatten(1)
        eye = damping * torch.eye(slopes.shape[1], dtype=slopes.dtype)
        step = torch.linalg.solve(slopes.T @ slopes + eye, slopes.T @ gap).view_as(values)
        tried = missing(values - step)
        if float(tried @ tried) < error:
            values, gap, error, damping = values - step, tried, float(tried @ tried), max(damping / 4, 1e-10)
        else:
            damping *= 4
        if error < 1e-26:
            break
    return values, error

"""Turn or enlarge first, or filter first: convolution cannot tell a shift from no shift, but it can tell these
(chapter 05d)."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.check import check_int, check_number, check_shape
from course_utils.scratch.equivariance.shifts import Layer


def quarter_turn_gap(layer: Layer, x: Tensor, turns: int = 1) -> Tensor:
    """Return ``layer(turn(x)) - turn(layer(x))`` for turns by 90 degrees, which no interpolation blurs.

    Args:
        layer: maps (N, C, H, W) to maps.
        x: square maps, shape (N, C, H, H).
        turns: number of quarter turns counter-clockwise.
    """
    return layer(torch.rot90(x, turns, (-2, -1))) - torch.rot90(layer(x), turns, (-2, -1))


def isotropic_kernel(size: int, profile: Callable[[Tensor], Tensor] | None = None) -> Tensor:
    """Return a kernel whose weights depend only on the distance from its centre.

    Args:
        size: side, odd.
        profile: weight as a function of the distance in pixels; None for a bell of width ``size / 5``.

    Returns:
        float64, shape (size, size).

    Raises:
        ValueError: if ``size`` is even: then no pixel is the centre.
    """
    if check_int("size", size, minimum=1) % 2 == 0:
        raise ValueError(f"size must be odd, got {size}: an even kernel has no centre pixel")
    axis = torch.arange(size, dtype=torch.float64) - size // 2
    distance = (axis[:, None] ** 2 + axis[None, :] ** 2).sqrt()
    return torch.exp(-((distance / (size / 5)) ** 2) / 2) if profile is None else profile(distance)


def is_turn_symmetric(kernel: Tensor, tolerance: float = 1e-12) -> bool:
    """Tell whether a kernel stays the same under a quarter turn.

    Args:
        kernel: shape (k, k).
        tolerance: largest difference that counts as equal.
    """
    check_shape("kernel", kernel, (None, None))
    return bool((kernel - torch.rot90(kernel)).abs().max() <= tolerance)


def turn(x: Tensor, degrees: float) -> Tensor:
    """Turn maps about their centre by any angle, with bilinear interpolation; zeros enter at the corners.

    Args:
        x: shape (N, C, H, W), floating point.
        degrees: counter-clockwise.
    """
    angle = math.radians(check_number("degrees", degrees))
    cos, sin = math.cos(angle), math.sin(angle)
    return _resample(x, [[cos, -sin, 0.0], [sin, cos, 0.0]])


def enlarge(x: Tensor, factor: float) -> Tensor:
    """Scale maps about their centre, with bilinear interpolation; the size of the map stays.

    Args:
        x: shape (N, C, H, W), floating point.
        factor: above 0; 2 shows the middle half twice as large.
    """
    check_number("factor", factor, above=0)
    return _resample(x, [[1 / factor, 0.0, 0.0], [0.0, 1 / factor, 0.0]])


def move_gap(layer: Layer, x: Tensor, move: Callable[[Tensor], Tensor], margin: int = 0) -> float:
    """Return how far the two orders lie apart, relative to the output, inside a margin.

    Args:
        layer: maps (N, C, H, W) to maps of the same size.
        x: shape (N, C, H, W).
        move: a transformation of maps.
        margin: rows and columns at the border that are left out, so that what enters there does not count.

    Returns:
        Length of the difference over length of ``move(layer(x))``.
    """
    first, second = layer(move(x)), move(layer(x))
    if margin:
        first, second = (m[..., margin:-margin, margin:-margin] for m in (first, second))
    return float((first - second).norm() / second.norm())


def _resample(x: Tensor, matrix: list[list[float]]) -> Tensor:
    check_shape("x", x, (None, None, None, None))
    height, width = x.shape[-2:]
    # affine_grid measures in half-sides: on a map that is not square a turn must be corrected for that.
    scaled = [[matrix[0][0], matrix[0][1] * height / width, 0.0], [matrix[1][0] * width / height, matrix[1][1], 0.0]]
    theta = torch.tensor(scaled, dtype=x.dtype, device=x.device).expand(len(x), 2, 3)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)

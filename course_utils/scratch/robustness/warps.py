"""Move, enlarge and turn whole pictures, and say in one unit how large such a change is (chapter 08d).

The unit is the mean distance that a pixel travels. Without one, "robust to shifts, not to turns" compares
pixels with degrees.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.check import check_choice, check_int, check_number

CHANGES = ("shift", "scale", "turn")


def warp(
    images: Tensor,
    *,
    right: float | Tensor = 0.0,
    down: float | Tensor = 0.0,
    factor: float | Tensor = 1.0,
    degrees: float | Tensor = 0.0,
) -> Tensor:
    """Turn pictures about their middle, enlarge them about it, then move them.

    Values between pixels are interpolated linearly; beyond the border the picture is mirrored, so no empty corner tells
    what was done.

    Args:
        images: (N, C, H, W), float.
        right: pixels, one number for all or (N,); negative to the left.
        down: pixels likewise.
        factor: above 0; above 1 enlarges.
        degrees: clockwise as seen on the screen.

    Returns:
        Pictures of the same shape.

    Raises:
        ValueError: if the shape is another one or a factor is not above 0.
    """
    if images.ndim != 4 or not images.is_floating_point():
        raise ValueError(f"images must be float (N, C, H, W), got {images.dtype} {tuple(images.shape)}")
    count, _, height, width = images.shape
    dx, dy, size, angle = (
        torch.as_tensor(v, dtype=images.dtype, device=images.device).expand(count)
        for v in (right, down, factor, degrees)
    )
    check_number("factor", float(size.min()), above=0)
    cos, sin = torch.cos(torch.deg2rad(angle)) / size, torch.sin(torch.deg2rad(angle)) / size
    y, x = torch.meshgrid(
        torch.arange(height, dtype=images.dtype, device=images.device) - (height - 1) / 2,
        torch.arange(width, dtype=images.dtype, device=images.device) - (width - 1) / 2,
        indexing="ij",
    )
    # Where each pixel of the result comes from: the change, undone.
    x, y = x - dx[:, None, None], y - dy[:, None, None]
    cos, sin = cos[:, None, None], sin[:, None, None]
    source_x, source_y = cos * x + sin * y, -sin * x + cos * y
    grid = torch.stack([2 * source_x / width, 2 * source_y / height], dim=-1)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def mean_radius(height: int, width: int) -> float:
    """Mean distance of a pixel from the middle of a picture, in pixels."""
    check_int("height", height, minimum=1)
    check_int("width", width, minimum=1)
    y, x = torch.arange(height) - (height - 1) / 2, torch.arange(width) - (width - 1) / 2
    return float(torch.hypot(y[:, None], x[None].expand(height, width)).mean())


def same_travel(change: str, pixels: float, height: int, width: int) -> float:
    """Amount of a change in which a pixel travels a given distance on average.

    Args:
        change: ``"shift"``, ``"scale"`` or ``"turn"``.
        pixels: mean distance, at least 0.
        height: of the picture.
        width: of the picture.

    Returns:
        Pixels of a shift; factor of an enlargement, above 1; degrees of a turn.

    Raises:
        ValueError: if no turn moves pixels so far.
    """
    check_choice("change", change, CHANGES)
    check_number("pixels", pixels, minimum=0)
    radius = mean_radius(height, width)
    if change == "shift":
        return pixels
    if change == "scale":
        return 1 + pixels / radius
    if pixels > 2 * radius:
        raise ValueError(f"pixels must be at most {2 * radius:.1f}, got {pixels}: half a turn moves them no farther")
    return math.degrees(2 * math.asin(pixels / (2 * radius)))


def changed(images: Tensor, change: str, amount: float, seed: int = 0) -> Tensor:
    """Change each picture by the same amount, each in its own direction.

    Args:
        images: (N, C, H, W), float.
        change: ``"shift"`` (in any direction), ``"scale"`` (larger or smaller) or ``"turn"`` (either way).
        amount: pixels, factor or degrees; see :func:`same_travel`.
        seed: of the directions.
    """
    check_choice("change", change, CHANGES)
    draw = torch.rand(len(images), generator=torch.Generator().manual_seed(seed)).to(images)
    sign = torch.where(draw < 0.5, -1.0, 1.0).to(images)
    if change == "shift":
        angle = 2 * math.pi * draw
        return warp(images, right=amount * angle.cos(), down=amount * angle.sin())
    if change == "scale":
        check_number("amount", amount, above=0)
        return warp(images, factor=amount**sign)
    return warp(images, degrees=amount * sign)

"""Correspondence: which place of another picture belongs to this one, asked of a layer and scored where it is known.

Chapter 08c teaches it.

Source: J. Long, N. Zhang, T. Darrell, "Do convnets learn correspondence?" (2014). The share of hits within a reach is
the PCK of Y. Yang and D. Ramanan, "Articulated human detection with flexible mixtures of parts" (2013).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.check import check_int, check_number, check_shape


@dataclass(frozen=True, eq=False)
class WarpedPairs:
    """Pictures, and the same pictures turned, scaled and shifted.

    Args:
        images: (N, C, H, W).
        warped: (N, C, H, W).
        matrices: (N, 2, 3): pixel (x, y, 1) of a picture lies at ``matrix @ (x, y, 1)`` of its warped twin.
    """

    images: Tensor
    warped: Tensor
    matrices: Tensor

    def follow(self, points: Tensor) -> Tensor:
        """Where points (N, P, 2), x before y in pixels, lie in the warped pictures: the truth, (N, P, 2)."""
        check_shape("points", points, (len(self.matrices), None, 2))
        ones = torch.ones_like(points[..., :1])
        return torch.cat([points, ones], 2) @ self.matrices.transpose(1, 2).to(points)


def warp_pairs(
    images: Tensor, degrees: float = 30.0, scale: float = 0.2, shift: float = 0.1, seed: int = 0
) -> WarpedPairs:
    """Turn, scale and shift pictures at random around their middle; the border is mirrored.

    Args:
        images: float (N, C, H, W).
        degrees: largest turn, either way.
        scale: largest change of size: 0.2 gives 0.8 to 1.2.
        shift: largest shift as a share of the side.
        seed: at least 0.
    """
    check_shape("images", images, (None, None, None, None))
    check_number("degrees", degrees, minimum=0)
    check_number("scale", scale, minimum=0, below=1)
    check_number("shift", shift, minimum=0)
    n, _, height, width = images.shape
    draw = torch.Generator().manual_seed(check_int("seed", seed, minimum=0))
    numbers = 2 * torch.rand(n, 4, generator=draw, dtype=torch.float64) - 1
    angle, size = numbers[:, 0] * math.radians(degrees), 1 + numbers[:, 1] * scale
    cos, sin = angle.cos() * size, angle.sin() * size
    linear = torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)  # (N, 2, 2)
    middle = torch.tensor([(width - 1) / 2, (height - 1) / 2], dtype=torch.float64)
    move = middle + numbers[:, 2:] * shift * torch.tensor([width, height]) - linear @ middle
    matrices = torch.cat([linear, move[:, :, None]], 2)
    # To draw the warped picture, each of its pixels asks where it came from.
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    here = torch.stack([x, y], 2).reshape(1, -1, 2).double()
    origin = (here - move[:, None]) @ torch.linalg.inv(linear).transpose(1, 2)
    side = torch.tensor([width - 1, height - 1], dtype=torch.float64).clamp(min=1)
    grid = (2 * origin / side - 1).view(n, height, width, 2).to(images)
    warped = F.grid_sample(images, grid, padding_mode="reflection", align_corners=True)
    return WarpedPairs(images, warped, matrices)


def at_points(maps: Tensor, points: Tensor, size: tuple[int, int]) -> Tensor:
    """Read maps at points of the picture, between units by bilinear interpolation.

    Args:
        maps: (N, C, h, w), a grid that covers the picture evenly.
        points: (N, P, 2), x before y, in pixels of the picture; whole numbers are middles of pixels.
        size: height and width of the picture.

    Returns:
        (N, P, C).
    """
    check_shape("maps", maps, (None, None, None, None))
    check_shape("points", points, (len(maps), None, 2))
    scale = torch.tensor([size[1], size[0]], dtype=points.dtype, device=points.device)
    grid = (2 * (points + 0.5) / scale - 1).to(maps)
    read = F.grid_sample(maps, grid[:, :, None], padding_mode="border", align_corners=False)
    return read[..., 0].transpose(1, 2)


def match(maps: Tensor, other: Tensor, points: Tensor, size: tuple[int, int], fine: int = 2) -> Tensor:
    """For points of one picture, find the places of the other whose activations point most nearly the same way.

    Args:
        maps: (N, C, h, w), a layer's maps of the pictures that hold the points.
        other: (N, C, h, w), of the pictures to search.
        points: (N, P, 2), x before y, in pixels.
        size: height and width of the pictures.
        fine: search every ``fine``-th pixel; maps are interpolated between their units.

    Returns:
        (N, P, 2), x before y, in pixels.
    """
    check_int("fine", fine, minimum=1)
    if len(maps) != len(other) or maps.shape[1] != other.shape[1]:
        raise ValueError(f"maps and other must agree in N and C, got {tuple(maps.shape)} and {tuple(other.shape)}")
    y, x = torch.meshgrid(
        torch.arange(0, size[0], fine, device=maps.device), torch.arange(0, size[1], fine, device=maps.device),
        indexing="ij",
    )  # fmt: skip
    places = torch.stack([x, y], 2).reshape(1, -1, 2).to(points).expand(len(maps), -1, -1)
    wanted = F.normalize(at_points(maps, points, size), dim=2)
    found = F.normalize(at_points(other, places, size), dim=2)
    best = (wanted @ found.transpose(1, 2)).argmax(2)  # (N, P)
    return places.gather(1, best[..., None].expand(-1, -1, 2))


def hit_rate(found: Tensor, truth: Tensor, reach: float) -> float:
    """Share of points found within ``reach`` pixels of the truth (PCK)."""
    check_number("reach", reach, minimum=0)
    if found.shape != truth.shape:
        raise ValueError(f"found and truth must have one shape, got {tuple(found.shape)} and {tuple(truth.shape)}")
    return float(((found - truth).norm(dim=-1) <= reach).float().mean())


def chance_rate(truth: Tensor, size: tuple[int, int], reach: float, fine: int = 2) -> float:
    """Hit rate of an answer drawn evenly from all places that `match` can return."""
    y, x = torch.meshgrid(torch.arange(0, size[0], fine), torch.arange(0, size[1], fine), indexing="ij")
    places = torch.stack([x, y], 2).reshape(-1, 2).to(truth)
    return float((torch.cdist(truth.reshape(-1, 2), places) <= reach).float().mean())

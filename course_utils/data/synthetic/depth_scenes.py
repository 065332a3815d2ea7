"""Scenes seen in colour and in depth, in which neither is enough: posters lie flat, solids stand out.

Every surface, raised or flat, has a pattern of its own in colours drawn without regard to what it is. Colour shows
where a thing ends, not whether it has a height; depth shows heights, and no poster. The sensor is not perfect: its
noise grows with the square of the distance, and it has holes where one of its two eyes cannot look, and on shiny spots.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.check import check_int, check_number
from course_utils.data.synthetic.draws import Draws
from course_utils.data.synthetic.textures import hsv_to_rgb

DEPTH_CLASSES = ("ground", "poster", "solid")
CELLS = 4  # a scene is a 2 x 2 table of places
GRAIN = 9  # nodes of a pattern along a side
NEAR, FAR = 1.5, 3.5  # metres to the ground at the lower border, and at most at the upper


@dataclass(frozen=True, eq=False)
class DepthScenes:
    """Pictures with the distance of every pixel, true and as a sensor measures it.

    Args:
        images: uint8 (N, 3, H, W).
        depth: float32 (N, H, W), true distance in metres.
        measured: float32 (N, H, W), metres; 0 where the sensor found nothing.
        labels: int64 (N, H, W), positions in ``classes``.
        classes: names of the labels.
    """

    images: Tensor
    depth: Tensor
    measured: Tensor
    labels: Tensor
    classes: tuple[str, ...] = DEPTH_CLASSES

    def __len__(self) -> int:
        return len(self.images)

    @property
    def holes(self) -> Tensor:
        """Bool (N, H, W): where the sensor found nothing."""
        return self.measured == 0

    def subset(self, index: Any) -> DepthScenes:
        """Return the scenes chosen by a slice, a tensor of positions or a mask."""
        tensors: dict[str, Any] = {k: v[index] for k, v in vars(self).items() if isinstance(v, Tensor)}
        return replace(self, **tensors)


def hidden_from_one_eye(depth: Tensor, baseline: float) -> Tensor:
    """Return where the second camera of a stereo pair cannot look, because something nearer stands before it.

    A pixel at distance d is shifted by ``baseline / d`` pixels in the second picture. What lies k pixels further right
    hides it if it is shifted by at least k more.

    Args:
        depth: (N, H, W), above 0.
        baseline: pixels times metres, at least 0.

    Returns:
        Bool (N, H, W).
    """
    shift = check_number("baseline", baseline, minimum=0) / depth
    hidden = torch.zeros_like(depth, dtype=torch.bool)
    for k in range(1, int(shift.max() - shift.min()) + 1):
        hidden[..., :-k] |= shift[..., k:] - shift[..., :-k] >= k
    return hidden


def measure_depth(
    depth: Tensor, draws: Draws, noise: float = 0.01, baseline: float = 30.0, shiny: float = 0.06
) -> Tensor:
    """Return distances as a stereo sensor measures them, (N, H, W); 0 in its holes.

    Args:
        depth: (N, H, W), true distances in metres.
        draws: for N scenes.
        noise: standard deviation at one metre, in metres, at least 0; it grows with the square of the distance.
        baseline: see `hidden_from_one_eye`; 0 makes no shadows.
        shiny: share of all pixels that lie in spots without an answer, 0..1.
    """
    check_number("noise", noise, minimum=0)
    check_number("shiny", shiny, minimum=0, maximum=1)
    height, width = depth.shape[1:]
    # Twelve uniform numbers sum to nearly a normal one, the same in every library version.
    normal = sum((draws.uniform(height, width) for _ in range(12)), torch.zeros(())) - 6
    measured = (depth + noise * depth**2 * normal).clamp_min(0.01)
    spots = F.interpolate(draws.uniform(1, GRAIN, GRAIN), (height, width), mode="bilinear", align_corners=False)[:, 0]
    edge = spots.flatten(1).quantile(1 - shiny, dim=1)[:, None, None]
    holes = hidden_from_one_eye(depth, baseline)
    if shiny > 0:
        holes = holes | (spots > edge)
    return measured.masked_fill(holes, 0.0)


def _surfaces(draws: Draws, size: int) -> Tensor:
    """Paint the ground and one surface a cell, (N, 1 + CELLS, 3, H, W) in 0..1; a third have the ground's colours."""
    slots = 1 + CELLS
    hue, value = draws.uniform(slots, 2), draws.uniform(slots, 2, low=0.35, high=0.95)
    saturation = draws.uniform(slots, 2, low=0.2, high=0.8)
    alike = draws.uniform(slots) < 1 / 3
    colors = hsv_to_rgb(hue, saturation, value)  # (N, slots, 2, 3)
    colors = torch.where(alike[:, :, None, None], colors[:, :1], colors)
    grain = draws.uniform(slots, GRAIN, GRAIN)
    pattern = F.interpolate(grain, (size, size), mode="bicubic", align_corners=False)
    pattern = ((pattern - 0.5) * 4 + 0.5).clamp(0, 1)[:, :, None]  # (N, slots, 1, H, W)
    first, second = colors[:, :, 0, :, None, None], colors[:, :, 1, :, None, None]
    return torch.lerp(first, second, pattern)


def make_depth_scenes(
    n: int, size: int = 48, seed: int = 0, *, noise: float = 0.01, baseline: float = 30.0, shiny: float = 0.06
) -> DepthScenes:
    """Make scenes of posters and solids on a sloping ground, with their depth.

    In each of four cells lies a poster (square or round), a solid (a box or half a ball), or nothing. A poster and the
    solid of its outline differ in depth alone.

    Args:
        n: number of scenes, at least 1.
        size: side in pixels, at least 16.
        seed: at least 0.
        noise: of the sensor, see `measure_depth`.
        baseline: of the sensor's two eyes.
        shiny: share of pixels in spots without an answer.

    Returns:
        DepthScenes.

    Raises:
        ValueError: an argument is out of range.
    """
    check_int("size", size, minimum=16)
    draws = Draws(n, seed, "depth scenes")
    surfaces = _surfaces(draws, size)
    line = (torch.arange(size) + 0.5) / size
    far = draws.uniform(low=NEAR + 0.2, high=FAR)[:, None, None]
    depth = (far + (NEAR - far) * line[None, :, None]).repeat(1, 1, size)
    labels = torch.zeros(n, size, size, dtype=torch.int64)
    image = surfaces[:, 0]
    kind = (draws.choice(6, CELLS) - 1).clamp_min(0)  # nothing (twice), square poster, round poster, box, half a ball
    radius = draws.uniform(CELLS, low=0.12, high=0.17)
    height = draws.uniform(CELLS, low=0.15, high=0.45)
    jitter = draws.uniform(CELLS, 2, low=-0.08, high=0.08)
    for cell in range(CELLS):
        x = 0.25 + 0.5 * (cell % 2) + jitter[:, cell, 0, None, None]
        y = 0.25 + 0.5 * (cell // 2) + jitter[:, cell, 1, None, None]
        dx, dy = (line - x).abs(), (line[:, None] - y).abs()
        r, what = radius[:, cell, None, None], kind[:, cell, None, None]
        round_part = (1 - (dx**2 + dy**2) / r**2).clamp_min(0)
        square = torch.maximum(dx, dy) < 0.88 * r  # about the area of the disc
        inside = torch.where((what == 1) | (what == 3), square, round_part > 0) & (what > 0)
        rise = height[:, cell, None, None] * torch.where(what == 3, 1.0, round_part.sqrt()) * (what >= 3)
        depth = torch.where(inside, depth - rise, depth)
        labels = torch.where(inside, 1 + (what >= 3).long(), labels)
        image = torch.where(inside[:, None], surfaces[:, 1 + cell], image)
    measured = measure_depth(depth, draws, noise, baseline, shiny)
    return DepthScenes((image * 255).round().to(torch.uint8), depth, measured, labels)

"""What lies behind the objects: one colour, a gradient, or a random part of a real photo."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.check import check_choice
from course_utils.data.photos import photo
from course_utils.data.synthetic.draws import Draws
from course_utils.data.synthetic.textures import hsv_to_rgb

BACKGROUNDS = ("plain", "gradient", "photo")
PHOTOS = (
    "astronaut", "brick", "cat", "china", "coffee", "flower", "grass", "gravel", "motorcycle_left", "rocket", "tissue",
)  # fmt: skip


@lru_cache(maxsize=4)
def photo_atlas(size: int) -> Tensor:
    """Return the photos as one uint8 tensor (P, 3, 2 * size, 2 * size) to cut backgrounds from."""
    return torch.stack([photo(name, 2 * size) for name in PHOTOS])


@dataclass(frozen=True, eq=False)
class Backgrounds:
    """What lies behind the objects of N scenes.

    Args:
        style: one of ``BACKGROUNDS``.
        size: side of the image in pixels.
        first, second: (N, 3), the colours of a plain ground (``first``) and of a gradient, 0..1.
        angle: (N,), direction of the gradient in radians.
        photo: int64 (N,), position in ``PHOTOS``.
        left, top: int64 (N,), where the part is cut out of the photo.
        gain: (N,), contrast of the photo, 0..1.
        level: (N,), brightness that replaces the lost contrast, 0..1.
    """

    style: str
    size: int
    first: Tensor
    second: Tensor
    angle: Tensor
    photo: Tensor
    left: Tensor
    top: Tensor
    gain: Tensor
    level: Tensor

    def __len__(self) -> int:
        return len(self.first)

    def subset(self, index: Any) -> Backgrounds:
        """Return the backgrounds of the chosen scenes."""
        tensors: dict[str, Any] = {
            name: value[index] for name, value in vars(self).items() if isinstance(value, Tensor)
        }
        return replace(self, **tensors)

    def paint(self) -> Tensor:
        """Return the pictures, float32 (N, 3, size, size), 0..1."""
        if self.style == "photo":
            windows = photo_atlas(self.size).unfold(2, self.size, 1).unfold(3, self.size, 1)
            parts = windows[self.photo, :, self.top, self.left]
            return self._toned(parts.float().div_(255))
        steps = (torch.arange(self.size) + 0.5) / self.size - 0.5
        return self._shaded(steps[None, None, :], steps[None, :, None])

    def paint_moved(self, motion: Tensor) -> Tensor:
        """Return the pictures after a motion that takes the point p to ``motion[:, :, :2] p + motion[:, :, 2]``.

        Args:
            motion: float32 (N, 2, 3), in pixels, image coordinates.

        Returns:
            float32 (N, 3, size, size), 0..1; photos are read between pixels (bilinear).
        """
        centre = torch.arange(self.size) + 0.5
        down, across = torch.meshgrid(centre, centre, indexing="ij")
        points = torch.stack([across, down]).reshape(2, -1)
        source = torch.linalg.solve(motion[:, :, :2], points - motion[:, :, 2:])  # (N, 2, size * size)
        if self.style != "photo":
            steps = source.reshape(-1, 2, self.size, self.size) / self.size - 0.5
            return self._shaded(steps[:, 0], steps[:, 1])
        corner = torch.stack([self.left, self.top], dim=1)[:, :, None]
        atlas = photo_atlas(self.size)
        grid = (source + corner) / self.size - 1  # the atlas is 2 * size wide: -1..1
        grid = grid.reshape(-1, 2, self.size, self.size).permute(0, 2, 3, 1)
        parts = torch.empty(len(self), 3, self.size, self.size)
        for number in self.photo.unique().tolist():
            chosen = self.photo == number
            page = (atlas[number].float() / 255)[None].expand(int(chosen.sum()), -1, -1, -1)
            parts[chosen] = F.grid_sample(page, grid[chosen], padding_mode="reflection", align_corners=False)
        return self._toned(parts)

    def _toned(self, parts: Tensor) -> Tensor:
        gain = self.gain[:, None, None, None]
        return parts.mul_(gain).add_((1 - gain) * self.level[:, None, None, None])

    def _shaded(self, across: Tensor, down: Tensor) -> Tensor:
        if self.style == "plain":
            return self.first[:, :, None, None].repeat(1, 1, self.size, self.size)
        cos, sin = self.angle.cos()[:, None, None], self.angle.sin()[:, None, None]
        share = (0.5 + 0.7 * (across * cos + down * sin)).clamp(0, 1)[:, None]
        return torch.lerp(self.first[:, :, None, None], self.second[:, :, None, None], share)


def draw_backgrounds(
    draws: Draws, size: int, style: str, margin: int = 0, photos: tuple[str, ...] = PHOTOS
) -> Backgrounds:
    """Draw the backgrounds of N scenes.

    Args:
        draws: source of random numbers, for N scenes.
        size: side of the image in pixels.
        style: one of ``BACKGROUNDS``.
        margin: pixels of photo to leave on every side, for a background that moves; at most size / 2.
        photos: the ones to cut from, names in ``PHOTOS``.
    """
    check_choice("background", style, BACKGROUNDS)
    hue, value = draws.uniform(2), draws.uniform(2, low=0.25, high=0.85)
    saturation = draws.uniform(2, low=0.05, high=0.45)
    colors = hsv_to_rgb(hue, saturation, value)
    corner = margin + (draws.uniform(2) * (size + 1 - 2 * margin)).long()
    return Backgrounds(
        style=style,
        size=size,
        first=colors[:, 0],
        second=colors[:, 1],
        angle=draws.uniform(high=2 * torch.pi),
        photo=torch.tensor([PHOTOS.index(name) for name in photos])[draws.choice(len(photos))],
        left=corner[:, 0],
        top=corner[:, 1],
        gain=draws.uniform(low=0.45, high=0.9),
        level=draws.uniform(low=0.3, high=0.7),
    )

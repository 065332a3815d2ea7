"""Random changes that keep the label: one draw an image, the whole batch at once, on its device.

Each function here returns an augmentation: a callable ``(x, generator) -> x`` on float batches
(B, C, H, W) with values in [0, 1]. The draws come from the generator (on the CPU), so the same seed
gives the same pictures on every device; the pixels move on the batch's own device.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.check import check_choice, check_int, check_number

Augment = Callable[[Tensor, torch.Generator], Tensor]


def shift_each(x: Tensor, down: Tensor, right: Tensor, fill: str = "constant") -> Tensor:
    """Move every image of a batch by its own whole number of pixels.

    Args:
        x: (B, C, H, W).
        down: int64 (B,), rows that the content moves down (negative: up).
        right: int64 (B,), columns that the content moves right.
        fill: ``"constant"`` (zeros), ``"reflect"`` or ``"replicate"``: what comes in at the border.

    Returns:
        (B, C, H, W), a new tensor.
    """
    batch, channels, height, width = x.shape
    reach = int(torch.stack([down.abs().max(), right.abs().max()]).max()) if batch else 0
    if reach == 0:
        return x.clone()
    padded = F.pad(x, (reach, reach, reach, reach), mode=fill)
    # Gathering rows first and columns second moves contiguous runs, which beats one index per pixel.
    rows = (reach - down)[:, None] + torch.arange(height)
    columns = (reach - right)[:, None] + torch.arange(width)
    rows, columns = rows.to(x.device), columns.to(x.device)
    picked = padded.gather(2, rows[:, None, :, None].expand(-1, channels, -1, padded.shape[3]))
    return picked.gather(3, columns[:, None, None, :].expand(-1, channels, height, -1))


def _whole_numbers(count: int, reach: int, generator: torch.Generator) -> Tensor:
    return torch.randint(-reach, reach + 1, (count,), generator=generator)


def _between(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(count, generator=generator)


def random_shift(pixels: int) -> Augment:
    """Return an augmentation that moves each image by up to ``pixels`` in each direction; zeros come in.

    Args:
        pixels: largest shift, at least 0.
    """
    check_int("pixels", pixels, minimum=0)

    def augment(x: Tensor, generator: torch.Generator) -> Tensor:
        down, right = (_whole_numbers(len(x), pixels, generator) for _ in range(2))
        return shift_each(x, down, right)

    return augment


def random_crop(padding: int, fill: str = "reflect") -> Augment:
    """Return an augmentation that pads each image and cuts the old size out at a random place.

    Args:
        padding: pixels added on every side, at least 0.
        fill: ``"reflect"``, ``"replicate"`` or ``"constant"`` (zeros): what the padding shows.

    Source: K. He et al., Deep Residual Learning for Image Recognition, 2016 (4 pixels, zeros, CIFAR-10).
    """
    check_int("padding", padding, minimum=0)
    check_choice("fill", fill, ("reflect", "replicate", "constant"))

    def augment(x: Tensor, generator: torch.Generator) -> Tensor:
        down, right = (_whole_numbers(len(x), padding, generator) for _ in range(2))
        return shift_each(x, down, right, fill)

    return augment


def random_flip(probability: float = 0.5) -> Augment:
    """Return an augmentation that mirrors each image left to right with the given probability.

    Args:
        probability: 0..1. Leave it out where left and right carry the label, as in digits.
    """
    check_number("probability", probability, minimum=0, maximum=1)

    def augment(x: Tensor, generator: torch.Generator) -> Tensor:
        flip = torch.rand(len(x), generator=generator) < probability
        return torch.where(flip.to(x.device)[:, None, None, None], x.flip(3), x)

    return augment


def random_affine(degrees: float = 0, scale: float = 0, shift: float = 0) -> Augment:
    """Return an augmentation that turns, scales and moves each image; zeros come in at the border.

    Args:
        degrees: largest turn in degrees, either way, 0..180.
        scale: largest change of size as a fraction: 0.1 draws a factor from 0.9..1.1; 0..0.9.
        shift: largest move as a fraction of the image's size, 0..1.
    """
    check_number("degrees", degrees, minimum=0, maximum=180)
    check_number("scale", scale, minimum=0, maximum=0.9)
    check_number("shift", shift, minimum=0, maximum=1)

    def augment(x: Tensor, generator: torch.Generator) -> Tensor:
        count, _, height, width = x.shape
        angle = _between(count, -math.radians(degrees), math.radians(degrees), generator)
        size = _between(count, 1 - scale, 1 + scale, generator)
        right, down = (_between(count, -shift, shift, generator) for _ in range(2))
        # affine_grid asks where each output pixel comes from: the inverse map, in units of half the
        # image; the aspect ratio keeps a turn a turn where height and width differ.
        cos, sin, aspect = angle.cos() / size, angle.sin() / size, height / width
        theta = torch.stack([cos, sin * aspect, -2 * (cos * right + sin * aspect * down),
                             -sin / aspect, cos, -2 * (-sin / aspect * right + cos * down)], dim=1)  # fmt: skip
        theta = theta.view(count, 2, 3).to(x.device)
        grid = F.affine_grid(theta, list(x.shape), align_corners=False)
        return F.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)

    return augment


def random_color(brightness: float = 0, contrast: float = 0) -> Augment:
    """Return an augmentation that changes brightness and contrast of each image.

    Args:
        brightness: largest amount added to or taken from every pixel, 0..1.
        contrast: largest change of the distance from the image's mean as a fraction, 0..1.
    """
    check_number("brightness", brightness, minimum=0, maximum=1)
    check_number("contrast", contrast, minimum=0, maximum=1)

    def augment(x: Tensor, generator: torch.Generator) -> Tensor:
        factor = _between(len(x), 1 - contrast, 1 + contrast, generator).to(x.device)[:, None, None, None]
        offset = _between(len(x), -brightness, brightness, generator).to(x.device)[:, None, None, None]
        mean = x.mean(dim=(1, 2, 3), keepdim=True)
        return ((x - mean) * factor + mean + offset).clamp(0, 1)

    return augment


def compose(*augments: Augment) -> Augment:
    """Return an augmentation that applies the given ones in order."""

    def augment(x: Tensor, generator: torch.Generator) -> Tensor:
        for step in augments:
            x = step(x, generator)
        return x

    return augment

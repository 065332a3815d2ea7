"""Shifts, scalings and turns of images, and how many pixels a shift changes.

Taught in chapter 02_mlp.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn import functional as F

from course_utils.check import check_int, check_number, check_shape


def add_frame(images: Tensor, pixels: int) -> Tensor:
    """Surround every image by a border of zeros, so that a shift pushes nothing out.

    Args:
        images: shape ``(N, C, H, W)``.
        pixels: width of the border, at least 0.
    """
    check_shape("images", images, (None, None, None, None))
    return F.pad(images, [check_int("pixels", pixels, minimum=0)] * 4)


def shift(images: Tensor, right: int = 0, down: int = 0) -> Tensor:
    """Move images by whole pixels; what leaves the frame is lost, what enters is 0.

    Args:
        images: shape ``(..., H, W)``.
        right: columns, negative to the left, smaller in size than W.
        down: rows, negative upwards, smaller in size than H.
    """
    height, width = images.shape[-2:]
    check_int("right", right, minimum=1 - width, maximum=width - 1)
    check_int("down", down, minimum=1 - height, maximum=height - 1)
    moved = torch.zeros_like(images)
    rows = slice(max(0, down), height + min(0, down)), slice(max(0, -down), height + min(0, -down))
    columns = slice(max(0, right), width + min(0, right)), slice(max(0, -right), width + min(0, -right))
    moved[..., rows[0], columns[0]] = images[..., rows[1], columns[1]]
    return moved


def scale_and_turn(images: Tensor, scale: float = 1.0, degrees: float = 0.0) -> Tensor:
    """Enlarge and turn images about their middle, with bilinear interpolation.

    Args:
        images: float, shape ``(N, C, H, W)``, square.
        scale: above 0; 2 doubles every length.
        degrees: anticlockwise as the picture is seen.
    """
    check_shape("images", images, (None, None, None, images.shape[-1]))
    check_number("scale", scale, above=0)
    angle = math.radians(check_number("degrees", degrees))
    # where each output pixel looks in the input: the inverse map; rows count downwards
    c, s = math.cos(angle) / scale, math.sin(angle) / scale
    theta = torch.tensor([[c, -s, 0.0], [s, c, 0.0]], dtype=images.dtype).expand(len(images), 2, 3)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="zeros", align_corners=False)


def changed_pixels(image: ArrayLike, right: int = 0, down: int = 0) -> tuple[int, int]:
    """Count the pixels of a binary image that a shift turns on, and those that it turns off.

    Args:
        image: zeros and ones, shape ``(H, W)``; what is on must stay inside of the frame.
        right: columns, negative to the left.
        down: rows, negative upwards.

    Returns:
        Turned on, turned off.

    Raises:
        ValueError: if the image is not binary or the shift pushes a pixel that is on over the edge.
    """
    before = check_shape("image", np.asarray(image), (None, None))
    if not np.isin(before, (0, 1)).all():
        raise ValueError("image must hold only 0 and 1")
    after = shift(torch.tensor(before.astype(np.int64)), right, down).numpy()
    if after.sum() != before.sum():
        raise ValueError(f"the shape must stay inside the frame, a shift by ({right}, {down}) pushes some of it out")
    return int(((after == 1) & (before == 0)).sum()), int(((after == 0) & (before == 1)).sum())

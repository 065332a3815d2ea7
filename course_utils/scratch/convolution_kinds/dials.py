"""Turned dials: nine dots on a grid, a bright pointer, any angle (chapter 05b)."""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils.check import check_int

SPACING = 3.0  # pixels between neighbouring dots
POINTER = 7.0  # pixels from the middle to the pointer
DOT = 1.3  # width of a dot, in pixels


def grid_points(angle: Tensor) -> Tensor:
    """Return where the nine dots of each dial lie, (N, 9, 2): rows and columns relative to the middle.

    Args:
        angle: (N,) radians; a positive angle turns the dial clockwise on the screen.
    """
    steps = torch.tensor([-1.0, 0.0, 1.0]) * SPACING
    upright = torch.stack([steps.repeat_interleave(3), steps.repeat(3)], dim=1)  # (9, 2): row, column
    cos, sin = angle.cos(), angle.sin()
    turn = torch.stack([torch.stack([cos, sin], -1), torch.stack([-sin, cos], -1)], dim=-2)  # (N, 2, 2)
    return (turn @ upright.T).transpose(1, 2)


def make_dials(n: int, reach: float = 1.2, size: int = 19, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Draw dials of nine dots with random brightness, each turned by its own angle.

    Args:
        n: number of dials, at least 1.
        reach: angles lie between ``-reach`` and ``reach``, radians.
        size: side of the image in pixels, at least 17.
        seed: of the draw.

    Returns:
        Images (n, 1, size, size); the brightness of the dots in the order of the *upright* grid, (n, 9); angles (n,).
    """
    check_int("n", n, minimum=1)
    check_int("size", size, minimum=17)
    generator = torch.Generator().manual_seed(seed)
    angle = (2 * torch.rand(n, generator=generator) - 1) * reach
    bright = torch.rand(n, 9, generator=generator)
    pointer = torch.stack([-POINTER * angle.cos(), POINTER * angle.sin()], dim=1)  # upwards at angle 0
    points = torch.cat([grid_points(angle), pointer[:, None]], dim=1)  # (N, 10, 2)
    height = torch.cat([bright, torch.full((n, 1), 2.0)], dim=1)
    middle = (size - 1) / 2
    axis = torch.arange(size) - middle
    rows = torch.exp(-((axis[None, None] - points[..., :1]) ** 2) / (2 * DOT**2))  # (N, 10, size)
    columns = torch.exp(-((axis[None, None] - points[..., 1:]) ** 2) / (2 * DOT**2))
    images = torch.einsum("np,npi,npj->nij", height, rows, columns)
    return images[:, None], bright, angle

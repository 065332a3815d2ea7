"""Several views of one picture: other light, place, size and grain (chapter 06).

A set for verification needs several pictures of each person. The faces that ship with the course have no names, so
views of one photo stand in for pictures of one person. They change light, frame, size and grain; they do not change
age, expression or the turn of the head, which is what makes verification hard.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.check import check_number, check_shape
from course_utils.data.augment import random_affine


def make_views(images: Tensor, generator: torch.Generator, strength: float = 1.0) -> Tensor:
    """Return one random view of each picture, with mean 0 and standard deviation 1.

    Args:
        images: (N, 1, H, W), brightness 0..1.
        generator: of all draws, on the CPU.
        strength: 0 changes nothing but the scale of the brightness; 1 turns by up to 12 degrees, scales by up to 15 %,
            moves by up to 8 %, mirrors every second picture, and lets light fall in from one side, with grain.

    Returns:
        (N, 1, H, W).
    """
    check_shape("images", images, (None, 1, None, None))
    check_number("strength", strength, minimum=0, maximum=2)
    n, _, height, width = images.shape
    draw = lambda low, high: low + (high - low) * torch.rand(n, 1, 1, 1, generator=generator)
    # The border continues outwards first, so that no black frame tells how a view was moved.
    reach = max(height, width) // 4
    wide = F.pad(images, (reach,) * 4, mode="replicate")
    share = height / (height + 2 * reach)
    x = random_affine(12 * strength, 0.15 * strength, 0.08 * strength * share)(wide, generator)
    x = x[:, :, reach : reach + height, reach : reach + width]
    if strength:
        x = torch.where(draw(0, 1) < 0.5, x.flip(3), x)
    down, right = draw(-strength, strength), draw(-strength, strength)
    rows, columns = torch.linspace(-1, 1, height)[:, None], torch.linspace(-1, 1, width)
    light = down * rows + right * columns
    grain = torch.randn(x.shape, generator=generator)
    x = x * torch.exp(0.4 * strength * draw(-1, 1)) + 0.2 * light + 0.04 * strength * grain
    return (x - x.mean(dim=(2, 3), keepdim=True)) / (x.std(dim=(2, 3), keepdim=True) + 1e-6)

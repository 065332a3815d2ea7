"""Digits as a camera would find them: somewhere in the frame, in some light.

Scikit-learn's digits are centred and evenly lit, which does half of a feature's work in advance. Here each digit is
enlarged, put at a random place of a larger frame, and given a random contrast and background.
"""

import math

import torch
from torch.nn import functional as F

from course_utils.check import check_int, check_number


def jitter(images: torch.Tensor, frame: int = 24, size: int = 16, contrast: float = 0.3, seed: int = 0) -> torch.Tensor:
    """Place each image at random in a frame with random light.

    Args:
        images: (N, 1, h, w) grey values in [0, 1].
        frame: side of the output in pixels, at least ``size``.
        size: side to which each image is enlarged, in pixels.
        contrast: lowest contrast; each image gets its own from [contrast, 1] and a background that keeps it in [0, 1].
        seed: the same seed gives the same frames.

    Returns:
        (N, 1, frame, frame) float32 in [0, 1].

    Raises:
        ValueError: if the enlarged image does not fit into the frame.
    """
    check_int("size", size, minimum=1)
    check_int("frame", frame, minimum=size)
    check_number("contrast", contrast, minimum=0, maximum=1)
    generator = torch.Generator().manual_seed(seed)
    count = len(images)
    large = F.interpolate(images.float(), size=(size, size), mode="bilinear", align_corners=False).clamp(0, 1)
    row = torch.randint(0, frame - size + 1, (count,), generator=generator)
    column = torch.randint(0, frame - size + 1, (count,), generator=generator)
    gain = contrast + (1 - contrast) * torch.rand(count, generator=generator)
    background = (1 - gain) * torch.rand(count, generator=generator)
    out = torch.zeros(count, 1, frame, frame)
    for i in range(count):
        r, c = int(row[i]), int(column[i])
        out[i, :, r : r + size, c : c + size] = large[i]
    return out * gain.view(-1, 1, 1, 1) + background.view(-1, 1, 1, 1)


def shade(images: torch.Tensor, low: float = 0.1, seed: int = 0) -> torch.Tensor:
    """Let the light fall off across each image, in a direction of its own.

    Args:
        images: (N, 1, H, W) in [0, 1].
        low: light at the darkest corner, in [0, 1]; the brightest has 1.
        seed: of the directions.

    Returns:
        (N, 1, H, W): each image times a ramp from 1 down to at least ``low``.
    """
    check_number("low", low, minimum=0, maximum=1)
    generator = torch.Generator().manual_seed(seed)
    count, _, height, width = images.shape
    angle = 2 * math.pi * torch.rand(count, 1, 1, generator=generator)
    row, column = torch.linspace(-1, 1, height)[:, None], torch.linspace(-1, 1, width)[None, :]
    ramp = (torch.sin(angle) * row + torch.cos(angle) * column) / math.sqrt(2)  # (N, H, W), in [-1, 1]
    return images * (1 - (1 - low) * (ramp[:, None] + 1) / 2)

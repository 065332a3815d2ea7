"""Patches of photos, and the colours in them: a search with a known answer, and its simplest rival (chapter 09b)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.check import check_int, check_shape


def cut_at_random(photo: Tensor, count: int, size: int, generator: torch.Generator, side: int | None = None) -> Tensor:
    """Cut patches at random places and in random sizes, mirror half of them, and change their brightness a little.

    Args:
        photo: uint8 (3, H, W).
        count: patches, at least 1.
        size: side of the result in pixels; what is cut out is one to two times as large and made smaller.
        generator: of all draws.
        side: 0 for the left half of the photo alone, 1 for the right half, None for the whole.

    Returns:
        uint8 (count, 3, size, size).

    Raises:
        ValueError: if the photo, or half of it, is smaller than twice the patch.
    """
    check_shape("photo", photo, (None, None, None))
    check_int("count", count, minimum=1)
    check_int("size", size, minimum=1)
    height, width = photo.shape[1:]
    low, high = (0, width) if side is None else (side * (width // 2), width // 2 + side * (width - width // 2))
    if min(height, high - low) < 2 * size:
        raise ValueError(
            f"the part to cut from must be at least {2 * size} pixels wide and high, got {high - low} x {height}"
        )
    patches = []
    for _ in range(count):
        edge = int(torch.randint(size, 2 * size + 1, (1,), generator=generator))
        top = int(torch.randint(height - edge + 1, (1,), generator=generator))
        left = low + int(torch.randint(high - low - edge + 1, (1,), generator=generator))
        part = photo[None, :, top : top + edge, left : left + edge].float()
        part = F.interpolate(part, (size, size), mode="bilinear", antialias=True, align_corners=False)
        mirror, light = torch.rand(2, generator=generator).tolist()
        part = part.flip(3) if mirror < 0.5 else part
        patches.append((part * (0.8 + 0.4 * light)).clamp(0, 255).round().to(torch.uint8))
    return torch.cat(patches)


def colour_histogram(images: Tensor, bins: int = 4) -> Tensor:
    """Return how often each of ``bins**3`` colours occurs in each picture; where it occurs does not count.

    Args:
        images: uint8 (N, 3, H, W).
        bins: steps of each of red, green and blue, 1..16.

    Returns:
        float32 (N, bins**3), each row with sum 1.

    Source: M. Swain, D. Ballard, "Color indexing", IJCV 1991.
    """
    check_shape("images", images, (None, 3, None, None))
    check_int("bins", bins, minimum=1, maximum=16)
    steps = images.long() * bins // 256
    colour = (steps[:, 0] * bins + steps[:, 1]) * bins + steps[:, 2]  # (N, H, W)
    counts = F.one_hot(colour.flatten(1), bins**3).sum(1).float()
    return counts / counts.sum(1, keepdim=True)

"""Pictures with two messages and a switch: a bar at the rim says which of the two messages counts (chapter 07c).

No window that sees a message sees the bar, and no sum of what the windows say can obey it: it takes a product of
something local with something global, which is what squeeze and excitation provides.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.check import check_int

PATCH, BAR, RIM = 4, 3, 6


class SwitchImages(NamedTuple):
    """Images (N, 3, size, size) in [0, 1]; classes of red and green message, of the switch, and the answer, each (N,).

    A message is 1 for upright stripes and 0 for level ones; the switch is 1 where green counts.
    """

    images: Tensor
    red: Tensor
    green: Tensor
    switch: Tensor
    answer: Tensor


def make_switch_images(n: int, size: int = 20, seed: int = 0) -> SwitchImages:
    """Draw a red and a green patch of stripes at random places and, in half of the images, a blue bar along one side.

    The answer is the red message where there is no bar and the green one where there is.

    Args:
        n: number of images.
        size: side in pixels, at least 20.
        seed: of everything random.
    """
    check_int("n", n, minimum=1)
    check_int("size", size, minimum=2 * (PATCH + RIM))
    g = torch.Generator().manual_seed(check_int("seed", seed, minimum=0))
    images = 0.1 * torch.rand(n, 3, size, size, generator=g)
    messages = torch.randint(2, (2, n), generator=g)
    switch = torch.randint(2, (n,), generator=g)
    places = torch.randint(RIM, size - RIM - PATCH + 1, (2, 2, n), generator=g)
    line = (torch.arange(PATCH) % 2).float()
    stripes = torch.stack([line[:, None].expand(PATCH, PATCH), line[None].expand(PATCH, PATCH)])  # level, upright
    for i in range(n):
        for channel in range(2):
            row, column = places[channel, :, i].tolist()
            images[i, channel, row : row + PATCH, column : column + PATCH] += 0.8 * stripes[messages[channel, i]]
    side = torch.randint(4, (n,), generator=g)
    line = torch.arange(size)
    at_start, at_end = line < BAR, line >= size - BAR
    bars = torch.stack(
        [
            at_start[:, None].expand(size, size),
            at_start[None].expand(size, size),
            at_end[:, None].expand(size, size),
            at_end[None].expand(size, size),
        ]
    )
    images[:, 2][bars[side] & (switch == 1)[:, None, None]] = 0.9
    answer = torch.where(switch == 1, messages[1], messages[0])
    return SwitchImages(images.clamp(0, 1), messages[0], messages[1], switch, answer)


def with_bar(images: Tensor) -> Tensor:
    """Return copies with a bar along the upper side, whatever was there; messages stay as they are."""
    changed = images.clone()
    changed[:, 2, :BAR] = 0.9
    return changed

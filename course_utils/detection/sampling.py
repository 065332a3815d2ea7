"""Which anchors count in the loss: of a hundred thousand, all but a few show nothing but background.

Sources: R. Girshick, "Fast R-CNN", ICCV 2015, and S. Ren and others, "Faster R-CNN", NIPS 2015 (balanced draws);
W. Liu and others, "SSD", ECCV 2016, section 2.2 (hard negatives, three to one).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.check import check_int, check_number, check_shape
from course_utils.detection.matching import BACKGROUND


class Sample(NamedTuple):
    """Chosen anchors, int64 indices in rising order: those with an object, and those without."""

    positive: Tensor
    negative: Tensor


def balanced_sample(
    indices: Tensor,
    count: int = 256,
    positive_share: float = 0.5,
    generator: torch.Generator | None = None,
) -> Sample:
    """Draw anchors so that objects are not drowned in background.

    Args:
        indices: int64 (N,), as in `Matches`: an object's number, -1 background, -2 ignored.
        count: how many to draw, at least 1.
        positive_share: at most this share has an object; what is missing is filled with background.
        generator: makes the draw repeatable; of the device of ``indices``.

    Returns:
        At most ``int(count * positive_share)`` positive ones, and at most ``count`` in all; fewer if there are no more.

    Raises:
        ValueError: if an argument breaks a rule.
    """
    check_shape("indices", indices, (None,))
    check_int("count", count, minimum=1)
    check_number("positive_share", positive_share, minimum=0, maximum=1)
    positive = _draw((indices >= 0).nonzero().flatten(), int(count * positive_share), generator)
    negative = _draw((indices == BACKGROUND).nonzero().flatten(), count - len(positive), generator)
    return Sample(positive, negative)


def hard_negatives_loop(losses: Tensor, indices: Tensor, ratio: float = 3, least: int = 0) -> Tensor:
    """Sort the losses of one picture after the other: the slow twin of `hard_negatives`."""
    chosen = torch.zeros_like(indices, dtype=torch.bool)
    for picture in range(len(indices)):
        matched = sum(1 for index in indices[picture].tolist() if index >= 0)
        empty = [i for i, index in enumerate(indices[picture].tolist()) if index == BACKGROUND]
        empty.sort(key=lambda i: (-losses[picture, i].item(), i))
        for i in empty[: max(int(ratio * matched), least)]:
            chosen[picture, i] = True
    return chosen


def hard_negatives(losses: Tensor, indices: Tensor, ratio: float = 3, least: int = 0) -> Tensor:
    """Keep, in each picture, the background that the detector gets most wrong.

    Args:
        losses: (B, N), each anchor's classification loss now.
        indices: int64 (B, N), as in `Matches`.
        ratio: background anchors to one with an object.
        least: keep at least so many, for pictures without objects (SSD keeps none there).

    Returns:
        Bool (B, N): the background anchors that count. Of equal losses the earlier anchor comes first.

    Raises:
        ValueError: if shapes differ, a loss is NaN, or a number breaks a rule.
    """
    check_shape("losses", losses, (None, None))
    check_shape("indices", indices, losses.shape)
    check_number("ratio", ratio, minimum=0)
    check_int("least", least, minimum=0)
    if losses.isnan().any():
        raise ValueError("losses must not be NaN, got NaN; look at what went into the loss")
    background = indices == BACKGROUND
    wanted = ((indices >= 0).sum(dim=1, keepdim=True) * ratio).floor().clamp(min=least)  # (B, 1)
    order = losses.detach().masked_fill(~background, -torch.inf).argsort(dim=1, descending=True, stable=True)
    rank = order.argsort(dim=1)  # the permutation turned around: at which place each anchor stands
    return (rank < wanted) & background


def _draw(members: Tensor, count: int, generator: torch.Generator | None) -> Tensor:
    device = generator.device if generator is not None else members.device
    chosen = torch.randperm(len(members), generator=generator, device=device)[:count].to(members.device)
    return members[chosen].sort().values

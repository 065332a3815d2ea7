"""Two pictures side by side: a map that is about the class asked for must move when the question does."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from course_utils.check import check_same_length, check_shape

__all__ = ["Pairs", "side_by_side"]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pictures of two objects, and the one that is asked for.

    Args:
        images: (M, C, H, 2 W).
        asked: int64 (M,), the class asked for.
        other: int64 (M,), the class in the other half.
        half: bool (M, H, 2 W), the half in which the asked object is.
        object: bool (M, H, 2 W), the asked object's pixels.
    """

    images: Tensor
    asked: Tensor
    other: Tensor
    half: Tensor
    object: Tensor


def side_by_side(images: Tensor, labels: Tensor, masks: Tensor, seed: int = 0) -> Pairs:
    """Put each picture beside one of another class; which half is asked for is drawn by lot.

    Args:
        images: (N, C, H, W), of any type.
        labels: int64 (N,).
        masks: bool (N, H, W), where the objects are.
        seed: of the partners and the halves.

    Returns:
        Pairs, at most N: where a picture drew a partner of its own class, the pair is left out.
    """
    check_same_length("labels", labels, "images", images)
    check_shape("masks", masks, (len(images), *images.shape[2:]))
    draw = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(images), generator=draw)
    partner = order.roll(1)
    keep = labels[order] != labels[partner]
    asked, other = order[keep], partner[keep]
    left = torch.rand(len(asked), generator=draw) < 0.5

    def joined(mine: Tensor, theirs: Tensor) -> Tensor:
        here = left.reshape(-1, *[1] * (mine.ndim - 1))
        return torch.cat([torch.where(here, mine, theirs), torch.where(here, theirs, mine)], -1)

    full, empty = torch.ones_like(masks[asked]), torch.zeros_like(masks[asked])
    return Pairs(
        joined(images[asked], images[other]),
        labels[asked],
        labels[other],
        joined(full, empty),
        joined(masks[asked], empty),
    )

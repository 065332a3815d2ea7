"""Four corners and the centre, and their mirror images: ten views of one picture (chapter 04e)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.check import check_int


def five_crops(x: Tensor, size: int) -> Tensor:
    """Cut the four corners and the centre out of each picture.

    Args:
        x: pictures ``(..., C, H, W)``.
        size: side of the square crops, at least 1, at most the shorter side of the picture.

    Returns:
        ``(5, ..., C, size, size)``: upper left, upper right, lower left, lower right, centre.
    """
    if x.ndim < 3:
        raise ValueError(f"x must have shape (..., C, H, W), got {tuple(x.shape)}")
    height, width = x.shape[-2:]
    check_int("size", size, minimum=1, maximum=min(height, width))
    # The centre as torchvision rounds it, half to even.
    corners = [(0, 0), (0, width - size), (height - size, 0), (height - size, width - size)]
    places = [*corners, (round((height - size) / 2), round((width - size) / 2))]
    return torch.stack([x[..., top : top + size, left : left + size] for top, left in places])


def ten_crops(x: Tensor, size: int) -> Tensor:
    """Return `five_crops`, then the same five of the mirrored picture: ``(10, ..., C, size, size)``.

    Source: A. Krizhevsky, I. Sutskever and G. Hinton, ImageNet classification with deep convolutional neural networks,
    2012, section 4.1.
    """
    return torch.cat([five_crops(x, size), five_crops(x.flip(-1), size)])


def centre_crop(x: Tensor, size: int) -> Tensor:
    """Return the fifth of `five_crops` alone: ``(..., C, size, size)``."""
    return five_crops(x, size)[4]


@torch.no_grad()
def average_over_views(model: Callable[[Tensor], Tensor], views: Tensor) -> Tensor:
    """Return the mean of the model's probabilities over the views of each picture.

    Args:
        model: ``(N, C, S, S)`` to logits ``(N, K)``.
        views: ``(V, N, C, S, S)``.

    Returns:
        ``(N, K)``, rows sum to 1.
    """
    scores = model(views.flatten(0, 1)).softmax(dim=1)  # (V N, K)
    return scores.unflatten(0, views.shape[:2]).mean(dim=0)


def average_over_views_loops(model: Callable[[Tensor], Tensor], views: Tensor) -> Tensor:
    """Return `average_over_views`, one view of one picture at a time."""
    out = []
    for picture in range(views.shape[1]):
        one = [model(views[v, picture][None]).softmax(dim=1)[0] for v in range(views.shape[0])]
        out.append(sum(one[1:], one[0]) / len(one))
    return torch.stack(out).detach()


def random_crop_and_flip(size: int) -> Callable[[Tensor, torch.Generator], Tensor]:
    """Return an augmentation that cuts a random square out of each picture and mirrors half of them.

    Args:
        size: side of the squares; the batch shrinks to it.
    """
    check_int("size", size, minimum=1)

    def augment(x: Tensor, generator: torch.Generator) -> Tensor:
        top = torch.randint(x.shape[2] - size + 1, (len(x), 1), generator=generator) + torch.arange(size)
        left = torch.randint(x.shape[3] - size + 1, (len(x), 1), generator=generator) + torch.arange(size)
        mirrored = torch.rand(len(x), 1, generator=generator) < 0.5
        left = torch.where(mirrored, left.flip(1), left)  # reading columns backwards mirrors the crop
        rows = x.gather(2, top[:, None, :, None].expand(-1, x.shape[1], -1, x.shape[3]))
        return rows.gather(3, left[:, None, None, :].expand(-1, x.shape[1], size, -1))

    return augment

"""Training pictures that are no pictures: mixed pairs and covered squares."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.check import check_int, check_number

Augment = Callable[[Tensor, torch.Generator], Tensor]
Mix = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]


def mixup(alpha: float, num_classes: int) -> Mix:
    """Return a function that blends each image with another of its batch, and their labels alike.

    x' = l x_i + (1 - l) x_j and y' the same of one-hot labels, with one l from Beta(alpha, alpha) a batch.

    Args:
        alpha: above 0; small values mostly keep one of the two.
        num_classes: of the labels.

    Returns:
        ``(x, y, generator) -> (x', y')``: (B, ...) and int64 (B,) to (B, ...) and float (B, num_classes), which
        cross-entropy takes.

    Source: H. Zhang, M. Cisse, Y. Dauphin, D. Lopez-Paz, "mixup: beyond empirical risk minimization", ICLR 2018.
    """
    check_number("alpha", alpha, above=0)
    check_int("num_classes", num_classes, minimum=2)

    def mix(x: Tensor, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        share = float(torch._sample_dirichlet(torch.tensor([alpha, alpha], dtype=torch.float64), generator)[0])
        order = torch.randperm(len(x), generator=generator).to(x.device)
        one_hot = F.one_hot(y, num_classes).to(x.dtype)
        return torch.lerp(x[order], x, share), torch.lerp(one_hot[order], one_hot, share)

    return mix


def cutout(size: int) -> Augment:
    """Return an augmentation that covers one square of each image with zeros; it may stick out at the border.

    Args:
        size: side of the square in pixels, at least 1.

    Source: T. DeVries, G. Taylor, "Improved regularization of convolutional neural networks with cutout", 2017.
    """
    check_int("size", size, minimum=1)

    def augment(x: Tensor, generator: torch.Generator) -> Tensor:
        count, _, height, width = x.shape
        top = torch.randint(height, (count, 1), generator=generator) - size // 2
        left = torch.randint(width, (count, 1), generator=generator) - size // 2
        rows, columns = torch.arange(height), torch.arange(width)
        in_rows = (rows >= top) & (rows < top + size)  # (B, H)
        in_columns = (columns >= left) & (columns < left + size)  # (B, W)
        covered = (in_rows[:, :, None] & in_columns[:, None, :])[:, None].to(x.device)
        return x.masked_fill(covered, 0.0)

    return augment

"""Smoothing a label map after the fact: every pixel takes the label that most of its neighbours have.

The simplest consistency there is. It removes specks and fills pinholes, and it rounds corners and erases thin things
just as readily, because it sees labels only: neither how sure the network was, nor the image. `grid_crf` sees both.
"""

from __future__ import annotations

from collections import Counter

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.check import check_int, check_shape
from course_utils.segmentation.metrics import IGNORE, check_labels


def majority_filter_loop(labels: Tensor, radius: int = 1, ignore: int | None = IGNORE) -> Tensor:
    """Count the votes around every pixel of one map (H, W): the slow twin of `majority_filter`."""
    height, width = labels.shape
    out = labels.clone()
    for i in range(height):
        for j in range(width):
            own = int(labels[i, j])
            window = labels[max(0, i - radius) : i + radius + 1, max(0, j - radius) : j + radius + 1]
            votes = Counter(k for k in window.flatten().tolist() if k != ignore)
            if own != ignore:
                most = max(votes.values())
                out[i, j] = own if votes[own] == most else min(k for k, count in votes.items() if count == most)
    return out


def majority_filter(
    labels: Tensor, num_classes: int, radius: int = 1, rounds: int = 1, ignore: int | None = IGNORE
) -> Tensor:
    """Give every pixel the most frequent label of the window around it.

    Args:
        labels: int (H, W) or (N, H, W).
        num_classes: K.
        radius: of the square window, in pixels; 0 changes nothing. Beyond the image nobody votes.
        rounds: how often, each time on the result of the last.
        ignore: label that does not vote and stays where it is.

    Returns:
        int64, same shape. Of equally frequent labels the pixel's own wins, else the smallest.
    """
    check_int("radius", radius, minimum=0)
    check_int("rounds", rounds, minimum=0)
    maps = labels[None] if labels.ndim == 2 else labels
    maps = check_labels("labels", check_shape("labels", maps, (None, None, None)), num_classes, ignore)
    counted = torch.ones_like(maps, dtype=torch.bool) if ignore is None else maps != ignore
    for _ in range(rounds):
        one = F.one_hot(maps.masked_fill(~counted, 0), num_classes).movedim(-1, 1).float() * counted[:, None]
        votes = F.avg_pool2d(one, 2 * radius + 1, stride=1, padding=radius, divisor_override=1)
        maps = torch.where(counted, (votes + 0.5 * one).argmax(1), maps)
    return maps.view(labels.shape)

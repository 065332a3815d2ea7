r"""What a one-shot detector minimises: classes of all its anchors, corrections of those that have an object.

$$L = \frac{1}{N} \Big( \sum_{i \in \text{Pos} \cup \text{Hard}} -\log p_i(c_i) + \alpha \sum_{i \in \text{Pos}}
\operatorname{smooth}_{L_1}(t_i - \hat t_i) \Big)$$

$N$ is the number of anchors with an object; *Hard* are the anchors on the background that the network is least sure of,
three for each positive one. Without that choice, thousands of easy ones would drown the few that matter.

Source: W. Liu and others, "SSD: single shot multibox detector", ECCV 2016, section 2.2.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.check import check_shape
from course_utils.detection.coding import SSD_WEIGHTS, encode
from course_utils.detection.matching import match
from course_utils.detection.sampling import hard_negatives
from course_utils.detection.scene_batches import objects_of

IGNORED = -1


def assign(
    anchors: Tensor,
    truth: Tensor,
    high: float = 0.5,
    low: float = 0.4,
    weights: Sequence[float] = SSD_WEIGHTS,
) -> tuple[Tensor, Tensor]:
    """Return what each anchor is to say in each picture.

    Args:
        anchors: xyxy, (A, 4).
        truth: (N, K, 5), label and box of each object; label -1 for none.
        high, low: thresholds of `matching.match`.
        weights: factors of the four corrections, see `coding.encode`.

    Returns:
        labels: int64 (N, A): 0 background, 1 + the object's label, -1 where nothing is to be learned.
        corrections: (N, A, 4): encoded boxes; zeros where there is no object.
    """
    check_shape("truth", truth, (None, None, 5))
    labels = torch.zeros(len(truth), len(anchors), dtype=torch.int64, device=anchors.device)
    corrections = anchors.new_zeros(len(truth), len(anchors), 4)
    for i, row in enumerate(truth):
        boxes, classes = objects_of(row)
        matches = match(anchors, boxes, high, low, force="one")
        labels[i] = matches.labels(classes + 1, IGNORED)
        there = matches.foreground
        corrections[i, there] = encode(matches.boxes(boxes), anchors[there], weights)
    return labels, corrections


def multibox_loss(
    logits: Tensor,
    codes: Tensor,
    labels: Tensor,
    corrections: Tensor,
    *,
    negatives: float = 3.0,
    alpha: float = 1.0,
) -> Tensor:
    """Return the loss of a batch.

    Args:
        logits: (N, A, 1 + C), column 0 the background.
        codes: (N, A, 4), predicted corrections.
        labels: int64 (N, A), from `assign`.
        corrections: (N, A, 4), from `assign`.
        negatives: background anchors that count, to one with an object, in each picture.
        alpha: weight of the boxes.
    """
    positive = labels > 0
    count = max(1, int(positive.sum()))
    losses = F.cross_entropy(logits.flatten(0, 1), labels.flatten().clamp_min(0), reduction="none").view_as(labels)
    # Matches count objects from 0 and the background as -1: one less than labels do.
    chosen = positive | hard_negatives(losses.detach(), labels - 1, negatives)
    boxes = F.smooth_l1_loss(codes[positive], corrections[positive], reduction="sum")
    return (losses[chosen].sum() + alpha * boxes) / count

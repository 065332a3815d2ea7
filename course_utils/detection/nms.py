"""Non-maximum suppression: of many boxes around one thing, keep the best.

Greedy: take the box with the highest score, drop every other that overlaps it by more than a threshold, repeat.
Soft: lower the scores of the others instead, the more the larger the overlap.

Sources: N. Bodla and others, "Soft-NMS", ICCV 2017; the parallel form within a block follows Z. Zheng and others,
"Enhancing Geometric Factors in Model Learning and Inference", IEEE Transactions on Cybernetics 2021 (cluster NMS).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.check import check_choice, check_number, check_same_length, check_shape
from course_utils.detection.boxes import check_boxes, upcast
from course_utils.detection.iou import box_iou, iou_of_rows

BLOCK = 128  # its (128, 10,000) matrices stay in the processor's cache
DECAYS = ("linear", "gaussian", "hard")


class SoftKept(NamedTuple):
    """What `soft_nms` keeps: indices into its input and the lowered scores, highest first."""

    indices: Tensor
    scores: Tensor


def nms_loop(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Suppress one pair after the other: the slow twin of `nms`."""
    boxes, scores = _checked(boxes, scores, iou_threshold)
    # Of equal scores the earlier box comes first.
    waiting = sorted(range(len(boxes)), key=lambda i: (-scores[i].item(), i))
    kept: list[int] = []
    while waiting:
        best = waiting.pop(0)
        kept.append(best)
        waiting = [i for i in waiting if box_iou(boxes[[best]], boxes[[i]]).item() <= iou_threshold]
    return torch.tensor(kept, dtype=torch.int64, device=boxes.device)


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Return the boxes that greedy suppression keeps.

    Boxes are taken in blocks by falling score. Inside a block, "who is kept" is solved for all at once: start with
    everybody, drop whoever a kept one of higher rank covers, and repeat until nothing changes; at the latest after
    as many rounds as there are links in the longest chain of overlaps, usually three or four. Then the block's
    kept boxes suppress all later ones in one matrix.

    Args:
        boxes: xyxy, (N, 4).
        scores: (N,); of equal scores the earlier box comes first, as in torchvision.
        iou_threshold: in [0, 1]; a box goes only if its IoU with a kept one is *greater*.

    Returns:
        int64 (K,): indices of the kept boxes by falling score.

    Raises:
        TypeError: if ``boxes`` or ``scores`` are no tensors of floats.
        ValueError: if shapes do not fit, a number is NaN, or the threshold lies outside [0, 1].
    """
    boxes, scores = _checked(boxes, scores, iou_threshold)
    order = scores.argsort(descending=True, stable=True)
    rows = boxes.T.contiguous()
    kept: list[Tensor] = []
    while len(order):
        block, order = order[:BLOCK], order[BLOCK:]
        covers = _overlap(rows[:, block], rows[:, block], iou_threshold).triu(diagonal=1)  # [i, j]: i ranks above j
        alive = torch.ones(len(block), dtype=torch.bool, device=boxes.device)
        while True:
            left = ~(covers & alive[:, None]).any(dim=0)
            if torch.equal(left, alive):
                break
            alive = left
        block = block[alive]
        kept.append(block)
        order = order[~_overlap(rows[:, block], rows[:, order], iou_threshold).any(dim=0)]
    return torch.cat(kept) if kept else order


def batched_nms(boxes: Tensor, scores: Tensor, labels: Tensor, iou_threshold: float) -> Tensor:
    """Suppress within each class alone: a person on a horse may overlap the horse.

    Args:
        boxes: xyxy, (N, 4).
        scores: (N,).
        labels: int64 (N,); boxes with different labels never suppress each other.
        iou_threshold: in [0, 1].

    Returns:
        int64 (K,): indices of the kept boxes by falling score; of equal scores the earlier box comes first.

    Raises:
        TypeError: if ``boxes`` or ``scores`` are no tensors of floats.
        ValueError: if shapes do not fit, a number is NaN, or the threshold lies outside [0, 1].
    """
    boxes, scores = _checked(boxes, scores, iou_threshold)
    check_same_length("labels", labels, "boxes", boxes)
    keep = torch.zeros(len(boxes), dtype=torch.bool, device=boxes.device)
    for label in labels.unique():
        members = (labels == label).nonzero().flatten()
        keep[members[nms(boxes[members], scores[members], iou_threshold)]] = True
    kept = keep.nonzero().flatten()
    return kept[scores[kept].argsort(descending=True, stable=True)]


def decay_factor(overlap: Tensor, iou_threshold: float, sigma: float, decay: str) -> Tensor:
    """Return what `soft_nms` multiplies a score by, for overlaps of any shape."""
    if decay == "gaussian":
        return (-(overlap**2) / sigma).exp()
    reaches = overlap.double() > iou_threshold
    return torch.where(reaches, 1 - overlap if decay == "linear" else torch.zeros_like(overlap), 1)


def soft_nms(
    boxes: Tensor,
    scores: Tensor,
    iou_threshold: float = 0.3,
    sigma: float = 0.5,
    score_threshold: float = 0.001,
    decay: str = "gaussian",
) -> SoftKept:
    r"""Lower the scores of overlapping boxes instead of dropping them.

    Args:
        boxes: xyxy, (N, 4).
        scores: (N,), at least 0.
        iou_threshold: for ``"linear"`` and ``"hard"``: overlaps up to here lower nothing.
        sigma: for ``"gaussian"``: larger is milder.
        score_threshold: at least 0; a box whose score is no longer above goes.
        decay: factor of a score for overlap $o$ with the box just taken: ``"linear"`` $1 - o$,
            ``"gaussian"`` $e^{-o^2/\sigma}$, ``"hard"`` 0, which makes it greedy NMS.

    Returns:
        ``(indices, scores)`` by falling lowered score, the scores in their own dtype.

    Raises:
        TypeError: if ``boxes`` or ``scores`` are no tensors of floats.
        ValueError: if shapes do not fit, a number is NaN, a score is negative, or a parameter is out of range.
    """
    boxes, left = _checked_soft(boxes, scores, iou_threshold, sigma, score_threshold, decay)
    rows = boxes.T.contiguous()
    indices, lowered = [], []
    for _ in range(len(boxes)):
        highest, best = left.max(dim=0)  # of equal scores the earlier box
        if highest <= score_threshold:
            break
        indices.append(best)
        lowered.append(highest)
        overlap = iou_of_rows(rows[:, best, None], rows)
        left = left * decay_factor(overlap, iou_threshold, sigma, decay)
        left[best] = -1  # taken
    if not indices:
        return SoftKept(torch.zeros(0, dtype=torch.int64, device=boxes.device), scores[:0])
    return SoftKept(torch.stack(indices), torch.stack(lowered).to(scores.dtype))


def soft_nms_loop(
    boxes: Tensor,
    scores: Tensor,
    iou_threshold: float = 0.3,
    sigma: float = 0.5,
    score_threshold: float = 0.001,
    decay: str = "gaussian",
) -> SoftKept:
    """Lower one score after the other: the slow twin of `soft_nms`."""
    boxes, left = _checked_soft(boxes, scores, iou_threshold, sigma, score_threshold, decay)
    score = left.tolist()
    kept: list[int] = []
    while True:
        waiting = [i for i in range(len(boxes)) if i not in kept and score[i] > score_threshold]
        if not waiting:
            break
        best = max(waiting, key=lambda i: (score[i], -i))
        kept.append(best)
        for i in waiting:
            if i != best:
                overlap = box_iou(boxes[[best]], boxes[[i]])[0, 0]
                score[i] *= decay_factor(overlap, iou_threshold, sigma, decay).item()
    return SoftKept(torch.tensor(kept, dtype=torch.int64), scores.new_tensor([score[i] for i in kept]))


def _overlap(a: Tensor, b: Tensor, iou_threshold: float) -> Tensor:
    # In float64, where the threshold is what its decimals say: float32 rounds 0.1 up, and would compare with that.
    return iou_of_rows(a[:, :, None], b).double() > iou_threshold


def _checked(boxes: Tensor, scores: Tensor, iou_threshold: float) -> tuple[Tensor, Tensor]:
    """Return both in at least float32."""
    check_boxes("boxes", boxes)
    if not isinstance(scores, Tensor) or not scores.is_floating_point():
        raise TypeError(f"scores must be a tensor of floats, got {getattr(scores, 'dtype', type(scores).__name__)}")
    check_shape("scores", scores, (len(boxes),))
    if scores.isnan().any():
        raise ValueError(f"scores must not be NaN, got NaN in row {int(scores.isnan().nonzero()[0])}")
    check_number("iou_threshold", iou_threshold, minimum=0, maximum=1)
    return upcast(boxes.detach()), upcast(scores.detach())


def _checked_soft(
    boxes: Tensor, scores: Tensor, iou_threshold: float, sigma: float, score_threshold: float, decay: str
) -> tuple[Tensor, Tensor]:
    boxes, left = _checked(boxes, scores, iou_threshold)
    check_number("sigma", sigma, above=0)
    check_number("score_threshold", score_threshold, minimum=0)
    check_choice("decay", decay, DECAYS)
    if (left < 0).any():
        raise ValueError(f"scores must be at least 0 to be lowered, got {left.min().item()}; apply a sigmoid first")
    return boxes, left

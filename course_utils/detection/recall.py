"""How many objects a set of windows covers: recall against the number of windows (chapter 10).

A window *covers* an object if their IoU is at least a threshold. Proposals come best first, so one list gives the
whole curve: with the first n windows of each picture, recall is the share of objects that some window covers.

Sources: J. Uijlings et al., "Selective Search for Object Recognition", IJCV 2013 (average best overlap, recall against
windows); J. Hosang et al., "What Makes for Effective Detection Proposals?", TPAMI 2016 (average recall).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from course_utils.check import check_int, check_number, check_same_length, check_shape
from course_utils.detection.iou import box_iou

__all__ = ["area_under_recall", "average_recall", "best_overlaps", "random_windows", "recall", "windows_needed"]


def random_windows(count: int, height: int, width: int, seed: int = 0, min_side: int = 8) -> Tensor:
    """Return windows with corners drawn uniformly: the baseline that every proposal method has to beat.

    Args:
        count: number of windows.
        height, width: of the picture in pixels, at least ``min_side``.
        seed: of the draw.
        min_side: shortest side in pixels.

    Returns:
        (count, 4) float32 xyxy, whole pixels.
    """
    check_int("count", count, minimum=0)
    check_int("min_side", min_side, minimum=1)
    generator = torch.Generator().manual_seed(seed)
    sides = []
    for name, side in (("width", width), ("height", height)):
        check_int(name, side, minimum=min_side)
        every = torch.combinations(torch.arange(side + 1))  # all (first, last) with first < last
        every = every[every[:, 1] - every[:, 0] >= min_side]
        sides.append(every[torch.randint(len(every), (count,), generator=generator)])
    x, y = sides
    return torch.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], dim=1).float()


def best_overlaps(proposals: Sequence[Tensor], objects: Sequence[Tensor], count: int | None = None) -> Tensor:
    """Return for each object the highest IoU that any of the first ``count`` windows of its picture reaches.

    Args:
        proposals: one (N, 4) xyxy for each picture, best first.
        objects: one (M, 4) xyxy for each picture, in the same order.
        count: windows used of each picture; None takes all.

    Returns:
        (total number of objects,) in 0..1; 0 where a picture has no windows. Their mean is the average best overlap.
    """
    check_same_length("proposals", proposals, "objects", objects)
    if count is not None:
        check_int("count", count, minimum=0)
    found = [torch.zeros(0)]
    for windows, true in zip(proposals, objects):
        check_shape("proposals", windows, (None, 4))
        check_shape("objects", true, (None, 4))
        overlap = box_iou(true.float(), windows[:count].float())  # (M, N)
        found.append(overlap.amax(1) if overlap.shape[1] else torch.zeros(len(true)))
    return torch.cat(found)


def recall(
    proposals: Sequence[Tensor], objects: Sequence[Tensor], counts: Sequence[int], iou_threshold: float = 0.5
) -> Tensor:
    """Return the share of objects covered by the first windows of each picture.

    Args:
        proposals: one (N, 4) xyxy for each picture, best first.
        objects: one (M, 4) xyxy for each picture.
        counts: numbers of windows, for instance ``(1, 10, 100, 1000)``.
        iou_threshold: smallest IoU that covers, in (0, 1].

    Returns:
        (len(counts),) in 0..1; nan if there is no object.
    """
    check_number("iou_threshold", iou_threshold, above=0, maximum=1)
    first = _first_cover(proposals, objects, iou_threshold)
    limits = torch.tensor([check_int("counts", count, minimum=0) for count in counts], dtype=torch.float32)
    return (first[None, :] < limits[:, None]).float().mean(1)


def windows_needed(
    proposals: Sequence[Tensor], objects: Sequence[Tensor], target: float = 0.95, iou_threshold: float = 0.5
) -> int | None:
    """Return the smallest number of windows a picture with which recall reaches ``target``; None if it never does."""
    check_number("target", target, above=0, maximum=1)
    check_number("iou_threshold", iou_threshold, above=0, maximum=1)
    first = _first_cover(proposals, objects, iou_threshold).sort().values
    needed = int(-(-target * len(first) // 1))  # rounded up: so many objects have to be covered
    if needed == 0 or torch.isinf(first[needed - 1]):
        return None
    return int(first[needed - 1]) + 1


def area_under_recall(
    proposals: Sequence[Tensor], objects: Sequence[Tensor], counts: Sequence[int], iou_threshold: float = 0.5
) -> float:
    """Return the mean recall over the logarithm of the number of windows, between the first and the last count.

    This is the area under the curve as it is drawn: with a logarithmic axis, scaled to 0..1.
    """
    if len(counts) < 2 or any(b <= a for a, b in pairwise(counts)) or counts[0] < 1:
        raise ValueError(f"counts must be at least two rising numbers of at least 1, got {list(counts)}")
    x = torch.tensor(counts, dtype=torch.float32).log()
    return float(torch.trapezoid(recall(proposals, objects, counts, iou_threshold), x) / (x[-1] - x[0]))


def average_recall(proposals: Sequence[Tensor], objects: Sequence[Tensor], count: int | None = None) -> float:
    """Return the mean over the objects of ``2 * max(IoU - 0.5, 0)``: recall averaged over IoU thresholds from 0.5 to 1.

    Source: Hosang et al. 2016, equation 1; it rewards windows that lie well, not only somehow.
    """
    return float((2 * (best_overlaps(proposals, objects, count) - 0.5).clamp(min=0)).mean())


def _first_cover(proposals: Sequence[Tensor], objects: Sequence[Tensor], iou_threshold: float) -> Tensor:
    """Return for each object the place of the first window that covers it, counted from 0; infinity if none does."""
    check_same_length("proposals", proposals, "objects", objects)
    first = [torch.zeros(0)]
    for windows, true in zip(proposals, objects):
        covers = box_iou(true.float(), windows.float()) >= iou_threshold
        place = torch.arange(covers.shape[1], dtype=torch.float32).expand(covers.shape)
        never = torch.full((len(true), 1), torch.inf)
        first.append(torch.cat([place.masked_fill(~covers, torch.inf), never], dim=1).amin(1))
    return torch.cat(first)

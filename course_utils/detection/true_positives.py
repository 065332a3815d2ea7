"""Which detections are right: the rules by which VOC and COCO pair detections with objects (chapter 10).

A detection is right if it lies well enough on an object of its class that no better detection has taken.
Detections are asked in order of falling score. The two rules differ in three points:

- ``"voc"``: a detection looks at the object it covers best, taken or not; if that one is taken, it is wrong. Whatever
  lands on a ``difficult`` object is left out of the count.
- ``"coco"``: a detection takes the best object that is still free. A ``crowd`` is never used up: all that lies on it is
  left out of the count, and the overlap with it is the share of the detection inside it. Objects outside the range of
  areas, and detections outside it that hit nothing, are left out too.

Sources: M. Everingham et al., "The PASCAL Visual Object Classes (VOC) challenge", IJCV 2010, section 4.2, and the VOC
development kit (which counts pixels from first to last, where boxes here are half open); T.-Y. Lin et al.,
"Microsoft COCO", ECCV 2014, and the COCO API's ``cocoeval``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from course_utils.check import check_choice, check_int, check_number, check_same_length, check_shape
from course_utils.detection.iou import box_iou

RULES = ("voc", "coco")
ALL_AREAS = (0.0, 1e10)


@dataclass(frozen=True, eq=False)
class Detections:
    """What a detector says about one picture.

    Args:
        boxes: (N, 4) xyxy in pixels, half open.
        scores: (N,) the higher the surer.
        labels: (N,) integers, the class of each box.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        check_shape("boxes", self.boxes, (None, 4))
        check_shape("scores", self.scores, (len(self.boxes),))
        check_shape("labels", self.labels, (len(self.boxes),))
        if not bool(torch.isfinite(self.scores).all()):
            raise ValueError("scores must be finite: they decide the order of the detections, got inf or nan")


@dataclass(frozen=True, eq=False)
class Targets:
    """What is true about one picture.

    Args:
        boxes: (M, 4) xyxy in pixels, half open.
        labels: (M,) integers, the class of each object.
        difficult: (M,) bool, objects that the VOC rule does not count; None: none. The COCO rule does not read it.
        crowd: (M,) bool, boxes around many objects, which the COCO rule does not count; None: none. The VOC rule
            does not read it.
        area: (M,) area in pixels by which the COCO rule sorts objects into small, medium and large (COCO uses the
            mask's area); None: the box's area.
    """

    boxes: Tensor
    labels: Tensor
    difficult: Tensor | None = None
    crowd: Tensor | None = None
    area: Tensor | None = None

    def __post_init__(self) -> None:
        check_shape("boxes", self.boxes, (None, 4))
        for name in ("labels", "difficult", "crowd", "area"):
            value = getattr(self, name)
            if value is not None:
                check_shape(name, value, (len(self.boxes),))


@dataclass(frozen=True, eq=False)
class Judged:
    """Every detection of one class, best score first, and what became of it.

    Args:
        scores: (N,) float64, falling.
        correct: (T, N) bool, true positives at each of T IoU thresholds; false where ``ignored``.
        ignored: (T, N) bool, counted neither as right nor as wrong.
        rank: (N,) place of the detection among those of its own picture and class, from 0.
        objects: number of objects to be found.
    """

    scores: np.ndarray
    correct: np.ndarray
    ignored: np.ndarray
    rank: np.ndarray
    objects: int

    def best(self, max_detections: int) -> Judged:
        """Return the same for the ``max_detections`` best of each picture alone."""
        keep = self.rank < max_detections
        return Judged(self.scores[keep], self.correct[:, keep], self.ignored[:, keep], self.rank[keep], self.objects)


def class_labels(detections: Sequence[Detections], targets: Sequence[Targets]) -> list[int]:
    """Return the classes that occur in the detections or in the truth, in order."""
    check_same_length("detections", detections, "targets", targets)
    every = [*(found.labels for found in detections), *(true.labels for true in targets)]
    return sorted({label for labels in every for label in labels.tolist()})


def overlaps(boxes: Tensor, objects: Tensor, crowd: np.ndarray | None = None) -> np.ndarray:
    """Return the IoU (N, M) in float64; with a ``crowd`` the share of the box that lies inside it instead."""
    a, b = boxes.detach().cpu().double(), objects.detach().cpu().double()
    iou = box_iou(a, b).numpy()
    if crowd is None or not crowd.any():
        return iou
    sides = (torch.minimum(a[:, None, 2:], b[None, :, 2:]) - torch.maximum(a[:, None, :2], b[None, :, :2])).clamp(min=0)
    area = (a[:, 2:] - a[:, :2]).prod(1)
    inside = (sides.prod(2) / area[:, None].where(area[:, None] > 0, torch.inf)).numpy()
    return np.where(crowd, inside, iou)


def match_voc(iou: np.ndarray, difficult: np.ndarray, thresholds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Judge the detections of one picture and class by the VOC rule.

    Args:
        iou: (N, M), rows in order of falling score.
        difficult: (M,) bool.
        thresholds: (T,) smallest IoU of a hit.

    Returns:
        ``correct`` and ``ignored``, each (T, N) bool.
    """
    count, objects = iou.shape
    correct = np.zeros((len(thresholds), count), dtype=bool)
    ignored = np.zeros_like(correct)
    if count == 0 or objects == 0:
        return correct, ignored
    nearest = iou.argmax(1)
    hit = iou.max(1) >= thresholds[:, None]
    ignored = hit & difficult[nearest]
    for t in range(len(thresholds)):
        wins = np.flatnonzero(hit[t] & ~difficult[nearest])
        # The first detection to name an object has the highest score of all that do.
        correct[t, wins[np.unique(nearest[wins], return_index=True)[1]]] = True
    return correct, ignored


def match_coco(
    iou: np.ndarray, ignore: np.ndarray, crowd: np.ndarray, thresholds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Judge the detections of one picture and class by the COCO rule, at all thresholds at once.

    Args:
        iou: (N, M) from :func:`overlaps`, rows in order of falling score.
        ignore: (M,) bool, objects that do not count: crowds and areas out of range.
        crowd: (M,) bool, objects that can be hit again and again.
        thresholds: (T,) smallest overlap of a hit.

    Returns:
        ``correct`` and ``ignored``, each (T, N) bool.
    """
    count, objects = iou.shape
    correct = np.zeros((len(thresholds), count), dtype=bool)
    ignored = np.zeros_like(correct)
    free = np.ones((len(thresholds), objects), dtype=bool)
    needed = np.minimum(thresholds, 1 - 1e-10)[:, None]
    rows = np.arange(len(thresholds))
    for d in range(count if objects else 0):
        possible = free & (iou[d] >= needed)
        counted = possible & ~ignore
        has_counted, has_any = counted.any(1), possible.any(1)
        possible = np.where(has_counted[:, None], counted, possible)  # what counts goes before what does not
        # Of two equal overlaps the later object wins, as in COCO's own loop.
        chosen = objects - 1 - np.where(possible, iou[d], -1.0)[:, ::-1].argmax(1)
        correct[:, d], ignored[:, d] = has_counted, has_any & ~has_counted
        free[rows[has_any], chosen[has_any]] = crowd[chosen[has_any]]
    return correct, ignored


def judge(
    detections: Sequence[Detections],
    targets: Sequence[Targets],
    label: int,
    iou_thresholds: Sequence[float] = (0.5,),
    rule: str = "voc",
    area_range: tuple[float, float] = ALL_AREAS,
    max_detections: int | None = None,
) -> Judged:
    """Judge all detections of one class.

    Args:
        detections: one for each picture.
        targets: one for each picture, in the same order.
        label: the class.
        iou_thresholds: smallest overlaps that count as a hit, each in (0, 1].
        rule: ``"voc"`` or ``"coco"``.
        area_range: smallest and largest area in pixels, both inclusive; for ``"coco"`` only.
        max_detections: keep so many of the best detections of each picture; None keeps all.

    Returns:
        The detections of all pictures, sorted by falling score; equal scores stay in the order of the pictures.
    """
    check_same_length("detections", detections, "targets", targets)
    check_choice("rule", rule, RULES)
    thresholds = np.array([check_number("iou_threshold", t, above=0, maximum=1) for t in iou_thresholds])
    if max_detections is not None:
        check_int("max_detections", max_detections, minimum=1)
    scores, correct, ignored, rank = [], [], [], []
    objects = 0
    for found, true in zip(detections, targets):
        of_class, is_object = found.labels == label, true.labels == label
        value = found.scores[of_class].detach().cpu().double().numpy()
        order = np.argsort(-value, kind="stable")[:max_detections]
        boxes, true_boxes = found.boxes[of_class][order.copy()], true.boxes[is_object]
        if rule == "voc":
            difficult = _flags(true.difficult, is_object)
            objects += int((~difficult).sum())
            hit, ignore = match_voc(overlaps(boxes, true_boxes), difficult, thresholds)
        else:
            crowd = _flags(true.crowd, is_object)
            area = _areas(true_boxes) if true.area is None else true.area[is_object].cpu().double().numpy()
            skip = crowd | _outside(area, area_range)
            objects += int((~skip).sum())
            hit, ignore = match_coco(overlaps(boxes, true_boxes, crowd), skip, crowd, thresholds)
            ignore = ignore | (~hit & _outside(_areas(boxes), area_range))
        scores.append(value[order])
        correct.append(hit)
        ignored.append(ignore)
        rank.append(np.arange(len(order)))
    score = np.concatenate([np.zeros(0), *scores])
    order = np.argsort(-score, kind="stable")
    nothing = np.zeros((len(thresholds), 0), dtype=bool)
    hits = np.concatenate([nothing, *correct], axis=1)[:, order]
    left_out = np.concatenate([nothing, *ignored], axis=1)[:, order]
    return Judged(score[order], hits, left_out, np.concatenate([np.zeros(0, dtype=int), *rank])[order], objects)


def _flags(flags: Tensor | None, keep: Tensor) -> np.ndarray:
    return np.zeros(int(keep.sum()), dtype=bool) if flags is None else flags[keep].cpu().bool().numpy()


def _areas(boxes: Tensor) -> np.ndarray:
    b = boxes.detach().cpu().double().numpy()
    return (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])


def _outside(area: np.ndarray, area_range: tuple[float, float]) -> np.ndarray:
    return (area < area_range[0]) | (area > area_range[1])

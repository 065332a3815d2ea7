r"""Precision and recall of a detector as its threshold falls (chapter 10).

With the detections sorted by falling score, ``TP_k`` right and ``FP_k`` wrong among the first k and n objects to find:

.. math:: p_k = \frac{TP_k}{TP_k + FP_k}, \qquad r_k = \frac{TP_k}{n}.

Source: for detection, M. Everingham et al., "The PASCAL Visual Object Classes (VOC) challenge", IJCV 2010, section 4.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from course_utils.detection.true_positives import Detections, Judged, Targets, class_labels, judge

__all__ = ["Curve", "Sweep", "curve", "curve_of", "sweep"]


@dataclass(frozen=True, eq=False)
class Curve:
    """A precision-recall curve: one point for each detection that counts, best score first.

    Args:
        precision: (N,) in 0..1.
        recall: (N,) in 0..1, never falling; nan where there is no object to find.
        scores: (N,) the threshold that belongs to each point: detections with at least this score are kept.
        objects: number of objects to find.
    """

    precision: np.ndarray
    recall: np.ndarray
    scores: np.ndarray
    objects: int


@dataclass(frozen=True, eq=False)
class Sweep:
    """What a detector says at each threshold on the score; every array has one number a threshold.

    Args:
        thresholds: kept are detections with a score of at least this.
        count: detections kept: how many objects the detector claims to see.
        correct: true positives among them.
        wrong: false positives among them. The rest of ``count`` lies on what the rule leaves out.
        precision: correct / (correct + wrong); nan where nothing is kept.
        recall: correct / objects; nan where there is no object.
        f1: harmonic mean of both, 0 where nothing is correct.
        objects: number of objects to find.
    """

    thresholds: np.ndarray
    count: np.ndarray
    correct: np.ndarray
    wrong: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    objects: int


def curve_of(judged: Judged, threshold: int = 0) -> Curve:
    """Return the curve of judged detections at the IoU threshold with number ``threshold``."""
    counted = ~judged.ignored[threshold]
    correct = judged.correct[threshold][counted]
    tp = np.cumsum(correct)
    kept = np.arange(1, len(correct) + 1)
    recall = tp / judged.objects if judged.objects else np.full(len(tp), np.nan)
    return Curve(tp / kept, recall, judged.scores[counted], judged.objects)


def curve(
    detections: Sequence[Detections],
    targets: Sequence[Targets],
    label: int,
    iou_threshold: float = 0.5,
    rule: str = "voc",
) -> Curve:
    """Return the precision-recall curve of one class.

    Args:
        detections: one for each picture.
        targets: one for each picture, in the same order.
        label: the class.
        iou_threshold: smallest IoU of a hit, in (0, 1].
        rule: ``"voc"`` or ``"coco"``: how detections are paired with objects, see :mod:`.true_positives`.
    """
    return curve_of(judge(detections, targets, label, (iou_threshold,), rule))


def sweep(
    detections: Sequence[Detections],
    targets: Sequence[Targets],
    thresholds: Sequence[float],
    label: int | None = None,
    iou_threshold: float = 0.5,
    rule: str = "voc",
) -> Sweep:
    """Count what is kept at each threshold on the score.

    Args:
        detections: one for each picture.
        targets: one for each picture, in the same order.
        thresholds: smallest scores to keep, in any order.
        label: the class; None counts all classes together.
        iou_threshold: smallest IoU of a hit, in (0, 1].
        rule: ``"voc"`` or ``"coco"``.

    Returns:
        One number a threshold, in the order given.
    """
    labels = class_labels(detections, targets) if label is None else [label]
    at = np.asarray(thresholds, dtype=float)
    # A score of 0.9 in single precision lies a little under 0.9: compare in the scores' own kind, as `scores >= 0.9`.
    kind = detections[0].scores.dtype if len(detections) else torch.float64
    smallest = torch.tensor(at, dtype=kind).double().numpy()
    count, correct, ignored = (np.zeros(len(at), dtype=int) for _ in range(3))
    objects = 0
    for each in labels:
        judged = judge(detections, targets, each, (iou_threshold,), rule)
        kept = judged.scores >= smallest[:, None]  # (thresholds, detections)
        count += kept.sum(1)
        correct += (kept & judged.correct[0]).sum(1)
        ignored += (kept & judged.ignored[0]).sum(1)
        objects += judged.objects
    wrong = count - correct - ignored
    precision = np.full(len(at), np.nan)
    np.divide(correct, correct + wrong, out=precision, where=correct + wrong > 0)
    recall = correct / objects if objects else np.full(len(at), np.nan)
    f1 = 2 * correct / np.maximum(correct + wrong + objects, 1)
    return Sweep(at, count, correct, wrong, precision, recall, f1, objects)

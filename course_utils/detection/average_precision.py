"""Average precision: one number for a precision-recall curve, as VOC 2007, VOC 2010 and COCO define it (chapter 10).

With ``p(r)`` the highest precision at a recall of at least r (the *envelope* of the curve):

- ``"voc2007"``: the mean of p at the 11 recalls 0, 0.1, ..., 1;
- ``"voc2010"``: the area under p, at all points where recall changes;
- ``"coco"``: the mean of p at the 101 recalls 0, 0.01, ..., 1, with COCO's pairing and 100 detections a picture;
  what COCO calls AP is the mean of it over the IoU thresholds 0.50, 0.55, ..., 0.95 (:func:`coco_summary`).

A class without objects has no average precision: it is nan, and left out of every mean (where COCO's own program
writes -1). Sources: M. Everingham et al., "The PASCAL Visual Object Classes (VOC) challenge", IJCV 2010; the VOC 2010
development kit; T.-Y. Lin et al., "Microsoft COCO", ECCV 2014, and the COCO API's ``cocoeval``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from course_utils.check import check_choice
from course_utils.detection.precision_recall import curve_of
from course_utils.detection.true_positives import ALL_AREAS, Detections, Judged, Targets, class_labels, judge

__all__ = [
    "AREAS",
    "COCO_THRESHOLDS",
    "METHODS",
    "Detections",
    "Targets",
    "area_under_envelope",
    "average_precision",
    "coco_summary",
    "eleven_points",
    "mean_average_precision",
    "one_hundred_and_one_points",
]

METHODS = ("voc2007", "voc2010", "coco")
COCO_THRESHOLDS = tuple(np.linspace(0.5, 0.95, 10).tolist())
AREAS = {"all": ALL_AREAS, "small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
MAX_DETECTIONS = (1, 10, 100)
# COCO's own steps: a few lie a rounding error above k / 100, and a recall of exactly k / 100 does not reach those.
COCO_RECALLS = np.linspace(0.0, 1.0, 101)


def envelope(precision: np.ndarray) -> np.ndarray:
    """Return at each point the highest precision from there on."""
    return np.maximum.accumulate(precision[::-1])[::-1]


def _at_recalls(precision: np.ndarray, recall: np.ndarray, points: np.ndarray) -> float:
    reached = np.searchsorted(recall, points, side="left")
    return float(np.append(envelope(precision), 0.0)[reached].mean())


def eleven_points(precision: np.ndarray, recall: np.ndarray) -> float:
    """Return the mean of the envelope at recalls 0, 0.1, ..., 1 (VOC 2007); a recall never reached counts 0."""
    return _at_recalls(precision, recall, np.arange(11) / 10)


def one_hundred_and_one_points(precision: np.ndarray, recall: np.ndarray) -> float:
    """Return the mean of the envelope at recalls 0, 0.01, ..., 1 (COCO); a recall never reached counts 0."""
    return _at_recalls(precision, recall, COCO_RECALLS)


def area_under_envelope(precision: np.ndarray, recall: np.ndarray) -> float:
    """Return the area under the envelope (VOC 2010)."""
    return float((np.diff(recall, prepend=0.0) * envelope(precision)).sum())


SUMMARIES = {"voc2007": eleven_points, "voc2010": area_under_envelope, "coco": one_hundred_and_one_points}


def _average(judged: Judged, threshold: int, method: str) -> float:
    if judged.objects == 0:
        return float("nan")
    points = curve_of(judged, threshold)
    return SUMMARIES[method](points.precision, points.recall)


def average_precision(
    detections: Sequence[Detections],
    targets: Sequence[Targets],
    iou_threshold: float = 0.5,
    method: str = "voc2010",
) -> dict[int, float]:
    """Return the average precision of each class.

    Args:
        detections: one for each picture.
        targets: one for each picture, in the same order.
        iou_threshold: smallest IoU of a hit, in (0, 1].
        method: ``"voc2007"``, ``"voc2010"`` or ``"coco"``.

    Returns:
        ``{label: average precision in 0..1}`` for all classes in detections or targets; nan without objects.
    """
    check_choice("method", method, METHODS)
    rule, most = ("coco", MAX_DETECTIONS[-1]) if method == "coco" else ("voc", None)
    found = {}
    for label in class_labels(detections, targets):
        judged = judge(detections, targets, label, (iou_threshold,), rule, max_detections=most)
        found[label] = _average(judged, 0, method)
    return found


def mean_average_precision(
    detections: Sequence[Detections],
    targets: Sequence[Targets],
    iou_threshold: float = 0.5,
    method: str = "voc2010",
) -> float:
    """Return the mean of :func:`average_precision` over the classes that have objects; nan if none has."""
    return _mean(average_precision(detections, targets, iou_threshold, method).values())


def coco_summary(detections: Sequence[Detections], targets: Sequence[Targets]) -> dict[str, float]:
    """Return the twelve numbers of a COCO evaluation of boxes.

    Args:
        detections: one for each picture.
        targets: one for each picture, in the same order.

    Returns:
        Average precision ``AP`` (mean over IoU 0.50:0.05:0.95), ``AP50``, ``AP75``, ``AP_small`` (area up to 32 x 32
        pixels), ``AP_medium``, ``AP_large`` (from 96 x 96), and average recall ``AR_1``, ``AR_10``, ``AR_100`` with so
        many detections a picture and class, ``AR_small``, ``AR_medium``, ``AR_large``; nan where there is no object.
    """
    labels = class_labels(detections, targets)
    judged = {
        area: [judge(detections, targets, c, COCO_THRESHOLDS, "coco", limits, MAX_DETECTIONS[-1]) for c in labels]
        for area, limits in AREAS.items()
    }
    steps = range(len(COCO_THRESHOLDS))
    ap = {area: np.array([[_average(j, t, "coco") for t in steps] for j in of]) for area, of in judged.items()}
    ar = {area: [_recall(j) for j in of] for area, of in judged.items()}
    at = {round(t, 2): k for k, t in enumerate(COCO_THRESHOLDS)}
    summary = {"AP": _mean(ap["all"].flat)}
    for percent in (50, 75):
        summary[f"AP{percent}"] = _mean(row[at[percent / 100]] for row in ap["all"])
    summary |= {f"AP_{area}": _mean(ap[area].flat) for area in ("small", "medium", "large")}
    summary |= {f"AR_{most}": _mean(_recall(j.best(most)) for j in judged["all"]) for most in MAX_DETECTIONS}
    return summary | {f"AR_{area}": _mean(ar[area]) for area in ("small", "medium", "large")}


def _recall(judged: Judged) -> float:
    """Return the share of objects found, averaged over the IoU thresholds."""
    return float(judged.correct.sum(1).mean() / judged.objects) if judged.objects else float("nan")


def _mean(values: Iterable[float]) -> float:
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")

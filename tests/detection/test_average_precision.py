"""Average precision by hand, against slow definitions, and against pycocotools."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
import torch

from course_utils.detection.average_precision import (
    COCO_THRESHOLDS,
    METHODS,
    Detections,
    Targets,
    area_under_envelope,
    average_precision,
    coco_summary,
    eleven_points,
    mean_average_precision,
    one_hundred_and_one_points,
)
from course_utils.detection.precision_recall import curve
from tests.detection.random_sets import random_set
from tests.detection.test_precision_recall import FOUND, TRUE
from tests.detection.test_true_positives import loop_voc, one, truth


def test_by_hand() -> None:
    """S234: precision 1, 1/2, 2/3, 1/2 at recall 1/3, 1/3, 2/3, 2/3; envelope 1 up to 1/3, then 2/3 up to 2/3."""
    assert average_precision(FOUND, TRUE) == {0: pytest.approx(1 / 3 * 1 + 1 / 3 * 2 / 3)}
    # recalls 0, 0.1, 0.2, 0.3 lie under 1/3; 0.4, 0.5, 0.6 under 2/3; 0.7 to 1 are never reached
    assert average_precision(FOUND, TRUE, method="voc2007") == {0: pytest.approx((4 * 1 + 3 * 2 / 3) / 11)}
    # 34 points from 0 to 0.33, 33 points from 0.34 to 0.66
    assert average_precision(FOUND, TRUE, method="coco") == {0: pytest.approx((34 * 1 + 33 * 2 / 3) / 101)}


@pytest.mark.parametrize("method", METHODS)
def test_extremes(method: str) -> None:
    objects = [truth([[0, 0, 10, 10], [20, 0, 30, 10]], [1, 2])]
    perfect = [one([[20, 0, 30, 10], [0, 0, 10, 10]], [0.3, 0.2], [2, 1])]
    swapped = [one([[20, 0, 30, 10], [0, 0, 10, 10]], [0.3, 0.2], [1, 2])]
    assert average_precision(perfect, objects, method=method) == {1: pytest.approx(1), 2: pytest.approx(1)}
    assert average_precision(swapped, objects, method=method) == {1: 0.0, 2: 0.0}
    assert mean_average_precision([one([], [])], objects, method=method) == 0.0
    none = average_precision(perfect, [truth([])], method=method)
    assert list(none) == [1, 2]
    assert np.isnan(list(none.values())).all()
    assert np.isnan(mean_average_precision(perfect, [truth([])], method=method))
    # a class without objects is left out of the mean
    extra = [one([[20, 0, 30, 10], [0, 0, 10, 10], [0, 0, 5, 5]], [0.3, 0.2, 0.9], [2, 1, 7])]
    assert mean_average_precision(extra, objects, method=method) == pytest.approx(1)


def test_a_recall_of_exactly_a_tenth_is_reached_in_voc2007() -> None:
    """3 of 10 objects found: in floating point 3 * 0.1 > 3 / 10, so the steps must not be added up."""
    recall = np.arange(1, 4) / 10
    assert eleven_points(np.ones(3), recall) == pytest.approx(4 / 11)


def slow_ap(detections: list[Detections], targets: list[Targets], label: int, threshold: float, method: str) -> float:
    """VOC from the words of the definition: pool, sort, count, then look up or add up."""
    rows, objects = [], 0
    for found, true in zip(detections, targets):
        mine = [k for k in range(len(found.labels)) if found.labels[k] == label]
        mine.sort(key=lambda k: -float(found.scores[k]))
        theirs = [k for k in range(len(true.labels)) if true.labels[k] == label]
        iou = np.array([[slow_iou(found.boxes[a], true.boxes[b]) for b in theirs] for a in mine])
        hard = np.array([bool(true.difficult[b]) for b in theirs], dtype=bool)
        correct, ignored = loop_voc(iou.reshape(len(mine), len(theirs)), hard, threshold)
        rows += [(float(found.scores[k]), c, i) for k, c, i in zip(mine, correct, ignored)]
        objects += int((~hard).sum())
    if objects == 0:
        return float("nan")
    rows.sort(key=lambda row: -row[0])
    tp, kept, points = 0, 0, []
    for _, correct, ignored in rows:
        if not ignored:
            tp, kept = tp + correct, kept + 1
            points.append((tp / objects, tp / kept))
    if method == "voc2007":
        return sum(max((p for r, p in points if r >= k / 10), default=0.0) for k in range(11)) / 11
    area, before = 0.0, 0.0
    for r, _ in points:
        area += (r - before) * max(p for other, p in points if other >= r)
        before = r
    return area


def slow_iou(a: torch.Tensor, b: torch.Tensor) -> float:
    w = max(0.0, float(min(a[2], b[2]) - max(a[0], b[0])))
    h = max(0.0, float(min(a[3], b[3]) - max(a[1], b[1])))
    union = float((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])) - w * h
    return w * h / union


@pytest.mark.parametrize("method", ["voc2007", "voc2010"])
@pytest.mark.parametrize("seed", range(15))
def test_voc_equals_the_slow_definition(seed: int, method: str) -> None:
    detections, targets = random_set(seed, side=60)
    threshold = (0.5, 0.3, 0.75)[seed % 3]
    fast = average_precision(detections, targets, threshold, method)
    slow = {label: slow_ap(detections, targets, label, threshold, method) for label in fast}
    assert fast == pytest.approx(slow, abs=1e-12, nan_ok=True)


def pycocotools_evaluation(detections: list[Detections], targets: list[Targets]):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    labels = sorted({int(c) for part in (*detections, *targets) for c in part.labels})
    annotations, found = [], []
    for picture, (dets, true) in enumerate(zip(detections, targets), start=1):
        for k in range(len(true.boxes)):
            x1, y1, x2, y2 = true.boxes[k].tolist()
            area = (x2 - x1) * (y2 - y1) if true.area is None else float(true.area[k])
            box = [x1, y1, x2 - x1, y2 - y1]
            annotations.append({
                "id": len(annotations) + 1, "image_id": picture, "category_id": int(true.labels[k]),
                "bbox": box, "area": area, "iscrowd": int(true.crowd[k]),
            })  # fmt: skip
        for box, score, label in zip(dets.boxes.tolist(), dets.scores.tolist(), dets.labels.tolist()):
            x1, y1, x2, y2 = box
            found.append({
                "image_id": picture, "category_id": label, "bbox": [x1, y1, x2 - x1, y2 - y1], "score": score
            })  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "images": [{"id": k + 1} for k in range(len(targets))],
            "annotations": annotations,
            "categories": [{"id": label} for label in labels],
            "info": {},
        }
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(found), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation, labels


@pytest.mark.parametrize("seed", range(40))
def test_coco_equals_pycocotools(seed: int) -> None:
    """Crowds, empty pictures, equal scores, classes without objects, areas of masks, over 100 detections."""
    detections, targets = random_set(seed, many=seed % 5 == 0)
    reference, labels = pycocotools_evaluation(detections, targets)
    ours = coco_summary(detections, targets)
    theirs = np.where(reference.stats < 0, np.nan, reference.stats)
    assert list(ours.values()) == pytest.approx(theirs.tolist(), abs=1e-6, nan_ok=True)
    for t in (0, 5, 9):
        table = reference.eval["precision"][t, :, :, 0, 2]  # (recalls, classes) for all areas, 100 detections
        expected = {c: table[:, k].mean() if table[0, k] >= 0 else np.nan for k, c in enumerate(labels)}
        found = average_precision(detections, targets, COCO_THRESHOLDS[t], "coco")
        assert found == pytest.approx(expected, abs=1e-6, nan_ok=True)


def test_coco_steps_are_those_of_the_program() -> None:
    """57 of 100 objects, then a mistake: the program's step for 0.57 lies a rounding error above 57 / 100."""
    boxes = [[10.0 * k, 0, 10.0 * k + 8, 8] for k in range(100)]
    order = [*boxes[:57], [0.0, 50, 8, 58], *boxes[57:]]
    detections = [one(order, [1 - k / 200 for k in range(101)])]
    objects = [truth(boxes, crowd=[False] * 100)]
    reference, _ = pycocotools_evaluation(detections, objects)
    points = curve(detections, objects, 0, rule="coco")
    assert points.precision[56:58].tolist() == [1, 57 / 58]
    assert coco_summary(detections, objects)["AP"] == pytest.approx(float(reference.stats[0]), abs=1e-9)


def test_the_random_sets_reach_what_they_are_for() -> None:
    """The comparison above would be empty if no set had these."""
    sets = [random_set(seed, many=seed % 5 == 0) for seed in range(40)]
    summaries = [coco_summary(*pair) for pair in sets]
    middle = [0.02 < s["AP"] < 0.98 for s in summaries]
    assert sum(middle) > 25
    assert any(np.isnan(s["AP_large"]) for s in summaries)
    assert any(s["AP_small"] != s["AP_large"] for s in summaries)
    assert any(s["AR_10"] != s["AR_100"] for s in summaries)
    assert sum(bool(t.crowd.any()) for _, targets in sets for t in targets) > 20
    assert any(len(d.boxes) > 100 for detections, _ in sets for d in detections)
    assert any(len(t.boxes) == 0 for _, targets in sets for t in targets)


def test_nothing_gives_nan() -> None:
    assert np.isnan(list(coco_summary([], []).values())).all()
    assert average_precision([], []) == {}


def test_the_methods_agree_on_smooth_curves() -> None:
    """With many objects the three means of one curve differ little; with one object they differ a lot."""
    recall = np.arange(1, 2001) / 2000
    precision = 1 - recall**2
    exact = 2 / 3
    assert area_under_envelope(precision, recall) == pytest.approx(exact, abs=1e-3)
    assert one_hundred_and_one_points(precision, recall) == pytest.approx(exact, abs=6e-3)
    assert eleven_points(precision, recall) == pytest.approx(exact, abs=5e-2)
    half = (np.array([0.0, 0.5]), np.array([0.0, 1.0]))
    assert area_under_envelope(*half) == eleven_points(*half) == 0.5


def test_wrong_method_is_named() -> None:
    with pytest.raises(ValueError, match="method must be one of 'voc2007', 'voc2010', 'coco', got 'voc2012'"):
        average_precision([], [], method="voc2012")

"""The rules that pair detections with objects, against obvious loops and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_utils.detection.true_positives import Detections, Targets, judge, match_coco, match_voc, overlaps
from tests.detection.random_sets import random_set


def loop_voc(iou: np.ndarray, difficult: np.ndarray, threshold: float) -> tuple[list[bool], list[bool]]:
    """The VOC development kit's rule, one detection after the other."""
    taken, correct, ignored = set(), [], []
    for row in iou:
        best, overlap = -1, -1.0
        for j, value in enumerate(row):
            if value > overlap:
                best, overlap = j, value
        hit = best >= 0 and overlap >= threshold
        ignored.append(bool(hit and difficult[best]))
        correct.append(bool(hit and not difficult[best] and best not in taken))
        if correct[-1]:
            taken.add(best)
    return correct, ignored


def loop_coco(
    iou: np.ndarray, ignore: np.ndarray, crowd: np.ndarray, threshold: float
) -> tuple[list[bool], list[bool]]:
    """COCO's rule: first among the objects that count, then among the rest."""
    taken, correct, ignored = set(), [], []
    for row in iou:
        chosen = None
        for wanted in (False, True):
            free = [j for j in range(len(row)) if ignore[j] == wanted and (crowd[j] or j not in taken)]
            free = [j for j in free if row[j] >= min(threshold, 1 - 1e-10)]
            if free and chosen is None:
                chosen = max(free, key=lambda j: (row[j], j))
        correct.append(chosen is not None and not ignore[chosen])
        ignored.append(chosen is not None and bool(ignore[chosen]))
        if chosen is not None:
            taken.add(chosen)
    return correct, ignored


THRESHOLDS = np.array([0.1, 0.25, 0.5, 0.75, 1.0])


@pytest.mark.parametrize("seed", range(40))
def test_matching_equals_the_loops(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, m = rng.integers(0, 14), rng.integers(0, 7)
    iou = rng.integers(0, 9, (n, m)) / 8  # many ties, and overlaps that equal a threshold
    crowd = rng.random(m) < 0.3
    ignore = crowd | (rng.random(m) < 0.3)
    fast_voc, fast_coco = match_voc(iou, ignore, THRESHOLDS), match_coco(iou, ignore, crowd, THRESHOLDS)
    for t, threshold in enumerate(THRESHOLDS):
        for fast, slow in (
            (fast_voc, loop_voc(iou, ignore, threshold)),
            (fast_coco, loop_coco(iou, ignore, crowd, threshold)),
        ):
            assert fast[0][t].tolist() == slow[0]
            assert fast[1][t].tolist() == slow[1]


def one(boxes: list, scores: list, labels: list | None = None) -> Detections:
    return Detections(
        torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        torch.tensor(scores),
        torch.tensor(labels or [0] * len(scores), dtype=torch.int64),
    )


def truth(boxes: list, labels: list | None = None, **flags: list) -> Targets:
    extra = {name: torch.tensor(value) for name, value in flags.items()}
    known = torch.tensor(labels or [0] * len(boxes), dtype=torch.int64)
    return Targets(torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4), known, **extra)


def test_a_second_hit_on_the_same_object_is_wrong() -> None:
    found = one([[0, 0, 10, 10], [0, 0, 10, 9], [30, 30, 40, 40]], [0.5, 0.9, 0.7])
    judged = judge([found], [truth([[0, 0, 10, 10]])], 0)
    assert judged.scores == pytest.approx([0.9, 0.7, 0.5])
    assert judged.correct.tolist() == [[True, False, False]]
    assert judged.objects == 1


def test_the_rules_differ_where_a_better_object_is_taken() -> None:
    """The second detection covers object 0 best (taken) and object 1 well enough (free)."""
    objects = truth([[0, 0, 10, 10], [0, 2, 10, 12]])
    found = one([[0, 0, 10, 10], [0, 0.75, 10, 10.75]], [0.9, 0.8])
    assert judge([found], [objects], 0, rule="voc").correct.tolist() == [[True, False]]
    assert judge([found], [objects], 0, rule="coco").correct.tolist() == [[True, True]]


def test_difficult_objects_count_for_nothing_and_are_never_used_up() -> None:
    objects = truth([[0, 0, 10, 10], [20, 0, 30, 10]], difficult=[True, False])
    found = one([[0, 0, 10, 10], [0, 0, 10, 10], [20, 0, 30, 10]], [0.9, 0.8, 0.7])
    judged = judge([found], [objects], 0)
    assert judged.ignored.tolist() == [[True, True, False]]
    assert judged.correct.tolist() == [[False, False, True]]
    assert judged.objects == 1


def test_overlap_with_a_crowd_is_the_share_of_the_detection_inside_it() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [5, 0, 15, 10], [3, 3, 3, 3]])
    crowd = torch.tensor([[0.0, 0, 10, 100], [0, 0, 10, 100]])
    shares = overlaps(boxes, crowd, np.array([True, False]))
    assert shares[:, 0] == pytest.approx([1.0, 0.5, 0.0])
    assert shares[:, 1] == pytest.approx([0.1, 50 / 1050, 0.0])


def test_a_crowd_swallows_all_that_lies_on_it() -> None:
    objects = truth([[0, 0, 100, 100]], crowd=[True])
    found = one([[0, 0, 10, 10], [20, 20, 40, 40], [200, 0, 210, 10]], [0.9, 0.8, 0.7])
    judged = judge([found], [objects], 0, rule="coco")
    assert judged.ignored.tolist() == [[True, True, False]]
    assert judged.objects == 0


def test_best_keeps_the_best_of_each_picture() -> None:
    detections, targets = random_set(2, pictures=8)
    whole = judge(detections, targets, 0, rule="coco")
    for most in (1, 3):
        short = judge(detections, targets, 0, rule="coco", max_detections=most)
        assert short.scores.tolist() == whole.best(most).scores.tolist()
        assert short.correct.tolist() == whole.best(most).correct.tolist()


@pytest.mark.parametrize("rule", ["voc", "coco"])
def test_nothing_at_all(rule: str) -> None:
    empty, none = one([], []), truth([])
    for detections, targets in ([], []), ([empty], [none]):
        judged = judge(detections, targets, 0, rule=rule)
        assert judged.correct.shape == (1, 0)
        assert judged.objects == 0
    assert judge([empty], [truth([[0, 0, 1, 1]])], 0, rule=rule).objects == 1
    assert judge([one([[0, 0, 1, 1]], [0.5])], [none], 0, rule=rule).correct.tolist() == [[False]]


def test_wrong_input_is_named() -> None:
    good, objects = one([[0, 0, 1, 1]], [0.5]), truth([[0, 0, 1, 1]])
    with pytest.raises(ValueError, match="rule must be one of 'voc', 'coco', got 'cocoa'"):
        judge([good], [objects], 0, rule="cocoa")
    with pytest.raises(ValueError, match="same length, got 1 and 2"):
        judge([good], [objects, objects], 0)
    with pytest.raises(ValueError, match="iou_threshold must be greater than 0"):
        judge([good], [objects], 0, (0.0,))
    with pytest.raises(ValueError, match=r"scores must have shape \(1\), got \(2,\)"):
        Detections(torch.zeros(1, 4), torch.zeros(2), torch.zeros(1))
    with pytest.raises(ValueError, match="scores must be finite"):
        one([[0, 0, 1, 1]], [float("nan")])
    with pytest.raises(ValueError, match=r"difficult must have shape \(1\)"):
        truth([[0, 0, 1, 1]], difficult=[True, False])

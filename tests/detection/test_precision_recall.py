"""Precision and recall by hand, and against counting at each threshold."""

from __future__ import annotations

import numpy as np
import pytest

from course_utils.detection.precision_recall import curve, sweep
from course_utils.detection.true_positives import Detections
from tests.detection.random_sets import random_set
from tests.detection.test_true_positives import one, truth

# Two pictures, three objects. By score: right, wrong, right (second picture), a double of the first.
FOUND = [one([[0, 0, 10, 10], [50, 50, 60, 60], [0, 0, 10, 10]], [0.9, 0.8, 0.6]), one([[5, 5, 15, 15]], [0.7])]
TRUE = [truth([[0, 0, 10, 10], [20, 20, 30, 30]]), truth([[5, 5, 15, 15]])]


def test_a_curve_by_hand() -> None:
    points = curve(FOUND, TRUE, 0)
    assert points.scores == pytest.approx([0.9, 0.8, 0.7, 0.6])
    assert points.precision == pytest.approx([1, 1 / 2, 2 / 3, 2 / 4])
    assert points.recall == pytest.approx([1 / 3, 1 / 3, 2 / 3, 2 / 3])
    assert points.objects == 3


def test_a_sweep_by_hand() -> None:
    result = sweep(FOUND, TRUE, [1.0, 0.9, 0.7, 0.0])
    assert result.count.tolist() == [0, 1, 3, 4]
    assert result.correct.tolist() == [0, 1, 2, 2]
    assert result.wrong.tolist() == [0, 0, 1, 2]
    assert result.precision[1:] == pytest.approx([1, 2 / 3, 1 / 2])
    assert np.isnan(result.precision[0])
    assert result.recall == pytest.approx([0, 1 / 3, 2 / 3, 2 / 3])
    assert result.f1 == pytest.approx([0, 0.5, 2 / 3, 4 / 7])


def keep(found: Detections, threshold: float) -> Detections:
    kept = found.scores >= threshold
    return Detections(found.boxes[kept], found.scores[kept], found.labels[kept])


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("rule", ["voc", "coco"])
def test_a_sweep_equals_throwing_detections_away(seed: int, rule: str) -> None:
    """S236: as the threshold rises, fewer objects are seen, fewer of them true; the rest is judged as before."""
    detections, targets = random_set(seed, pictures=8)
    thresholds = np.linspace(0, 1, 11)
    result = sweep(detections, targets, thresholds, rule=rule)
    for k, threshold in enumerate(thresholds):
        cut = [keep(found, threshold) for found in detections]
        alone = sweep(cut, targets, [-1.0], rule=rule)
        assert result.count[k] == alone.count[0] == sum(len(found.boxes) for found in cut)
        assert (result.correct[k], result.wrong[k]) == (alone.correct[0], alone.wrong[0])
    assert (np.diff(result.count) <= 0).all()
    assert result.count[0] > result.count[-1]
    assert (np.diff(result.recall) <= 0).all()


@pytest.mark.parametrize("seed", range(6))
def test_the_sweep_of_one_class_lies_on_its_curve(seed: int) -> None:
    detections, targets = random_set(2 * seed, pictures=10)  # even seeds: no two scores alike
    points = curve(detections, targets, 0)
    result = sweep(detections, targets, points.scores, label=0)
    assert result.precision == pytest.approx(points.precision)
    assert result.recall == pytest.approx(points.recall)


def test_without_objects_recall_is_undefined() -> None:
    assert np.isnan(curve([FOUND[0]], [truth([])], 0).recall).all()
    result = sweep([FOUND[0]], [truth([])], [0.0])
    assert np.isnan(result.recall).all()
    assert result.precision.tolist() == [0.0]

"""Recall against windows, by hand and against counting."""

from __future__ import annotations

import math

import pytest
import torch

from course_utils.detection.recall import (
    area_under_recall,
    average_recall,
    best_overlaps,
    random_windows,
    recall,
    windows_needed,
)

# Two pictures: the first object is covered by window 3, the second by window 1 (IoU 0.5), the third never.
WINDOWS = [
    torch.tensor([[50.0, 50, 60, 60], [20, 20, 30, 40], [0, 0, 10, 10]]),
    torch.tensor([[0.0, 0, 2, 2]]),
]
OBJECTS = [torch.tensor([[0.0, 0, 10, 10], [20, 20, 30, 30]]), torch.tensor([[5.0, 5, 15, 15]])]


def test_by_hand() -> None:
    assert best_overlaps(WINDOWS, OBJECTS).tolist() == [1.0, 0.5, 0.0]
    assert best_overlaps(WINDOWS, OBJECTS, 2).tolist() == [0.0, 0.5, 0.0]
    assert recall(WINDOWS, OBJECTS, (0, 1, 2, 3, 1000)).tolist() == pytest.approx([0, 0, 1 / 3, 2 / 3, 2 / 3])
    assert recall(WINDOWS, OBJECTS, (3,), iou_threshold=0.51).tolist() == pytest.approx([1 / 3])
    assert windows_needed(WINDOWS, OBJECTS, 1 / 3) == 2
    assert windows_needed(WINDOWS, OBJECTS, 0.5) == 3
    assert windows_needed(WINDOWS, OBJECTS, 0.95) is None
    assert average_recall(WINDOWS, OBJECTS) == pytest.approx(1 / 3)
    # recall 0 at 1, 1/3 at 2, 2/3 at 4, on a logarithmic axis: two trapezoids of equal width
    assert area_under_recall(WINDOWS, OBJECTS, (1, 2, 4)) == pytest.approx((1 / 6 + 1 / 2) / 2)


@pytest.mark.parametrize("seed", range(5))
def test_against_counting(seed: int) -> None:
    windows = [random_windows(40, 30, 40, 10 * seed + k, min_side=4) for k in range(4)]
    objects = [random_windows(k, 30, 40, 99 * seed + k, min_side=6) for k in range(4)]
    for count in (0, 1, 7, 40):
        overlaps = best_overlaps(windows, objects, count)
        for threshold in (0.3, 0.5, 0.7):
            share = recall(windows, objects, (count,), threshold)
            assert float(share) == pytest.approx(float((overlaps >= threshold).float().mean()))
    curve = recall(windows, objects, range(41), 0.4)
    for target in (0.2, 0.5, 0.6, 1.0):
        reached = (curve >= target - 1e-6).nonzero()
        expected = int(reached[0]) if len(reached) else None
        assert windows_needed(windows, objects, target, 0.4) == expected


def test_average_recall_is_the_mean_over_thresholds() -> None:
    windows, objects = [random_windows(300, 40, 40, 1)], [random_windows(50, 40, 40, 2)]
    thresholds = torch.linspace(0.5, 1, 2001)[1:]
    mean = sum(float(recall(windows, objects, (300,), float(t))) for t in thresholds) / len(thresholds)
    assert average_recall(windows, objects) == pytest.approx(mean, abs=1e-3)


def test_random_windows_fit_and_are_spread_evenly() -> None:
    windows = random_windows(20_000, 9, 12, seed=3, min_side=8)
    x1, y1, x2, y2 = windows.unbind(1)
    assert int(x1.min()) == 0
    assert int(x2.max()) == 12
    assert int(y2.max()) == 9
    assert float((x2 - x1).min()) == 8
    assert float((y2 - y1).min()) == 8
    # heights: 8 at two places, 9 at one
    assert float((y2 - y1 == 8).float().mean()) == pytest.approx(2 / 3, abs=0.02)
    assert torch.equal(random_windows(5, 20, 20, 4), random_windows(5, 20, 20, 4))
    assert not torch.equal(random_windows(5, 20, 20, 4), random_windows(5, 20, 20, 5))


def test_nothing_and_wrong_input() -> None:
    none = [torch.zeros(0, 4)]
    assert math.isnan(float(recall([random_windows(3, 20, 20)], none, (3,))))
    assert windows_needed([random_windows(3, 20, 20)], none) is None
    assert recall(none, [random_windows(3, 20, 20)], (3,)).tolist() == [0.0]
    assert best_overlaps(none, [random_windows(2, 20, 20)]).tolist() == [0.0, 0.0]
    with pytest.raises(ValueError, match="same length"):
        recall([], none, (1,))
    with pytest.raises(ValueError, match="counts must be at least two rising numbers"):
        area_under_recall(none, none, (10, 10))
    with pytest.raises(ValueError, match="iou_threshold"):
        recall(none, none, (1,), 0.0)
    with pytest.raises(ValueError, match="width must be at least 8, got 5"):
        random_windows(1, 20, 5)

"""The cues against their definitions on drawn pictures, and how well they rank windows on scenes with truth."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
import torch

from course_utils.detection.graph_segmentation import graph_segmentation
from course_utils.detection.objectness import (
    CUES,
    Objectness,
    fit_objectness,
    measure_cues,
    propose,
    resized,
    saliency,
)
from course_utils.detection.recall import random_windows, recall
from tests.detection.scene_truth import scenes_with_boxes


@lru_cache(maxsize=1)
def model() -> Objectness:
    return fit_objectness(*scenes_with_boxes(24, 900))


def area_under_roc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Probability that a positive ranks above a negative; equal scores count half."""
    above = (positive[:, None] > negative).mean() + 0.5 * (positive[:, None] == negative).mean()
    return float(above)


def square() -> torch.Tensor:
    """A red square from 16 to 32 on a green ground of 48 x 48."""
    image = torch.zeros(3, 48, 48, dtype=torch.uint8)
    image[1] = 120
    image[:, 16:32, 16:32] = torch.tensor([220, 20, 20], dtype=torch.uint8)[:, None, None]
    return image


BOXES = torch.tensor([[16.0, 16, 32, 32], [24, 16, 40, 32], [1, 1, 9, 9]])


def test_each_cue_prefers_the_whole_object() -> None:
    whole, half, nothing = measure_cues(square(), BOXES)
    ms, cc, ed, ss = range(4)
    assert whole[cc] == pytest.approx(1)  # no colour is shared with the ring
    assert nothing[cc] == pytest.approx(0)
    assert whole[cc] > half[cc] > nothing[cc]
    assert whole[ed] > half[ed] > nothing[ed] == 0
    assert whole[ss] == pytest.approx(1, abs=0.1)  # the blur before the segmentation moves the border a little
    assert half[ss] < 0.2
    assert nothing[ss] < 0.2  # inside a region far larger than itself
    assert whole[ms] > nothing[ms]


@pytest.mark.parametrize("seed", [0, 1])
def test_straddling_equals_counting(seed: int) -> None:
    images, _ = scenes_with_boxes(12, seed)
    boxes = random_windows(20, 96, 96, seed)
    regions = graph_segmentation(images[0], 60.0, 0.8, 15)
    cue = measure_cues(images[0], boxes)[:, CUES.index("SS")]
    for box, value in zip(boxes.int().tolist(), cue):
        x1, y1, x2, y2 = box
        inside = torch.zeros_like(regions, dtype=torch.bool)
        inside[y1:y2, x1:x2] = True
        lost = sum(
            min(int(((regions == r) & inside).sum()), int(((regions == r) & ~inside).sum())) for r in regions.unique()
        )
        assert value == pytest.approx(1 - lost / int(inside.sum()))


def test_boxes_grow_about_their_centre_and_stay_inside() -> None:
    boxes = np.array([[10.0, 10, 20, 30], [0, 0, 10, 10]])
    assert resized(boxes, 2.0, 40, 50).tolist() == [[5, 0, 25, 40], [0, 0, 15, 15]]
    assert resized(boxes, 0.5, 40, 50)[0].tolist() == [12, 15, 18, 25]


def test_what_stands_out_is_salient() -> None:
    stripes = (100 + 60 * torch.sin(torch.arange(64) * 0.8)).expand(3, 64, 64).clone()
    stripes[:, 30:38, 40:48] = 250
    found = saliency(stripes)
    assert found.shape == (64, 64)
    assert found.max() == pytest.approx(1)
    assert found[28:40, 38:50].mean() > 3 * found.mean()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_objects_rank_above_random_windows(seed: int) -> None:
    """S240: on scenes that it did not learn from; all cues together do better than any alone."""
    images, objects = scenes_with_boxes(12, seed)
    windows = [random_windows(100, 96, 96, 100 * seed + i) for i in range(len(images))]
    true = np.concatenate([measure_cues(image, boxes) for image, boxes in zip(images, objects)])
    other = np.concatenate([measure_cues(image, boxes) for image, boxes in zip(images, windows)])

    def rank(use: tuple[str, ...]) -> float:
        return area_under_roc(model().of_cues(true, use), model().of_cues(other, use))

    assert rank(CUES) > 0.85
    assert all(rank((cue,)) > 0.5 for cue in CUES)
    assert rank(CUES) > max(rank((cue,)) for cue in ("MS", "CC", "ED"))


@pytest.mark.parametrize("seed", [0])
def test_the_best_of_many_windows_beat_as_many_random_ones(seed: int) -> None:
    images, objects = scenes_with_boxes(12, seed)
    found = [propose(model(), image, 50, seed=5000 + i)[0] for i, image in enumerate(images)]
    random = [random_windows(50, 96, 96, 100 * seed + i) for i in range(len(images))]
    assert float(recall(found, objects, (50,))) > float(recall(random, objects, (50,))) + 0.15


def test_counting_by_hand() -> None:
    """The score is the sum of what each cue's bin says."""
    table = Objectness(np.array([[0.5]] * 4), np.array([[-1.0, 1.0], [0, 0], [-2, 2], [0, 0]]))
    cues = np.array([[0.9, 0, 0.9, 0], [0.9, 0, 0.1, 0]])
    assert table.of_cues(cues).tolist() == [3, -1]
    assert table.of_cues(cues, ("MS",)).tolist() == [1, 1]
    assert (np.abs(model().log_ratio).max(1) > 0.3).all()


def test_wrong_input_is_named() -> None:
    with pytest.raises(ValueError, match="boxes must hold at least one object to learn from, got none"):
        fit_objectness([square()], [torch.zeros(0, 4)], negatives=3)
    with pytest.raises(ValueError, match=r"image must have shape \(3, any, any\)"):
        measure_cues(torch.zeros(1, 48, 48), BOXES)
    assert measure_cues(square(), torch.zeros(0, 4)).shape == (0, 4)

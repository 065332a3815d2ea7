"""Scenes of digits: the truth is what is painted, and nothing is drawn twice."""

from __future__ import annotations

import pytest
import torch

from course_utils import data
from course_utils.data.synthetic.digit_scenes import INK, DigitScenes, cut_to_ink, make_digit_scenes
from course_utils.detection.iou import box_iou
from course_utils.detection.scene_batches import SceneBatches, targets_of, truth_of

SIDE = 64


@pytest.fixture(scope="module")
def scenes() -> DigitScenes:
    return make_digit_scenes(40, SIDE, seed=3)


def test_the_same_seed_gives_the_same_scenes_and_another_seed_others(scenes: DigitScenes) -> None:
    again, other = make_digit_scenes(40, SIDE, seed=3), make_digit_scenes(40, SIDE, seed=4)
    assert torch.equal(scenes.images, again.images)
    assert torch.equal(scenes.boxes, again.boxes)
    assert not torch.equal(scenes.images, other.images)
    assert scenes.images.dtype == torch.uint8
    assert scenes.images.shape == (40, 3, SIDE, SIDE)


def test_what_is_painted_lies_in_the_boxes_and_reaches_all_their_sides() -> None:
    scenes = make_digit_scenes(30, SIDE, seed=5, background="plain")
    for i in range(len(scenes)):
        there = scenes.targets(i)["boxes"].long()
        inside = torch.zeros(SIDE, SIDE, dtype=torch.bool)
        for x1, y1, x2, y2 in there.tolist():
            inside[y1:y2, x1:x2] = True
        ground = scenes.images[i][:, ~inside]
        assert (ground == ground[:, :1]).all(), "outside the boxes there is only the plain ground"
        plain = ground[:, :1, None]
        for x1, y1, x2, y2 in there.tolist():
            painted = (scenes.images[i][:, y1:y2, x1:x2] != plain).any(0)
            assert painted[0].any()
            assert painted[-1].any()
            assert painted[:, 0].any()
            assert painted[:, -1].any()


def test_digits_do_not_touch_and_stay_inside(scenes: DigitScenes) -> None:
    for i in range(len(scenes)):
        boxes = scenes.targets(i)["boxes"]
        assert boxes.min() >= 0
        assert boxes.max() <= SIDE
        assert box_iou(boxes, boxes).fill_diagonal_(0).sum() == 0


def test_sizes_and_numbers_are_as_asked(scenes: DigitScenes) -> None:
    there = scenes.labels >= 0
    assert there.sum(1).min() >= 1
    assert there.sum(1).max() == 4
    heights = (scenes.boxes[:, :, 3] - scenes.boxes[:, :, 1])[there] / SIDE
    assert heights.min() >= 0.18 - 1 / SIDE
    assert heights.max() <= 0.42 + 1 / SIDE
    assert heights.max() > 1.7 * heights.min(), "digits come in many sizes"
    assert set(scenes.labels[there].tolist()) == set(range(10))
    assert make_digit_scenes(5, SIDE, 0, objects=(0, 1), scale=(0.3, 0.3)).labels.shape == (5, 1)


def test_test_scenes_hold_other_digits() -> None:
    train, test = (data.load("digits", split) for split in ("train", "test"))
    seen = {bytes(x.flatten().tolist()) for x in train.images}
    assert sum(bytes(x.flatten().tolist()) in seen for x in test.images) < 5
    a, b = make_digit_scenes(3, SIDE, 1, "train"), make_digit_scenes(3, SIDE, 1, "test")
    assert not torch.equal(a.images, b.images)


def test_the_detectors_read_them_as_they_read_other_scenes(scenes: DigitScenes) -> None:
    truth = truth_of(scenes)  # type: ignore[arg-type]
    assert truth.shape == (40, 4, 5)
    for i, target in enumerate(targets_of(scenes)):  # type: ignore[arg-type]
        assert torch.equal(target.boxes, scenes.targets(i)["boxes"])
        assert torch.equal(target.labels, truth[i][truth[i, :, 0] >= 0, 0].long())
    x, _ = next(iter(SceneBatches(scenes, 8)))  # type: ignore[arg-type]
    assert x.shape == (8, 3, SIDE, SIDE)
    few = scenes.subset(slice(0, 5))
    assert len(few) == 5
    assert torch.equal(few.visibility, (few.labels >= 0).float())


def test_a_digit_is_cut_to_its_ink() -> None:
    digit = torch.zeros(8, 8, dtype=torch.uint8)
    digit[2:5, 3:5] = INK + 1
    assert cut_to_ink(digit).shape == (3, 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: make_digit_scenes(1, 16), "size must be at least 32"),
        (lambda: make_digit_scenes(1, 64, split="valid"), "split must be one of"),
        (lambda: make_digit_scenes(1, 64, objects=(3, 2)), r"objects\[1\] must be at least 3"),
        (lambda: make_digit_scenes(1, 64, scale=(0.5, 0.2)), r"scale\[1\] must be at least 0.5"),
        (lambda: make_digit_scenes(1, 64, background="brick"), "background must be one of"),
    ],
)
def test_what_cannot_be_drawn_is_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()

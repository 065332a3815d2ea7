"""The truth of a batch is the truth of its scenes, mirrored where the pictures are."""

from __future__ import annotations

import pytest
import torch

from course_utils.data.synthetic import make_scenes
from course_utils.detection.scene_batches import SceneBatches, mirror, objects_of, prepare, targets_of, truth_of

SCENES = make_scenes(8, 64, seed=3, difficulty="hard")


def test_truth_holds_what_can_be_seen() -> None:
    truth = truth_of(SCENES, 0.6)
    assert truth.shape == (8, SCENES.labels.shape[1], 5)
    for i, row in enumerate(truth):
        wanted = SCENES.targets(i, 0.6)
        boxes, labels = objects_of(row)
        torch.testing.assert_close(boxes, wanted["boxes"])
        assert torch.equal(labels, wanted["labels"])
    assert (truth[truth[..., 0] < 0][:, 1:] == 0).all()
    assert (truth[..., 0] >= 0).sum() < (truth_of(SCENES, 0)[..., 0] >= 0).sum(), "some objects are almost hidden"


def test_hidden_objects_are_difficult_not_gone() -> None:
    few, many = targets_of(SCENES, 0.5), targets_of(SCENES, 0.0)
    assert [len(t.boxes) for t in few] == [len(t.boxes) for t in many]
    assert sum(int(t.difficult.sum()) for t in few) > 0
    assert sum(int(t.difficult.sum()) for t in many) == 0


def test_a_mirrored_box_encloses_the_mirrored_pixels() -> None:
    truth = truth_of(SCENES)
    x, moved = mirror(SCENES.images, truth)
    for i in range(len(truth)):
        for (before, label), (after, same) in zip(zip(*objects_of(truth[i])), zip(*objects_of(moved[i])), strict=True):
            assert label == same
            a, b = before.int().tolist(), after.int().tolist()
            assert torch.equal(SCENES.images[i, :, a[1] : a[3], a[0] : a[2]].flip(2), x[i, :, b[1] : b[3], b[0] : b[2]])
    torch.testing.assert_close(mirror(x, moved)[1], truth)
    assert (moved[truth[..., 0] < 0][:, 1:] == 0).all(), "an empty slot stays empty"


def test_batches_are_repeatable_and_new_each_epoch() -> None:
    first, again = SceneBatches(SCENES, 3, seed=5), SceneBatches(SCENES, 3, seed=5)
    assert len(first) == 2
    one, two = [list(first) for _ in range(2)], list(again)
    for (x, truth), (x2, truth2) in zip(one[0], two, strict=True):
        assert torch.equal(x, x2)
        assert torch.equal(truth, truth2)
        assert x.shape == (3, 3, 64, 64)
        assert float(x.min()) >= -1
        assert float(x.max()) <= 1
    assert not torch.equal(one[0][0][0], one[1][0][0])
    again.set_epoch(1)
    assert torch.equal(next(iter(again))[0], one[1][0][0])


def test_pictures_are_prepared_and_bad_sizes_refused() -> None:
    assert prepare(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [-1, 1]
    with pytest.raises(ValueError, match="batch_size"):
        SceneBatches(SCENES, 9)
    with pytest.raises(ValueError, match="min_visibility"):
        truth_of(SCENES, 2)

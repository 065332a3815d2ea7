"""The majority filter against votes counted one by one, and what it does to a noisy label map."""

from __future__ import annotations

import pytest
import torch

from course_utils.data.synthetic import make_scenes
from course_utils.segmentation.metrics import confusion_matrix, mean_iou
from course_utils.segmentation.smoothing import majority_filter, majority_filter_loop


@pytest.mark.parametrize("radius", [0, 1, 2])
@pytest.mark.parametrize("seed", range(3))
def test_votes_equal_those_counted_one_by_one(seed: int, radius: int) -> None:
    g = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 4, (7, 9), generator=g)
    labels[torch.rand(7, 9, generator=g) < 0.15] = 255
    once = majority_filter(labels, 4, radius)
    assert torch.equal(once, majority_filter_loop(labels, radius))
    assert torch.equal(majority_filter(labels, 4, radius, rounds=2), majority_filter_loop(once, radius))
    assert torch.equal(majority_filter(torch.stack([labels, labels.T[:7, :7].new_zeros(7, 9)]), 4, radius)[0], once)


def test_it_raises_mean_iou_of_noisy_labels_and_erases_thin_lines() -> None:
    truth = make_scenes(20, 48, 0, "easy").semantic.clamp(max=1)
    g = torch.Generator().manual_seed(0)
    noisy = torch.where(torch.rand(truth.shape, generator=g) < 0.15, 1 - truth, truth)
    before, after = (mean_iou(confusion_matrix(x, truth, 2)) for x in (noisy, majority_filter(noisy, 2)))
    assert after > before + 0.15
    line = torch.zeros(9, 9, dtype=torch.int64)
    line[4] = 1
    assert (majority_filter(line, 2) == 0).all()


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ValueError, match="radius must be at least 0"):
        majority_filter(torch.zeros(3, 3, dtype=torch.int64), 2, -1)
    with pytest.raises(ValueError, match=r"0\.\.1"):
        majority_filter(torch.full((3, 3), 2), 2)

"""Bands along boundaries and rims of regions: against loops, a reference implementation and cases by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from course_utils.segmentation import boundary
from course_utils.segmentation.metrics import confusion_matrix, mean_iou


def blobs(seed: int, size: int = 17, classes: int = 4) -> Tensor:
    """A map of patches of 3 pixels, some ignored."""
    g = torch.Generator().manual_seed(seed)
    coarse = torch.randint(0, classes + 1, (size // 3 + 1, size // 3 + 1), generator=g)
    coarse[coarse == classes] = 255
    return coarse.repeat_interleave(3, 0).repeat_interleave(3, 1)[: size - 1, :size]


@pytest.mark.parametrize("width", [1, 2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_a_trimap_is_what_asking_every_pixel_gives(seed: int, width: int) -> None:
    labels = blobs(seed)
    assert torch.equal(boundary.trimap(labels, width), boundary.trimap_loop(labels, width))
    assert torch.equal(boundary.trimap(labels, width, None), boundary.trimap_loop(labels, width, None))
    both = torch.stack([labels, labels.flip(0)])
    assert torch.equal(boundary.trimap(both, width)[1], boundary.trimap(labels, width).flip(0))


def test_a_straight_edge_has_a_band_of_twice_the_width() -> None:
    labels = torch.zeros(6, 12, dtype=torch.int64)
    labels[:, 6:] = 1
    for width in (1, 2, 3):
        assert boundary.trimap(labels, width).sum() == 6 * 2 * width
    labels[:, 6] = 255  # a border that VOC would not count makes no boundary at all
    assert boundary.trimap(labels, 3).sum() == 0


@pytest.mark.parametrize("distance", [1, 2, 4])
def test_rims_equal_repeated_erosion_and_scipy(distance: int) -> None:
    from scipy.ndimage import binary_erosion

    for seed in range(3):
        mask = blobs(seed) == 1
        rim = boundary.inner_rim(mask, distance)
        assert torch.equal(rim, boundary.inner_rim_loop(mask, distance))
        eroded = binary_erosion(mask.numpy(), np.ones((3, 3)), iterations=distance, border_value=0)
        assert torch.equal(rim, mask & ~torch.from_numpy(eroded))


def test_boundary_iou_of_squares_by_hand() -> None:
    truth, guess = torch.zeros(20, 20, dtype=torch.int64), torch.zeros(20, 20, dtype=torch.int64)
    truth[5:15, 5:15] = 1
    guess[5:15, 6:16] = 1  # one pixel to the right
    # Rims of thickness 1 have 36 pixels each; the upper and lower sides share 9 each, the others nothing.
    assert boundary.boundary_iou(guess, truth, 2, 1)[1] == pytest.approx(18 / (36 + 36 - 18))
    plain = mean_iou(confusion_matrix(guess, truth, 2))
    assert boundary.mean_boundary_iou(guess, truth, 2, 1) < plain
    assert boundary.boundary_iou(truth, truth, 3, 2)[:2].tolist() == [1, 1]
    assert boundary.boundary_iou(truth, truth, 3, 2)[2].isnan()


def test_with_a_rim_as_thick_as_the_image_it_is_plain_iou() -> None:
    truth, guess = blobs(0).clamp(max=3), blobs(1).clamp(max=3)
    whole = boundary.boundary_iou(guess, truth, 4, 20)
    from course_utils.segmentation.metrics import class_iou

    assert torch.allclose(whole, class_iou(confusion_matrix(guess, truth, 4)))


def test_a_blurred_edge_loses_more_near_the_boundary_and_ignored_pixels_cost_nothing() -> None:
    truth = torch.zeros(40, 40, dtype=torch.int64)
    truth[10:30, 10:30] = 1
    guess = truth.clone()
    guess[10:12, 10:30] = 0
    near = [mean_iou(boundary.trimap_confusion(guess, truth, 2, width)) for width in (1, 3, 8)]
    assert near[0] < near[1] < near[2] < mean_iou(confusion_matrix(guess, truth, 2))
    marked = truth.clone()
    marked[9:13] = 255
    assert mean_iou(boundary.trimap_confusion(guess, marked, 2, 3)) == 1
    assert boundary.mean_boundary_iou(guess, marked, 2, 2) == 1


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ValueError, match="width must be at least 1"):
        boundary.trimap(blobs(0), 0)
    with pytest.raises(ValueError, match="shape"):
        boundary.boundary_iou(blobs(0), blobs(0)[1:], 4)

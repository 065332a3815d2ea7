"""Straight crops are the middle; shifted ones move, by no more than they say."""

import pytest
import torch

from course_utils.scratch.convolution.face_crops import crop_faces, load_faces


def test_faces_come_first():
    x, y = load_faces()
    assert x.shape == (200, 1, 25, 25)
    assert 0 <= x.min() < x.max() <= 1
    assert y.tolist() == [1] * 100 + [0] * 100


def test_straight_crops_are_the_standardised_middle():
    x, _ = load_faces()
    crops = crop_faces(x)
    middle = x[:, :, 4:21, 4:21]
    assert torch.allclose(crops[5], (middle[5] - middle[5].mean()) / (middle[5].std() + 1e-3), atol=1e-5)
    assert torch.allclose(crops.mean(dim=(2, 3)), torch.zeros(200, 1), atol=1e-4)


def test_shifted_crops_reach_every_corner_and_no_further():
    places = torch.arange(625.0).reshape(1, 1, 25, 25).expand(4000, 1, 25, 25)
    ramp = crop_faces(places, shift=4, seed=1)
    assert torch.allclose(ramp.std(dim=(2, 3)), torch.ones(4000, 1), atol=1e-2)
    noise = torch.rand(1, 1, 25, 25, generator=torch.Generator().manual_seed(0)).expand(4000, 1, 25, 25)
    firsts = {round(value, 4) for value in crop_faces(noise, shift=4, seed=2)[:, 0, 0, 0].tolist()}
    assert len(firsts) > 75  # 81 places
    with pytest.raises(ValueError, match="shift must be at most 4, got 5"):
        crop_faces(noise, shift=5)

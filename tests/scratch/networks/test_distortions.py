"""Shifts by whole pixels, scalings, turns, and the count of changed pixels."""

import numpy as np
import pytest
import torch

from course_utils.scratch.networks.distortions import add_frame, changed_pixels, scale_and_turn, shift


@pytest.mark.parametrize(("right", "down"), [(0, 0), (2, 0), (-1, 3), (4, -3)])
def test_shift_moves_every_pixel(right, down):
    image = torch.arange(1, 31).view(1, 1, 5, 6)
    moved = shift(image, right, down)
    for i in range(5):
        for j in range(6):
            a, b = i - down, j - right
            inside = 0 <= a < 5 and 0 <= b < 6
            assert moved[0, 0, i, j] == (image[0, 0, a, b] if inside else 0)


def test_a_frame_keeps_what_a_shift_would_lose():
    image = torch.rand(2, 1, 4, 4)
    framed = add_frame(image, 3)
    assert framed.shape == (2, 1, 10, 10)
    assert torch.equal(shift(shift(framed, 3, -2), -3, 2), framed)
    with pytest.raises(ValueError, match="right must be at most 3"):
        shift(image, 4)


def test_scale_and_turn():
    image = torch.zeros(1, 1, 9, 9)
    image[0, 0, 4, 6] = 1  # to the right of the middle
    assert torch.allclose(scale_and_turn(image), image, atol=1e-5)
    assert scale_and_turn(image, degrees=90)[0, 0, 2, 4] == pytest.approx(1, abs=1e-5)  # anticlockwise: now above
    assert scale_and_turn(image, scale=2)[0, 0, 4, 8] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("right", "down"), [(2, 0), (-1, 0), (0, 3), (-3, 2)])
def test_as_many_turn_on_as_off(seed, right, down):
    image = np.zeros((14, 16), dtype=int)
    image[3:11, 3:13] = np.random.default_rng(seed).random((8, 10)) < 0.5
    on, off = changed_pixels(image, right, down)
    assert on == off > 0
    moved = shift(torch.tensor(image), right, down).numpy()
    assert on + off == (moved != image).sum()


def test_a_shape_that_leaves_the_frame_is_refused():
    image = np.zeros((4, 4))
    image[1, 3] = 1
    with pytest.raises(ValueError, match="pushes some of it out"):
        changed_pixels(image, right=1)
    with pytest.raises(ValueError, match="only 0 and 1"):
        changed_pixels(image * 0.5, right=-1)

"""Moves undo, compose, and equal torch and the pixel-by-pixel twins."""

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional as tv

from course_utils.data.augment import shift_each
from course_utils.scratch.augmentation.geometric import (
    blank_square,
    crop,
    flip,
    flip_loops,
    quarter_turn,
    shift,
    shift_loops,
)

SHAPES = [(1, 1), (4, 7), (2, 5, 5), (3, 2, 6, 4)]


def picture(shape, seed=0):
    return np.random.default_rng(seed).random(shape)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_mirror_twice_is_the_picture(shape):
    x = picture(shape)
    np.testing.assert_array_equal(flip(flip(x)), x)
    np.testing.assert_array_equal(flip(x), tv.horizontal_flip(torch.tensor(x)).numpy())
    if len(shape) == 2:
        np.testing.assert_array_equal(flip(x), flip_loops(x))


@pytest.mark.parametrize(("down", "right"), [(0, 0), (1, 2), (-2, 1), (3, -3), (9, 0), (-4, -7)])
def test_shifts(down, right):
    x = picture((4, 7))
    out = shift(x, down, right)
    np.testing.assert_array_equal(out, shift_loops(x, down, right))
    theirs = shift_each(torch.tensor(x)[None, None], torch.tensor([down]), torch.tensor([right]))
    np.testing.assert_array_equal(out, theirs[0, 0].numpy())


def test_shifts_add_up_where_nothing_is_lost():
    x = np.zeros((2, 12, 12))
    x[:, 4:8, 4:8] = picture((2, 4, 4))
    rng = np.random.default_rng(1)
    for a, b, c, d in rng.integers(-2, 3, size=(30, 4)).tolist():
        np.testing.assert_array_equal(shift(shift(x, a, b), c, d), shift(x, a + c, b + d))
        assert shift(x, a, b).sum() == pytest.approx(x.sum())


@pytest.mark.parametrize("shape", SHAPES)
def test_quarter_turns_equal_torch_and_four_are_none(shape):
    x = picture(shape)
    for turns in range(-2, 6):
        theirs = torch.rot90(torch.tensor(x), turns, (-2, -1)).numpy()
        np.testing.assert_array_equal(quarter_turn(x, turns), theirs)
    np.testing.assert_array_equal(quarter_turn(quarter_turn(x, 3), 1), x)
    # a half turn is a mirror left to right and a mirror upside down
    np.testing.assert_array_equal(quarter_turn(x, 2), flip(x)[..., ::-1, :])


def test_crops_equal_torchvision_and_whole_is_whole():
    x = picture((3, 8, 9))
    np.testing.assert_array_equal(crop(x, 2, 3, 4, 5), tv.crop(torch.tensor(x), 2, 3, 4, 5).numpy())
    np.testing.assert_array_equal(crop(x, 0, 0, 8, 9), x)


def test_a_blanked_square_changes_nothing_else():
    x = picture((2, 6, 6)) + 1
    out = blank_square(x, -1, 3, 4)
    assert (out[:, :3, 3:] == 0).all()
    kept = np.ones((6, 6), dtype=bool)
    kept[:3, 3:] = False
    np.testing.assert_array_equal(out[:, kept], x[:, kept])
    np.testing.assert_array_equal(blank_square(x, -9, 0, 4), x)


def test_new_arrays_and_named_errors():
    x = picture((4, 4))
    for out in (flip(x), shift(x, 0, 0), crop(x, 0, 0, 4, 4), quarter_turn(x, 0), blank_square(x, 0, 0, 0)):
        assert not np.shares_memory(out, x)
    with pytest.raises(ValueError, match=r"x must have shape \(..., H, W\), got \(4,\)"):
        flip(x[0])
    with pytest.raises(ValueError, match="top must be at most 2, got 3"):
        crop(x, 3, 0, 2, 2)
    with pytest.raises(TypeError, match="down must be an integer"):
        shift(x, 0.5, 0)

"""Text windows and dials: what is in them, and what is not."""

import numpy as np
import pytest
import torch

from course_utils.scratch.convolution_kinds.deformable import bilinear_sample
from course_utils.scratch.convolution_kinds.dials import grid_points, make_dials
from course_utils.scratch.convolution_kinds.text_windows import (
    LETTERS,
    help_text,
    letter_counts,
    make_text_windows,
    one_hot,
    read,
)


def test_shuffled_windows_keep_their_letters_and_text_is_text():
    windows, labels = make_text_windows(400, length=20, seed=3)
    text = help_text()
    assert labels.float().mean() == 0.5
    assert all(read(w) in text for w in windows[labels == 1])
    assert sum(read(w) in text for w in windows[labels == 0]) == 0
    counts = letter_counts(windows)
    assert (counts.sum(1) == 20).all()
    assert counts.shape == (400, len(LETTERS))
    assert one_hot(windows).shape == (400, 27, 20)
    again, _ = make_text_windows(400, length=20, seed=3)
    assert torch.equal(windows, again)


def test_a_test_window_comes_from_the_last_fifth():
    text = help_text()
    cut = len(text) * 4 // 5
    windows, labels = make_text_windows(100, length=40, part="test", seed=0)
    assert all(read(w) in text[cut:] for w in windows[labels == 1])


def test_dots_lie_where_the_grid_says_and_are_as_bright_as_the_target():
    images, bright, angle = make_dials(50, seed=1)
    points = grid_points(angle) + 9
    seen = bilinear_sample(images, points[..., 0], points[..., 1])[:, 0]
    correlation = np.corrcoef(seen.flatten(), bright.flatten())[0, 1]
    assert correlation > 0.97
    assert angle.abs().max() <= 1.2
    straight = grid_points(torch.zeros(1))[0]
    torch.testing.assert_close(straight[1], torch.tensor([-3.0, 0.0]))
    quarter = grid_points(torch.tensor([torch.pi / 2]))[0]
    torch.testing.assert_close(quarter[1], torch.tensor([0.0, 3.0]), atol=1e-6, rtol=0)  # clockwise: top goes right


def test_the_pointer_stands_over_the_middle_of_the_top_row_whatever_the_angle():
    images, _, angle = make_dials(50, seed=2)
    tip = grid_points(angle)[:, 1:2] * 7 / 3 + 9  # seven pixels out, where the grid's own dot is three out
    seen = bilinear_sample(images, tip[..., 0], tip[..., 1])[:, 0, 0]
    assert seen.min() > 1.5  # no dot is brighter than 1


def test_too_small_a_picture_is_refused():
    with pytest.raises(ValueError, match="size must be at least 17"):
        make_dials(1, size=8)

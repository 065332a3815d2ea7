"""Letters: shape, ranges, noise, and that they can be told apart by the eye of a template."""

import numpy as np
import pytest

from course_utils.scratch.perceptrons.stroke_letters import STROKES, draw_letters


def test_shapes_values_and_seed():
    images, labels = draw_letters("TL", 50, seed=4)
    assert images.shape == (50, 20, 20)
    assert images.dtype == np.uint8
    assert set(np.unique(images)) == {0, 1}
    assert set(np.unique(labels)) == {0, 1}
    np.testing.assert_array_equal(images, draw_letters("TL", 50, seed=4)[0])
    assert not np.array_equal(images, draw_letters("TL", 50, seed=5)[0])


def test_strokes_stay_in_the_unit_square():
    for strokes in STROKES.values():
        for stroke in strokes:
            assert np.array(stroke).min() >= -1e-9
            assert np.array(stroke).max() <= 1 + 1e-9


def test_without_noise_the_ink_is_a_letter():
    images, labels = draw_letters("TL", 200, shift=0.0, noise=0.0, seed=0)
    rows = images.sum(axis=2)
    top, bottom = rows[:, :10].max(axis=1), rows[:, 10:].max(axis=1)
    assert (top[labels == 0] > bottom[labels == 0]).all()  # T: the long stroke is on top
    assert (bottom[labels == 1] > top[labels == 1]).all()  # L: at the bottom


def test_noise_flips_the_share_it_says():
    clean, _ = draw_letters("O", 200, noise=0.0, seed=1)
    assert clean.mean() < 0.5
    noisy, _ = draw_letters("O", 200, noise=0.5, seed=1)
    assert noisy.mean() == pytest.approx(0.5, abs=0.01)


def test_shift_moves_the_ink():
    def spread(shift):
        images, _ = draw_letters("O", 200, shift=shift, noise=0.0, seed=2)
        columns = (images * np.arange(20)).sum(axis=(1, 2)) / images.sum(axis=(1, 2))
        return np.ptp(columns)

    assert spread(0.0) < 1.0
    assert 6.0 < spread(4.0) < 9.0


def test_unknown_letters_are_named():
    with pytest.raises(ValueError, match="letter must be one of"):
        draw_letters("Q", 1)

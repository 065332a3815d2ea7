"""Oriented units prefer their own orientation and say nothing to a grey wall."""

import numpy as np
import pytest

from course_utils.scratch.convolution.gabor import bar, gabor


@pytest.mark.parametrize("orientation", [0, 30, 45, 90, 135])
def test_the_unit_answers_most_to_its_own_bar(orientation):
    unit = gabor(25, orientation)
    angles = np.arange(0, 180, 15)
    answers = [(unit * bar(25, angle)).sum() for angle in angles]
    assert angles[int(np.argmax(answers))] == orientation
    assert (unit * bar(25, orientation + 90)).sum() < 0.3 * max(answers)


def test_a_grey_wall_leaves_it_silent():
    for phase in (0, 90):
        unit = gabor(17, 20, phase=phase)
        assert unit.sum() == pytest.approx(0, abs=1e-12)
        assert np.linalg.norm(unit) == pytest.approx(1)


def test_orientations_are_counted_as_said():
    lying, standing = bar(21, 0), bar(21, 90)
    assert (lying.sum(axis=1) > 0).sum() < (lying.sum(axis=0) > 0).sum()
    np.testing.assert_allclose(standing, lying.T, atol=1e-12)
    rising = bar(21, 45)
    assert rising[5, 15] == 1  # up and to the right
    assert rising[5, 5] == 0
    assert gabor(17, 0)[8, 8] > 0 > gabor(17, 0)[4, 8]  # stripes lie: the sign changes going up


def test_a_bar_can_stand_elsewhere():
    moved = bar(21, 0, center=(5, 12))
    rows, columns = np.nonzero(moved)
    assert rows.mean() == pytest.approx(5)
    assert moved[5, 12] == 1
    assert columns.max() == 20

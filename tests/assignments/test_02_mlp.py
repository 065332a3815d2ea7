"""Assignment 2: its picture, and the claim to be judged."""

import re

import numpy as np
import pytest

from tests.assignments.contract import AssignmentContract
from tools import mutation

NAME = "02_mlp"


class TestAssignment(AssignmentContract):
    """What holds for every assignment."""

    NAME = NAME
    PICTURES = ("bumps_picture",)


@pytest.mark.parametrize("units", [1, 3, 1000])
def test_the_claim_to_be_judged_is_false_any_sum_of_squares_is_a_parabola(units):
    rng = np.random.default_rng(units)
    v, w, b = rng.normal(size=(3, units))
    x = np.arange(4.0)
    values = ((np.outer(x, w) + b) ** 2) @ v
    assert abs(values[3] - 3 * values[2] + 3 * values[1] - values[0]) < 1e-9 * units * np.abs(values).max()


def test_no_parabola_comes_closer_than_three_quarters_to_the_four_points():
    """Least squares gives a parabola; the best in the largest error is found among those with equal errors."""
    target = np.array([0.0, 1.0, -1.0, 0.0])
    assert target[3] - 3 * target[2] + 3 * target[1] - target[0] == 6
    powers = np.vander(np.arange(4.0), 3)
    signs = np.array([-1.0, 1.0, -1.0, 1.0])
    *parabola, error = np.linalg.solve(np.column_stack([powers, signs]), target)
    assert np.abs(powers @ parabola - target).max() == pytest.approx(0.75)
    assert abs(error) == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("curve", "words"),
    [
        (lambda *a: None, "Nothing to draw: draw_curve.* is None"),
        (lambda x, e, h, k: h, r"should have shape \(400,\)"),
        (lambda *a: a[9], "stops with IndexError"),
    ],
)
def test_the_picture_cell_says_why_nothing_is_drawn(capsys, curve, words):
    with mutation.Judge(NAME) as judge:
        judge.checks.pictures.sine(curve)
    assert re.search(words, capsys.readouterr().out)

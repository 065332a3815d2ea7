"""The pocket never gets worse and holds what it says."""

import numpy as np
import pytest

from course_utils.scratch.perceptrons.perceptron import add_bias, count_mistakes
from course_utils.scratch.perceptrons.pocket import train_pocket


def clouds(seed, shift=0.9):
    rng = np.random.default_rng(seed)
    y = rng.choice([-1.0, 1.0], size=200)
    return add_bias(rng.normal(size=(200, 2)) + y[:, None] * shift), y


@pytest.mark.parametrize("seed", range(3))
def test_pocket_is_the_best_that_was_held(seed):
    x, y = clouds(seed)
    run = train_pocket(x, y, updates=80, seed=seed)
    assert run.mistakes == count_mistakes(x, y, run.w) == run.last_mistakes.min()
    assert (np.diff(run.pocket_mistakes) <= 0).all()
    np.testing.assert_array_equal(run.pocket_mistakes, np.minimum.accumulate(run.last_mistakes))
    assert run.last_mistakes.max() > run.mistakes


def test_stops_when_no_mistake_is_left():
    x, y = clouds(0, shift=6.0)
    run = train_pocket(x, y, updates=500)
    assert run.mistakes == 0
    assert len(run.last_mistakes) < 500

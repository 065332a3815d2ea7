"""The averaged perceptron against the average added up visit by visit."""

import numpy as np
import pytest

from course_utils.scratch.perceptrons.averaged_perceptron import train_averaged


@pytest.mark.parametrize("seed", range(4))
def test_average_equals_the_sum_over_all_visits(seed):
    rng = np.random.default_rng(100 + seed)
    x = rng.normal(size=(60, 3))
    y = np.where(x[:, 0] + 0.5 * rng.normal(size=60) > 0, 1.0, -1.0)
    draw = np.random.default_rng(seed)
    w, total, visits = np.zeros(3), np.zeros(3), 0
    for _ in range(4):
        for i in draw.permutation(60):
            if y[i] * (w @ x[i]) <= 0:
                w = w + y[i] * x[i]
            total, visits = total + w, visits + 1
    average, last = train_averaged(x, y, epochs=4, seed=seed)
    np.testing.assert_allclose(average, total / visits, atol=1e-12)
    np.testing.assert_allclose(last, w, atol=1e-12)
    assert not np.allclose(average, last)

"""The toy point sets are what their names promise, and the same for the same seed."""

import numpy as np
import pytest

from course_utils.scratch.kernel_methods import point_sets
from course_utils.scratch.perceptrons.margin_bound import maximum_margin
from course_utils.scratch.perceptrons.perceptron import add_bias, train_perceptron


@pytest.mark.parametrize("name", ["two_clouds", "separable_clouds", "xor_clouds", "rings", "moons"])
def test_shapes_labels_and_seed(name):
    draw = getattr(point_sets, name)
    x, y = draw(40, seed=5)
    assert x.shape == (40, 2)
    assert y.shape == (40,)
    assert set(y) == {-1.0, 1.0}
    assert y.sum() == 0
    np.testing.assert_array_equal(x, draw(40, seed=5)[0])
    assert not np.array_equal(x, draw(40, seed=6)[0])


@pytest.mark.parametrize("seed", range(5))
def test_separable_clouds_keep_their_gap(seed):
    x, y = point_sets.separable_clouds(40, gap=0.3, seed=seed)
    distance = y * ((x - 0.4) @ [0.8, 0.6])
    assert distance.min() >= 0.3
    assert maximum_margin(add_bias(x), y)[1] > 0


@pytest.mark.parametrize("name", ["xor_clouds", "rings"])
def test_no_line_separates_the_bent_ones(name):
    x, y = getattr(point_sets, name)(40, seed=0)
    with pytest.raises(ValueError):
        maximum_margin(add_bias(x), y)
    assert not train_perceptron(add_bias(x), y, epochs=200).converged

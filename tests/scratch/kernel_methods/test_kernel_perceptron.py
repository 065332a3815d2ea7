"""The kernel perceptron makes the mistakes of the perceptron on explicit features, one for one."""

import numpy as np
import pytest

from course_utils.scratch.kernel_methods.feature_maps import polynomial_features
from course_utils.scratch.kernel_methods.kernel_perceptron import kernel_perceptron
from course_utils.scratch.kernel_methods.kernels import polynomial_kernel
from course_utils.scratch.kernel_methods.point_sets import moons, rings
from course_utils.scratch.perceptrons.perceptron import train_perceptron


@pytest.mark.parametrize(("draw", "degree"), [(rings, 2), (moons, 3)])
@pytest.mark.parametrize("seed", range(3))
def test_dual_and_primal_agree_mistake_for_mistake(draw, degree, seed):
    x, y = draw(60, seed=seed)
    new = draw(500, seed=seed + 100)[0]
    primal = train_perceptron(polynomial_features(x, degree), y, epochs=20)
    counts = kernel_perceptron(polynomial_kernel(x, x, degree), y, epochs=20)
    np.testing.assert_array_equal(counts, np.bincount(primal.picked, minlength=len(y)))
    scores = polynomial_kernel(new, x, degree) @ (counts * y)
    np.testing.assert_allclose(scores, polynomial_features(new, degree) @ primal.w, rtol=1e-9, atol=1e-8)


def test_stops_after_a_clean_pass():
    x, y = rings(40, seed=0)
    kernel = polynomial_kernel(x, x, 2)
    counts = kernel_perceptron(kernel, y, epochs=1000)
    assert (y * (kernel @ (counts * y)) > 0).all()
    np.testing.assert_array_equal(counts, kernel_perceptron(kernel, y, epochs=2000))


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError):
        kernel_perceptron(np.eye(3), [1, -1])

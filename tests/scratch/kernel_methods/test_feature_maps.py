"""Feature maps: their inner products are the polynomial kernel, and bent classes become separable."""

import numpy as np
import pytest

from course_utils.scratch.kernel_methods.feature_maps import feature_count, polynomial_features, quadratic_features
from course_utils.scratch.kernel_methods.kernels import polynomial_kernel
from course_utils.scratch.kernel_methods.point_sets import rings, xor_clouds
from course_utils.scratch.perceptrons.perceptron import train_perceptron


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_quadratic_features_multiply_to_the_kernel(d):
    x = np.random.default_rng(d).normal(size=(20, d))
    phi = quadratic_features(x)
    assert phi.shape == (20, feature_count(d, 2))
    np.testing.assert_allclose(phi @ phi.T, (1 + x @ x.T) ** 2, atol=1e-9)


@pytest.mark.parametrize(("d", "degree", "offset"), [(1, 1, 1.0), (2, 3, 0.5), (3, 4, 1.0), (4, 2, 0.0), (3, 5, 2.0)])
def test_polynomial_features_multiply_to_the_kernel(d, degree, offset):
    rng = np.random.default_rng(0)
    x, z = rng.uniform(-1, 1, size=(10, d)), rng.uniform(-1, 1, size=(7, d))
    phi = polynomial_features(x, degree, offset)
    assert phi.shape[1] == feature_count(d, degree)
    np.testing.assert_allclose(
        phi @ polynomial_features(z, degree, offset).T, polynomial_kernel(x, z, degree, offset), rtol=1e-9, atol=1e-9
    )


@pytest.mark.parametrize("draw", [rings, xor_clouds])
@pytest.mark.parametrize("seed", range(5))
def test_quadratic_features_make_bent_classes_separable(draw, seed):
    x, y = draw(80, seed=seed)
    run = train_perceptron(quadratic_features(x), y, epochs=3000)
    assert run.converged


def test_counts():
    assert feature_count(2, 2) == 6
    assert feature_count(784, 2) == 308_505
    with pytest.raises(ValueError, match="degree"):
        polynomial_features(np.ones((1, 1)), degree=0)

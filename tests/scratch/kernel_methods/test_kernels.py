"""Kernels: slow twins, scikit-learn, positive semi-definiteness and a similarity that has none."""

import numpy as np
import pytest

from course_utils.scratch.kernel_methods.kernels import (
    gram_loop,
    linear_kernel,
    polynomial_kernel,
    rbf_kernel,
    smallest_eigenvalue,
)

RNG = np.random.default_rng(0)
X, Z = RNG.normal(size=(12, 3)), RNG.normal(size=(1, 3))
PAIRS = {
    "linear": (linear_kernel, lambda a, b: a @ b),
    "polynomial": (lambda x, z: polynomial_kernel(x, z, 3, 0.5), lambda a, b: (0.5 + a @ b) ** 3),
    "rbf": (lambda x, z: rbf_kernel(x, z, 0.7), lambda a, b: np.exp(-0.7 * ((a - b) ** 2).sum())),
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("z", [X, Z, X[::2]])
def test_fast_equals_slow(name, z):
    fast, slow = PAIRS[name]
    np.testing.assert_allclose(fast(X, z), gram_loop(slow, X, z), atol=1e-10)


@pytest.mark.parametrize("name", PAIRS)
def test_no_negative_eigenvalue(name):
    assert smallest_eigenvalue(PAIRS[name][0](X, X)) > -1e-12


def test_a_similarity_that_is_no_kernel_is_unmasked():
    distance = np.sqrt(((X[:, None] - X[None]) ** 2).sum(axis=2))
    assert smallest_eigenvalue(-distance) < -0.1
    assert smallest_eigenvalue(np.tanh(X @ X.T - 1.0)) < -1e-3


def test_agree_with_scikit_learn():
    from sklearn.metrics import pairwise

    np.testing.assert_allclose(rbf_kernel(X, Z, 0.7), pairwise.rbf_kernel(X, Z, 0.7), atol=1e-12)
    np.testing.assert_allclose(
        polynomial_kernel(X, Z, 3, 0.5), pairwise.polynomial_kernel(X, Z, 3, gamma=1, coef0=0.5), atol=1e-12
    )


def test_rbf_of_a_point_with_itself_never_exceeds_one_far_from_the_origin():
    far = np.random.default_rng(0).normal(size=(40, 3)) + 1e6  # rounding makes some squared distances negative
    assert rbf_kernel(far, far, 1.0).max() <= 1.0


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="gamma"):
        rbf_kernel(X, X, 0.0)
    with pytest.raises(ValueError, match="offset"):
        polynomial_kernel(X, X, 2, -1.0)
    with pytest.raises(ValueError):
        linear_kernel(X, np.ones((2, 2)))

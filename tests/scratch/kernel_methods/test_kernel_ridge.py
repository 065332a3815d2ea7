"""Kernel ridge regression against ridge regression on explicit features and against scikit-learn."""

import numpy as np
import pytest

from course_utils.scratch.kernel_methods.feature_maps import quadratic_features
from course_utils.scratch.kernel_methods.kernel_ridge import kernel_ridge
from course_utils.scratch.kernel_methods.kernels import polynomial_kernel
from course_utils.scratch.kernel_methods.point_sets import rings


def test_same_predictions_as_ridge_on_the_features():
    x, y = rings(40, seed=0)
    new = rings(30, seed=1)[0]
    phi = quadratic_features(x)
    w = np.linalg.solve(phi.T @ phi + 0.1 * np.eye(phi.shape[1]), phi.T @ y)
    alpha = kernel_ridge(polynomial_kernel(x, x), y, 0.1)
    np.testing.assert_allclose(polynomial_kernel(new, x) @ alpha, quadratic_features(new) @ w, atol=1e-9)


def test_agrees_with_scikit_learn():
    from sklearn.kernel_ridge import KernelRidge

    x, y = rings(40, seed=0)
    theirs = KernelRidge(alpha=0.1, kernel="precomputed").fit(polynomial_kernel(x, x), y)
    np.testing.assert_allclose(kernel_ridge(polynomial_kernel(x, x), y, 0.1), theirs.dual_coef_, atol=1e-8)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="penalty"):
        kernel_ridge(np.eye(2), [1, -1], 0.0)

"""Nyström features reproduce the kernel on all landmarks and approach it with more of them."""

import numpy as np

from course_utils.scratch.kernel_methods.kernels import rbf_kernel
from course_utils.scratch.kernel_methods.nystrom import NystromFeatures
from course_utils.scratch.kernel_methods.point_sets import moons

X = moons(120, seed=0)[0]


def kernel(x, z):
    return rbf_kernel(x, z, 1.0)


def test_landmarks_are_reproduced():
    features = NystromFeatures(kernel, X[:15])(X[:15])
    np.testing.assert_allclose(features @ features.T, kernel(X[:15], X[:15]), atol=1e-7)


def test_error_falls_with_the_number_of_landmarks():
    errors = []
    for count in (5, 15, 45, 120):
        features = NystromFeatures(kernel, X[:count])(X)
        assert features.shape[1] <= count
        errors.append(np.abs(features @ features.T - kernel(X, X)).max())
    assert (np.diff(errors) < 0).all()
    assert errors[-1] < 1e-6


def test_agrees_with_scikit_learn():
    from sklearn.kernel_approximation import Nystroem

    theirs = Nystroem(kernel="rbf", gamma=1.0, n_components=10, random_state=0).fit(X)
    ours = NystromFeatures(kernel, theirs.components_)(X)
    features = theirs.transform(X)
    np.testing.assert_allclose(ours @ ours.T, features @ features.T, atol=1e-6)

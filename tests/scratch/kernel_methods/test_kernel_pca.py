"""Kernel PCA: the centred kernel, new points, truncation, and scikit-learn."""

import numpy as np
import pytest

from course_utils.scratch.kernel_methods.feature_maps import quadratic_features
from course_utils.scratch.kernel_methods.kernel_pca import KernelPCA, center_kernel
from course_utils.scratch.kernel_methods.kernels import linear_kernel, polynomial_kernel, rbf_kernel
from course_utils.scratch.kernel_methods.point_sets import moons

X = moons(50, seed=0)[0]
NEW = moons(20, seed=1)[0]


def test_centring_the_kernel_is_centring_the_features():
    phi = quadratic_features(X)
    phi = phi - phi.mean(axis=0)
    np.testing.assert_allclose(center_kernel(polynomial_kernel(X, X)), phi @ phi.T, atol=1e-9)


def test_embedding_reproduces_the_centred_kernel_and_not_the_uncentred_one():
    kernel = rbf_kernel(X, X, 1.0)
    gram = KernelPCA(kernel).embedding @ KernelPCA(kernel).embedding.T
    np.testing.assert_allclose(gram, center_kernel(kernel), atol=1e-9)
    assert np.abs(gram - kernel).max() > 0.1


def test_new_points_are_centred_with_the_training_mean():
    phi, phi_new = quadratic_features(X), quadratic_features(NEW)
    mean = phi.mean(axis=0)
    pca = KernelPCA(polynomial_kernel(X, X))
    products = pca.transform(polynomial_kernel(NEW, X)) @ pca.embedding.T
    np.testing.assert_allclose(products, (phi_new - mean) @ (phi - mean).T, atol=1e-8)
    np.testing.assert_allclose(pca.transform(polynomial_kernel(X, X)), pca.embedding, atol=1e-8)


@pytest.mark.parametrize("components", [1, 2, 5, 10])
def test_truncation_error_is_the_next_eigenvalue(components):
    kernel = rbf_kernel(X, X, 1.0)
    cut, values = KernelPCA(kernel, components), KernelPCA(kernel).eigenvalues
    rest = center_kernel(kernel) - cut.embedding @ cut.embedding.T
    assert np.linalg.norm(rest, 2) == pytest.approx(values[components], abs=1e-9)


def test_agrees_with_scikit_learn_up_to_signs():
    from sklearn.decomposition import KernelPCA as Reference

    kernel, new = rbf_kernel(X, X, 1.0), rbf_kernel(NEW, X, 1.0)
    theirs = Reference(n_components=4, kernel="precomputed", eigen_solver="dense").fit(kernel)
    ours = KernelPCA(kernel, 4)
    np.testing.assert_allclose(np.abs(ours.embedding), np.abs(theirs.transform(kernel)), atol=1e-7)
    np.testing.assert_allclose(np.abs(ours.transform(new)), np.abs(theirs.transform(new)), atol=1e-7)


def test_linear_kernel_gives_ordinary_pca():
    pca = KernelPCA(linear_kernel(X, X))
    assert pca.embedding.shape == (50, 2)
    np.testing.assert_allclose(pca.eigenvalues / len(X), np.linalg.eigvalsh(np.cov(X.T, bias=True))[::-1], atol=1e-10)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError):
        KernelPCA(np.ones((2, 3)))
    with pytest.raises(ValueError):
        KernelPCA(np.eye(4)).transform(np.ones((1, 3)))
    with pytest.raises(ValueError, match="components"):
        KernelPCA(np.eye(4), 0)

"""Thin passes give what the full kernel gives, in any number of dimensions."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal

from course_utils.scratch.convolution.separable import (
    convolve_axis,
    convolve_low_rank,
    convolve_separable,
    outer,
    separable_terms,
)


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("shape", [(9,), (8, 9), (6, 7, 8)])
def test_d_passes_are_the_outer_product_kernel(mode, shape):
    draw = np.random.default_rng(len(shape))
    x, vectors = draw.normal(size=shape), [draw.normal(size=k) for k in (3, 2, 4)[: len(shape)]]
    kernel = outer(vectors)
    assert kernel.shape == tuple(len(v) for v in vectors)
    full = scipy.signal.convolve(x, kernel, mode, method="direct")
    np.testing.assert_allclose(convolve_separable(x, vectors, mode), full, atol=1e-12)


def test_a_pass_along_an_axis_keeps_the_others_apart():
    x = np.random.default_rng(0).normal(size=(4, 9, 2))
    passed = convolve_axis(x, np.array([1.0, -2.0, 0.5]), 1)
    for i in range(4):
        for j in range(2):
            np.testing.assert_allclose(passed[i, :, j], np.convolve(x[i, :, j], [1, -2, 0.5], "valid"))


def test_terms_add_up_to_the_kernel_and_the_first_ones_are_the_best():
    kernel = np.random.default_rng(1).normal(size=(5, 7))
    terms = separable_terms(kernel)
    assert len(terms) == 5
    np.testing.assert_allclose(sum(np.outer(*pair) for pair in terms), kernel, atol=1e-12)
    singular = np.linalg.svd(kernel, compute_uv=False)
    for r in range(1, 5):
        left = kernel - sum(np.outer(*pair) for pair in terms[:r])
        assert np.linalg.norm(left) == pytest.approx(np.linalg.norm(singular[r:]))


def test_known_ranks():
    sobel = np.outer([1, 2, 1], [1, 0, -1])
    laplacian = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
    assert len(separable_terms(sobel)) == 1
    assert len(separable_terms(laplacian)) == 2
    assert len(separable_terms(np.eye(5))) == 5


def test_all_terms_give_the_full_convolution():
    draw = np.random.default_rng(2)
    x, kernel = draw.normal(size=(9, 8)), draw.normal(size=(3, 4))
    wanted = scipy.signal.convolve2d(x, kernel, "valid")
    np.testing.assert_allclose(convolve_low_rank(x, kernel, 3), wanted, atol=1e-12)
    assert np.abs(convolve_low_rank(x, kernel, 1) - wanted).max() > 0.1


def test_errors_name_the_rule():
    with pytest.raises(ValueError, match="one kernel for each of the 2 axes of x, got 3"):
        convolve_separable(np.zeros((4, 4)), [np.ones(2)] * 3)
    with pytest.raises(ValueError, match="rank must be at most 1, got 2"):
        convolve_low_rank(np.zeros((4, 4)), np.ones((3, 3)), 2)

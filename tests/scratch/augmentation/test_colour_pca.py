"""Colour axes are the covariance's, and drawn shifts spread along them as the eigenvalues say."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from course_utils.scratch.augmentation.colour_pca import colour_axes, covariance_loops, draw_shifts, shift_colours


@pytest.fixture(scope="module")
def pixels():
    mix = np.array([[0.2, 0.19, 0.17], [0.05, 0.0, -0.05], [0.01, -0.02, 0.01]])
    return 0.5 + np.random.default_rng(0).normal(size=(5000, 3)) @ mix


def test_axes_are_those_of_the_covariance(pixels):
    palette = colour_axes(pixels)
    covariance = covariance_loops(pixels)
    np.testing.assert_allclose(palette.axes @ np.diag(palette.variances) @ palette.axes.T, covariance, atol=1e-12)
    np.testing.assert_allclose(palette.axes.T @ palette.axes, np.eye(3), atol=1e-12)
    theirs = PCA(3).fit(pixels)
    np.testing.assert_allclose(np.abs(theirs.components_ @ palette.axes), np.eye(3), atol=1e-6)
    np.testing.assert_allclose(theirs.explained_variance_ * (len(pixels) - 1) / len(pixels), palette.variances)


def test_drawn_shifts_follow_the_axes(pixels):
    palette = colour_axes(pixels)
    shifts = draw_shifts(palette, 40_000, 0.5, np.random.default_rng(1))
    spread = np.cov((shifts @ palette.axes).T)
    np.testing.assert_allclose(np.sqrt(np.diag(spread)), 0.5 * palette.variances, rtol=0.02)
    seen = colour_axes(shifts)
    assert (np.abs((seen.axes * palette.axes).sum(axis=0)) > 0.99).all()


def test_one_shift_for_all_pixels_of_a_picture():
    images = np.full((2, 3, 4, 4), 0.5)
    out = shift_colours(images, [[0.1, 0.0, -0.2], [0.9, 0.0, 0.0]])
    np.testing.assert_allclose(out[0, :, 1, 2], [0.6, 0.5, 0.3])
    assert out[1, 0].min() == 1
    assert out[0].std(axis=(1, 2)).max() == 0


def test_bad_shapes_are_named():
    with pytest.raises(ValueError, match=r"pixels must have shape \(any, 3\)"):
        colour_axes(np.zeros((4, 4)))
    with pytest.raises(ValueError, match=r"shifts must have shape \(2, 3\)"):
        shift_colours(np.zeros((2, 3, 4, 4)), np.zeros((1, 3)))

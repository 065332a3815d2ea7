"""A picture read through a matrix: equal to torch's sampler, to the loops, and to exact moves where those exist."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from course_utils.scratch.augmentation.affine import affine_matrix, warp, warp_loops
from course_utils.scratch.augmentation.geometric import quarter_turn, shift

CASES = [(30, 1, 0, 0, 0), (-75, 0.7, 1.5, -2, 0), (0, 1.6, 0, 0, 0.4), (180, 1, 0.25, 0, -0.3), (10, 1, 40, 0, 0)]


def torchs(x, matrix):
    """The same matrix in torch's words: x before y, units of half the picture, output to input."""
    height, width = x.shape[-2:]
    back = np.linalg.inv(matrix)
    swap = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]])
    unit = np.diag([width / 2, height / 2, 1])
    theta = (np.linalg.inv(unit) @ swap @ back @ swap @ unit)[:2]
    grid = F.affine_grid(torch.tensor(theta)[None], [1, 1, height, width], align_corners=False)
    return F.grid_sample(torch.tensor(x)[None, None], grid, align_corners=False)[0, 0].numpy()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("shape", [(9, 9), (6, 11), (1, 1)])
def test_warp_is_the_loops_and_torchs_sampler(case, shape):
    x = np.random.default_rng(0).random(shape)
    matrix = affine_matrix(*case)
    np.testing.assert_allclose(warp(x, matrix), warp_loops(x, matrix), atol=1e-12)
    np.testing.assert_allclose(warp(x, matrix), torchs(x, matrix), atol=1e-7)


@pytest.mark.parametrize("size", [5, 8])
def test_exact_moves(size):
    x = np.random.default_rng(1).random((2, size, size))
    np.testing.assert_array_equal(warp(x, np.eye(3)), x)
    for turns in range(4):
        np.testing.assert_allclose(warp(x, affine_matrix(90 * turns)), quarter_turn(x, turns), atol=1e-12)
    for down, right in ((1, -2), (-3, 0), (0, 4)):
        np.testing.assert_allclose(warp(x, affine_matrix(down=down, right=right)), shift(x, down, right), atol=1e-12)


def test_matrices_multiply_as_moves_follow_each_other():
    np.testing.assert_allclose(affine_matrix(20) @ affine_matrix(25), affine_matrix(45), atol=1e-12)
    np.testing.assert_allclose(affine_matrix(zoom=2) @ affine_matrix(zoom=0.5), np.eye(3), atol=1e-12)
    moved = affine_matrix(down=3, right=1) @ affine_matrix(degrees=30, zoom=1.2)
    np.testing.assert_allclose(moved, affine_matrix(30, 1.2, 3, 1), atol=1e-12)
    # one warp instead of two: less blur, the same place
    y, x = np.mgrid[:31, :31] - 15.0
    blob = np.exp(-((y - 3) ** 2 + (x + 4) ** 2) / 18)
    a, b = affine_matrix(25, 1.1), affine_matrix(-40, 0.95, 1.5, 0.5)
    assert np.abs(warp(blob, b @ a) - warp(warp(blob, a), b)).max() < 0.03


def test_anticlockwise_and_larger():
    x = np.zeros((7, 7))
    x[3, 5] = 1  # right of the centre
    assert warp(x, affine_matrix(90))[1, 3] == pytest.approx(1)  # above it
    disc = (np.hypot(*(np.mgrid[:41, :41] - 20.0)) < 6).astype(float)
    assert warp(disc, affine_matrix(zoom=2)).sum() == pytest.approx(4 * disc.sum(), rel=0.03)


def test_bad_matrices_are_named():
    with pytest.raises(ValueError, match="zoom must be greater than 0"):
        affine_matrix(zoom=0)
    with pytest.raises(ValueError, match="matrix must have an inverse"):
        warp(np.zeros((3, 3)), np.zeros((3, 3)))
    with pytest.raises(ValueError, match=r"matrix must have shape \(3, 3\)"):
        warp(np.zeros((3, 3)), np.eye(2))

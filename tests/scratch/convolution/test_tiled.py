"""Tiled convolution lies between shared and unshared, and the index on the slide does not."""

import numpy as np
import pytest

from course_utils.scratch.convolution.im2col import conv2d_im2col
from course_utils.scratch.convolution.tiled import tiled_conv2d, tiled_loops, tiled_loops_as_printed, untile
from course_utils.scratch.convolution.unshared import unshared_im2col


@pytest.mark.parametrize("t", [1, 2, 3, 4, 5])
def test_strided_pieces_are_the_loops_and_the_unshared_layer(t):
    draw = np.random.default_rng(t)
    x, kernel = draw.normal(size=(2, 2, 6, 7)), draw.normal(size=(3, 2, 3, 3, t, t))
    z = tiled_conv2d(x, kernel)
    for image, maps in zip(x, z):
        np.testing.assert_allclose(maps, tiled_loops(image, kernel), atol=1e-12)
    np.testing.assert_allclose(z, unshared_im2col(x, untile(kernel, 4, 5)), atol=1e-12)


def test_the_two_ends():
    draw = np.random.default_rng(0)
    x = draw.normal(size=(2, 2, 6, 6))
    one = draw.normal(size=(3, 2, 3, 3, 1, 1))
    np.testing.assert_allclose(tiled_conv2d(x, one), conv2d_im2col(x, one[..., 0, 0]), atol=1e-12)
    each = draw.normal(size=(3, 2, 3, 3, 4, 4))  # as many kernels as positions: none is used twice
    weight = np.moveaxis(each, (4, 5), (1, 2))
    np.testing.assert_allclose(tiled_conv2d(x, each), unshared_im2col(x, weight), atol=1e-12)


def test_the_printed_index_is_another_operation():
    draw = np.random.default_rng(1)
    v, kernel = draw.normal(size=(1, 6, 6)), draw.normal(size=(2, 1, 3, 3, 2, 2))
    right, printed = tiled_loops(v, kernel), tiled_loops_as_printed(v, kernel)
    assert np.abs(right - printed).max() > 0.1
    # as printed one kernel serves a whole row, and in map i only the kernels with last index i % t are ever used
    for i in range(2):
        for j in range(4):
            row = conv2d_im2col(v[None], kernel[None, i, ..., j % 2, i % 2])[0, 0, j]
            np.testing.assert_allclose(printed[i, j], row, atol=1e-12)
    one = kernel[..., :1, :1]
    np.testing.assert_array_equal(tiled_loops(v, one), tiled_loops_as_printed(v, one))  # with t = 1 nobody notices


def test_wrong_axes_are_named():
    with pytest.raises(ValueError, match=r"kernel \(O, C, k, k, t, t\)"):
        tiled_conv2d(np.zeros((1, 2, 5, 5)), np.zeros((1, 3, 3, 3, 2, 2)))

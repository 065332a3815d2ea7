"""The loops are NumPy's and SciPy's convolution, the written-out nine terms, and PyTorch's layer."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.signal import convolve2d

from course_utils.scratch.convolution.loops import (
    conv_layer_loops,
    convolve1d_loops,
    convolve2d_loops,
    nine_terms,
)


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("taps", [1, 2, 3, 6])
def test_one_dimension_is_numpy(mode, taps):
    draw = np.random.default_rng(taps)
    x, h = draw.normal(size=6), draw.normal(size=taps)
    np.testing.assert_allclose(convolve1d_loops(x, h, mode), np.convolve(x, h, mode), atol=1e-12)


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (2, 4), (5, 2)])
def test_two_dimensions_are_scipy(mode, kernel):
    draw = np.random.default_rng(0)
    x, h = draw.normal(size=(5, 6)), draw.normal(size=kernel)
    np.testing.assert_allclose(convolve2d_loops(x, h, mode), convolve2d(x, h, mode), atol=1e-12)


def test_nine_terms_are_the_output_at_one_one():
    draw = np.random.default_rng(1)
    for _ in range(20):
        x, h = draw.normal(size=(4, 5)), draw.normal(size=(3, 3))
        # the kernel's origin is its centre, so y[1,1] is the centre of the first full overlap
        assert nine_terms(x, h) == pytest.approx(convolve2d(x, h, "same")[1, 1])


@pytest.mark.parametrize("stride", [1, 2, (2, 1)])
@pytest.mark.parametrize("padding", [0, 1, (0, 2)])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("groups", [1, 2])
def test_six_loops_are_the_library_layer(stride, padding, dilation, groups):
    draw = np.random.default_rng(2)
    v, kernel, bias = draw.normal(size=(4, 6, 7)), draw.normal(size=(2, 4 // groups, 3, 2)), draw.normal(size=2)
    theirs = F.conv2d(
        torch.tensor(v)[None], torch.tensor(kernel), torch.tensor(bias), stride, padding, dilation, groups
    )
    np.testing.assert_allclose(
        conv_layer_loops(v, kernel, bias, stride, padding, dilation, groups), theirs[0], atol=1e-12
    )


def test_one_pixel():
    assert convolve1d_loops([3.0], [2.0]).tolist() == [6.0]
    assert conv_layer_loops(np.full((1, 1, 1), 3.0), np.full((1, 1, 1, 1), 2.0)).tolist() == [[[6.0]]]


def test_errors_name_the_rule():
    with pytest.raises(ValueError, match="mode must be one of 'full', 'same', 'valid', got 'valdi'"):
        convolve1d_loops([1, 2], [1], "valdi")
    with pytest.raises(ValueError, match=r"larger than the input, got \(3,\) for \(2,\)"):
        convolve1d_loops([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match=r"output size is floor\("):
        conv_layer_loops(np.zeros((1, 2, 2)), np.zeros((1, 1, 3, 3)))

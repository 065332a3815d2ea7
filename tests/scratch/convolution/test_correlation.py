"""Correlation is SciPy's and PyTorch's; the flip turns one into the other."""

import numpy as np
import pytest
import scipy.signal
import torch
import torch.nn.functional as F

from course_utils.scratch.convolution.correlation import (
    LECTURE_KERNEL,
    LECTURE_PICTURE,
    convolve2d,
    correlate2d,
    flip,
)
from course_utils.scratch.convolution.loops import convolve2d_loops


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("kernel", [(1, 2), (3, 3), (2, 4)])
def test_both_are_scipys_and_the_loops(mode, kernel):
    draw = np.random.default_rng(0)
    x, w = draw.normal(size=(6, 7)), draw.normal(size=kernel)
    np.testing.assert_allclose(convolve2d(x, w, mode), convolve2d_loops(x, w, mode), atol=1e-12)
    np.testing.assert_allclose(correlate2d(x, w, mode), scipy.signal.correlate2d(x, w, mode), atol=1e-12)


def test_the_library_layer_is_correlation():
    draw = np.random.default_rng(1)
    x, w = draw.normal(size=(6, 7)), draw.normal(size=(3, 3))
    theirs = F.conv2d(torch.tensor(x)[None, None], torch.tensor(w)[None, None])[0, 0].numpy()
    np.testing.assert_allclose(correlate2d(x, w), theirs, atol=1e-12)
    np.testing.assert_allclose(convolve2d(x, flip(w), "valid"), theirs, atol=1e-12)
    assert not np.allclose(convolve2d(x, w, "valid"), theirs)


def test_the_flip_is_half_a_turn_and_no_mirror():
    kernel = np.arange(6).reshape(2, 3)
    assert flip(kernel).tolist() == [[5, 4, 3], [2, 1, 0]]
    assert flip(flip(kernel)).tolist() == kernel.tolist()


def test_lecture_example():
    assert correlate2d(LECTURE_PICTURE, LECTURE_KERNEL).tolist() == [[40, 41, 45], [40, 42, 46], [46, 50, 55]]
    assert convolve2d(LECTURE_PICTURE, LECTURE_KERNEL, "valid").tolist() == [[46, 50, 55], [52, 56, 58], [60, 65, 70]]


def test_a_kernel_larger_than_the_picture_is_refused():
    with pytest.raises(ValueError, match="must not be larger than the picture"):
        correlate2d(np.zeros((2, 2)), np.zeros((3, 1)))

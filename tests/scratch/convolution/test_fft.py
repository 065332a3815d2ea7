"""The product of padded transforms is the convolution; without padding it wraps around."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
import torch
import torch.nn.functional as F

from course_utils.scratch.convolution.fft import circular_convolve2d, conv2d_fft, fft_convolve2d


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (2, 7), (6, 5)])
def test_padded_product_is_the_convolution(mode, kernel):
    draw = np.random.default_rng(0)
    x, h = draw.normal(size=(6, 7)), draw.normal(size=kernel)
    np.testing.assert_allclose(fft_convolve2d(x, h, mode), scipy.signal.convolve2d(x, h, mode), atol=1e-12)


def test_without_padding_it_wraps_around():
    draw = np.random.default_rng(1)
    x, h = draw.normal(size=(6, 7)), draw.normal(size=(3, 2))
    wrapped = circular_convolve2d(x, h)
    theirs = scipy.ndimage.convolve(x, h, mode="wrap", origin=(-1, -1))
    np.testing.assert_allclose(wrapped, theirs, atol=1e-12)
    full = scipy.signal.convolve2d(x, h)
    np.testing.assert_allclose(wrapped[2:, 1:], full[2:6, 1:7], atol=1e-12)  # where nothing came around the edge
    assert np.abs(wrapped[:2] - full[:2, :7]).max() > 0.1


@pytest.mark.parametrize("kernel", [1, 3, 8])
def test_the_layer_is_the_library_layer(kernel):
    draw = np.random.default_rng(2)
    x, weight = draw.normal(size=(2, 3, 8, 9)), draw.normal(size=(4, 3, kernel, kernel))
    np.testing.assert_allclose(
        conv2d_fft(x, weight), F.conv2d(torch.tensor(x), torch.tensor(weight)).numpy(), atol=1e-12
    )


def test_errors_name_the_rule():
    with pytest.raises(ValueError, match="same length, got 3 and 2"):
        conv2d_fft(np.zeros((1, 3, 4, 4)), np.zeros((1, 2, 3, 3)))
    with pytest.raises(ValueError, match=r"output size is floor\("):
        conv2d_fft(np.zeros((1, 3, 4, 4)), np.zeros((1, 3, 5, 5)))

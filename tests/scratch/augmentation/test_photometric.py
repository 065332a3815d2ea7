"""Light changes keep what they promise to keep, and equal torchvision's where it has them."""

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional as tv

from course_utils.scratch.augmentation.photometric import brightness, contrast, contrast_loops, gamma, noise

GREY = np.random.default_rng(0).random((1, 6, 7))


@pytest.mark.parametrize("factor", [0.0, 0.4, 1.0, 1.7])
def test_contrast(factor):
    out = contrast(GREY, factor, clip=False)
    np.testing.assert_allclose(out[0], contrast_loops(GREY[0], factor), atol=1e-12)
    assert out.mean() == pytest.approx(GREY.mean(), abs=1e-12)
    assert out.std() == pytest.approx(factor * GREY.std(), abs=1e-12)
    np.testing.assert_allclose(contrast(GREY, factor), tv.adjust_contrast(torch.tensor(GREY), factor), atol=1e-9)


def test_contrast_undoes_itself_before_clipping():
    np.testing.assert_allclose(contrast(contrast(GREY, 0.5, clip=False), 2.0, clip=False), GREY, atol=1e-12)


def test_brightness_moves_the_mean_and_keeps_differences():
    inside = 0.3 + 0.4 * GREY
    out = brightness(inside, 0.2)
    assert out.mean() == pytest.approx(inside.mean() + 0.2)
    np.testing.assert_allclose(np.diff(out), np.diff(inside), atol=1e-12)
    assert brightness(inside, 1).min() == 1


def test_gamma_keeps_black_white_and_the_order():
    out = gamma(GREY, 2.2)
    np.testing.assert_array_equal(np.argsort(out.ravel()), np.argsort(GREY.ravel()))
    assert gamma([0.0, 1.0], 0.3).tolist() == [0.0, 1.0]
    assert (out <= GREY).all()
    np.testing.assert_allclose(out, tv.adjust_gamma(torch.tensor(GREY), 2.2), atol=1e-9)


def test_noise_has_its_strength():
    field = np.full((300, 300), 0.5)
    out = noise(field, 0.1, np.random.default_rng(0))
    assert out.std() == pytest.approx(0.1, rel=0.02)
    assert out.mean() == pytest.approx(0.5, abs=0.002)
    np.testing.assert_array_equal(noise(field, 0, np.random.default_rng(0)), field)


def test_bad_strengths_are_named():
    with pytest.raises(ValueError, match="factor must be at least 0, got -1"):
        contrast(GREY, -1)
    with pytest.raises(ValueError, match="amount must be at most 1, got 2"):
        brightness(GREY, 2)
    with pytest.raises(ValueError, match="power must be greater than 0"):
        gamma(GREY, 0)

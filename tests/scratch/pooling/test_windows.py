"""Windows: the view shows what indexing shows, and adding back is its transpose."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from course_utils.scratch.pooling.windows import add_windows, as_maps, cut_windows, pooled_size

from .cases import CASES, INPUTS


@pytest.mark.parametrize(("name", "setting"), CASES)
def test_every_window_is_the_slice_it_stands_for(name, setting):
    x, (k, s, p) = INPUTS[name], setting
    s = s or k
    padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)), constant_values=7.0)
    windows = cut_windows(x, k, s, p, fill=7.0)
    step, rows, columns = pooled_size(*x.shape[2:], k, s, p)
    assert windows.shape == (*x.shape[:2], rows, columns, k, k)
    for i in range(rows):
        for j in range(columns):
            patch = padded[:, :, i * step : i * step + k, j * step : j * step + k]
            np.testing.assert_array_equal(windows[:, :, i, j], patch)


@pytest.mark.parametrize(("name", "setting"), CASES)
def test_adding_back_is_the_transpose_and_matches_fold(name, setting):
    x, (k, s, p) = INPUTS[name].astype(float), setting
    s = s or k
    windows = cut_windows(x, k, s, p)
    other = np.random.default_rng(1).normal(size=windows.shape)
    back = add_windows(other, *x.shape[2:], s, p)
    assert (windows * other).sum() == pytest.approx((x * back).sum(), rel=1e-10, abs=1e-10)
    columns = torch.tensor(other).permute(0, 1, 4, 5, 2, 3).reshape(len(x), -1, other.shape[2] * other.shape[3])
    folded = F.fold(columns, x.shape[2:], k, stride=s, padding=p)
    np.testing.assert_allclose(back, folded.numpy(), atol=1e-12)


def test_the_view_cannot_be_written_through():
    windows = cut_windows(INPUTS["batch"], 2, 2)
    with pytest.raises(ValueError, match="read-only"):
        windows[...] = 0


def test_integers_become_floats_and_floats_keep_their_precision():
    assert as_maps("x", np.zeros((1, 1, 2, 2), dtype=np.uint8)).dtype == np.float64
    assert as_maps("x", INPUTS["float32"]).dtype == np.float32


def test_bad_settings_are_refused_with_the_rule():
    with pytest.raises(ValueError, match=r"x must have shape \(any, any, any, any\)"):
        as_maps("x", np.zeros((3, 3)))
    with pytest.raises(ValueError, match="stride must be at least 1, got 0"):
        pooled_size(4, 4, 2, 0)
    with pytest.raises(ValueError, match=r"at most half the window \(3 // 2 = 1\), got 2"):
        pooled_size(4, 4, 3, 2, 2)
    with pytest.raises(ValueError, match="use a smaller kernel"):
        pooled_size(2, 4, 3)

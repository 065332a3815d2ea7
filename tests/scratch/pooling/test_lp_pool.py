"""Lp pooling: loops, PyTorch, gradients, and its two ends."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from course_utils.scratch.autograd.gradient_check import numerical_gradient, relative_error
from course_utils.scratch.pooling.average_pool import sum_pool
from course_utils.scratch.pooling.lp_pool import lp_pool, lp_pool_backward, lp_pool_loop
from course_utils.scratch.pooling.max_pool import max_pool

from .cases import CASES, INPUTS

UNPADDED = [(name, setting) for name, setting in CASES if setting[2] == 0]


@pytest.mark.parametrize("p", [2.0, 4.0])
@pytest.mark.parametrize(("name", "setting"), UNPADDED)
def test_loops_fast_version_and_torch_agree(name, setting, p):
    x, (k, s, _) = INPUTS[name], setting
    tolerance = 2e-5 if x.dtype == np.float32 else 1e-10
    theirs = F.lp_pool2d(torch.tensor(x), p, k, s).numpy()
    np.testing.assert_allclose(lp_pool(x, k, s, p), theirs, atol=tolerance)
    np.testing.assert_allclose(lp_pool_loop(x, k, s, p), theirs, atol=tolerance)
    assert lp_pool(x, k, s, p).dtype == x.dtype


@pytest.mark.parametrize("p", [1.5, 2.0, 3.0])
@pytest.mark.parametrize(("name", "setting"), UNPADDED)
def test_backward_agrees_with_autograd(name, setting, p):
    x, (k, s, _) = np.abs(INPUTS[name].astype(float)) + 0.1, setting  # PyTorch agrees for odd p there only
    tensor = torch.tensor(x, requires_grad=True)
    out = F.lp_pool2d(tensor, p, k, s)
    grad = torch.randn(out.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    out.backward(grad)
    np.testing.assert_allclose(lp_pool_backward(grad.numpy(), x, k, s, p), tensor.grad.numpy(), atol=1e-10)


@pytest.mark.parametrize("p", [2.0, 3.0])
def test_backward_passes_a_numerical_check_with_signs(p):
    x = INPUTS["batch"]
    weights = np.random.default_rng(2).normal(size=lp_pool(x, 3, 2, p).shape)
    numerical = numerical_gradient(lambda z: float((lp_pool(z, 3, 2, p) * weights).sum()), x.copy())
    assert relative_error(lp_pool_backward(weights, x, 3, 2, p), numerical) < 1e-6


def test_its_ends_are_the_sum_and_the_maximum():
    x = np.abs(INPUTS["batch"])
    np.testing.assert_allclose(lp_pool(x, 2, p=1), sum_pool(x, 2), atol=1e-12)
    np.testing.assert_allclose(lp_pool(x, 2, p=300), max_pool(x, 2).values, rtol=5e-3)
    assert (lp_pool(x, 2, p=3) <= lp_pool(x, 2, p=2) + 1e-12).all()


def test_a_window_of_zeros_passes_zero_on_as_in_torch():
    zeros = torch.zeros(1, 1, 2, 2, dtype=torch.float64, requires_grad=True)
    F.lp_pool2d(zeros, 2.0, 2).sum().backward()
    assert (zeros.grad == 0).all()
    assert (lp_pool_backward(np.ones((1, 1, 1, 1)), zeros.detach().numpy(), 2) == 0).all()


def test_large_numbers_do_not_overflow():
    assert lp_pool(np.full((1, 1, 2, 2), 1e200), 2).item() == pytest.approx(2e200)


def test_p_below_one_is_refused():
    with pytest.raises(ValueError, match=r"p must be at least 1, got 0\.5"):
        lp_pool(INPUTS["batch"], 2, p=0.5)

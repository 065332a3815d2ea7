"""Weighted averages: loops, a fixed convolution of PyTorch, gradients, and the kernels."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from course_utils.scratch.autograd.gradient_check import numerical_gradient, relative_error
from course_utils.scratch.pooling.average_pool import average_pool
from course_utils.scratch.pooling.blur_pool import (
    binomial_kernel,
    blur_pool,
    max_blur_pool,
    weighted_pool,
    weighted_pool_backward,
    weighted_pool_loop,
)

from .cases import CASES, INPUTS

RNG = np.random.default_rng(3)


def depthwise(x, weights, stride, padding=0):
    kernel = torch.tensor(weights, dtype=x.dtype).expand(x.shape[1], 1, *weights.shape)
    return F.conv2d(x, kernel, stride=stride, padding=padding, groups=x.shape[1])


@pytest.mark.parametrize(("name", "setting"), CASES)
def test_loops_fast_version_and_a_fixed_convolution_agree(name, setting):
    x, (k, s, p) = INPUTS[name], setting
    weights = RNG.random((k, k))
    tolerance = 1e-5 if x.dtype == np.float32 else 1e-12
    theirs = depthwise(torch.tensor(x), weights, s or k, p).numpy()
    np.testing.assert_allclose(weighted_pool(x, weights, s or k, p), theirs, atol=tolerance)
    np.testing.assert_allclose(weighted_pool_loop(x, weights, s or k, p), theirs, atol=tolerance)
    assert weighted_pool(x, weights, s or k, p).dtype == x.dtype


@pytest.mark.parametrize(("name", "setting"), CASES)
def test_backward_agrees_with_autograd(name, setting):
    x, (k, s, p) = INPUTS[name].astype(float), setting
    weights = RNG.random((k, k))
    tensor = torch.tensor(x, requires_grad=True)
    out = depthwise(tensor, weights, s or k, p)
    grad = torch.randn(out.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    out.backward(grad)
    ours = weighted_pool_backward(grad.numpy(), weights, *x.shape[2:], s or k, p)
    np.testing.assert_allclose(ours, tensor.grad.numpy(), atol=1e-12)


def test_backward_passes_a_numerical_check():
    x, weights = INPUTS["batch"], binomial_kernel(3)
    pull = RNG.normal(size=weighted_pool(x, weights, 2, 1).shape)
    numerical = numerical_gradient(lambda z: float((weighted_pool(z, weights, 2, 1) * pull).sum()), x.copy())
    assert relative_error(weighted_pool_backward(pull, weights, *x.shape[2:], 2, 1), numerical) < 1e-7


def test_bells_sum_to_one_and_the_smallest_is_the_box():
    np.testing.assert_allclose(binomial_kernel(3) * 16, [[1, 2, 1], [2, 4, 2], [1, 2, 1]])
    for size in range(1, 8):
        assert binomial_kernel(size).sum() == pytest.approx(1)
    np.testing.assert_allclose(weighted_pool(INPUTS["batch"], binomial_kernel(2), 2), average_pool(INPUTS["batch"], 2))


@pytest.mark.parametrize("name", ["batch", "float32", "transposed", "every second column"])
def test_blur_pool_is_a_reflected_border_and_a_fixed_convolution(name):
    x = torch.tensor(np.ascontiguousarray(INPUTS[name]))
    theirs = depthwise(F.pad(x, (1, 1, 1, 1), mode="reflect"), binomial_kernel(3), 2)
    np.testing.assert_allclose(
        blur_pool(INPUTS[name]), theirs.numpy(), atol=1e-5 if x.dtype == torch.float32 else 1e-12
    )
    stronger = depthwise(F.pad(F.max_pool2d(x, 2, 1), (1, 1, 1, 1), mode="reflect"), binomial_kernel(3), 2)
    np.testing.assert_allclose(max_blur_pool(INPUTS[name]), stronger.numpy(), atol=1e-5)


def test_an_even_bell_is_refused():
    with pytest.raises(ValueError, match="size must be odd, got 2"):
        blur_pool(INPUTS["batch"], 2)
    with pytest.raises(ValueError, match="weights must have shape"):
        weighted_pool(INPUTS["batch"], np.ones((2, 3)), 1)

"""Sum, average, the depthwise convolution that they are, and LeNet's subsampling."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from course_utils.scratch.autograd.gradient_check import numerical_gradient, relative_error
from course_utils.scratch.convolution.im2col import conv2d_im2col
from course_utils.scratch.pooling.average_pool import (
    average_pool,
    average_pool_backward,
    average_pool_loop,
    averaging_kernel,
    subsample,
    sum_pool,
    sum_pool_backward,
    sum_pool_loop,
)

from .cases import CASES, INPUTS


@pytest.mark.parametrize(("name", "setting"), CASES)
def test_loops_fast_version_torch_and_fixed_convolution_agree(name, setting):
    x, (k, s, p) = INPUTS[name], setting
    tolerance = 1e-5 if x.dtype == np.float32 else 1e-12
    theirs = F.avg_pool2d(torch.tensor(x), k, s, p).numpy()
    fixed = averaging_kernel(x.shape[1], k).astype(x.dtype)
    convolved = conv2d_im2col(x, fixed, stride=s or k, padding=p, groups=x.shape[1])
    for ours in (average_pool(x, k, s, p), average_pool_loop(x, k, s, p), convolved):
        np.testing.assert_allclose(ours, theirs, atol=tolerance)
    assert average_pool(x, k, s, p).dtype == x.dtype
    np.testing.assert_allclose(sum_pool(x, k, s, p), theirs * k * k, atol=k * k * tolerance)
    np.testing.assert_allclose(sum_pool(x, k, s, p), sum_pool_loop(x, k, s, p), atol=k * k * tolerance)


@pytest.mark.parametrize(("name", "setting"), CASES)
def test_backward_agrees_with_autograd(name, setting):
    x, (k, s, p) = INPUTS[name].astype(float), setting
    tensor = torch.tensor(x, requires_grad=True)
    out = F.avg_pool2d(tensor, k, s, p)
    grad = torch.randn(out.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    out.backward(grad)
    ours = average_pool_backward(grad.numpy(), *x.shape[2:], k, s, p)
    np.testing.assert_allclose(ours, tensor.grad.numpy(), atol=1e-12)
    np.testing.assert_allclose(sum_pool_backward(grad.numpy(), *x.shape[2:], k, s, p), k * k * ours, atol=1e-12)


def test_backward_passes_a_numerical_check():
    x = INPUTS["batch"]
    weights = np.random.default_rng(2).normal(size=average_pool(x, 3, 2, 1).shape)
    ours = average_pool_backward(weights, *x.shape[2:], 3, 2, 1)
    numerical = numerical_gradient(lambda z: float((average_pool(z, 3, 2, 1) * weights).sum()), x.copy())
    assert relative_error(ours, numerical) < 1e-7


def test_a_full_convolution_with_the_same_weights_is_something_else():
    x = INPUTS["batch"]
    mixing = np.broadcast_to(averaging_kernel(3, 2), (3, 3, 2, 2)).copy()
    assert not np.allclose(conv2d_im2col(x, mixing, stride=2), average_pool(x, 2))


def test_subsampling_is_scale_times_sum_plus_bias():
    x = INPUTS["batch"]
    out = subsample(x, [0.25, 1.0, -2.0], [0.0, 1.0, 0.5])
    np.testing.assert_allclose(out[:, 0], average_pool(x, 2)[:, 0], atol=1e-12)
    np.testing.assert_allclose(out[:, 2], -2 * sum_pool(x, 2)[:, 2] + 0.5, atol=1e-12)
    with pytest.raises(ValueError, match=r"scale must have shape \(3\)"):
        subsample(x, [1.0], [0.0, 0.0, 0.0])


def test_a_gradient_of_another_size_is_refused():
    with pytest.raises(ValueError, match="grad must have shape"):
        sum_pool_backward(np.ones((1, 1, 3, 3)), 4, 4, 2)

"""Adaptive pooling: the bins are the library's for every pair of sizes."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from course_utils.scratch.autograd.gradient_check import numerical_gradient, relative_error
from course_utils.scratch.pooling.adaptive_pool import (
    adaptive_average_pool,
    adaptive_average_pool_backward,
    adaptive_average_pool_loop,
    adaptive_max_pool,
    adaptive_max_pool_loop,
    bins,
)
from course_utils.scratch.pooling.max_pool import max_pool_backward

from .cases import INPUTS

SIZES = [(1, 1), (2, 3), (3, 2), (5, 4), (7, 11)]  # the last one asks for more bins than pixels
CASES = [(name, size) for name in INPUTS for size in SIZES]


def test_bins_are_those_of_the_library_for_all_sizes():
    for size in range(1, 20):
        for count in range(1, 20):
            covered = F.adaptive_avg_pool1d(torch.eye(size, dtype=torch.float64)[None], count)[0].T > 0  # (count, size)
            for row, (start, end) in zip(covered, bins(size, count)):
                assert row.nonzero().flatten().tolist() == list(range(start, end))


@pytest.mark.parametrize(("name", "size"), CASES)
def test_loops_fast_version_and_torch_agree(name, size):
    x = INPUTS[name]
    tensor = torch.tensor(x)
    tolerance = 1e-5 if x.dtype == np.float32 else 1e-12
    average = F.adaptive_avg_pool2d(tensor, size).numpy()
    np.testing.assert_allclose(adaptive_average_pool(x, size), average, atol=tolerance)
    np.testing.assert_allclose(adaptive_average_pool_loop(x, size), average, atol=tolerance)
    values, winners = F.adaptive_max_pool2d(tensor, size, return_indices=True)
    for ours in (adaptive_max_pool(x, size), adaptive_max_pool_loop(x, size)):
        np.testing.assert_array_equal(ours.values, values.numpy())
        np.testing.assert_array_equal(ours.winners, winners.numpy())


@pytest.mark.parametrize(("name", "size"), CASES)
def test_backward_agrees_with_autograd(name, size):
    x = INPUTS[name].astype(float)
    grad = np.random.default_rng(1).normal(size=(*x.shape[:2], *size))
    tensor = torch.tensor(x, requires_grad=True)
    F.adaptive_avg_pool2d(tensor, size).backward(torch.tensor(grad))
    np.testing.assert_allclose(adaptive_average_pool_backward(grad, *x.shape[2:]), tensor.grad.numpy(), atol=1e-12)
    tensor = torch.tensor(x, requires_grad=True)
    F.adaptive_max_pool2d(tensor, size).backward(torch.tensor(grad))
    ours = max_pool_backward(grad, adaptive_max_pool(x, size).winners, *x.shape[2:])
    np.testing.assert_allclose(ours, tensor.grad.numpy(), atol=1e-12)


def test_backward_passes_a_numerical_check():
    x = INPUTS["batch"]
    weights = np.random.default_rng(2).normal(size=(*x.shape[:2], 4, 3))
    numerical = numerical_gradient(lambda z: float((adaptive_average_pool(z, (4, 3)) * weights).sum()), x.copy())
    assert relative_error(adaptive_average_pool_backward(weights, *x.shape[2:]), numerical) < 1e-7


def test_no_bins_are_refused():
    with pytest.raises(ValueError, match="count must be at least 1, got 0"):
        bins(5, 0)

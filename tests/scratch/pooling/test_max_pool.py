"""Max pooling: loops, strides and PyTorch agree, ties and overlaps included."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from course_utils.scratch.autograd.gradient_check import numerical_gradient, relative_error
from course_utils.scratch.pooling.max_pool import (
    max_pool,
    max_pool_backward,
    max_pool_backward_loop,
    max_pool_loop,
)

from .cases import CASES, INPUTS


@pytest.mark.parametrize(("name", "setting"), CASES)
def test_loops_fast_version_and_torch_agree(name, setting):
    x, (k, s, p) = INPUTS[name], setting
    fast, slow = max_pool(x, k, s, p), max_pool_loop(x, k, s, p)
    values, winners = F.max_pool2d(torch.tensor(x), k, s, p, return_indices=True)
    for ours in (fast, slow):
        np.testing.assert_array_equal(ours.values, values.numpy())
        np.testing.assert_array_equal(ours.winners, winners.numpy())
        assert ours.values.dtype == x.dtype


@pytest.mark.parametrize(("name", "setting"), CASES)
def test_backward_agrees_with_its_loops_and_with_autograd(name, setting):
    x, (k, s, p) = INPUTS[name].astype(float), setting
    pooled = max_pool(x, k, s, p)
    grad = np.random.default_rng(1).normal(size=pooled.values.shape)
    ours = max_pool_backward(grad, pooled.winners, *x.shape[2:])
    tensor = torch.tensor(x, requires_grad=True)
    F.max_pool2d(tensor, k, s, p).backward(torch.tensor(grad))
    np.testing.assert_allclose(ours, tensor.grad.numpy(), atol=1e-12)
    np.testing.assert_allclose(ours, max_pool_backward_loop(grad, pooled.winners, *x.shape[2:]), atol=1e-12)


def test_backward_passes_a_numerical_check():
    x = INPUTS["batch"]
    weights = np.random.default_rng(2).normal(size=max_pool(x, 3, 2).values.shape)
    pooled = max_pool(x, 3, 2)
    ours = max_pool_backward(weights, pooled.winners, *x.shape[2:])
    numerical = numerical_gradient(lambda z: float((max_pool(z, 3, 2).values * weights).sum()), x.copy())
    assert relative_error(ours, numerical) < 1e-7


def test_of_equal_values_the_first_one_gets_everything():
    flat = np.zeros((1, 1, 2, 2))
    pooled = max_pool(flat, 2)
    assert pooled.winners.item() == 0
    np.testing.assert_array_equal(
        max_pool_backward(np.ones((1, 1, 1, 1)), pooled.winners, 2, 2)[0, 0], [[1, 0], [0, 0]]
    )


def test_two_windows_with_one_winner_add_up():
    x = np.array([[[[0.0, 9.0, 0.0]]]])
    pooled = max_pool(np.repeat(x, 2, axis=2), 2, stride=1)
    assert pooled.winners.tolist() == [[[[1, 1]]]]
    assert max_pool_backward(np.ones((1, 1, 1, 2)), pooled.winners, 2, 3)[0, 0, 0, 1] == 2


def test_padding_never_wins():
    x = -np.ones((1, 1, 3, 3))
    assert (max_pool(x, 3, 1, 1).values == -1).all()


def test_shapes_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match="winners must have shape"):
        max_pool_backward(np.ones((1, 1, 2, 2)), np.zeros((1, 1, 1, 1), dtype=int), 4, 4)

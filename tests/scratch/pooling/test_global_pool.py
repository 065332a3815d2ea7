"""Global pooling: loops, PyTorch, gradients, any size, any roll."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from course_utils.scratch.pooling.global_pool import (
    global_average_pool,
    global_average_pool_backward,
    global_average_pool_loop,
    global_max_pool,
    global_max_pool_backward,
    global_max_pool_loop,
)

from .cases import INPUTS


@pytest.mark.parametrize("name", INPUTS)
def test_loops_fast_version_and_torch_agree(name):
    x = INPUTS[name]
    tensor = torch.tensor(x)
    tolerance = 1e-5 if x.dtype == np.float32 else 1e-12
    average = F.adaptive_avg_pool2d(tensor, 1)[:, :, 0, 0].numpy()
    np.testing.assert_allclose(global_average_pool(x), average, atol=tolerance)
    np.testing.assert_allclose(global_average_pool_loop(x), average, atol=tolerance)
    values, winners = F.max_pool2d(tensor, x.shape[2:], return_indices=True)
    for ours in (global_max_pool(x), global_max_pool_loop(x)):
        np.testing.assert_array_equal(ours.values, values[:, :, 0, 0])
        np.testing.assert_array_equal(ours.winners, winners[:, :, 0, 0])


@pytest.mark.parametrize("name", INPUTS)
def test_backward_agrees_with_autograd(name):
    x = INPUTS[name].astype(float)
    grad = np.random.default_rng(1).normal(size=x.shape[:2])
    tensor = torch.tensor(x, requires_grad=True)
    tensor.mean((2, 3)).backward(torch.tensor(grad))
    np.testing.assert_allclose(global_average_pool_backward(grad, *x.shape[2:]), tensor.grad.numpy(), atol=1e-12)
    tensor = torch.tensor(x, requires_grad=True)
    F.max_pool2d(tensor, x.shape[2:])[:, :, 0, 0].backward(torch.tensor(grad))
    ours = global_max_pool_backward(grad, global_max_pool(x).winners, *x.shape[2:])
    np.testing.assert_array_equal(ours, tensor.grad.numpy())


def test_every_roll_leaves_both_unchanged():
    x = INPUTS["batch"]
    for down in range(x.shape[2]):
        for right in range(x.shape[3]):
            rolled = np.roll(x, (down, right), axis=(2, 3))
            np.testing.assert_array_equal(global_max_pool(rolled).values, global_max_pool(x).values)
            np.testing.assert_allclose(global_average_pool(rolled), global_average_pool(x), rtol=0, atol=1e-14)


def test_shapes_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match="winners must have shape"):
        global_max_pool_backward(np.ones((2, 3)), np.zeros((2, 2), dtype=int), 4, 4)

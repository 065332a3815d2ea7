"""Pooling over groups of channels, and banks of turned filters."""

import numpy as np
import pytest
import torch

from course_utils.scratch.convolution.im2col import conv2d_im2col
from course_utils.scratch.pooling.channel_pool import (
    channel_max_pool,
    channel_max_pool_backward,
    channel_max_pool_loop,
    rotated_bank,
)

RNG = np.random.default_rng(0)
INPUTS = {
    "batch": RNG.normal(size=(2, 12, 5, 4)),
    "one pixel": RNG.normal(size=(1, 12, 1, 1)),
    "turned": RNG.normal(size=(12, 2, 5, 4)).transpose(1, 0, 3, 2),
    "ties": np.maximum(RNG.normal(size=(1, 12, 3, 3)), 0),
}


@pytest.mark.parametrize("group", [1, 2, 3, 4, 12])
@pytest.mark.parametrize("name", INPUTS)
def test_loops_fast_version_torch_and_autograd_agree(name, group):
    x = INPUTS[name]
    tensor = torch.tensor(np.ascontiguousarray(x), requires_grad=True)
    values, winners = tensor.view(len(x), -1, group, *x.shape[2:]).max(dim=2)
    for ours in (channel_max_pool(x, group), channel_max_pool_loop(x, group)):
        np.testing.assert_array_equal(ours.values, values.detach().numpy())
        np.testing.assert_array_equal(ours.winners, winners.numpy())
    grad = torch.randn(values.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    values.backward(grad)
    back = channel_max_pool_backward(grad.numpy(), winners.numpy(), group)
    np.testing.assert_array_equal(back, tensor.grad.numpy())


def test_the_bank_holds_the_four_turns_next_to_each_other():
    weight = RNG.normal(size=(2, 3, 5, 5))
    bank = rotated_bank(weight)
    assert bank.shape == (8, 3, 5, 5)
    np.testing.assert_array_equal(bank[4], weight[1])
    np.testing.assert_array_equal(bank[5], np.rot90(weight[1], axes=(1, 2)))


def test_turning_the_picture_turns_the_pooled_map_and_changes_no_value():
    x, weight = RNG.normal(size=(1, 2, 9, 9)), RNG.normal(size=(3, 2, 3, 3))
    pooled = channel_max_pool(conv2d_im2col(x, rotated_bank(weight)), 4).values
    for turns in (1, 2, 3):
        turned = channel_max_pool(conv2d_im2col(np.rot90(x, turns, (2, 3)), rotated_bank(weight)), 4).values
        np.testing.assert_allclose(turned, np.rot90(pooled, turns, (2, 3)), atol=1e-12)
    alone = conv2d_im2col(np.rot90(x, 1, (2, 3)), weight)
    assert not np.allclose(alone, np.rot90(conv2d_im2col(x, weight), 1, (2, 3)))


def test_channels_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="channels must be a multiple of group_size 5, got 12"):
        channel_max_pool(INPUTS["batch"], 5)

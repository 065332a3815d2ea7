"""Batch normalisation against its slow twin, its long twin and the library, in every mode and shape."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.scratch.normalisation.batch_norm import (
    BatchNorm,
    batch_norm_backward,
    batch_norm_backward_by_steps,
    batch_norm_forward,
    batch_norm_loop,
    batch_statistics,
    normalise_each_position,
)

SHAPES = [(6, 3), (2, 1), (4, 3, 5), (3, 2, 4, 5), (1, 2, 3, 3), (1, 3, 2), (5, 1, 1, 1), (2, 2, 2, 2, 3)]


def drawn(shape, seed=0, contiguous=True):
    generator = torch.Generator().manual_seed(seed)
    if contiguous:
        return 3 * torch.randn(shape, generator=generator, dtype=torch.float64) + 1
    return (3 * torch.randn(tuple(reversed(shape)), generator=generator, dtype=torch.float64) + 1).permute(
        *reversed(range(len(shape)))
    )


def parameters(shape):
    return drawn((shape[1],), seed=5), drawn((shape[1],), seed=6)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("contiguous", [True, False])
def test_forward_is_the_slow_twins_and_the_librarys(shape, contiguous):
    x = drawn(shape, contiguous=contiguous)
    gamma, beta = parameters(shape)
    y, _ = batch_norm_forward(x, gamma, beta)
    torch.testing.assert_close(y, batch_norm_loop(x, gamma, beta))
    torch.testing.assert_close(y, F.batch_norm(x, None, None, gamma, beta, training=True))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("contiguous", [True, False])
def test_backward_is_the_long_twins_and_autograds(shape, contiguous):
    x = drawn(shape, contiguous=contiguous).requires_grad_()
    gamma, beta = (p.requires_grad_() for p in parameters(shape))
    dy = drawn(shape, seed=9, contiguous=not contiguous)
    theirs = torch.autograd.grad(F.batch_norm(x, None, None, gamma, beta, training=True), (x, gamma, beta), dy)
    with torch.no_grad():
        ours = batch_norm_backward(dy, batch_norm_forward(x, gamma, beta)[1])
        steps = batch_norm_backward_by_steps(dy, x, gamma)
    for mine, long, library in zip(ours, steps, theirs):
        torch.testing.assert_close(mine, library, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(long, library, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("shape", [(6, 3), (3, 2, 4, 5)])
def test_the_layers_gradient_passes_the_numerical_check(shape):
    layer = BatchNorm(shape[1]).double()
    x = drawn(shape).requires_grad_()
    for mode in (True, False):
        layer.train(mode)
        assert torch.autograd.gradcheck(lambda x, *_: layer(x), (x, layer.gamma, layer.beta))


@pytest.mark.parametrize(("shape", "library"), [((8, 3), nn.BatchNorm1d), ((4, 3, 5, 2), nn.BatchNorm2d)])
@pytest.mark.parametrize("momentum", [0.1, 0.0, 1.0, None])
def test_the_layer_follows_the_library_through_training_and_eval(shape, library, momentum):
    ours, theirs = BatchNorm(3, momentum=momentum).double(), library(3, momentum=momentum).double()
    for step in range(5):
        x, dy = drawn(shape, seed=step), drawn(shape, seed=100 + step)
        pairs = []
        for layer in (ours, theirs):
            leaf = x.clone().requires_grad_()
            y = layer(leaf)
            layer.zero_grad()
            y.backward(dy)
            with torch.no_grad():
                for parameter in layer.parameters():
                    parameter -= 0.1 * parameter.grad
            pairs.append((y.detach(), leaf.grad))
        for mine, library_s in zip(*pairs):
            torch.testing.assert_close(mine, library_s)
        torch.testing.assert_close(ours.running_mean, theirs.running_mean)
        torch.testing.assert_close(ours.running_var, theirs.running_var)
    assert ours.batches_seen == theirs.num_batches_tracked == 5
    ours.eval()
    theirs.eval()
    x = drawn(shape, seed=50)
    torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours(x[:1]), theirs(x[:1]))  # a batch of one is fine in eval mode
    before = ours.running_mean.clone()
    ours(x)
    assert torch.equal(before, ours.running_mean)


def test_the_running_variance_is_the_unbiased_one():
    x = torch.tensor([[0.0], [2.0]])
    layer = BatchNorm(1, momentum=1.0)
    layer(x)
    assert layer.running_var.item() == pytest.approx(2.0)  # 2 / (2 - 1), though the batch was divided by 2 / 2
    assert batch_statistics(x)[1].item() == 1.0


@pytest.mark.parametrize("shape", [(1, 3), (1, 3, 1, 1)])
def test_one_value_a_channel_is_refused_in_training_as_in_the_library(shape):
    with pytest.raises(ValueError, match=r"at least 2 values a channel in training mode, got shape \(1, 3"):
        BatchNorm(3)(torch.ones(shape))
    with pytest.raises(ValueError, match="Expected more than 1 value per channel"):
        F.batch_norm(torch.ones(shape), None, None, training=True)


def test_each_position_is_another_normalisation():
    x = drawn((8, 2, 3, 3)) + torch.arange(9.0).reshape(3, 3)
    y = normalise_each_position(x)
    torch.testing.assert_close(y.mean(dim=0), torch.zeros(2, 3, 3, dtype=torch.float64))
    for r in range(3):
        for s in range(3):
            torch.testing.assert_close(y[:, :, r, s], F.batch_norm(x[:, :, r, s], None, None, training=True))
    shared = F.batch_norm(x, None, None, training=True)
    assert (y - shared).abs().max() > 0.5


def test_wrong_shapes_are_named():
    with pytest.raises(ValueError, match=r"x must have shape \(N, C\)"):
        batch_norm_forward(torch.ones(3), torch.ones(3), torch.ones(3))
    with pytest.raises(ValueError, match=r"gamma must have shape \(3\), got \(2,\)"):
        batch_norm_forward(torch.ones(4, 3), torch.ones(2), torch.ones(3))
    with pytest.raises(ValueError, match="epsilon must be at least 0"):
        batch_norm_forward(torch.ones(4, 3), torch.ones(3), torch.ones(3), -1.0)

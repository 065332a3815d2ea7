"""Networks trained side by side are the networks trained alone."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.scratch.networks.side_by_side import BENDS, SideBySide, accuracies, batches_for, train


def toy():
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(90, 4, generator=draw, dtype=torch.float64)
    return x, (x[:, 0] * x[:, 1] > 0).long() + (x[:, 2] > 1).long()


@pytest.mark.parametrize("activation", sorted(BENDS))
def test_each_is_what_it_would_be_alone(activation):
    x, y = toy()
    seeds, rates = [3, 5, 9], [0.1, 0.02, 0.3]
    many = SideBySide([4, 6, 5, 3], activation, seeds).double()
    train(many, x, y, steps=25, lr=rates, batch_size=16, momentum=0.5)
    for i, (seed, rate) in enumerate(zip(seeds, rates)):
        alone = SideBySide([4, 6, 5, 3], activation, [seed]).double()
        train(alone, x, y, steps=25, lr=rate, batch_size=16, momentum=0.5)
        for a, b in zip(many.parameters(), alone.parameters()):
            torch.testing.assert_close(a[i], b[0], rtol=0, atol=1e-12)


def test_alone_it_is_a_stack_of_linear_layers_under_sgd():
    x, y = toy()
    ours = SideBySide([4, 6, 3], "tanh", [7]).double()
    theirs = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).double()
    with torch.no_grad():
        for layer, weight, bias in zip((theirs[0], theirs[2]), ours.weights, ours.biases):
            layer.weight.copy_(weight[0].T)
            layer.bias.copy_(bias[0, 0])
    optimiser = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.9)
    for batch in batches_for([7], len(x), 16, 30)[:, 0]:
        loss = F.cross_entropy(theirs(x[batch]), y[batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    train(ours, x, y, steps=30, lr=0.1, batch_size=16, momentum=0.9)
    torch.testing.assert_close(ours(x)[0], theirs(x), rtol=0, atol=1e-12)
    assert accuracies(ours, x, y).item() == (theirs(x).argmax(1) == y).double().mean().item()


def test_batches_pass_over_the_data():
    order = batches_for([0, 1], 10, 3, 6)
    assert order.shape == (6, 2, 3)
    for s in (0, 1):
        for half in (order[:3, s], order[3:, s]):
            assert half.unique().numel() == 9  # three batches of three, none twice
    assert not torch.equal(order[:, 0], order[:, 1])
    with pytest.raises(ValueError, match="batch_size"):
        batches_for([0], 5, 6, 1)


def test_watch_sees_start_and_end():
    x, y = toy()
    seen = []
    train(
        SideBySide([4, 3], "relu", [0]).double(),
        x,
        y,
        steps=5,
        lr=0.1,
        batch_size=9,
        watch=lambda s, n: seen.append(s),
        every=2,
    )
    assert seen == [0, 2, 4, 5]


def test_watch_may_end_the_training():
    x, y = toy()
    stopped, short = (SideBySide([4, 3], "relu", [0]).double() for _ in range(2))
    train(stopped, x, y, steps=50, lr=0.1, batch_size=9, watch=lambda done, nets: done == 4, every=2)
    train(short, x, y, steps=4, lr=0.1, batch_size=9)
    for a, b in zip(stopped.parameters(), short.parameters()):
        assert torch.equal(a, b)

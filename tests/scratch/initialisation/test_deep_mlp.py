"""The short training run of chapters 04b and 04c does what its few lines say."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.scratch.initialisation.deep_mlp import deep_mlp, share_right, short_run
from course_utils.scratch.initialisation.schemes import initialise


def started(scale: float = 1.0, **settings) -> nn.Sequential:
    return initialise(deep_mlp(2, 8, **settings), "he fan_in", scale=scale, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def examples():
    draw = torch.Generator().manual_seed(7)
    x = torch.randn(200, 1, 8, 8, generator=draw)
    return x, (x.flatten(1)[:, :10]).argmax(dim=1)


def test_layers_stand_in_the_order_asked_for():
    def kinds(**settings):
        return [type(layer).__name__ for layer in deep_mlp(1, 8, **settings)]

    assert kinds() == ["Flatten", "Linear", "ReLU", "Linear"]
    assert kinds(norm=nn.BatchNorm1d) == ["Flatten", "Linear", "BatchNorm1d", "ReLU", "Linear"]
    assert kinds(norm=nn.BatchNorm1d, norm_last=True) == ["Flatten", "Linear", "ReLU", "BatchNorm1d", "Linear"]
    assert kinds(activation=nn.Tanh, dropout=0.5) == ["Flatten", "Linear", "Tanh", "Dropout", "Linear"]
    assert [p.shape[0] for p in deep_mlp(3, 8, inputs=5, classes=4).parameters() if p.dim() == 2] == [8, 8, 8, 4]


def test_a_step_is_the_gradient_times_the_rate_and_a_clipped_one_is_no_longer(examples):
    x, y = examples
    for clip, longest in ((None, math.inf), (0.1, 0.1)):
        model = started()
        before = [p.detach().clone() for p in model.parameters()]
        rows = torch.randint(200, (16,), generator=torch.Generator().manual_seed(3))
        wanted = torch.autograd.grad(F.cross_entropy(model(x[rows]), y[rows]), list(model.parameters()))
        length = math.sqrt(sum(float((g**2).sum()) for g in wanted))
        assert length > 0.2
        short_run(model, 1, 0.5, x=x, y=y, seed=3, batch=16, clip=clip)
        for old, new, gradient in zip(before, model.parameters(), wanted):
            torch.testing.assert_close(old - new, 0.5 * gradient * min(1, longest / length), rtol=1e-3, atol=1e-6)


def test_it_learns_repeats_itself_and_counts_its_steps(examples):
    x, y = examples
    runs, seen = [], []
    for _ in range(2):
        model = started()
        runs.append(short_run(model, 150, 0.2, x=x, y=y, seed=1, after_step=seen.append))
    assert runs[0] == runs[1]
    assert seen == [*range(1, 151)] * 2
    assert runs[0][-1] < 0.5 * runs[0][0]
    assert share_right(model, x, y) > 0.8


def test_it_uses_only_the_first_examples_when_asked(examples):
    x, y = examples
    spoilt = x.clone()
    spoilt[20:] = math.nan
    assert all(math.isfinite(v) for v in short_run(started(), 5, 0.1, x=spoilt, y=y, seed=0, among=20))
    assert len(short_run(started(), 5, 0.1, x=spoilt, y=y, seed=0)) == 1


def test_it_stops_at_the_first_loss_that_is_no_number(examples):
    x, y = examples
    deep = initialise(deep_mlp(20, 32), "he fan_in", scale=2.0, generator=torch.Generator().manual_seed(0))
    losses = short_run(deep, 50, 0.1, x=x, y=y, seed=0)
    assert len(losses) < 50
    assert not math.isfinite(losses[-1])
    assert all(math.isfinite(v) for v in losses[:-1])


def test_looking_changes_neither_mode_nor_statistics(examples):
    x, y = examples
    model = started(norm=nn.BatchNorm1d).train()
    before = [b.clone() for b in model.buffers()]
    share_right(model, x, y)
    assert model.training
    assert all(torch.equal(a, b) for a, b in zip(before, model.buffers()))
    assert share_right(model.eval(), x, y) == pytest.approx((model(x).argmax(1) == y).float().mean().item())
    assert not model.training


def test_bad_settings_are_refused(examples):
    x, y = examples
    with pytest.raises(ValueError, match="depth must be at least 1, got 0"):
        deep_mlp(0, 8)
    with pytest.raises(ValueError, match="lr must be"):
        short_run(started(), 1, 0.0, x=x, y=y, seed=0)
    with pytest.raises(ValueError, match="same length"):
        short_run(started(), 1, 0.1, x=x, y=y[:-1], seed=0)

"""The race: losses of several heads, early ends, runs that break."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.scratch.inception.race import loss_of_all, race, share_correct


@pytest.fixture
def task() -> tuple[tuple[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]:
    x = torch.randn(300, 2, generator=torch.Generator().manual_seed(0))
    y = (x[:, 0] > x[:, 1]).long()
    return (x[:200], y[:200]), (x[200:], y[200:])


def linear() -> nn.Linear:
    torch.manual_seed(1)
    return nn.Linear(2, 2)


def test_loss_of_all_weighs_every_further_head() -> None:
    a, b, c = (torch.randn(4, 3) for _ in range(3))
    y = torch.tensor([0, 1, 2, 0])
    each = [F.cross_entropy(o, y).item() for o in (a, b, c)]
    assert loss_of_all(a, y).item() == pytest.approx(each[0])
    assert loss_of_all((a, b, c), y).item() == pytest.approx(each[0] + 0.3 * (each[1] + each[2]))
    assert loss_of_all((a, b), y, weight=1.0).item() == pytest.approx(each[0] + each[1])


def test_share_correct_asks_in_evaluation_mode_and_keeps_the_mode() -> None:
    model = nn.Sequential(nn.Dropout(0.99), nn.Identity())
    y = torch.arange(10) % 5
    assert share_correct(model.train(), F.one_hot(y).float(), y) == 1
    assert model.training


def test_it_ends_at_the_target_and_else_at_the_limit(task) -> None:
    run = race(linear(), *task, lr=0.3, limit=200, target=0.9)
    assert run.reached
    assert run.steps == run.checked[-1] < 200
    assert run.accuracy[-1] >= 0.9 > max(run.accuracy[:-1], default=0)
    short = race(linear(), *task, lr=1e-6, limit=10, target=1.0)
    assert (short.reached, short.steps, short.checked) == (False, 10, [5, 10])


def test_the_same_seed_runs_alike_and_another_does_not(task) -> None:
    curves = [race(linear(), *task, lr=0.01, limit=30, every=1, seed=seed).accuracy for seed in (3, 3, 4)]
    assert curves[0] == curves[1] != curves[2]


def test_a_loss_that_is_no_number_ends_the_run_with_the_limit(task) -> None:
    run = race(nn.Sequential(linear(), nn.Linear(2, 2), nn.Linear(2, 2)), *task, lr=1e6, limit=50)
    assert not run.reached
    assert run.steps == 50
    assert len(run.checked) < 10


def test_arguments_out_of_range_are_refused(task) -> None:
    with pytest.raises(ValueError, match="limit must be at least 1, got 0"):
        race(linear(), *task, lr=0.1, limit=0)
    with pytest.raises(ValueError, match="target must be at most 1"):
        race(linear(), *task, lr=0.1, limit=1, target=2)

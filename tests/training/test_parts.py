"""The parts of a run: schedules, weight averages, mixed and covered pictures."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import CosineAnnealingLR

from course_utils.training.averaging import WeightAverage
from course_utils.training.mixing import cutout, mixup
from course_utils.training.schedules import factor, make_schedule


def rates(kind, total: int, **options) -> list[float]:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.5)
    plan = make_schedule(kind, optimizer, total, **options)
    found = []
    for _ in range(total):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if plan is not None:
            plan.step()
    return found


def test_a_cosine_is_torchs_cosine() -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.5)
    plan, expected = CosineAnnealingLR(optimizer, T_max=20), []
    for _ in range(20):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        plan.step()
    assert rates("cosine", 20) == pytest.approx(expected)


def test_a_warm_up_climbs_to_the_peak_and_the_rest_follows() -> None:
    found = rates("linear", 10, warmup=4)
    assert found[:5] == pytest.approx([0.125, 0.25, 0.375, 0.5, 0.5])
    assert found[-1] == pytest.approx(0.5 / 6)
    assert rates(None, 3) == [0.5, 0.5, 0.5]
    assert rates(None, 3, warmup=2) == [0.25, 0.5, 0.5]
    assert max(rates("one_cycle", 50)) == pytest.approx(0.5, rel=0.01)
    assert factor("cosine", 5, 10) == pytest.approx((1 + math.cos(math.pi / 2)) / 2)


@pytest.mark.parametrize("kind", ["one_cycle", "cosine", "linear"])
def test_each_group_of_parameters_has_its_own_peak(kind) -> None:
    """PyTorch's OneCycleLR with one number for max_lr gives all groups the same rate."""
    own = (0.5, 0.05, 0.002)
    optimizer = torch.optim.SGD([{"params": [nn.Parameter(torch.zeros(1))], "lr": lr} for lr in own], lr=9.0)
    plan, found = make_schedule(kind, optimizer, 50), []
    for _ in range(50):
        found.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        plan.step()
    for rates_now in found:
        for rate, alone in zip(rates_now, own, strict=True):
            assert rate / rates_now[0] == pytest.approx(alone / own[0])
    assert [max(column) for column in zip(*found, strict=True)] == pytest.approx(list(own), rel=0.01)


def test_schedules_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="schedule must be one of"):
        rates("cosinus", 10)
    with pytest.raises(ValueError, match="warmup must be at most 10, got 11"):
        rates("cosine", 10, warmup=11)
    with pytest.raises(ValueError, match="climbs by itself"):
        rates("one_cycle", 10, warmup=2)


def test_an_average_follows_its_formula_and_comes_back_from_a_checkpoint() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    average, slow = WeightAverage(model, decay=0.9), model[0].weight.detach().clone()
    for step in range(1, 200):
        with torch.no_grad():
            model[0].weight.add_(torch.randn(2, 3))
            model[1].num_batches_tracked.add_(1)
        average.update(model)
        decay = min(0.9, (1 + step) / (10 + step))
        slow = decay * slow + (1 - decay) * model[0].weight.detach()
    assert torch.allclose(average.model[0].weight, slow, atol=1e-5)
    assert average.model[1].num_batches_tracked == 199
    other = WeightAverage(model)
    other.load_state_dict(average.state_dict())
    assert other.steps == 199
    assert torch.equal(other.model[0].weight, average.model[0].weight)
    assert not average.model.training


def test_mixed_pictures_and_labels_are_mixed_alike() -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.arange(8.0)[:, None, None, None].expand(8, 1, 2, 2), torch.arange(8) % 4
    shares = []
    for _ in range(200):
        mixed, soft = mixup(0.4, 4)(x, y, generator)
        assert torch.allclose(soft.sum(dim=1), torch.ones(8))
        assert mixed.shape == x.shape
        shares.append(float(soft.max(dim=1).values.min()))
        # Classes 0 to 3 show 0 and 4, 1 and 5, ...: the mean picture is the mean of what the labels say, up to 4.
        expected = soft @ torch.arange(4.0)
        rest = (mixed[:, 0, 0, 0] - expected) / 4
        assert rest.min() > -1e-5
        assert rest.max() < 1 + 1e-5
    assert min(shares) < 0.6
    logits = torch.randn(8, 4)
    share = torch.rand(8, 1)
    soft = share * F.one_hot(y, 4) + (1 - share) * F.one_hot(y.flip(0), 4)
    parts = share[:, 0] * F.cross_entropy(logits, y, reduction="none")
    parts += (1 - share[:, 0]) * F.cross_entropy(logits, y.flip(0), reduction="none")
    assert float(F.cross_entropy(logits, soft)) == pytest.approx(float(parts.mean()), rel=1e-5)


def test_a_covered_square_has_its_size_and_its_centre_anywhere() -> None:
    generator = torch.Generator().manual_seed(0)
    covered = 1 - cutout(4)(torch.ones(3000, 2, 9, 7), generator)
    assert torch.equal(covered[:, 0], covered[:, 1])
    areas = covered[:, 0].sum(dim=(1, 2))
    assert areas.max() == 16
    assert areas.min() == 4
    assert (covered[:, 0].mean(dim=0) > 0.05).all(), "a corner was never covered"
    with pytest.raises(ValueError, match="size must be at least 1, got 0"):
        cutout(0)

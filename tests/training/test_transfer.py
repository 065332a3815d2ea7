"""Heads replaced, layers frozen to the bit, rates by layer, probes that reach the minimum."""

from __future__ import annotations

import copy
from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.training.transfer import (
    collect_features,
    freeze,
    head_name,
    layer_rates,
    linear_probe,
    parameter_groups,
    relative_moves,
    replace_head,
    unfreeze,
)


def small() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        OrderedDict(
            stage1=nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()),
            stage2=nn.Sequential(nn.Conv2d(4, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU()),
            mean=nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
            head=nn.Linear(6, 3),
        )
    )


def batches(count: int = 3) -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(1)
    return [(torch.rand(8, 1, 6, 6, generator=generator), torch.arange(8) % 3) for _ in range(count)]


def train(model: nn.Module, groups: object = None, steps: int = 5, lr: float = 0.1) -> None:
    optimizer = torch.optim.SGD(groups if groups is not None else model.parameters(), lr=lr)  # type: ignore[arg-type]
    model.train()
    for x, y in batches(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


def test_a_new_head_has_the_new_outputs_and_an_optimiser_made_afterwards_holds_no_old_weight() -> None:
    model = small()
    old = set(model.head.parameters())
    new = replace_head(model, 5)
    assert model.head is new
    assert (new.in_features, new.out_features) == (6, 5)
    held = {p for group in torch.optim.SGD(model.parameters(), lr=0.1).param_groups for p in group["params"]}
    assert not held & old
    assert set(new.parameters()) <= held
    assert model(torch.rand(2, 1, 6, 6)).shape == (2, 5)


@pytest.mark.parametrize("name", ["resnet18", "alexnet", "vgg11"])
def test_the_head_of_a_torchvision_network_is_found(name: str) -> None:
    import torchvision

    with torch.device("meta"):
        model = getattr(torchvision.models, name)(weights=None)
        replace_head(model, 20)
    last = dict(model.named_modules())[head_name(model)]
    assert last.out_features == 20
    assert last.weight.is_meta


def test_a_head_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="no linear layer"):
        replace_head(nn.Sequential(nn.Conv2d(1, 1, 1)), 2)
    with pytest.raises(ValueError, match="must be a linear layer, got Sequential at 'mean'"):
        replace_head(small(), 2, "mean")
    with pytest.raises(ValueError, match="got nothing at 'fc'"):
        replace_head(small(), 2, "fc")


def test_frozen_layers_stay_the_same_to_the_bit_and_melt_again() -> None:
    model = small()
    freeze(model.stage1)
    freeze(model.stage1)
    before = copy.deepcopy(model.state_dict())
    train(model, [p for p in model.parameters() if p.requires_grad])
    for name, value in model.state_dict().items():
        same = torch.equal(value, before[name])
        assert same == name.startswith("stage1"), name
    copied = copy.deepcopy(model)
    train(copied, [p for p in copied.parameters() if p.requires_grad])
    assert torch.equal(copied.stage1[1].running_mean, before["stage1.1.running_mean"])
    unfreeze(model.stage1)
    train(model)
    assert not torch.equal(model.stage1[1].running_mean, before["stage1.1.running_mean"])
    assert not torch.equal(model.stage1[0].weight, before["stage1.0.weight"])


def test_without_gradients_alone_the_statistics_drift() -> None:
    model = small()
    model.stage1.requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    train(model, [p for p in model.parameters() if p.requires_grad])
    assert torch.equal(model.stage1[0].weight, before["stage1.0.weight"])
    assert not torch.equal(model.stage1[1].running_mean, before["stage1.1.running_mean"])


def test_groups_carry_rates_that_fall_towards_the_input() -> None:
    model = small()
    groups = parameter_groups(model, 0.1, 0.1)
    assert [g["name"] for g in groups] == ["stage1", "stage2", "head"]
    assert [g["lr"] for g in groups] == pytest.approx([0.001, 0.01, 0.1])
    assert sum(len(g["params"]) for g in groups) == len(list(model.parameters()))
    before = copy.deepcopy(model.state_dict())
    train(model, groups, steps=20)
    moves = relative_moves(before, model)
    assert moves["stage1"] < moves["stage2"] < moves["head"]


def test_groups_leave_out_what_is_frozen_and_refuse_what_they_cannot_place() -> None:
    model = small()
    freeze(model.stage1)
    assert [g["name"] for g in parameter_groups(model, 0.1)] == ["stage2", "head"]
    assert parameter_groups(model, 0.1)[0]["lr"] == pytest.approx(0.01)
    unfreeze(model.stage1)
    with pytest.raises(ValueError, match=r"no stage holds 'stage1.0.weight' and 3 more"):
        parameter_groups(model, 0.1, stages=["stage2", "head"])
    with pytest.raises(ValueError, match="share a parameter"):
        parameter_groups(model, 0.1, stages=["stage1", "stage2", "stage2.0", "head"])
    with pytest.raises(KeyError, match="no stage 'tail'"):
        parameter_groups(model, 0.1, stages=["tail"])
    freeze(model)
    with pytest.raises(ValueError, match="nothing to train"):
        parameter_groups(model, 0.1)


def test_rates() -> None:
    assert layer_rates(3, 1.0, 0.5) == [0.25, 0.5, 1.0]
    with pytest.raises(ValueError, match="decay"):
        layer_rates(3, 1.0, 1.5)


def test_features_are_what_the_head_is_given_and_the_network_is_left_as_it_was() -> None:
    model = small().train()
    model.stage2.eval()
    before = copy.deepcopy(model.state_dict())
    modes = [m.training for m in model.modules()]
    features, labels = collect_features(model, batches())
    assert [m.training for m in model.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not model.head._forward_pre_hooks
    model.eval()
    x = torch.cat([x for x, _ in batches()])
    torch.testing.assert_close(model.head(features), model(x))
    assert torch.equal(labels, torch.cat([y for _, y in batches()]))
    with pytest.raises(ValueError, match="at least one batch"):
        collect_features(model, [])
    with pytest.raises(KeyError, match="no module 'fc'"):
        collect_features(model, batches(), head="fc")


def test_a_probe_is_at_the_minimum_and_takes_raw_features() -> None:
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(60, 5, generator=generator, dtype=torch.float64)
    features, labels = drawn * torch.tensor([1, 10, 0.1, 3, 0]) + 7, drawn[:, :3].argmax(1)
    head = linear_probe(features, labels, 3, penalty=0.1)
    mean, scale = features.mean(0), features.std(0, correction=0)
    scale[4] = 1
    weight = (head.weight * scale).detach().requires_grad_()
    bias = (head.bias + head.weight @ mean).detach().requires_grad_()
    z = (features - mean) / scale
    loss = F.cross_entropy(z @ weight.T + bias, labels) + 0.05 * (weight**2).sum()
    for slope in torch.autograd.grad(loss, (weight, bias)):
        assert slope.abs().max() < 1e-4
    torch.testing.assert_close(head(features), z @ weight.T + bias)
    assert (head(features).argmax(1) == labels).double().mean() > 0.85


def test_a_probe_agrees_with_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression

    generator = torch.Generator().manual_seed(0)
    features = torch.randn(200, 4, generator=generator, dtype=torch.float64)
    labels = (features @ torch.randn(4, 3, generator=generator, dtype=torch.float64)).argmax(1)
    z = (features - features.mean(0)) / features.std(0, correction=0)
    other = LogisticRegression(C=1 / (200 * 0.01), max_iter=2000, tol=1e-8).fit(z.numpy(), labels.numpy())
    own = torch.softmax(linear_probe(features, labels, 3, penalty=0.01)(features), 1).detach()
    torch.testing.assert_close(own, torch.from_numpy(other.predict_proba(z.numpy())), atol=1e-3, rtol=0)


def test_a_probe_refuses_labels_without_an_output() -> None:
    with pytest.raises(ValueError, match="num_classes must be at least 3"):
        linear_probe(torch.rand(4, 2), torch.tensor([0, 1, 2, 2]), 2)


def test_moves_are_relative_lengths() -> None:
    model = small()
    before = copy.deepcopy(model.state_dict())
    with torch.no_grad():
        model.head.weight.mul_(1.5)
        model.head.bias.mul_(1.5)
    moves = relative_moves(before, model)
    assert moves == pytest.approx({"stage1": 0, "stage2": 0, "head": 0.5})
    with pytest.raises(KeyError, match="no stage 'tail'"):
        relative_moves(before, model, ["tail"])

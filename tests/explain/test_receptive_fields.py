"""Poisoned columns find the fields that the arithmetic of layers gives."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course_utils import models
from course_utils.explain.receptive_fields import receptive_fields
from course_utils.models import summarise
from course_utils.recipes.scenes import build_model


def test_it_equals_the_arithmetic_over_layers() -> None:
    net = nn.Sequential(
        nn.Conv2d(1, 2, (5, 3), stride=(2, 1), padding=(2, 0)),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(2, 3, 3, padding=2, dilation=2),
    )
    found = receptive_fields(net, ["0", "3"], (1, 40, 30))
    assert found["0"].size == (5, 3)
    assert found["0"].stride == (2, 1)
    assert found["0"].rows[0].tolist() == [0, 3]  # two rows hang over
    assert found["0"].columns[0].tolist() == [0, 3]
    # Along rows 5 + 2 (pool) + 4 * 4, along columns 3 + 1 + 4 * 2.
    assert found["3"].size == (23, 12)
    assert found["3"].stride == (4, 2)
    assert found["3"].box(5, 7) == (10, 10, 22, 33)


@pytest.mark.parametrize("name", ["scenes", "resnet18", "vgg11"])
def test_it_equals_the_course_account_of_whole_networks(name: str) -> None:
    side = {"scenes": 40, "resnet18": 48, "vgg11": 64}[name]
    torch.manual_seed(0)
    if name == "scenes":
        net, layers = build_model().eval(), ["stage1", "stage2.conv2", "stage3.pool"]
    else:
        extra = {"input_size": 64} if name == "vgg11" else {}
        net = models.build(name, width=1 / 16, **extra) if name == "vgg11" else models.build(name)
        layers = [row.name for row in summarise(net, (3, side, side)).rows if "Conv" in row.kind][:3]
    rows = {row.name: row for row in summarise(net.eval(), (3, side, side)).rows}
    found = receptive_fields(net, layers, (3, side, side), batch_size=32)
    for layer in layers:
        row = rows.get(layer) or rows[f"{layer}.pool"]
        assert found[layer].size == tuple(min(side, s) for s in row.field.size), layer
        assert found[layer].stride[0] in (0, int(row.field.stride[0])), layer
        middle = len(found[layer].rows) // 2
        low = row.field.low[0] + middle * row.field.stride[0]
        high = row.field.high[0] + middle * row.field.stride[0]
        assert found[layer].rows[middle].tolist() == [max(0, low), min(side, high + 1)], layer


def test_a_closed_relu_and_a_lost_maximum_hide_nothing() -> None:
    net = nn.Sequential(nn.Conv2d(1, 1, 3), nn.ReLU(), nn.MaxPool2d(2))
    nn.init.zeros_(net[0].weight)
    nn.init.constant_(net[0].bias, -1.0)
    x = torch.zeros(1, 1, 8, 8, requires_grad=True)
    net(x).sum().backward()
    assert x.grad is not None
    assert (x.grad == 0).all(), "the gradient sees no field at all"
    assert receptive_fields(net, ["2"], (1, 8, 8))["2"].size == (4, 4)


def test_what_sees_everything_and_what_cannot_be_asked() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 16, 3))
    state = {k: v.clone() for k, v in net.state_dict().items()}
    found = receptive_fields(net.train(), [net[2]], (1, 6, 6))["2"]
    assert found.size == (6, 6)
    assert found.stride == (0, 0)
    assert net.training
    assert all(torch.equal(state[k], v) and v.dtype == torch.float32 for k, v in net.state_dict().items())
    with pytest.raises(ValueError, match="shape"):
        receptive_fields(net, ["0"], (6, 6))  # type: ignore[arg-type]
    with pytest.raises(KeyError, match="no layer 'conv'"):
        receptive_fields(net, ["conv"], (1, 6, 6))

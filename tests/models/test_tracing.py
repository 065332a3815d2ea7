"""Tracing a forward pass: costs against PyTorch's own counter, fields against what gradients say."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from course_utils import models
from course_utils.models.fields import Field, union
from course_utils.models.tracing import trace

MINIATURES = {
    "plain": nn.Sequential(nn.Conv2d(2, 3, 5, 2, 1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(3, 2, 3, padding=1)),
    "dilated": nn.Sequential(nn.Conv2d(2, 3, 3, dilation=3, padding=2), nn.AvgPool2d(2), nn.Conv2d(3, 1, 3)),
    "long": nn.Sequential(nn.Conv2d(2, 2, (1, 7), padding=(0, 3)), nn.Conv2d(2, 2, (5, 1), stride=(2, 1))),
    "padded": nn.Sequential(nn.ZeroPad2d((2, 1, 3, 0)), nn.Conv2d(2, 2, 3, stride=2), nn.MaxPool2d(2, ceil_mode=True)),
    "same": nn.Sequential(nn.Conv2d(2, 2, 5, padding="same", dilation=2), nn.Conv2d(2, 2, 3, padding="valid")),
}


class Branches(nn.Module):
    """Branches of different reach, added, concatenated, and sliced as a shortcut without parameters is."""

    def __init__(self) -> None:
        super().__init__()
        self.small, self.large = nn.Conv2d(2, 2, 1), nn.Conv2d(2, 2, 7, padding=3)
        self.halve = nn.Conv2d(4, 4, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([self.small(x) + x, self.large(x)], dim=1)
        return self.halve(x) + x[:, :, ::2, ::2]


def seen_by_gradient(model: nn.Module, size: int, unit: tuple[int, int]) -> tuple[int, int, int, int]:
    """First and last row and column that one unit depends on, by the gradient with positive weights."""
    model = model.double().eval()
    for p in model.parameters():
        nn.init.constant_(p, 0.1)
    x = torch.rand(1, 2, size, size, dtype=torch.float64).add(0.5).requires_grad_()
    out = model(x)
    (gradient,) = torch.autograd.grad(out[0, :, unit[0], unit[1]].sum(), x)
    rows, columns = torch.nonzero(gradient[0].abs().sum(0), as_tuple=True)
    return int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())


def averaging(model: nn.Module) -> nn.Module:
    """The same geometry with averages in place of maxima, which hide all but one pixel from the gradient."""
    layers = [
        nn.AvgPool2d(m.kernel_size, m.stride, m.padding, m.ceil_mode) if isinstance(m, nn.MaxPool2d) else m
        for m in model
    ]
    return nn.Sequential(*layers)


@pytest.mark.parametrize("name", MINIATURES)
def test_size_step_and_place_of_a_field_are_what_the_gradient_says(name: str) -> None:
    model = averaging(MINIATURES[name])
    field = trace(model, (1, 2, 48, 48))[-1].place.field
    assert field is not None
    for unit in ((4, 4), (5, 6)):
        top, left = (field.low[i] + unit[i] * field.stride[i] for i in range(2))
        bottom, right = (field.high[i] + unit[i] * field.stride[i] for i in range(2))
        assert seen_by_gradient(model, 48, unit) == (top, bottom, left, right)


def test_where_branches_meet_a_unit_sees_what_any_of_them_sees() -> None:
    model = Branches()
    field = trace(model, (1, 2, 48, 48))[-1].place.field
    assert field == Field((-4, -4), (4, 4), (2, 2))
    assert seen_by_gradient(model, 48, (5, 5)) == (6, 14, 6, 14)
    assert union([Field(), Field((-1, -2), (1, 2), (2, 2))]) == Field((-1, -2), (1, 2), (1, 1))


@pytest.mark.parametrize("name", ["alexnet", "vgg11", "googlenet", "resnet18", "densenet40", "efficientnet_b0"])
def test_multiply_adds_are_those_of_an_independent_counter(name: str) -> None:
    network = models.NETWORKS[name]
    with torch.device("meta"):
        model = models.build(name).eval()
        x = torch.empty(1, *network.input_shape)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(x)
    assert models.summarise(model, network.input_shape).multiply_adds == counter.get_total_flops() // 2


def test_transposed_convolutions_and_products_are_counted_too() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.up, self.mix = nn.ConvTranspose2d(3, 5, 4, stride=2, groups=1), nn.Parameter(torch.ones(5, 7))

        def forward(self, x: Tensor) -> Tensor:
            return self.up(x).flatten(2).transpose(1, 2) @ self.mix

    model = Mixed()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.ones(1, 3, 9, 9))
    assert sum(op.multiply_adds for op in trace(model, (1, 3, 9, 9))) == counter.get_total_flops() // 2


def test_an_operation_that_moves_pixels_about_ends_the_account_of_fields_rather_than_giving_a_wrong_one() -> None:
    class Enlarge(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.interpolate(x, scale_factor=2)

    assert trace(nn.Sequential(nn.Conv2d(1, 1, 3), Enlarge()), (1, 1, 8, 8))[-1].place.field is None


def test_tracing_leaves_the_model_as_it_was() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trace(model, (2, 1, 8, 8))
    assert model.training
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in model.modules())
    assert all(value.device.type == "cpu" for value in model.state_dict().values())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_wrong_shape_is_refused_with_the_layers_own_words() -> None:
    with pytest.raises(ValueError, match=r"Sequential does not take an input of shape \(1, 3, 8, 8\).*channel"):
        trace(nn.Sequential(nn.Conv2d(1, 2, 3)), (1, 3, 8, 8))

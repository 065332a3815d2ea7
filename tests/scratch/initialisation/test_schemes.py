"""Fans against the library's calculator, rules against what is drawn."""

import math

import pytest
import torch
from torch import nn

from course_utils.scratch.initialisation.schemes import SCHEMES, draw, fans, initialise, standard_deviation

SHAPES = [(7, 3), (1, 1), (16, 3, 5, 5), (4, 8, 1, 1), (6, 2, 3), (2, 3, 3, 3, 3), (8, 4, 3, 5)]


@pytest.mark.parametrize("shape", SHAPES)
def test_fans_are_those_of_the_library(shape):
    assert fans(shape) == nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))


@pytest.mark.parametrize("shape", SHAPES)
def test_fans_count_what_meets_what(shape):
    """One output of a convolution depends on fan_in inputs; counted from gradients, not from the formula."""
    in_channels, *kernel = shape[1:]
    weight = torch.ones(shape, dtype=torch.float64)
    if not kernel:
        x = torch.zeros(1, in_channels, dtype=torch.float64, requires_grad=True)
        (x @ weight.T)[0, 0].backward()
        assert int((x.grad != 0).sum()) == fans(shape)[0]
        return
    conv = {1: nn.functional.conv1d, 2: nn.functional.conv2d, 3: nn.functional.conv3d}[len(kernel)]
    x = torch.zeros(1, in_channels, *[9] * len(kernel), dtype=torch.float64, requires_grad=True)
    y = conv(x, weight)
    middle = (0, 0, *[size // 2 for size in y.shape[2:]])
    (gradient,) = torch.autograd.grad(y[middle], x, retain_graph=True)
    assert int((gradient != 0).sum()) == fans(shape)[0]
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert gradient[0, 0, *[4] * len(kernel)].item() == fans(shape)[1]  # outputs that the middle input reaches


def test_a_bias_has_no_fans():
    with pytest.raises(ValueError, match="start a bias at 0"):
        fans((5,))
    with pytest.raises(ValueError, match="at least 1"):
        fans((5, 0))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_draw_has_the_deviation_of_the_rule(scheme):
    weight = draw((300, 200), scheme, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert weight.std().item() == pytest.approx(standard_deviation(scheme, (300, 200)), rel=0.02, abs=0)
    assert abs(weight.mean().item()) <= 0.02 * standard_deviation(scheme, (300, 200))


@pytest.mark.parametrize("shape", [(300, 200), (32, 16, 3, 3)])
@pytest.mark.parametrize(
    ("scheme", "library"),
    [
        ("xavier", nn.init.xavier_normal_),
        ("he fan_in", lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu")),
        ("he fan_out", lambda w: nn.init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu")),
    ],
)
def test_rules_are_those_of_the_library(scheme, library, shape):
    torch.manual_seed(1)
    theirs = library(torch.empty(shape))
    assert theirs.std().item() == pytest.approx(standard_deviation(scheme, shape), rel=0.03)


def test_scale_dtype_and_seed():
    one, again = (draw((5, 4), "xavier", generator=torch.Generator().manual_seed(3)) for _ in range(2))
    twice = draw((5, 4), "xavier", scale=2, generator=torch.Generator().manual_seed(3))
    assert torch.equal(one, again)
    assert torch.equal(2 * one, twice)
    assert draw((5, 4), "zero", dtype=torch.float64).equal(torch.zeros(5, 4, dtype=torch.float64))
    with pytest.raises(ValueError, match="did you mean"):
        draw((5, 4), "xaver")
    with pytest.raises(ValueError, match="scale must be at least 0"):
        draw((5, 4), "xavier", scale=-1)


def test_initialise_redraws_weights_and_clears_biases_only_where_they_are():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 64, 3), nn.BatchNorm2d(64), nn.Flatten(), nn.Linear(64, 500, bias=False))
    model[1].weight.data.fill_(7.0)
    assert initialise(model, "he fan_in", generator=torch.Generator().manual_seed(0)) is model
    assert model[0].weight.std().item() == pytest.approx(math.sqrt(2 / 27), rel=0.05)
    assert model[3].weight.std().item() == pytest.approx(math.sqrt(2 / 64), rel=0.05)
    assert not model[0].bias.any()
    assert (model[1].weight == 7).all()

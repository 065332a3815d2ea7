"""Fields of dilated stacks, the holes that equal rates leave, and the context module."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from course_utils.scratch.convolution_kinds.receptive_field import Layer, gradient_support, input_gradient
from course_utils.segmentation import dilation


def test_fields_are_3_7_15_31_by_formula_and_by_gradient() -> None:
    rates = (1, 2, 4, 8)
    assert dilation.fields_of(rates) == [3, 7, 15, 31] == [2 ** (n + 1) - 1 for n in range(1, 5)]
    for n in range(1, 5):
        seen = gradient_support(
            [Layer(3, dilation=rate) for rate in rates[:n]], 41, (41 - dilation.fields_of(rates[:n])[-1]) // 2
        )
        assert seen.sum() == dilation.fields_of(rates[:n])[-1]
        assert dilation.support_map(rates[:n]).all()  # doubled rates leave no hole, in two dimensions either
        assert dilation.weights_of(rates[:n]) == 9 * n


@pytest.mark.parametrize(("layers", "seen", "field"), [(1, 3, 5), (2, 5, 9), (3, 7, 13)])
def test_repeated_rate_2_sees_every_second_pixel(layers: int, seen: int, field: int) -> None:
    line = dilation.support((2,) * layers)
    assert (line.sum(), len(line)) == (seen, field)
    plane = dilation.support_map((2,) * layers)
    assert plane.shape == (field, field)
    assert torch.equal(plane, torch.from_numpy(np.outer(line, line)))
    assert plane.sum() == seen**2


def test_hybrid_rates_keep_the_field_and_fill_the_holes() -> None:
    rates = dilation.hybrid_rates(3, 2)
    assert rates == (1, 2, 3)
    assert dilation.fields_of(rates)[-1] == dilation.fields_of((2, 2, 2))[-1] == 13
    assert dilation.support_map(rates).all()
    assert not dilation.support_map((2, 2, 2)).all()
    assert dilation.support(dilation.hybrid_rates(6, 2)).all()
    with pytest.raises(ValueError, match="leave holes"):
        dilation.hybrid_rates(3, 4)  # (3, 4, 5) stands behind other layers in the paper
    with pytest.raises(ValueError, match="multiple of 3"):
        dilation.hybrid_rates(4, 2)


@pytest.mark.parametrize(("rates", "gap"), [((1, 2, 5), 2), ((1, 2, 9), 5), ((1, 2, 3), 2), ((1, 2, 4, 8), 2)])
def test_the_papers_rule_agrees_with_what_is_seen(rates: tuple[int, ...], gap: int) -> None:
    assert dilation.second_layer_gap(rates) == gap
    assert bool(dilation.support(rates).all()) == (gap <= 3)


def test_the_rule_never_calls_a_stack_with_holes_hole_free() -> None:
    g = np.random.default_rng(0)
    safe = 0
    for _ in range(400):
        rates = (1, *g.integers(1, 8, size=3).tolist())
        if dilation.second_layer_gap(rates) <= 3:
            safe += 1
            assert dilation.support(rates).all(), rates
    assert safe > 20


@pytest.mark.parametrize("form", ["basic", "large"])
def test_the_context_module_is_that_of_the_paper(form: str) -> None:
    torch.manual_seed(0)
    c = 2
    module = dilation.context_module(c, form).double()
    convs = [layer for layer in module if isinstance(layer, nn.Conv2d)]
    assert [conv.dilation[0] for conv in convs] == [1, 1, 2, 4, 8, 16, 1, 1]
    assert dilation.fields_of([conv.dilation[0] for conv in convs[:-1]]) == [3, 5, 9, 17, 33, 65, 67]
    weights = sum(conv.weight.numel() for conv in convs)
    widths = [1, *dilation.CONTEXT_WIDTHS[form]]
    assert weights == c**2 * (9 * sum(a * b for a, b in pairwise(widths[:-1])) + widths[-2])
    if form == "basic":
        assert weights == 64 * c**2
    x = torch.rand(1, c, 70, 71, dtype=torch.float64)
    assert module(x).shape == x.shape
    assert torch.allclose(module(x), x, atol=1e-14 if form == "basic" else 0.3)
    if form == "large":
        assert (module(x) - x).abs().mean() < 0.1


def test_the_module_sees_67_pixels_with_full_coverage_and_can_start_at_random() -> None:
    torch.manual_seed(1)
    module = dilation.context_module(1, identity=False).double()
    for layer in module:
        if isinstance(layer, nn.Conv2d):
            layer.weight.data.fill_(1.0)
            assert layer.bias is not None
            layer.bias.data.fill_(1.0)
    seen = input_gradient(module, torch.rand(1, 1, 81, 81, dtype=torch.float64), (40, 40))[0] != 0
    assert seen.sum() == 67 * 67
    with pytest.raises(ValueError, match="basic"):
        dilation.context_module(3, "huge")

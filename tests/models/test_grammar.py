"""Patterns of layers: what they stand for, the networks they build, and where they break."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course_utils.models.grammar import Layer, PatternError, build, parse


def words(pattern: str) -> str:
    return " ".join(layer.word for layer in parse(pattern))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("linear", "linear"),
        ("[conv*2, pool]*2, linear", "conv conv pool conv conv pool linear"),
        (
            "[[conv, pool]*2, conv]*2, gap, linear*2, softmax",
            "conv pool conv pool conv " * 2 + "gap linear linear softmax",
        ),
        (" conv5 ,pool, linear ", "conv pool linear"),
    ],
)
def test_a_pattern_unfolds(pattern: str, expected: str) -> None:
    assert words(pattern) == expected
    assert parse("conv5, linear")[0] == Layer("conv", 5)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("", "ends where a word"),
        ("conv,", "ends where a word"),
        ("[conv, pool", "does not close the bracket"),
        ("conv], linear", "closes a bracket that it did not open"),
        ("conv*0, linear", "number of at least 1"),
        ("convolution, linear", "has the word 'convolution'"),
        ("pool3, linear", "has the word 'pool3'"),
        ("conv4, linear", "odd side"),
        ("softmax, linear", "softmax must be the last"),
        ("linear, conv, linear", "before the first linear"),
        ("conv; linear", "no word, bracket, comma or star at '; linear'"),
        ("*2", "needs a word or a group"),
    ],
)
def test_a_broken_pattern_is_refused_at_the_place_where_it_breaks(pattern: str, message: str) -> None:
    with pytest.raises(PatternError, match=message):
        parse(pattern)


def test_shapes_and_parameters_of_a_built_network() -> None:
    model = build("[conv*2, pool]*2, linear*2", (3, 16, 16), 7, width=4, units=10)
    names = [name for name, _ in model.named_children()]
    assert names[:5] == ["conv1", "relu1", "conv2", "relu2", "pool1"]
    assert names[-4:] == ["flatten", "linear1", "relu5", "linear2"]
    assert model(torch.zeros(2, 3, 16, 16)).shape == (2, 7)
    expected = (27 * 4 + 4) + (36 * 4 + 4) + (36 * 8 + 8) + (72 * 8 + 8) + (8 * 16 * 10 + 10) + (70 + 7)
    assert sum(p.numel() for p in model.parameters()) == expected


def test_softmax_makes_probabilities() -> None:
    model = build("conv, gap, linear, softmax", (1, 9, 9), 3)
    assert torch.allclose(model(torch.randn(4, 1, 9, 9)).sum(dim=1), torch.ones(4))
    assert isinstance(model[-1], nn.Softmax)


def test_pooling_a_map_away_is_refused() -> None:
    with pytest.raises(PatternError, match="pool number 4 finds maps of 1 x 1"):
        build("[conv, pool]*4, linear", (1, 8, 8), 2)
    with pytest.raises(PatternError, match="must have a linear layer"):
        build("conv, pool", (1, 8, 8), 2)

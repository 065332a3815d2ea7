"""AlexNet's details: what the cards share, what normalisation sees, miniatures."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course_utils import models
from course_utils.models.alexnet import AlexNet, LocalResponseNorm
from course_utils.models.alexnet_cards import CARDS, TALKS, AlexNetCard
from course_utils.models.zfnet import ZFNet


def test_normalisation_is_pytorchs_on_each_card() -> None:
    x = torch.randn(2, 12, 5, 4, generator=torch.Generator().manual_seed(0))
    theirs = nn.LocalResponseNorm(size=5, alpha=5e-4, beta=0.75, k=2)
    assert torch.equal(LocalResponseNorm()(x), theirs(x))
    apart = torch.cat([theirs(half) for half in x.chunk(2, dim=1)], dim=1)
    assert torch.allclose(LocalResponseNorm(cards=2)(x), apart, rtol=0, atol=1e-6)


def test_only_maps_at_the_cut_feel_it() -> None:
    x = 100 * torch.rand(1, 12, 3, 3)
    differs = (LocalResponseNorm(2)(x) != LocalResponseNorm(1)(x)).flatten(2).any(dim=2)[0]
    assert differs.nonzero().flatten().tolist() == [4, 5, 6, 7]  # two on each side of the cut between 5 and 6


def test_two_cards_hold_all_weights_once() -> None:
    whole = AlexNet(10, width=1 / 8, input_size=64)
    cards = [AlexNetCard(whole, card) for card in range(CARDS)]
    for name, parameter in whole.named_parameters():
        parts = [card.get_parameter(name) for card in cards]
        assert torch.equal(torch.cat(list(parts)), parameter)
        assert all(part.data_ptr() != parameter.data_ptr() for part in parts)
    assert [whole.get_submodule(n).weight.shape[1] for n in TALKS] == [
        cards[0].get_submodule(n).weight.shape[1] for n in TALKS
    ]


@pytest.mark.parametrize("options", [{"groups": 1}, {"without": ("fc7",)}, {"num_classes": 9}])
def test_what_cannot_be_cut_in_two_is_refused(options: dict) -> None:
    options = {"num_classes": 10, "width": 1 / 8, "input_size": 64} | options
    with pytest.raises(ValueError, match="whole must be AlexNet"):
        AlexNetCard(AlexNet(**options), 0)


def test_miniatures_keep_the_plan() -> None:
    small, large = AlexNet(10, width=1 / 8, input_size=64), AlexNet(width=1)
    for (name, a), (_, b) in zip(small.named_children(), large.named_children(), strict=True):
        if isinstance(a, nn.Conv2d):
            assert (a.kernel_size, a.stride, a.padding, a.groups) == (b.kernel_size, b.stride, b.padding, b.groups)
            assert a.out_channels * 8 == b.out_channels, name
    zf = ZFNet(10, width=1 / 8, input_size=64)
    assert zf(torch.zeros(1, 3, 64, 64)).shape == (1, 10)
    assert models.summarise(zf, (3, 64, 64))["conv1"].shape == (12, 30, 30)
    with pytest.raises(ValueError, match="input_size must be at least 62"):
        ZFNet(input_size=61)
    assert ZFNet(2, width=1 / 8, input_size=62)(torch.zeros(1, 3, 62, 62)).shape == (1, 2)


def test_tanh_takes_the_place_of_every_relu() -> None:
    net = AlexNet(4, width=1 / 8, input_size=64, activation="tanh").eval()
    kinds = [row.kind for row in models.summarise(net, (3, 64, 64)).rows]
    assert kinds.count("tanh") == 7
    assert "relu" not in kinds
    with pytest.raises(ValueError, match="activation must be one of"):
        AlexNet(activation="selu")

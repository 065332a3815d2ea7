"""The arithmetic of a block against what a traced forward pass counts."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course_utils.models import summarise
from course_utils.models.googlenet import TABLE, Inception, NaiveInception
from course_utils.scratch.inception.cost import factorised_share, naive_cost, reduced_cost, reduction_pays_below


@pytest.mark.parametrize("widths", [(64, 128, 32), (5, 1, 7)])
@pytest.mark.parametrize("in_channels", [1, 192])
def test_naive_cost_is_what_a_forward_pass_counts(in_channels: int, widths: tuple[int, int, int]) -> None:
    block = NaiveInception(in_channels, *widths)
    account, cost = summarise(block, (in_channels, 6, 5)), naive_cost(in_channels, *widths)
    assert account.multiply_adds == 30 * cost.multiply_adds
    assert account.rows[-1].shape == (cost.out_channels, 6, 5)


@pytest.mark.parametrize("name", TABLE)
def test_reduced_cost_is_what_a_forward_pass_counts(name: str) -> None:
    block = Inception(48, TABLE[name])
    account, cost = summarise(block, (48, 6, 5)), reduced_cost(48, *TABLE[name])
    assert account.multiply_adds == 30 * cost.multiply_adds
    assert account.rows[-1].shape == (cost.out_channels, 6, 5)
    assert block.out_channels == cost.out_channels


@pytest.mark.parametrize(("c", "o", "k"), [(192, 32, 5), (192, 128, 3), (8, 64, 3), (64, 64, 1)])
def test_a_reduction_pays_exactly_below_its_bound(c: int, o: int, k: int) -> None:
    direct = summarise(nn.Conv2d(c, o, k, padding=k // 2), (c, 4, 4)).multiply_adds
    for r in range(1, 2 * c):
        pair = 16 * (c * r + k * k * r * o)
        assert (pair < direct) == (r < reduction_pays_below(c, o, k))


@pytest.mark.parametrize(("size", "parts"), [(5, [(3, 3), (3, 3)]), (7, [(1, 7), (7, 1)]), (3, [(2, 2), (2, 2)])])
def test_factorised_share_is_a_ratio_of_counted_products(size: int, parts: list[tuple[int, int]]) -> None:
    square = nn.Conv2d(4, 4, size, bias=False)
    chain = nn.Sequential(*(nn.Conv2d(4, 4, part, bias=False) for part in parts))
    x = torch.zeros(1, 4, 11, 11)
    assert chain(x).shape == square(x).shape  # the same reach
    count = lambda model: sum(p.numel() for p in model.parameters())
    assert factorised_share(size, tuple(parts)) == pytest.approx(count(chain) / count(square))


def test_a_chain_that_does_not_reach_is_refused() -> None:
    with pytest.raises(ValueError, match="parts must reach 7 x 7 pixels together, got 5 x 5"):
        factorised_share(7, ((3, 3), (3, 3)))
    with pytest.raises(ValueError, match="in_channels must be at least 1, got 0"):
        naive_cost(0, 1, 1, 1)

"""Balanced draws and hard negatives: the rules, the loops, torchvision's."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torchvision.models.detection._utils import BalancedPositiveNegativeSampler

from course_utils.detection.sampling import balanced_sample, hard_negatives, hard_negatives_loop
from tests.detection.made_boxes import UNTIMED


def matched(positive: int, negative: int, ignored: int, seed: int = 0) -> Tensor:
    indices = torch.cat((torch.arange(positive), torch.full((negative,), -1), torch.full((ignored,), -2)))
    return indices[torch.randperm(len(indices), generator=torch.Generator().manual_seed(seed))]


@given(
    st.integers(0, 40), st.integers(0, 200), st.integers(0, 20), st.integers(1, 64), st.sampled_from([0, 0.25, 0.5, 1])
)
@UNTIMED
def test_a_draw_keeps_its_promises_and_torchvisions_numbers(
    positive: int, negative: int, ignored: int, count: int, share: float
) -> None:
    indices = matched(positive, negative, ignored)
    sample = balanced_sample(indices, count, share, torch.Generator().manual_seed(1))
    assert (indices[sample.positive] >= 0).all()
    assert (indices[sample.negative] == -1).all()
    assert len(sample.positive) == min(positive, int(count * share))
    assert len(sample.negative) == min(negative, count - len(sample.positive))
    assert (sample.positive.diff() > 0).all()
    assert (sample.negative.diff() > 0).all()
    (theirs_p,), (theirs_n,) = BalancedPositiveNegativeSampler(count, share)([indices.add(1).clamp(min=-1)])
    assert (int(theirs_p.sum()), int(theirs_n.sum())) == (len(sample.positive), len(sample.negative))


def test_a_seed_repeats_the_draw_and_another_changes_it() -> None:
    indices = matched(100, 1000, 10)
    one, two, three = (balanced_sample(indices, 64, 0.5, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(one.negative, two.negative)
    assert not torch.equal(one.negative, three.negative)


def test_every_anchor_is_drawn_equally_often() -> None:
    indices = matched(20, 60, 0)
    draw = torch.Generator().manual_seed(3)
    times = torch.zeros(80)
    for _ in range(2000):
        sample = balanced_sample(indices, 20, 0.5, draw)
        times[sample.positive] += 1
        times[sample.negative] += 1
    # 10 of 20, and 10 of 60: within five standard deviations of a binomial count.
    assert (times[indices >= 0] / 2000 - 1 / 2).abs().max() < 5 * (0.25 / 2000) ** 0.5
    assert (times[indices < 0] / 2000 - 1 / 6).abs().max() < 5 * (5 / 36 / 2000) ** 0.5


def test_hard_negatives_by_hand() -> None:
    losses = torch.tensor([[9.0, 1, 5, 3, 4, 2], [1, 2, 3, 4, 5, 6]])
    indices = torch.tensor([[0, -1, -1, -1, -2, -1], [-1, -1, -1, -1, -1, -1]])
    assert hard_negatives(losses, indices, ratio=2).int().tolist() == [[0, 0, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0]]
    assert hard_negatives(losses, indices, ratio=2, least=1).int().tolist()[1] == [0, 0, 0, 0, 0, 1]
    assert hard_negatives(losses, indices, ratio=100).int().tolist()[0] == [0, 1, 1, 1, 0, 1]


@pytest.mark.parametrize("ratio", [0, 1, 2.5, 3, 50])
@pytest.mark.parametrize("levels", [0, 4])
def test_fast_and_slow_agree_ties_included(ratio: float, levels: int) -> None:
    draw = torch.Generator().manual_seed(4)
    indices = torch.stack([matched(p, 60 - p, 5, seed=p) for p in (0, 1, 7, 30)])
    losses = (
        torch.randint(0, levels, indices.shape, generator=draw).float()
        if levels
        else torch.rand(indices.shape, generator=draw)
    )
    for least in (0, 3):
        assert torch.equal(
            hard_negatives(losses, indices, ratio, least), hard_negatives_loop(losses, indices, ratio, least)
        )


def test_hard_negatives_are_torchvisions() -> None:
    """The lines of torchvision's SSD loss: rank by sorting twice, keep those below three times the matched."""
    draw = torch.Generator().manual_seed(5)
    indices = torch.stack([matched(p, 100 - p, 0, seed=p) for p in (2, 9, 15)])
    losses = torch.rand(indices.shape, generator=draw)
    foreground = indices >= 0
    negative_loss = losses.clone()
    negative_loss[foreground] = -float("inf")
    _, order = negative_loss.sort(1, descending=True)
    wanted = order.sort(1)[1] < 3 * foreground.sum(1, keepdim=True)
    assert torch.equal(hard_negatives(losses, indices), wanted)


def test_hard_ones_cost_more_than_random_ones() -> None:
    indices, losses = matched(10, 500, 0)[None], torch.rand(1, 510, generator=torch.Generator().manual_seed(6))
    random = balanced_sample(indices[0], 40, 0.25, torch.Generator().manual_seed(7)).negative
    hard = hard_negatives(losses, indices)[0]
    assert hard.sum() == len(random) == 30
    assert losses[0, hard].mean() > losses[0, random].mean() + 0.3


def test_no_anchors_are_welcome() -> None:
    nothing = torch.zeros(0).long()
    assert [len(part) for part in balanced_sample(nothing)] == [0, 0]
    assert hard_negatives(torch.zeros(2, 0), torch.zeros(2, 0).long()).shape == (2, 0)


def test_a_gradient_is_not_in_the_way() -> None:
    losses = torch.rand(1, 510, requires_grad=True)
    assert hard_negatives(losses, matched(10, 500, 0)[None]).sum() == 30


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: balanced_sample(torch.zeros(3, 2)), "indices must have shape"),
        (lambda: balanced_sample(torch.zeros(3), 0), "count must be at least 1"),
        (lambda: balanced_sample(torch.zeros(3), 5, 1.5), "positive_share must be at most 1"),
        (lambda: hard_negatives(torch.zeros(2, 3), torch.zeros(2, 4)), "indices must have shape"),
        (lambda: hard_negatives(torch.full((1, 2), float("nan")), torch.zeros(1, 2)), "losses must not be NaN"),
        (lambda: hard_negatives(torch.zeros(1, 2), torch.zeros(1, 2), ratio=-1), "ratio must be at least 0"),
    ],
)
def test_what_cannot_be_drawn_from_is_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()

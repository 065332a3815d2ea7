"""Turned filters: the layer is the bank and the channel maximum, a turn passes through it, and the report counts."""

import pytest
import torch
from torch import nn

from course_utils.scratch.equivariance.rotations import quarter_turn_gap
from course_utils.scratch.equivariance.turned_net import FILTERS, TurnedConv2d, turn_report, turned_net
from course_utils.scratch.pooling.channel_pool import channel_max_pool, rotated_bank

DRAW = torch.Generator().manual_seed(0)
X = torch.rand(3, 2, 12, 12, generator=DRAW, dtype=torch.float64)


@pytest.mark.parametrize("size", [1, 3, 5])
def test_the_layer_is_the_maximum_over_a_bank_of_turned_filters(size):
    layer = TurnedConv2d(2, 4, size).double()
    bank = torch.tensor(rotated_bank(layer.weight.detach().numpy()))
    slow = channel_max_pool(nn.functional.conv2d(X, bank, padding=size // 2).numpy(), 4).values
    expected = torch.tensor(slow) + layer.bias[:, None, None]
    assert torch.allclose(layer(X), expected, atol=1e-12)


def test_a_quarter_turn_passes_through_the_layer_and_the_network_stands_still():
    layer, net = TurnedConv2d(2, 4, 3).double(), turned_net("turned", in_channels=2).double()
    for turns in (1, 2, 3):
        assert quarter_turn_gap(layer, X, turns).abs().max() < 1e-12
        assert (net(torch.rot90(X, turns, (2, 3))) - net(X)).abs().max() < 1e-12


def test_free_filters_notice_the_turn_with_the_same_number_of_weights():
    free, turned = (turned_net(filters, in_channels=2).double() for filters in FILTERS)
    assert (free(torch.rot90(X, 1, (2, 3))) - free(X)).abs().max() > 1e-4
    assert len({sum(p.numel() for p in net.parameters()) for net in (free, turned)}) == 1


def test_a_side_that_is_no_multiple_of_four_breaks_it():
    net = turned_net("turned", in_channels=2).double()
    odd = X[..., :11, :11]
    assert (net(torch.rot90(odd, 1, (2, 3))) - net(odd)).abs().max() > 1e-6


def test_gradients_reach_every_filter_weight():
    layer = TurnedConv2d(1, 2, 3).double()
    x = torch.rand(1, 1, 5, 5, generator=DRAW, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda w: torch.func.functional_call(layer, {"weight": w}, (x,)), layer.weight.detach().requires_grad_()
    )


def test_an_even_filter_is_refused():
    with pytest.raises(ValueError, match="kernel_size must be odd, got 4"):
        TurnedConv2d(1, 1, 4)


def test_the_report_counts_turned_answers_and_swapped_pairs():
    class TopRow(nn.Module):
        """Answers 6 where the upper half is brighter, 9 where the lower one is."""

        def forward(self, x):
            upper = x[:, 0, :2].sum((1, 2)) > x[:, 0, 2:].sum((1, 2))
            return nn.functional.one_hot(torch.where(upper, 6, 9), 10).float()

    x = torch.zeros(4, 1, 4, 4)
    x[:2, 0, 0] = 1  # two with a bright upper row
    x[2:, 0, 3] = 1
    found = turn_report(TopRow(), x, torch.tensor([6, 6, 9, 6]))
    assert found["accuracy"] == 0.75
    assert found["mixed_up"] == 0.25
    # Quarter turns move the bright row to a side: the halves tie, and the answer is 9. A half turn swaps 6 and 9.
    assert found["same_answer"] == pytest.approx((0 + 0 + 2 * 2) / 12)

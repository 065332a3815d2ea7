"""The layers halve as the hand-written functions do, and steadiness counts what it says."""

import pytest
import torch
from torch import nn

from course_utils.scratch.pooling.average_pool import average_pool
from course_utils.scratch.pooling.blur_pool import blur_pool
from course_utils.scratch.pooling.halving import KINDS, Blur, halving, halving_net, steadiness
from course_utils.scratch.pooling.max_pool import max_pool

X = torch.randn(2, 3, 8, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_layers_are_the_functions_of_the_chapter():
    # The maximum at stride 1 loses a row and a column; the blur that follows is the one of `blur_pool`.
    by_hand = {
        "stride": X[..., ::2, ::2].numpy(),
        "average": average_pool(X.numpy(), 2),
        "max": max_pool(X.numpy(), 2).values,
        "max overlapping": max_pool(X.numpy(), 3, 2, 1).values,
        "max, then blur": blur_pool(max_pool(X.numpy(), 2, 1).values),
    }
    assert set(by_hand) == set(KINDS)
    for kind, values in by_hand.items():
        assert torch.allclose(halving(kind)(X), torch.tensor(values), atol=1e-12), kind
        assert halving(kind)(X).shape[2:] == (4, 6)
        assert not list(halving(kind).parameters())
    assert torch.allclose(Blur()(X), torch.tensor(blur_pool(X.numpy())), atol=1e-12)


def test_networks_differ_in_the_halving_alone():
    counts = {sum(p.numel() for p in halving_net(kind).parameters()) for kind in KINDS}
    assert len(counts) == 1
    for kind in KINDS:
        assert halving_net(kind)(torch.zeros(2, 1, 16, 20)).shape == (2, 10)


def test_keeping_every_second_place_is_a_strided_convolution():
    conv = nn.Conv2d(3, 5, 3, padding=1).double()
    strided = nn.functional.conv2d(X, conv.weight, conv.bias, stride=2, padding=1)
    assert torch.allclose(halving("stride")(conv(X)), strided, atol=1e-12)


class FirstColumn(nn.Module):
    """Says 1 where the first column holds any ink."""

    def forward(self, x):
        lit = (x[:, 0, :, 0].sum(dim=1) > 0).float()
        return torch.stack([1 - lit, lit], dim=1)


def test_steadiness_counts_answers_that_stay():
    x = torch.zeros(4, 1, 4, 4)
    x[0, 0, 0, 0] = x[1, 0, 0, 0] = x[2, 0, 1, 1] = 1
    found = steadiness(FirstColumn(), x, torch.tensor([1, 1, 0, 1]), shifts=[(0, 1), (1, 0)])
    # to the right: the first two change their answer; down: nothing changes
    assert found == {"accuracy": 0.75, "accuracy_shifted": 0.5, "same_answer": 0.75}


def test_unknown_kinds_are_refused():
    with pytest.raises(ValueError, match="kind must be one of"):
        halving("minimum")

"""The identity holds everywhere, and two levels of it are max pooling."""

import pytest
import torch
from torch.nn import functional as F

from course_utils.scratch.pooling.max_by_relu import join_filters, max_by_relu, max_pool_by_convolutions, pair_filters

DRAW = torch.Generator().manual_seed(0)


def test_identity_on_random_and_special_numbers():
    a, b = torch.randn(2, 10_000, generator=DRAW, dtype=torch.float64)
    assert torch.allclose(max_by_relu(a, b), torch.maximum(a, b), rtol=0, atol=1e-14)
    special = torch.cartesian_prod(*[torch.tensor([-2.0, -1.0, 0.0, 1.0, 3.0])] * 2).double()
    assert torch.equal(max_by_relu(special[:, 0], special[:, 1]), special.max(dim=1).values)


@pytest.mark.parametrize("shape", [(1, 1, 2, 2), (2, 3, 8, 6), (1, 2, 7, 5), (3, 1, 4, 2)])
def test_two_levels_of_fixed_convolutions_are_max_pooling(shape):
    x = torch.randn(shape, generator=DRAW, dtype=torch.float64)
    assert torch.allclose(max_pool_by_convolutions(x), F.max_pool2d(x, 2), rtol=0, atol=1e-14)
    turned = torch.randn(*shape[:2], shape[3], shape[2], generator=DRAW, dtype=torch.float64).transpose(2, 3)
    assert torch.allclose(max_pool_by_convolutions(turned), F.max_pool2d(turned, 2), rtol=0, atol=1e-14)


def test_away_from_ties_the_gradients_agree_too():
    x = torch.randn(2, 2, 6, 6, generator=DRAW, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(2, 2, 3, 3, generator=DRAW, dtype=torch.float64)
    (ours,) = torch.autograd.grad((max_pool_by_convolutions(x) * weights).sum(), x)
    (theirs,) = torch.autograd.grad((F.max_pool2d(x, 2) * weights).sum(), x)
    assert torch.allclose(ours, theirs, rtol=0, atol=1e-14)


def test_it_takes_three_channels_for_one():
    assert pair_filters(4, vertical=False).shape == (12, 1, 1, 2)
    assert pair_filters(4, vertical=True).shape == (12, 1, 2, 1)
    assert join_filters(4).shape == (4, 3, 1, 1)


def test_without_the_relus_it_is_no_maximum():
    x = torch.randn(1, 1, 2, 2, generator=DRAW, dtype=torch.float64)
    linear = F.conv2d(F.conv2d(x, pair_filters(1, False), stride=(1, 2)), join_filters(1))
    assert not torch.allclose(linear, F.max_pool2d(x, (1, 2)))

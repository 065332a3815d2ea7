"""Unpooling: against PyTorch, a loop, and what pooling again gives back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from course_utils.scratch.pooling.max_pool import max_pool
from course_utils.segmentation.unpooling import (
    unpool_bed_of_nails,
    unpool_by_winners,
    unpool_by_winners_loop,
    unpool_nearest,
)


@pytest.mark.parametrize("size", [(6, 8), (7, 9), (3, 4)])
@pytest.mark.parametrize("window", [2, 3])
def test_values_return_to_where_the_maxima_were(size: tuple[int, int], window: int) -> None:
    x = torch.randn(2, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    values, winners = F.max_pool2d(x, window, return_indices=True)
    back = unpool_by_winners(values, winners, size)
    assert torch.equal(back, F.max_unpool2d(values, winners, window, output_size=size))
    pooled = max_pool(x.numpy(), window)
    assert np.array_equal(back.numpy(), unpool_by_winners_loop(pooled.values, pooled.winners, size))
    kept = back != 0
    assert kept.sum() == values.numel()
    assert torch.equal(back[kept], x[kept])


def test_pooling_undoes_each_kind() -> None:
    x = torch.rand(2, 3, 4, 5) + 0.1  # above 0, as after a ReLU
    assert torch.equal(F.max_pool2d(unpool_bed_of_nails(x, 3), 3), x)
    assert torch.equal(F.max_pool2d(unpool_nearest(x, 2), 2), x)
    assert torch.equal(unpool_nearest(x, 3), F.interpolate(x, scale_factor=3, mode="nearest"))
    assert torch.equal(unpool_bed_of_nails(x, 3)[:, :, ::3, ::3], x)  # in the upper left corners
    whole = torch.rand(2, 3, 8, 10) + 0.1
    values, winners = F.max_pool2d(whole, 2, return_indices=True)
    assert torch.equal(F.max_pool2d(unpool_by_winners(values, winners, (8, 10)), 2), values)


def test_gradients_flow_to_the_values_and_wrong_places_are_refused() -> None:
    values = torch.rand(1, 2, 2, 2, dtype=torch.float64, requires_grad=True)
    winners = torch.tensor([0, 2, 9, 15]).view(1, 1, 2, 2).expand(1, 2, 2, 2)
    assert torch.autograd.gradcheck(lambda v: unpool_by_winners(v, winners, (4, 4)), (values,))
    with pytest.raises(ValueError, match=r"0\.\.11.*15"):
        unpool_by_winners(values, winners, (3, 4))
    with pytest.raises(ValueError, match="shape"):
        unpool_by_winners(values, winners[:, :1], (4, 4))

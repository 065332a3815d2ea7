"""Shifts: the measures see what they should, on layers whose answer is known."""

import pytest
import torch
from torch.nn import functional as F

from course_utils.scratch.equivariance.shifts import (
    expected_unchanged,
    nearest_roll_gap,
    relative_change,
    roll,
    shared_winner_fraction,
    shift_gap,
    slide,
    unchanged_fraction,
)

DRAW = torch.Generator().manual_seed(0)
X = torch.randn(1, 2, 12, 10, generator=DRAW, dtype=torch.float64)
W = torch.randn(3, 2, 3, 3, generator=DRAW, dtype=torch.float64)


def circular(x, stride=1):
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="circular"), W, stride=stride)


@pytest.mark.parametrize("shift", [(0, 0), (1, 0), (-3, 2), (12, -10)])
def test_moves_put_every_pixel_where_it_belongs(shift):
    rolled, slid = roll(X, shift), slide(X, shift)
    for r in range(12):
        for q in range(10):
            from_r, from_q = r - shift[0], q - shift[1]
            assert torch.equal(rolled[..., r, q], X[..., from_r % 12, from_q % 10])
            inside = 0 <= from_r < 12 and 0 <= from_q < 10
            assert torch.equal(slid[..., r, q], X[..., from_r, from_q] if inside else torch.zeros(1, 2).double())


def test_circular_convolution_has_no_gap_and_zero_padding_has_one_at_the_border_only():
    assert shift_gap(circular, X, (3, -2)).abs().max() < 1e-12
    gap = shift_gap(lambda x: F.conv2d(x, W, padding=1), X, (1, 0)).abs()
    assert gap.max() > 0.1
    assert gap[..., 2:-1, :].max() < 1e-12


def test_a_strided_layer_commutes_with_multiples_of_its_stride_alone():
    assert shift_gap(lambda x: circular(x, 2), X, (4, -2), stride=2).abs().max() < 1e-12
    assert nearest_roll_gap(lambda x: circular(x, 2), X, (4, -2)) == (pytest.approx(0, abs=1e-12), (2, 4))
    assert nearest_roll_gap(lambda x: circular(x, 2), X, (1, 0))[0] > 0.1
    with pytest.raises(ValueError, match="shift must be a multiple of stride 2"):
        shift_gap(lambda x: circular(x, 2), X, (1, 0), stride=2)


@pytest.mark.parametrize(("k", "d"), [(2, 1), (3, 1), (3, 2), (5, 1), (2, 2), (4, 0)])
def test_share_of_surviving_maxima_matches_a_count(k, d):
    noise = torch.rand(150, 150, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    assert shared_winner_fraction(noise, k, d) == pytest.approx(expected_unchanged(k, d), abs=0.015)


def test_changes_are_counted_and_weighed():
    before = torch.tensor([3.0, 4.0, 0.0, 0.0])
    after = torch.tensor([3.0, 4.0, 5.0, 1e-9])
    assert unchanged_fraction(before, after) == 0.5
    assert unchanged_fraction(before, after, tolerance=1e-6) == 0.75
    assert relative_change(before, after) == pytest.approx(1)
    with pytest.raises(ValueError, match="after must have shape"):
        relative_change(before, after[:2])

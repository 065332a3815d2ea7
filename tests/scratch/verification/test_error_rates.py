"""Error rates of a verifier, against counting."""

from __future__ import annotations

import pytest
import torch

from course_utils.scratch.verification.error_rates import equal_error_rate, error_rates, likeness


def test_rates_are_counts() -> None:
    same, different = torch.tensor([0.9, 0.8, 0.4, 0.7]), torch.tensor([0.1, 0.5, 0.7, 0.2, 0.3])
    assert error_rates(same, different, 0.7) == (1 / 5, 1 / 4)
    assert error_rates(same, different, 2.0) == (0, 1)
    assert error_rates(same, different, -1.0) == (1, 0)


def test_equal_error_rate_is_where_the_two_counts_meet() -> None:
    generator = torch.Generator().manual_seed(0)
    same = torch.randn(300, generator=generator) + 1.5
    different = torch.randn(900, generator=generator)
    rate, threshold = equal_error_rate(same, different)
    accepts, rejects = error_rates(same, different, threshold)
    assert rate == pytest.approx((accepts + rejects) / 2)
    slow = min(abs(a - r) for a, r in (error_rates(same, different, float(t)) for t in torch.cat([same, different])))
    assert abs(accepts - rejects) == pytest.approx(slow)
    assert rate == pytest.approx(0.2266, abs=0.03)  # the normal distribution's tail at 0.75


def test_perfect_and_useless_scores() -> None:
    assert equal_error_rate(torch.tensor([2.0, 3.0]), torch.tensor([0.0, 1.0]))[0] == 0
    assert equal_error_rate(torch.arange(100.0), torch.arange(100.0))[0] == pytest.approx(0.5, abs=0.01)


def test_no_pairs_are_refused() -> None:
    with pytest.raises(ValueError, match="different must hold at least one score, got none"):
        equal_error_rate(torch.tensor([1.0]), torch.tensor([]))


def test_likeness_is_the_cosine() -> None:
    a, b = torch.randn(3, 5), torch.randn(4, 5)
    slow = [[float(x @ y / (x.norm() * y.norm())) for y in b] for x in a]
    assert torch.allclose(likeness(a, b), torch.tensor(slow), atol=1e-6)
    with pytest.raises(ValueError, match="shape"):
        likeness(a, torch.randn(4, 6))

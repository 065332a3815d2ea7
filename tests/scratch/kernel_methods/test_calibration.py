"""Reliability bins: true probabilities pass, distorted ones are caught."""

import numpy as np
import pytest

from course_utils.scratch.kernel_methods.calibration import reliability


def draw(n, seed):
    rng = np.random.default_rng(seed)
    p = rng.beta(1.2, 1.2, n)
    return p, rng.random(n) < p


def test_true_probabilities_lie_in_their_bands():
    inside = [reliability(*draw(5000, seed), bins=10, coverage=0.99).inside for seed in range(20)]
    assert np.mean(inside) >= 0.97


def test_overconfident_probabilities_are_caught():
    p, positive = draw(5000, 0)
    sharp = p**3 / (p**3 + (1 - p) ** 3)
    assert reliability(sharp, positive).inside <= 0.3
    assert reliability(sharp, positive).error > 5 * reliability(p, positive).error


def test_bins_hold_everything_once():
    p, positive = draw(103, 1)
    bins = reliability(p, positive, bins=10)
    assert bins.count.sum() == 103
    assert np.average(bins.observed, weights=bins.count) == pytest.approx(positive.mean())
    assert (np.diff(bins.predicted) > 0).all()
    assert len(reliability(p[:3], positive[:3], bins=10).count) == 3


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="bins"):
        reliability([0.5], [1], bins=0)
    with pytest.raises(ValueError):
        reliability([0.5, 0.5], [1])

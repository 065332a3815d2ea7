"""Parts share nothing, classes keep their share, and the bound on optimism holds."""

import numpy as np
import pytest

from course_utils.scratch.selection.splits import (
    holdout,
    optimism_bound,
    shared_examples,
    standard_error,
    stratified_holdout,
)


@pytest.mark.parametrize("deal", [holdout, lambda n, s, seed: stratified_holdout(np.arange(n) % 7, s, seed)])
@pytest.mark.parametrize("sizes", [(60, 20, 20), (1, 1), (100,), (10, 5)])
def test_parts_have_their_size_and_share_nothing(deal, sizes):
    for seed in range(5):
        parts = deal(100, sizes, seed)
        assert [len(p) for p in parts] == list(sizes)
        every = np.concatenate(parts)
        assert len(np.unique(every)) == sum(sizes)
        assert every.min() >= 0
        assert every.max() < 100
    assert not np.array_equal(deal(100, (50,), 0)[0], deal(100, (50,), 1)[0])


def test_classes_keep_their_share():
    rng = np.random.default_rng(0)
    y = rng.choice(4, size=400, p=[0.6, 0.25, 0.1, 0.05])
    total = np.bincount(y)
    for seed in range(10):
        for part in stratified_holdout(y, (200, 100, 40), seed):
            assert np.abs(np.bincount(y[part], minlength=4) - total * len(part) / 400).max() <= 2


def test_shared_examples_are_found():
    x = np.random.default_rng(0).normal(size=(20, 3))
    assert shared_examples(x[:10], x[10:]) == 0
    assert shared_examples(x[:10], x[8:]) == 2
    with pytest.raises(ValueError, match="one shape"):
        shared_examples(x, x[:, :2])


def test_standard_error_is_the_spread_of_a_measured_accuracy():
    measured = np.random.default_rng(0).binomial(200, 0.9, size=20_000) / 200
    assert measured.std() == pytest.approx(standard_error(0.9, 200), rel=0.02)


@pytest.mark.parametrize("p", [0.5, 0.9])
@pytest.mark.parametrize(("k", "n"), [(2, 50), (20, 50), (300, 200)])
def test_the_best_of_equals_stays_below_the_bound(p, k, n):
    looks = np.random.default_rng(k).binomial(n, p, size=(4000, k)) / n
    optimism = looks.max(axis=1).mean() - p
    assert 0 < optimism <= optimism_bound(k, n)
    assert optimism_bound(1, n) == 0


def test_bad_requests_are_named():
    with pytest.raises(ValueError, match="the parts need 120 examples, there are 100"):
        holdout(100, (60, 60))
    with pytest.raises(ValueError, match="sizes must be at least 1, got 0"):
        stratified_holdout(np.zeros(5), (0,))
    with pytest.raises(ValueError, match="y must have shape"):
        stratified_holdout(np.zeros((5, 2)), (1,))

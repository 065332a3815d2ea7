"""Averages by hand, the decomposition exact, and what no average can break."""

import numpy as np
import pytest

from course_utils.scratch.ensembles.averaging import (
    ambiguity,
    average_probabilities,
    average_probabilities_loops,
    bootstrap,
    calibration_gap,
    error_rate,
    geometric_average,
    log_loss,
    majority_vote,
)


def members(seed=0, shape=(5, 40, 4)):
    rng = np.random.default_rng(seed)
    p = np.exp(2 * rng.normal(size=shape))
    return p / p.sum(axis=2, keepdims=True), rng.integers(shape[2], size=shape[1])


def test_averages():
    p, _ = members()
    mean = average_probabilities(p)
    np.testing.assert_allclose(mean, average_probabilities_loops(p), atol=1e-12)
    np.testing.assert_allclose(mean.sum(axis=1), 1)
    logits = np.log(p).mean(axis=0)
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(geometric_average(p), softmax, atol=1e-12)


def test_votes():
    sure = np.eye(3)
    p = np.array([[sure[0], sure[2]], [sure[1], sure[1]], [sure[1], sure[0]]])  # (3 members, 2 examples, 3)
    assert majority_vote(p).tolist() == [1, 0]  # the second: a tie of three goes to the lowest number


@pytest.mark.parametrize("seed", range(10))
def test_the_log_loss_of_the_mean_is_never_above_the_mean_log_loss(seed):
    p, y = members(seed)
    assert log_loss(average_probabilities(p), y) < np.mean([log_loss(one, y) for one in p])


@pytest.mark.parametrize("shape", [(2, 7), (6, 30), (4, 20, 3)])
def test_ambiguity_is_exact(shape):
    rng = np.random.default_rng(1)
    terms = ambiguity(rng.normal(size=shape), rng.normal(size=shape[1:]))
    assert terms.ensemble == pytest.approx(terms.members - terms.spread, abs=1e-12)
    assert terms.spread > 0


def test_equal_members_gain_nothing():
    f = np.random.default_rng(2).normal(size=9)
    terms = ambiguity(np.stack([f, f, f]), np.zeros(9))
    assert terms.spread == pytest.approx(0, abs=1e-15)
    assert terms.ensemble == pytest.approx(terms.members)


def test_an_average_may_err_more_than_its_mean_member():
    # 0-1 error has no such guarantee: two of three members are barely wrong, one is right and sure of little.
    p = np.array([[[0.45, 0.55]], [[0.45, 0.55]], [[0.55, 0.45]]])
    assert error_rate(average_probabilities(p), [0]) == 1.0 > np.mean([error_rate(m, [0]) for m in p])


def test_a_bootstrap_leaves_out_a_third():
    drawn = bootstrap(20_000, np.random.default_rng(0))
    assert len(np.unique(drawn)) / 20_000 == pytest.approx(1 - np.exp(-1), abs=0.01)


def test_calibration():
    rng = np.random.default_rng(3)
    sure = rng.uniform(0.5, 1, size=50_000)
    y = (rng.random(50_000) > sure).astype(int)  # right as often as it says
    p = np.stack([sure, 1 - sure], axis=1)
    assert calibration_gap(p, y) < 0.01
    assert calibration_gap(np.tile([1.0, 0.0], (100, 1)), np.arange(100) % 2) == pytest.approx(0.5)


def test_bad_shapes_are_named():
    with pytest.raises(ValueError, match="probabilities must have shape"):
        average_probabilities(np.zeros((3, 2)))
    with pytest.raises(ValueError, match="must have the same length, got 2 and 3"):
        error_rate(np.zeros((2, 3)), [0, 1, 2])

"""Correlation and knock-outs on layers whose answer is known."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from course_utils.scratch.regularisation.co_adaptation import (
    cross_entropy,
    knockout_damage,
    masked_loss,
    mean_absolute_correlation,
)


def test_correlation_of_copies_is_one_and_of_strangers_small():
    rng = np.random.default_rng(0)
    one = rng.normal(size=(500, 1))
    assert mean_absolute_correlation(np.hstack([one, -2 * one, one + 3])) == pytest.approx(1)
    assert mean_absolute_correlation(rng.normal(size=(5000, 6))) < 0.05
    dead = np.hstack([one, rng.normal(size=(500, 1)), np.zeros((500, 1))])
    assert mean_absolute_correlation(dead) < 0.2
    with pytest.raises(ValueError, match="at least two units must vary"):
        mean_absolute_correlation(np.hstack([one, np.zeros((500, 1))]))


def test_cross_entropy_is_torchs():
    rng = np.random.default_rng(1)
    scores, y = rng.normal(size=(9, 4)), rng.integers(0, 4, 9)
    assert cross_entropy(scores, y) == pytest.approx(F.cross_entropy(torch.tensor(scores), torch.tensor(y)).item())


def test_knockout_is_the_loss_without_the_unit():
    rng = np.random.default_rng(2)
    h, weight, bias, y = rng.random((20, 5)), rng.normal(size=(3, 5)), rng.normal(size=3), rng.integers(0, 3, 20)
    weight[:, 2] = 0
    damage = knockout_damage(h, weight, bias, y)
    for unit in range(5):
        without = np.delete(h, unit, axis=1) @ np.delete(weight, unit, axis=1).T + bias
        assert damage[unit] == pytest.approx(cross_entropy(without, y) - cross_entropy(h @ weight.T + bias, y))
    assert damage[2] == pytest.approx(0, abs=1e-12)


def test_masked_loss_without_a_mask_is_the_loss():
    rng = np.random.default_rng(3)
    h, weight, bias, y = rng.random((20, 5)), rng.normal(size=(3, 5)), rng.normal(size=3), rng.integers(0, 3, 20)
    assert masked_loss(h, weight, bias, y, np.ones((2, 5))) == pytest.approx(cross_entropy(h @ weight.T + bias, y))
    half = masked_loss(h, weight, bias, y, [[1, 0, 0, 0, 0]])
    assert half == pytest.approx(cross_entropy(5 * h[:, :1] @ weight[:, :1].T + bias, y))

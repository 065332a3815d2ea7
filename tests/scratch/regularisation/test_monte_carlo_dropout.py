"""Random passes, entropies and the area under the curve against slow twins and scikit-learn."""

import numpy as np
import pytest
import torch
from torch import nn

from course_utils.scratch.regularisation.monte_carlo_dropout import (
    auroc,
    disagreement,
    entropy,
    predictive_entropy,
    stochastic_predictions,
)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.BatchNorm1d(16), nn.Dropout(0.5), nn.Linear(16, 3))


def test_passes_differ_repeat_by_seed_and_leave_the_rest_alone(model):
    x = torch.randn(5, 4)
    running = model[2].running_mean.clone()
    torch.manual_seed(7)
    expected_next = torch.rand(1)
    torch.manual_seed(7)
    a = stochastic_predictions(model, x, 4, seed=3)
    assert torch.equal(torch.rand(1), expected_next)  # the caller's generator did not move
    assert a.shape == (4, 5, 3)
    np.testing.assert_allclose(a.sum(axis=-1), 1)
    assert np.array_equal(a, stochastic_predictions(model, x, 4, seed=3))
    assert not np.array_equal(a, stochastic_predictions(model, x, 4, seed=4))
    assert not np.array_equal(a[0], a[1])
    assert torch.equal(model[2].running_mean, running)
    assert not any(m.training for m in model.modules())


def test_without_dropout_it_says_so():
    with pytest.raises(ValueError, match="at least one dropout layer"):
        stochastic_predictions(nn.Linear(2, 2), torch.zeros(1, 2), 3)


def test_entropy_at_its_ends():
    assert entropy([1.0, 0.0, 0.0]) == 0
    assert entropy(np.full(10, 0.1)) == pytest.approx(np.log(10))


def test_disagreement_is_what_averaging_adds():
    agree = np.tile([[0.5, 0.5]], (6, 1, 1))
    split = np.array([[[1.0, 0.0]], [[0.0, 1.0]]])
    assert predictive_entropy(agree)[0] == pytest.approx(predictive_entropy(split)[0]) == pytest.approx(np.log(2))
    assert disagreement(agree)[0] == pytest.approx(0, abs=1e-12)
    assert disagreement(split)[0] == pytest.approx(np.log(2))


def test_auroc_is_the_share_of_pairs_and_scikit_learns():
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    inside, outside = rng.integers(0, 8, 40), rng.integers(2, 10, 30)  # many ties
    slow = np.mean([(o > i) + 0.5 * (o == i) for o in outside for i in inside])
    assert auroc(inside, outside) == pytest.approx(slow)
    labels = np.r_[np.zeros(40), np.ones(30)]
    assert auroc(inside, outside) == pytest.approx(roc_auc_score(labels, np.r_[inside, outside]))
    assert auroc([0, 1], [2, 3]) == 1
    with pytest.raises(ValueError, match="number of outside scores"):
        auroc([1.0], [])

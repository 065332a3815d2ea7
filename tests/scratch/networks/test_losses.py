"""Losses and their gradients agree with PyTorch, whatever the scores."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from course_utils.scratch.networks.losses import (
    cross_entropy,
    cross_entropy_gradient,
    log_softmax,
    mean_squared_error,
    mean_squared_error_as_printed,
    mean_squared_error_gradient,
    softmax,
    softmax_naive,
)


def drawn(shape, seed=0, scale=3.0):
    return np.random.default_rng(seed).normal(size=shape) * scale


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (7, 3), (4, 10)])
@pytest.mark.parametrize("offset", [0.0, 1000.0, -1000.0])
def test_softmax_is_torchs_for_scores_of_any_size(shape, offset):
    scores = drawn(shape) + offset
    expected = torch.tensor(scores)
    np.testing.assert_allclose(softmax(scores), expected.softmax(dim=1), rtol=0, atol=1e-12)
    np.testing.assert_allclose(log_softmax(scores), expected.log_softmax(dim=1), rtol=0, atol=1e-12)
    np.testing.assert_allclose(softmax(scores).sum(axis=1), 1, rtol=0, atol=1e-12)
    np.testing.assert_allclose(softmax(scores), softmax(scores - offset), rtol=0, atol=1e-12)


def test_the_formula_as_it_stands_overflows():
    small, large = drawn((5, 4)), np.array([[1000.0, 0.0]])
    np.testing.assert_allclose(softmax_naive(small), softmax(small), atol=1e-12)
    with np.errstate(all="ignore"):
        assert np.isnan(softmax_naive(large)).any()
    assert softmax(large).tolist() == [[1, 0]]
    assert log_softmax(large).tolist() == [[0, -1000]]


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("shape", [(1, 2), (9, 4), (3, 1)])
def test_cross_entropy_and_its_gradient(shape, reduction):
    scores = drawn(shape, seed=1)[:, ::-1]  # not contiguous
    labels = np.random.default_rng(2).integers(shape[1], size=shape[0])
    s = torch.tensor(scores.copy(), requires_grad=True)
    loss = F.cross_entropy(s, torch.tensor(labels), reduction=reduction)
    loss.backward()
    assert cross_entropy(scores, labels, reduction) == pytest.approx(loss.item(), abs=1e-12)
    gradient = cross_entropy_gradient(scores, labels, reduction)
    np.testing.assert_allclose(gradient, s.grad, rtol=0, atol=1e-12)
    np.testing.assert_allclose(gradient.sum(axis=1), 0, atol=1e-12)


def test_bad_labels_and_reductions_are_refused():
    with pytest.raises(ValueError, match=r"0\.\.2, got 0\.\.3"):
        cross_entropy(np.zeros((2, 3)), [0, 3])
    with pytest.raises(ValueError, match="class numbers"):
        cross_entropy(np.zeros((2, 3)), [0.0, 1.0])
    with pytest.raises(ValueError, match="mean"):
        cross_entropy(np.zeros((2, 3)), [0, 1], "average")


@pytest.mark.parametrize("shape", [(1,), (6,), (5, 3)])
def test_mean_squared_error_and_its_gradient(shape):
    prediction, target = drawn(shape, 3), drawn(shape, 4)
    p = torch.tensor(prediction, requires_grad=True)
    loss = F.mse_loss(p, torch.tensor(target), reduction="sum") / (2 * len(prediction))
    loss.backward()
    assert mean_squared_error(prediction, target) == pytest.approx(loss.item(), abs=1e-12)
    np.testing.assert_allclose(mean_squared_error_gradient(prediction, target), p.grad, atol=1e-12)


def test_the_printed_indices_count_one_term_too_many():
    for terms in (2, 5, 100):
        n = terms - 1
        assert mean_squared_error_as_printed(np.ones(terms), np.zeros(terms)) == pytest.approx((n + 1) / (2 * n))
        assert mean_squared_error(np.ones(terms), np.zeros(terms)) == 0.5
    with pytest.raises(ValueError, match="at least 2"):
        mean_squared_error_as_printed([1.0], [0.0])

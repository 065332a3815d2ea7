"""Penalties against autograd, scikit-learn and torch's own weight decay."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from course_utils import data
from course_utils.scratch.regularisation.penalties import (
    fit_softmax,
    penalised_loss,
    proximal_step,
    soft_threshold,
    softmax,
    softmax_loss,
    step_with_decay,
    step_with_penalty,
)


def test_penalised_loss_has_n_terms():
    assert penalised_loss([1.0, 1.0, 1.0], [0.0], 0.0) == 0.5
    assert penalised_loss([0.0, 0.0], [3.0, 1.0], 0.5) == pytest.approx(0.5 * 10 / 4)
    with pytest.raises(ValueError, match="number of errors must be at least 1"):
        penalised_loss([], [1.0], 0.1)


def test_soft_threshold_is_chapter_00bs():
    from course_utils.scratch.features.sparse_coding import soft_threshold as theirs

    z = np.random.default_rng(0).normal(size=(4, 5))
    np.testing.assert_allclose(soft_threshold(z, 0.4), theirs(torch.tensor(z), 0.4), atol=1e-15)


def test_the_proximal_step_minimises_what_it_should():
    rng = np.random.default_rng(1)
    w, gradient, lr, strength = rng.normal(size=5), rng.normal(size=5), 0.3, 0.8
    new = proximal_step(w, gradient, lr, strength)
    model = lambda v: gradient @ (v - w) + ((v - w) ** 2).sum() / (2 * lr) + strength * np.abs(v).sum()
    for _ in range(300):
        assert model(new) <= model(new + 0.1 * rng.normal(size=5)) + 1e-12


def test_the_two_forms_of_l2_are_one_for_plain_steps_and_torchs():
    gradients = np.random.default_rng(2).normal(size=(50, 4))
    a = b = np.ones(4)
    w = torch.ones(4, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.SGD([w], lr=0.05, weight_decay=0.3)
    for gradient in gradients:
        a, b = step_with_penalty(a, gradient, 0.05, 0.3), step_with_decay(b, gradient, 0.05, 0.3)
        w.grad = torch.tensor(gradient)
        optimiser.step()
        np.testing.assert_allclose(a, b, rtol=1e-12)
        np.testing.assert_allclose(a, w.detach(), rtol=1e-12)


def test_softmax_loss_is_autograds():
    rng = np.random.default_rng(3)
    weight, bias = rng.normal(size=(3, 5)), rng.normal(size=3)
    x, y = rng.normal(size=(8, 5)), rng.integers(0, 3, 8)
    tw, tb = torch.tensor(weight, requires_grad=True), torch.tensor(bias, requires_grad=True)
    loss = F.cross_entropy(torch.tensor(x) @ tw.T + tb, torch.tensor(y))
    loss.backward()
    ours, slope, bias_slope = softmax_loss(weight, bias, x, y)
    assert ours == pytest.approx(loss.item(), rel=1e-12)
    np.testing.assert_allclose(slope, tw.grad, atol=1e-14)
    np.testing.assert_allclose(bias_slope, tb.grad, atol=1e-14)
    assert softmax([1000.0, 0.0]).tolist() == [1.0, 0.0]


@pytest.fixture(scope="module")
def digits():
    few = data.load("digits", "train").subset(torch.arange(300))
    return few.images.reshape(300, -1).numpy() / 255, few.labels.numpy()


def test_l1_optimum_is_scikit_learns(digits):
    from sklearn.linear_model import LogisticRegression

    x, y = digits
    three = y < 3
    x, y = x[three], y[three]
    weight, bias, _ = fit_softmax(x, y, 3, strength=0.01, penalty="l1", lr=0.5, steps=8000)
    theirs = LogisticRegression(l1_ratio=1, C=1 / (0.01 * len(x)), solver="saga", max_iter=5000, tol=1e-8).fit(x, y)

    def objective(w, b):
        return softmax_loss(w, b, x, y)[0] + 0.01 * np.abs(w).sum()

    assert objective(weight, bias) == pytest.approx(objective(theirs.coef_, theirs.intercept_), rel=2e-3)
    assert 0.5 < (weight == 0).mean() < 1


def test_l1_makes_exact_zeros_and_the_others_do_not(digits):
    x, y = digits
    seen = x.std(axis=0) > 0  # a pixel that is always 0 has no gradient under any penalty
    zeros = {
        p: (fit_softmax(x, y, 10, strength=0.003, penalty=p, lr=1.0, steps=300)[0][:, seen] == 0).mean()
        for p in ("l1", "l2", "l1_subgradient")
    }
    assert zeros["l1"] > 0.3
    assert zeros["l2"] == 0
    assert zeros["l1_subgradient"] < 0.02


def test_more_l2_means_shorter_weights(digits):
    norms = [np.linalg.norm(fit_softmax(*digits, 10, strength=s, steps=200, lr=1.0)[0]) for s in (0, 0.01, 0.1, 1)]
    assert norms == sorted(norms, reverse=True)
    assert norms[-1] < 0.3 * norms[0]


def test_history_and_errors(digits):
    weight, _, history = fit_softmax(*digits, 10, steps=5, history=True)
    assert len(history) == 6
    assert np.array_equal(history[-1], weight)
    with pytest.raises(ValueError, match="penalty must be one of"):
        fit_softmax(*digits, 10, penalty="l3")

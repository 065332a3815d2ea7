"""Fisher scores against autograd, whitening, and the two approximations of the information."""

import numpy as np
import pytest
import torch

from course_utils.scratch.kernel_methods.fisher_kernel import FisherWhitening, point_scores, set_scores
from course_utils.scratch.kernel_methods.gaussian_mixture import GaussianMixture
from course_utils.scratch.kernel_methods.kernels import smallest_eigenvalue

RNG = np.random.default_rng(0)
MIXTURE = GaussianMixture(np.log([0.2, 0.5, 0.3]), RNG.normal(size=(3, 2)), RNG.uniform(0.3, 1.0, size=(3, 2)))


def sample(mixture, n, seed=0):
    rng = np.random.default_rng(seed)
    k = rng.choice(len(mixture.means), size=n, p=np.exp(mixture.log_weights))
    return mixture.means[k] + mixture.scales[k] * rng.standard_normal((n, mixture.means.shape[1]))


def test_scores_agree_with_autograd():
    x = sample(MIXTURE, 6)
    for point, ours in zip(x, point_scores(MIXTURE, x)):
        logits, means, scales = (
            torch.tensor(v.copy(), requires_grad=True) for v in (MIXTURE.log_weights, MIXTURE.means, MIXTURE.scales)
        )
        density = torch.distributions.Normal(means, scales).log_prob(torch.tensor(point)).sum(dim=1)
        torch.logsumexp(torch.log_softmax(logits, 0) + density, 0).backward()
        expected = np.concatenate([g.grad.numpy().ravel() for g in (logits, means, scales)])
        np.testing.assert_allclose(ours, expected, atol=1e-10)


def test_the_mean_score_vanishes_under_the_model():
    scores = point_scores(MIXTURE, sample(MIXTURE, 200_000))
    assert np.abs(scores.mean(axis=0) / scores.std(axis=0)).max() < 0.01


def test_set_scores_average_and_accept_any_length():
    sets = [sample(MIXTURE, n, n) for n in (1, 7, 30)]
    scores = set_scores(MIXTURE, sets)
    assert scores.shape == (3, 3 + 6 + 6)
    np.testing.assert_allclose(scores[1], point_scores(MIXTURE, sets[1]).mean(axis=0))


def test_whitening_gives_the_identity_on_its_own_points():
    x = sample(MIXTURE, 3000)
    white = FisherWhitening(MIXTURE, x)(point_scores(MIXTURE, x))
    np.testing.assert_allclose(white.T @ white / len(x), np.eye(white.shape[1]), atol=1e-8)
    assert white.shape[1] == 3 + 6 + 6 - 1  # the weights sum to one: one direction is redundant


def test_the_kernel_is_positive_semi_definite():
    sets = [sample(MIXTURE, 5 + n, n) for n in range(40)]
    for information in ("empirical", "diagonal"):
        white = FisherWhitening(MIXTURE, sample(MIXTURE, 500), information)(set_scores(MIXTURE, sets))
        assert smallest_eigenvalue(white @ white.T) > -1e-12


def test_the_closed_form_holds_when_components_hardly_overlap():
    apart = GaussianMixture(np.log([0.3, 0.7]), np.array([[-10.0], [10.0]]), np.array([[0.5], [1.5]]))
    x = sample(apart, 400_000)
    empirical = FisherWhitening(apart, x).information
    closed = FisherWhitening(apart, x, "diagonal").information
    np.testing.assert_allclose(np.diag(empirical), np.diag(closed), rtol=0.02)
    overlap = GaussianMixture(np.log([0.3, 0.7]), np.array([[-0.2], [0.2]]), np.array([[1.0], [1.5]]))
    x = sample(overlap, 100_000)
    empirical = FisherWhitening(overlap, x).information
    closed = FisherWhitening(overlap, x, "diagonal").information
    assert (np.diag(empirical) / np.diag(closed)).min() < 0.5


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="information"):
        FisherWhitening(MIXTURE, np.ones((3, 2)), "exact")

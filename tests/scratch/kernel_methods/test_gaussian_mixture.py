"""The mixture of Gaussians: densities, EM, and scikit-learn."""

import numpy as np
import pytest
from scipy.stats import norm

from course_utils.scratch.kernel_methods.gaussian_mixture import GaussianMixture, fit_mixture

RNG = np.random.default_rng(0)
MIXTURE = GaussianMixture(np.log([0.2, 0.5, 0.3]), RNG.normal(size=(3, 2)), RNG.uniform(0.3, 1.0, size=(3, 2)))
X = RNG.normal(size=(40, 2))


def test_likelihood_and_responsibilities_agree_with_the_densities_written_out():
    weights = np.exp(MIXTURE.log_weights)
    components = list(zip(weights, MIXTURE.means, MIXTURE.scales))
    joint = np.array([[w * norm.pdf(p, mean, scale).prod() for w, mean, scale in components] for p in X])
    np.testing.assert_allclose(MIXTURE.log_likelihood(X), np.log(joint.sum(axis=1)), atol=1e-12)
    np.testing.assert_allclose(MIXTURE.responsibilities(X), joint / joint.sum(axis=1, keepdims=True), atol=1e-12)


def test_responsibilities_survive_points_where_every_density_underflows():
    far = np.array([[1e4, -1e4]])
    gamma = MIXTURE.responsibilities(far)
    assert np.isfinite(gamma).all()
    assert gamma.sum() == pytest.approx(1.0)
    assert np.isfinite(MIXTURE.log_likelihood(far)).all()


@pytest.mark.parametrize("seed", range(4))
def test_the_likelihood_never_falls(seed):
    rng = np.random.default_rng(seed)
    x = np.concatenate([rng.normal(c, 0.4, size=(60, 2)) for c in (-2, 0, 2)])
    _, history = fit_mixture(x, 4, steps=40, seed=seed)
    assert (np.diff(history) > -1e-10).all()
    assert history[-1] > history[0] + 0.1


def test_finds_the_clouds_that_made_the_data():
    rng = np.random.default_rng(3)
    x = np.concatenate([rng.normal(-3, 0.5, size=(300, 1)), rng.normal(2, 1.0, size=(100, 1))])
    mixture, _ = fit_mixture(x, 2, steps=100)
    order = np.argsort(mixture.means[:, 0])
    np.testing.assert_allclose(mixture.means[order, 0], [-3, 2], atol=0.25)
    np.testing.assert_allclose(mixture.scales[order, 0], [0.5, 1.0], atol=0.15)
    np.testing.assert_allclose(np.exp(mixture.log_weights[order]), [0.75, 0.25], atol=0.03)


def test_reaches_the_optimum_of_scikit_learn_from_the_same_start():
    from sklearn.mixture import GaussianMixture as Reference

    rng = np.random.default_rng(4)
    x = np.concatenate([rng.normal(c, 0.6, size=(80, 2)) for c in (-1.5, 1.5)])
    ours, history = fit_mixture(x, 2, steps=300, seed=1)
    theirs = Reference(2, covariance_type="diag", tol=1e-10, max_iter=500, reg_covar=0, means_init=ours.means).fit(x)
    assert history[-1] == pytest.approx(theirs.score(x), abs=1e-6)


def test_the_floor_stops_a_component_from_collapsing():
    x = np.concatenate([np.zeros((5, 1)), np.ones((5, 1)), [[0.5]]])
    mixture, history = fit_mixture(x, 3, steps=30, floor=0.01)
    assert mixture.scales.min() >= 0.01
    assert np.isfinite(history).all()


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="components"):
        fit_mixture(X[:2], 3)

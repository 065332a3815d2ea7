"""The linear classifier against the normal equations, explicit leave-one-out, and scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from course_utils.scratch.features.linear_classifier import fit_linear, solve_ridge


def blobs(count: int, dimensions: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, count)
    return rng.normal(size=(count, dimensions)) + rng.normal(size=(3, dimensions))[y], y


@pytest.mark.parametrize(("count", "dimensions"), [(60, 5), (20, 50), (30, 30), (40, 1)])
def test_weights_solve_the_normal_equations(count: int, dimensions: int) -> None:
    x, y = blobs(count, dimensions)
    fitted = fit_linear(x, y, penalties=(0.3,))
    phi = (x - fitted.mean) / fitted.scale
    expected = solve_ridge(phi, np.eye(3)[y] - np.eye(3)[y].mean(0), 0.3 * count)
    assert np.allclose(fitted.weights, expected)
    library = Ridge(alpha=0.3 * count).fit(phi, np.eye(3)[y])
    assert np.allclose(fitted.scores(x), library.predict(phi))


def test_solution_is_where_autograd_finds_no_slope() -> None:
    x, y = blobs(40, 6)
    x = torch.tensor(x - x.mean(0))
    targets = torch.tensor(np.eye(3)[y] - np.eye(3)[y].mean(0))
    weights = torch.tensor(solve_ridge(x.numpy(), targets.numpy(), 2.5), requires_grad=True)
    (((x @ weights - targets) ** 2).sum() + 2.5 * (weights**2).sum()).backward()
    assert weights.grad is not None
    assert weights.grad.abs().max() < 1e-9


@pytest.mark.parametrize(("count", "dimensions"), [(25, 4), (15, 40), (9, 2)])
@pytest.mark.parametrize("seed", range(8))
def test_leave_one_out_accuracy_is_that_of_really_leaving_out(count: int, dimensions: int, seed: int) -> None:
    x, y = blobs(count, dimensions, seed=seed)
    x += np.random.default_rng(seed).normal(size=x.shape)
    fitted = fit_linear(x, y, num_classes=3, penalties=(0.2,))
    phi, targets = (x - fitted.mean) / fitted.scale, np.eye(3)[y] - np.eye(3)[y].mean(0)
    right = 0
    for i in range(count):
        keep = np.arange(count) != i
        centre, middle = phi[keep].mean(0), targets[keep].mean(0)
        weights = solve_ridge(phi[keep] - centre, targets[keep] - middle, 0.2 * count)
        scores = (phi[i] - centre) @ weights + middle + np.eye(3)[y].mean(0)
        right += int(scores.argmax() == y[i])
    assert fitted.held_out_accuracy == pytest.approx(right / count)


def test_noise_gets_a_large_penalty_and_clean_data_a_small_one() -> None:
    rng = np.random.default_rng(0)
    noise, labels = rng.normal(size=(80, 60)), rng.integers(0, 2, 80)
    x, y = blobs(80, 60)
    assert fit_linear(noise, labels).penalty > fit_linear(x, y).penalty


def test_constant_features_and_missing_classes_do_no_harm() -> None:
    x, y = blobs(50, 4)
    with_constant = np.hstack([x, np.full((50, 1), 1e6)])
    fitted = fit_linear(with_constant, y, num_classes=5)
    assert np.isfinite(fitted.weights).all()
    assert (fitted.predict(with_constant) == fit_linear(x, y, num_classes=5).predict(x)).all()


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="same length"):
        fit_linear(np.zeros((5, 2)), np.zeros(4, dtype=int))

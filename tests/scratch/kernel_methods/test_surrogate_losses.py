"""The surrogate losses: values, slopes against autograd, bounds, and which of them are calibrated."""

import numpy as np
import pytest
import torch

from course_utils.scratch.kernel_methods.surrogate_losses import (
    SURROGATES,
    best_score,
    conditional_risk,
    logistic,
    share_below_zero_one,
    zero_one,
)

MARGINS = np.random.default_rng(0).normal(scale=2.0, size=4001)
TORCH = {
    "perceptron": lambda m: (-m).relu(),
    "hinge": lambda m: (1 - m).relu(),
    "logistic": lambda m: -torch.nn.functional.logsigmoid(m),
    "logistic, base 2": lambda m: -torch.nn.functional.logsigmoid(m) / np.log(2),
    "exponential": lambda m: torch.exp(-m),
    "squared": lambda m: (1 - m) ** 2,
}


@pytest.mark.parametrize("name", SURROGATES)
def test_value_and_slope_agree_with_autograd(name):
    m = torch.tensor(MARGINS, requires_grad=True)
    value = TORCH[name](m)
    value.sum().backward()
    np.testing.assert_allclose(SURROGATES[name].value(MARGINS), value.detach().numpy(), atol=1e-12)
    np.testing.assert_allclose(SURROGATES[name].slope(MARGINS), m.grad.numpy(), atol=1e-12)


def test_logistic_does_not_overflow_where_the_formula_written_down_does():
    with np.errstate(over="ignore"):
        assert np.isinf(np.log(1 + np.exp(np.float64(1000.0))))
    assert logistic(-1000.0) == 1000.0
    assert logistic(1000.0) == 0.0


@pytest.mark.parametrize("name", ["hinge", "logistic, base 2", "exponential", "squared"])
def test_upper_bounds_never_fall_below_zero_one(name):
    grid = np.concatenate([MARGINS, np.linspace(-5, 5, 10001), [0.0]])
    assert share_below_zero_one(name, grid) == 0.0
    assert (SURROGATES[name].value(grid) >= zero_one(grid)).all()


@pytest.mark.parametrize(("name", "low", "high"), [("perceptron", -1.0, 0.0), ("logistic", -np.log(np.e - 1), 0.0)])
def test_where_the_other_two_fall_below(name, low, high):
    grid = np.linspace(-5, 5, 100001)
    below = SURROGATES[name].value(grid) < zero_one(grid)
    assert below[(grid > low + 1e-3) & (grid <= high)].all()
    assert not below[(grid < low - 1e-3) | (grid > high + 1e-9)].any()


@pytest.mark.parametrize("p", [0.1, 0.3, 0.45, 0.7, 0.9])
def test_best_scores_are_the_known_ones(p):
    log_odds = np.log(p / (1 - p))
    expected = {
        "hinge": np.sign(2 * p - 1),
        "logistic": log_odds,
        "logistic, base 2": log_odds,
        "exponential": log_odds / 2,
        "squared": 2 * p - 1,
    }
    for name, score in expected.items():
        assert best_score(name, p) == pytest.approx(score, abs=1e-3), name
        assert np.sign(best_score(name, p)) == np.sign(p - 0.5)
    assert best_score("perceptron", p) == 0.0


def test_conditional_risk_is_the_mean_over_drawn_labels():
    y = np.where(np.random.default_rng(1).random(200_000) < 0.3, 1, -1)
    drawn = SURROGATES["logistic"].value(y * 0.8).mean()
    assert conditional_risk("logistic", 0.8, 0.3) == pytest.approx(drawn, abs=5e-3)


def test_unknown_names_and_ranges_are_refused():
    with pytest.raises(ValueError, match="name"):
        share_below_zero_one("zero-one", MARGINS)
    with pytest.raises(ValueError, match="probability"):
        conditional_risk("hinge", 0.0, 1.5)
    with pytest.raises(ValueError, match="base"):
        logistic(0.0, base=1.0)

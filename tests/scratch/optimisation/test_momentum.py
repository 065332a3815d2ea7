"""Momentum against torch step for step, and its long-run factor against the path."""

import numpy as np
import pytest
import torch

from course_utils.scratch.optimisation.gradient_descent import GradientDescent, follow
from course_utils.scratch.optimisation.momentum import (
    Momentum,
    best_momentum,
    best_plain,
    momentum_rate,
    step_matrix,
    terminal_speed,
)


@pytest.mark.parametrize(("alpha", "nesterov"), [(0.0, False), (0.5, False), (0.9, False), (0.5, True), (0.9, True)])
def test_every_step_is_torchs(alpha, nesterov):
    gradients = np.random.default_rng(0).normal(size=(100, 6))
    w = torch.ones(6, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.SGD([w], lr=0.03, momentum=alpha, nesterov=nesterov)
    rule, ours = Momentum(0.03, alpha, nesterov), np.ones(6)
    for gradient in gradients:
        w.grad = torch.tensor(gradient)
        optimiser.step()
        ours = rule.step(ours, gradient)
        np.testing.assert_allclose(ours, w.detach(), rtol=1e-11, atol=1e-13)


def test_after_a_change_of_the_rate_the_two_forms_part():
    w = torch.ones(1, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.SGD([w], lr=0.1, momentum=0.9)
    rule, ours = Momentum(0.1, 0.9), np.ones(1)
    for t in range(4):
        if t == 2:
            optimiser.param_groups[0]["lr"] = rule.lr = 0.01
        w.grad = torch.ones(1, dtype=torch.float64)
        optimiser.step()
        ours = rule.step(ours, np.ones(1))
        if t == 1:
            assert ours[0] == pytest.approx(w.item(), rel=1e-12)
    assert w.item() - ours[0] > 0.1  # the lecture's velocity still carries the old rate


def test_the_matrix_is_one_step():
    rule = Momentum(0.2, 0.7)
    w, v = 1.3, -0.4
    rule.velocity = np.array([v])
    after = rule.step(np.array([w]), 2.5 * np.array([w]))
    np.testing.assert_allclose(step_matrix(2.5, 0.2, 0.7) @ [w, v], [after[0], rule.velocity[0]], rtol=1e-14)


@pytest.mark.parametrize(("lr", "alpha"), [(0.05, 0.0), (0.3, 0.5), (0.9, 0.6), (0.02, 0.9)])
def test_the_error_shrinks_by_the_rate(lr, alpha):
    path = follow(lambda w: 3.0 * w, [1.0], Momentum(lr, alpha), 400)[:, 0]
    size = np.abs(path)
    window = np.maximum.accumulate(size[::-1])[::-1]  # a swinging path passes 0; its envelope does not
    measured = (window[300] / window[100]) ** (1 / 200)
    assert measured == pytest.approx(momentum_rate(3.0, lr, alpha), rel=0.01)


def test_complex_eigenvalues_have_size_root_alpha():
    assert momentum_rate(1.0, 1.0, 0.49) == pytest.approx(0.7)


@pytest.mark.parametrize(("smallest", "largest"), [(1.0, 1.0), (1.0, 10.0), (0.02, 3.0)])
def test_no_other_setting_is_better(smallest, largest):
    lr, alpha, rho = best_momentum(smallest, largest)
    worst = lambda lr, alpha: max(momentum_rate(c, lr, alpha) for c in np.linspace(smallest, largest, 15))
    assert worst(lr, alpha) == pytest.approx(rho, abs=1e-6)
    for other_lr in np.linspace(0.05, 2.2, 25) * 2 / largest:
        for other_alpha in np.linspace(0, 0.99, 25):
            assert worst(other_lr, other_alpha) >= rho - 1e-6
    plain_lr, plain_rho = best_plain(smallest, largest)
    assert worst(plain_lr, 0.0) == pytest.approx(plain_rho, abs=1e-9)
    assert rho <= plain_rho


@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.9])
def test_terminal_speed_on_a_constant_slope(alpha):
    momentum = follow(lambda w: np.ones(1), [0.0], Momentum(0.1, alpha), 300)
    plain = follow(lambda w: np.ones(1), [0.0], GradientDescent(0.1), 300)
    ratio = np.diff(momentum[:, 0])[-1] / np.diff(plain[:, 0])[-1]
    assert ratio == pytest.approx(terminal_speed(alpha), rel=1e-9)


def test_wrong_shares_are_named():
    with pytest.raises(ValueError, match="alpha must be less than 1, got 1"):
        Momentum(0.1, 1.0)
    with pytest.raises(ValueError, match="largest must be at least 2"):
        best_plain(2.0, 1.0)

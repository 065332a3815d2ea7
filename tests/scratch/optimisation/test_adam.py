"""Adam and AdamW against torch for 100 steps, and what the correction corrects."""

import numpy as np
import pytest
import torch

from course_utils.scratch.optimisation.adam import Adam, uncorrected_factor


@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.0, 0.5)])
@pytest.mark.parametrize(("decay", "library"), [("penalty", torch.optim.Adam), ("decoupled", torch.optim.AdamW)])
@pytest.mark.parametrize("strength", [0.0, 0.1])
def test_a_hundred_steps_are_torchs(betas, decay, library, strength):
    gradients = np.random.default_rng(0).normal(size=(100, 5)) * [1e-3, 1.0, 10.0, 0.0, 1e4]
    w = torch.ones(5, dtype=torch.float64, requires_grad=True)
    optimiser = library([w], lr=0.01, betas=betas, weight_decay=strength)
    rule, ours = Adam(0.01, betas, weight_decay=strength, decay=decay), np.ones(5)
    for gradient in gradients:
        w.grad = torch.tensor(gradient)
        optimiser.step()
        ours = rule.step(ours, gradient)
        np.testing.assert_allclose(ours, w.detach(), rtol=1e-10, atol=1e-13)


def test_the_first_step_has_length_lr_whatever_the_gradient():
    for size in (1e-3, 1.0, 1e5):
        step = Adam(0.01).step(np.zeros(2), np.array([size, -size]))
        np.testing.assert_allclose(step, [-0.01, 0.01], rtol=1e-4)


@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.5, 0.9)])
def test_without_correction_steps_are_too_long_by_the_factor(betas):
    raw, right = Adam(0.01, betas, correct_bias=False), Adam(0.01, betas)
    gradient, zero = np.array([2.0]), np.zeros(1)
    for t in range(1, 60):
        long, short = raw.step(zero, gradient), right.step(zero, gradient)
        assert long[0] / short[0] == pytest.approx(uncorrected_factor(t, betas), rel=1e-5)
    assert uncorrected_factor(1) == pytest.approx(0.1 / np.sqrt(0.001))


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="decay must be one of 'penalty', 'decoupled', got 'coupled'"):
        Adam(decay="coupled")
    with pytest.raises(ValueError, match=r"betas\[1\] must be less than 1"):
        Adam(betas=(0.9, 1.0))

"""RMSProp against torch on a fixed sequence of gradients."""

import numpy as np
import pytest
import torch

from course_utils.scratch.optimisation.rmsprop import RMSProp


@pytest.mark.parametrize("beta", [0.0, 0.9, 0.99])
def test_every_step_is_torchs(beta):
    gradients = np.random.default_rng(0).normal(size=(100, 5)) * [1e-3, 1.0, 10.0, 0.0, 1e4]
    w = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.RMSprop([w], lr=0.01, alpha=beta)
    rule, ours = RMSProp(0.01, beta), np.zeros(5)
    for gradient in gradients:
        w.grad = torch.tensor(gradient)
        optimiser.step()
        ours = rule.step(ours, gradient)
        np.testing.assert_allclose(ours, w.detach(), rtol=1e-11, atol=1e-14)
    assert ours[3] == 0


def test_the_size_of_a_gradient_cancels():
    gradients = np.random.default_rng(1).normal(size=(50, 1))
    small, large = RMSProp(0.01), RMSProp(0.01)
    a = b = np.zeros(1)
    for gradient in gradients:
        a, b = small.step(a, gradient), large.step(b, 1000 * gradient)
    np.testing.assert_allclose(a, b, rtol=1e-5)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="epsilon must be greater than 0"):
        RMSProp(0.1, epsilon=0.0)

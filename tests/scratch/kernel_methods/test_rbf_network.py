"""The RBF network: gradients against autograd, the linear part, and learned against frozen bumps."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from course_utils.scratch.kernel_methods.rbf_network import (
    RBFNetwork,
    even_network,
    gradients,
    learn_bumps,
    solve_weights,
)


@pytest.mark.parametrize(("n", "h"), [(20, 5), (1, 1)])
def test_gradients_agree_with_autograd(n, h):
    rng = np.random.default_rng(n)
    net = RBFNetwork(rng.normal(size=h), rng.normal(size=h) * 0.3, rng.normal(size=h), 0.4)
    x, y = rng.normal(size=n), rng.normal(size=n)
    c, s, w = (torch.tensor(v, requires_grad=True) for v in (net.centers, net.log_widths, net.weights))
    b = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
    value = torch.exp(-0.5 * ((torch.tensor(x)[:, None] - c) / s.exp()) ** 2) @ w + b
    np.testing.assert_allclose(net(x), value.detach().numpy(), atol=1e-12)
    (0.5 * ((value - torch.tensor(y)) ** 2).mean()).backward()
    ours = gradients(net, x, y)
    np.testing.assert_allclose(ours.centers, c.grad.numpy(), atol=1e-12)
    np.testing.assert_allclose(ours.log_widths, s.grad.numpy(), atol=1e-12)
    np.testing.assert_allclose(ours.weights, w.grad.numpy(), atol=1e-12)
    assert ours.bias == pytest.approx(b.grad.item(), abs=1e-12)


def test_solved_weights_leave_no_slope():
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(-3, 3, 60))
    net = solve_weights(even_network(6, -3, 3), x, np.sin(x), penalty=0.0)
    slope = gradients(net, x, np.sin(x))
    assert np.abs(slope.weights).max() < 1e-9
    assert abs(slope.bias) < 1e-9


def test_learning_only_centres_keeps_the_widths_and_lowers_the_error():
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(-3, 3, 80))
    y = np.sin(np.exp(0.55 * (x + 2.2)))
    start = even_network(10, -3, 3)
    net, history = learn_bumps(start, x, y, learn_widths=False, steps=200)
    np.testing.assert_array_equal(net.log_widths, start.log_widths)
    assert np.mean((net(x) - y) ** 2) == pytest.approx(history.min(), abs=1e-12)
    assert history.min() < 0.8 * history[0]
    both, history_both = learn_bumps(start, x, y, steps=200)
    assert history_both.min() < history.min()
    assert not np.array_equal(both.log_widths, start.log_widths)


def test_recovers_bumps_that_made_the_data():
    truth = RBFNetwork(np.array([-1.0, 1.2]), np.log([0.4, 0.6]), np.array([1.0, -0.7]), 0.1)
    x = np.linspace(-3, 3, 100)
    start = replace(truth, centers=np.array([-0.6, 0.9]), log_widths=np.log([0.6, 0.4]))
    net, history = learn_bumps(start, x, truth(x), steps=1500, penalty=0.0)
    np.testing.assert_allclose(net.centers, truth.centers, atol=0.01)
    assert history.min() < 1e-5


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="hidden"):
        even_network(1, 0, 1)
    with pytest.raises(ValueError, match="lr"):
        learn_bumps(even_network(2, 0, 1), np.zeros(3), np.zeros(3), lr=0)

"""Activations agree with PyTorch in value and slope, everywhere and at the kink."""

import numpy as np
import pytest
import torch

from course_utils.scratch.networks.activations import (
    ACTIVATIONS,
    prelu,
    prelu_prime,
    prelu_prime_slope,
    scaled_tanh,
    sigmoid,
    sigmoid_prime,
    tanh,
)

TORCH = {
    "linear": lambda a: a * 1.0,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "scaled_tanh": lambda a: 1.7159 * torch.tanh(2 * a / 3),
    "relu": torch.relu,
    "leaky_relu": torch.nn.functional.leaky_relu,
}
POINTS = np.concatenate([np.linspace(-6, 6, 241), [0.0, -40.0, 40.0]])


@pytest.mark.parametrize("name", TORCH)
@pytest.mark.parametrize("points", [POINTS, POINTS[:1], POINTS.reshape(4, 61)[:, ::2], np.float64(0.3)])
def test_value_and_derivative_are_torchs(name, points):
    f, f_prime = ACTIVATIONS[name]
    a = torch.tensor(points, dtype=torch.float64, requires_grad=True)
    out = TORCH[name](a)
    out.sum().backward()
    np.testing.assert_allclose(f(points), out.detach().numpy(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(f_prime(points), a.grad.numpy(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"step"}))
def test_derivative_is_the_slope_of_the_function(name):
    f, f_prime = ACTIVATIONS[name]
    a = np.linspace(-3, 3, 100)  # holds no kink
    np.testing.assert_allclose((f(a + 1e-6) - f(a - 1e-6)) / 2e-6, f_prime(a), atol=1e-8)


def test_the_step_is_flat():
    f, f_prime = ACTIVATIONS["step"]
    assert f([-1.0, 0.0, 1e-9]).tolist() == [0, 0, 1]
    assert f_prime(POINTS).tolist() == [0] * len(POINTS)


def test_inputs_are_left_alone():
    for f, f_prime in ACTIVATIONS.values():
        a = np.array([-1.0, 0.0, 2.0])
        f(a)[:] = 7
        f_prime(a)[:] = 7
        assert a.tolist() == [-1, 0, 2]


def test_sigmoid_never_overflows():
    with np.errstate(all="raise", under="ignore"):
        assert sigmoid([-1e4, 0.0, 1e4]).tolist() == [0, 0.5, 1]
        assert sigmoid_prime([-1e4, 1e4]).tolist() == [0, 0]


def test_tanh_is_a_rescaled_sigmoid():
    np.testing.assert_allclose(tanh(POINTS), 2 * sigmoid(2 * POINTS) - 1, atol=1e-14)


def test_scaled_tanh_passes_close_to_one_one():
    np.testing.assert_allclose(scaled_tanh([-1.0, 1.0]), [-1, 1], atol=1e-4)


@pytest.mark.parametrize("shape", [(7, 3), (1, 3), (1, 1)])
def test_prelu_and_both_derivatives_are_torchs(shape):
    rng = np.random.default_rng(0)
    a = torch.tensor(rng.normal(size=shape), requires_grad=True)
    slope = torch.tensor(rng.normal(size=shape[1]), requires_grad=True)
    out = torch.nn.functional.prelu(a, slope)
    upstream = torch.tensor(rng.normal(size=shape))
    out.backward(upstream)
    values, slopes = a.detach().numpy(), slope.detach().numpy()
    np.testing.assert_allclose(prelu(values, slopes), out.detach().numpy(), atol=1e-14)
    np.testing.assert_allclose(upstream.numpy() * prelu_prime(values, slopes), a.grad.numpy(), atol=1e-14)
    np.testing.assert_allclose((upstream.numpy() * prelu_prime_slope(values)).sum(axis=0), slope.grad, atol=1e-14)

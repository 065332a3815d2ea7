"""Activation functions and their derivatives: what a unit makes of its weighted sum.

Every function takes pre-activations ``a`` of any shape and returns an array of the same shape. At a kink the
derivative is the one from the left, which is what PyTorch takes as well. Taught in chapter 02b_losses.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Activation = Callable[[ArrayLike], Array]

SCALED_TANH_HEIGHT = 1.7159
SCALED_TANH_SLOPE = 2 / 3
LEAK = 0.01


def linear(a: ArrayLike) -> Array:
    """Return ``a`` itself."""
    return np.array(a, dtype=np.float64)


def linear_prime(a: ArrayLike) -> Array:
    """Return 1 everywhere."""
    return np.ones_like(np.asarray(a, dtype=np.float64))


def step(a: ArrayLike) -> Array:
    """Return 1 where ``a > 0``, else 0: the threshold unit."""
    return (np.asarray(a) > 0).astype(np.float64)


def step_prime(a: ArrayLike) -> Array:
    """Return 0 everywhere: the step is flat on both sides, and at the jump no slope exists."""
    return np.zeros_like(np.asarray(a, dtype=np.float64))


def sigmoid(a: ArrayLike) -> Array:
    """Return ``1 / (1 + exp(-a))``, without overflow for any ``a``."""
    a = np.asarray(a, dtype=np.float64)
    small = np.exp(-np.abs(a))  # never overflows
    return np.where(a >= 0, 1.0, small) / (1.0 + small)


def sigmoid_prime(a: ArrayLike) -> Array:
    """Return ``sigmoid(a) (1 - sigmoid(a))``; 1/4 at 0 and less everywhere else."""
    return sigmoid(a) * sigmoid(-np.asarray(a, dtype=np.float64))


def tanh(a: ArrayLike) -> Array:
    """Return the hyperbolic tangent, ``2 sigmoid(2a) - 1``."""
    return np.tanh(np.asarray(a, dtype=np.float64))


def tanh_prime(a: ArrayLike) -> Array:
    """Return ``1 - tanh(a)^2``; 1 at 0 and less everywhere else."""
    return 1.0 - tanh(a) ** 2


def scaled_tanh(a: ArrayLike) -> Array:
    """Return ``1.7159 tanh(2a/3)``, which passes close to (1, 1) and (-1, -1).

    Source: Y. LeCun, L. Bottou, G. Orr, K.-R. Müller, Efficient BackProp (1998), section 4.4.
    """
    return SCALED_TANH_HEIGHT * tanh(SCALED_TANH_SLOPE * np.asarray(a, dtype=np.float64))


def scaled_tanh_prime(a: ArrayLike) -> Array:
    """Return the derivative of :func:`scaled_tanh`; about 1.14 at 0."""
    return SCALED_TANH_HEIGHT * SCALED_TANH_SLOPE * tanh_prime(SCALED_TANH_SLOPE * np.asarray(a, dtype=np.float64))


def relu(a: ArrayLike) -> Array:
    """Return ``max(0, a)``."""
    return np.maximum(0.0, np.asarray(a, dtype=np.float64))


def relu_prime(a: ArrayLike) -> Array:
    """Return 1 where ``a > 0``, else 0; at 0 any value in [0, 1] would be a subgradient."""
    return (np.asarray(a) > 0).astype(np.float64)


def leaky_relu(a: ArrayLike) -> Array:
    """Return ``max(0.01 a, a)``.

    Source: A. Maas, A. Hannun, A. Ng, Rectifier nonlinearities improve neural network acoustic models (2013).
    """
    return prelu(a, LEAK)


def leaky_relu_prime(a: ArrayLike) -> Array:
    """Return 1 where ``a > 0``, else 0.01."""
    return prelu_prime(a, LEAK)


def prelu(a: ArrayLike, slope: ArrayLike) -> Array:
    """Return ``a`` where ``a > 0``, else ``slope * a``: a leaky ReLU whose slope is learned.

    Args:
        a: pre-activations, shape ``(..., H)``.
        slope: one number, or one a unit with shape ``(H,)``.

    Source: K. He, X. Zhang, S. Ren, J. Sun, Delving deep into rectifiers (2015).
    """
    a = np.asarray(a, dtype=np.float64)
    return np.where(a > 0, a, np.asarray(slope, dtype=np.float64) * a)


def prelu_prime(a: ArrayLike, slope: ArrayLike) -> Array:
    """Return the derivative of :func:`prelu` in ``a``: 1 where ``a > 0``, else ``slope``."""
    return np.where(np.asarray(a) > 0, 1.0, np.asarray(slope, dtype=np.float64))


def prelu_prime_slope(a: ArrayLike) -> Array:
    """Return the derivative of :func:`prelu` in the slope: ``min(0, a)``."""
    return np.minimum(0.0, np.asarray(a, dtype=np.float64))


ACTIVATIONS: dict[str, tuple[Activation, Activation]] = {
    "linear": (linear, linear_prime),
    "step": (step, step_prime),
    "sigmoid": (sigmoid, sigmoid_prime),
    "tanh": (tanh, tanh_prime),
    "scaled_tanh": (scaled_tanh, scaled_tanh_prime),
    "relu": (relu, relu_prime),
    "leaky_relu": (leaky_relu, leaky_relu_prime),
}
"""Name to function and derivative."""

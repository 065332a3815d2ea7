"""Penalties on the weights: squared (L2, weight decay) and absolute (L1, exact zeros) (chapter 04d)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_choice, check_int, check_number, check_same_length, check_shape

Array = NDArray[np.float64]
PENALTIES = ("l1", "l2", "l1_subgradient")


def penalised_loss(errors: ArrayLike, weights: ArrayLike, strength: float) -> float:
    """Return ``1/(2N) sum_{i=1}^{N} errors_i^2 + strength/(2N) sum_{j=1}^{M} weights_j^2``.

    Args:
        errors: differences of target and prediction, shape ``(N,)``: N terms, no more.
        weights: all weights, shape ``(M,)``; biases are usually left out.
        strength: at least 0. It is divided by N here: the same number pulls less when there are more examples.
    """
    errors = check_shape("errors", np.asarray(errors, dtype=np.float64), (None,))
    weights = check_shape("weights", np.asarray(weights, dtype=np.float64), (None,))
    check_int("number of errors", len(errors), minimum=1)
    check_number("strength", strength, minimum=0)
    return float((errors @ errors + strength * weights @ weights) / (2 * len(errors)))


def step_with_penalty(w: Array, gradient: Array, lr: float, strength: float) -> Array:
    """Take a gradient step on ``loss + strength/2 |w|^2``: the penalty's gradient ``strength * w`` joins the loss's."""
    return w - lr * (gradient + strength * w)


def step_with_decay(w: Array, gradient: Array, lr: float, strength: float) -> Array:
    """Shrink the weights by the factor ``1 - lr * strength``, then take a gradient step on the loss alone."""
    return (1.0 - lr * strength) * w - lr * gradient


def soft_threshold(z: ArrayLike, threshold: float) -> Array:
    """Move every entry towards zero by ``threshold``, and stop at zero (the array twin of chapter 00b's)."""
    z = np.asarray(z, dtype=np.float64)
    return np.asarray(np.sign(z) * np.maximum(np.abs(z) - threshold, 0.0))


def proximal_step(w: ArrayLike, gradient: ArrayLike, lr: float, strength: float) -> Array:
    """Take a gradient step on the loss, then pull every weight towards 0 by ``lr * strength``, not past it.

    Args:
        w: weights, any shape.
        gradient: gradient of the loss alone.
        lr: learning rate, above 0.
        strength: weight of ``sum |w|``, at least 0.

    Source: Beck and Teboulle (2009), A fast iterative shrinkage-thresholding algorithm.
    """
    check_number("lr", lr, above=0)
    check_number("strength", strength, minimum=0)
    moved = np.asarray(w, dtype=np.float64) - lr * np.asarray(gradient, dtype=np.float64)
    return soft_threshold(moved, lr * strength)


def softmax(scores: ArrayLike) -> Array:
    """Return probabilities along the last axis, without overflow."""
    scores = np.asarray(scores, dtype=np.float64)
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def softmax_loss(weight: Array, bias: Array, x: Array, y: NDArray[np.int64]) -> tuple[float, Array, Array]:
    """Return mean cross-entropy of linear scores and its gradients.

    Args:
        weight: shape ``(K, D)``.
        bias: shape ``(K,)``.
        x: inputs, shape ``(N, D)``.
        y: class numbers, shape ``(N,)``.

    Returns:
        Loss, gradient for ``weight`` and gradient for ``bias``.
    """
    p = softmax(x @ weight.T + bias)
    rows = np.arange(len(y))
    loss = float(-np.log(np.maximum(p[rows, y], 1e-300)).mean())
    p[rows, y] -= 1.0
    p /= len(y)
    return loss, p.T @ x, p.sum(axis=0)


def fit_softmax(
    x: ArrayLike,
    y: ArrayLike,
    num_classes: int,
    strength: float = 0.0,
    penalty: str = "l2",
    lr: float = 0.1,
    steps: int = 300,
    history: bool = False,
) -> tuple[Array, Array, list[Array]]:
    """Train linear scores for K classes with a penalty on the weights; biases go free.

    Args:
        x: inputs, shape ``(N, D)``.
        y: class numbers 0 to K - 1, shape ``(N,)``.
        num_classes: K.
        strength: weight of the penalty, at least 0.
        penalty: ``"l2"`` (``strength/2 sum w^2``, as a gradient), ``"l1"`` (``strength sum |w|``, by `proximal_step`)
            or ``"l1_subgradient"`` (the same sum, by its slope ``sign(w)``).
        lr: learning rate.
        steps: number of steps on the whole set.
        history: keep the weights after every step.

    Returns:
        Weights ``(K, D)``, biases ``(K,)`` and the history (empty unless asked for).
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y)
    check_shape("x", x, (None, None))
    check_same_length("x", x, "y", y)
    check_int("num_classes", num_classes, minimum=2)
    check_number("strength", strength, minimum=0)
    check_choice("penalty", penalty, PENALTIES)
    check_number("lr", lr, above=0)
    check_int("steps", steps, minimum=0)
    weight, bias = np.zeros((num_classes, x.shape[1])), np.zeros(num_classes)
    kept = [weight] if history else []
    for _ in range(steps):
        _, slope, bias_slope = softmax_loss(weight, bias, x, y)
        if penalty == "l1":
            weight = proximal_step(weight, slope, lr, strength)
        elif penalty == "l1_subgradient":
            weight = weight - lr * (slope + strength * np.sign(weight))
        else:
            weight = step_with_penalty(weight, slope, lr, strength)
        bias = bias - lr * bias_slope
        if history:
            kept.append(weight)
    return weight, bias, kept

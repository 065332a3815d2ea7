"""Gradient descent on the whole training set, and the least-squares problem whose answer is known (chapter 04)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_int, check_number, check_same_length, check_shape

Array = NDArray[np.float64]
Gradient = Callable[[Array], Array]


class Rule(Protocol):
    """An update rule: weights and gradient in, new weights out; it may remember earlier gradients."""

    def step(self, w: Array, gradient: Array) -> Array: ...


class GradientDescent:
    """The plain rule ``w - lr * gradient``; it remembers nothing.

    Args:
        lr: learning rate, above 0.
    """

    def __init__(self, lr: float) -> None:
        self.lr = check_number("lr", lr, above=0)

    def step(self, w: Array, gradient: Array) -> Array:
        """Return the weights after one step."""
        return w - self.lr * gradient


def follow(gradient: Gradient, start: ArrayLike, rule: Rule, steps: int) -> Array:
    """Apply a rule ``steps`` times and return every point visited.

    Args:
        gradient: the gradient at a point, shape ``(D,)`` to ``(D,)``; it may draw a new batch at each call.
        start: first point, shape ``(D,)``.
        rule: the update rule; its memory goes on where it was.
        steps: number of steps, at least 0.

    Returns:
        Shape ``(steps + 1, D)``.
    """
    check_int("steps", steps, minimum=0)
    w = check_shape("start", np.array(start, dtype=np.float64), (None,))
    path = np.empty((steps + 1, w.size))
    path[0] = w
    for t in range(steps):
        path[t + 1] = rule.step(path[t], gradient(path[t]))
    return path


def example_gradients(w: ArrayLike, x: ArrayLike, y: ArrayLike) -> Array:
    """Return the gradient of every single example's loss ``(w.x_i - y_i)^2 / 2``.

    Args:
        w: weights, shape ``(D,)``.
        x: inputs, shape ``(N, D)``.
        y: targets, shape ``(N,)``.

    Returns:
        Shape ``(N, D)``: row ``i`` is ``(w.x_i - y_i) x_i``.
    """
    w, x, y = _checked(w, x, y)
    return (x @ w - y)[:, None] * x


def least_squares_loss(w: ArrayLike, x: ArrayLike, y: ArrayLike, penalty: float = 0.0) -> float:
    """Return ``1/(2N) sum_i (w.x_i - y_i)^2 + penalty/2 sum_d w_d^2``, with exactly N terms in the first sum.

    Args:
        w: weights, shape ``(D,)``.
        x: inputs, shape ``(N, D)``.
        y: targets, shape ``(N,)``.
        penalty: strength of the squared weights, at least 0.
    """
    w, x, y = _checked(w, x, y)
    check_number("penalty", penalty, minimum=0)
    return float(0.5 * np.mean((x @ w - y) ** 2) + 0.5 * penalty * w @ w)


def least_squares_gradient(w: ArrayLike, x: ArrayLike, y: ArrayLike, penalty: float = 0.0) -> Array:
    """Return the gradient of `least_squares_loss`, shape ``(D,)``."""
    w, x, y = _checked(w, x, y)
    check_number("penalty", penalty, minimum=0)
    return (x @ w - y) @ x / len(x) + penalty * w


def closed_form(x: ArrayLike, y: ArrayLike, penalty: float = 0.0) -> Array:
    """Return the weights at which the gradient of `least_squares_loss` is zero.

    Args:
        x: inputs, shape ``(N, D)``.
        y: targets, shape ``(N,)``.
        penalty: strength of the squared weights, at least 0.

    Returns:
        ``(X'X/N + penalty I)^-1 X'y/N``, shape ``(D,)``.

    Raises:
        ValueError: if the inputs do not determine the weights (a flat direction) and no penalty is given.
    """
    _, x, y = _checked(np.zeros(np.asarray(x).shape[-1]), x, y)
    matrix = hessian(x, penalty)
    if np.linalg.eigvalsh(matrix)[0] <= 1e-12 * np.trace(matrix):
        raise ValueError(
            "the inputs leave a direction of the weights undetermined, so there is no single closed form; "
            "remove columns that repeat others, or give a penalty above 0"
        )
    return np.asarray(np.linalg.solve(matrix, x.T @ y / len(x)))


def hessian(x: ArrayLike, penalty: float = 0.0) -> Array:
    """Return the matrix of second derivatives of `least_squares_loss`: ``X'X/N + penalty I``, shape ``(D, D)``."""
    x = check_shape("x", np.asarray(x, dtype=np.float64), (None, None))
    check_number("penalty", penalty, minimum=0)
    return x.T @ x / len(x) + penalty * np.eye(x.shape[1])


def _checked(w: ArrayLike, x: ArrayLike, y: ArrayLike) -> tuple[Array, Array, Array]:
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    check_shape("x", x, (None, None))
    check_shape("y", y, (None,))
    check_same_length("x", x, "y", y)
    w = check_shape("w", np.asarray(w, dtype=np.float64), (x.shape[1],))
    return w, x, y

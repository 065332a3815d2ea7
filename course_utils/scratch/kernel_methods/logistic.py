"""Logistic regression: a linear score read as log-odds, fitted by maximum likelihood.

Labels are -1 and +1. Taught in chapter 01b_kernels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_int, check_number, check_same_length, check_shape

Array = NDArray[np.float64]


def sigmoid(score: ArrayLike) -> Array:
    """Return ``1 / (1 + exp(-score))`` without overflow.

    Args:
        score: log-odds, any shape.
    """
    return np.exp(-np.logaddexp(0.0, -np.asarray(score, dtype=float)))


def logistic_loss(w: Array, x: Array, y: Array, penalty: float | Array = 0.0) -> float:
    """Return the mean negative log-likelihood plus half the penalised squared weights.

    Args:
        w: weights, shape ``(D,)``.
        x: inputs, shape ``(N, D)``.
        y: labels -1 or +1, shape ``(N,)``.
        penalty: strength of ``1/2 sum penalty w^2``: one number, or one a weight (0 frees the bias).
    """
    return float(np.logaddexp(0.0, -y * (x @ w)).mean() + 0.5 * np.sum(penalty * w**2))


def logistic_gradient(w: Array, x: Array, y: Array, penalty: float | Array = 0.0) -> Array:
    """Return the gradient of ``logistic_loss`` with respect to the weights.

    Args:
        w: weights, shape ``(D,)``.
        x: inputs, shape ``(N, D)``.
        y: labels -1 or +1, shape ``(N,)``.
        penalty: as in ``logistic_loss``.

    Returns:
        Shape ``(D,)``. Each sample pulls along ``y x`` with the probability given to the wrong label.
    """
    wrong = sigmoid(-y * (x @ w))  # (N,)
    return -(wrong * y) @ x / len(x) + penalty * w


def logistic_hessian(w: Array, x: Array, penalty: float | Array = 0.0) -> Array:
    """Return the matrix of second derivatives of ``logistic_loss``; the labels drop out of it.

    Args:
        w: weights, shape ``(D,)``.
        x: inputs, shape ``(N, D)``.
        penalty: as in ``logistic_loss``.

    Returns:
        Shape ``(D, D)``, symmetric and positive semi-definite: the loss is convex.
    """
    p = sigmoid(x @ w)
    curvature = p * (1.0 - p)  # (N,)
    return (x.T * curvature) @ x / len(x) + np.diag(np.broadcast_to(penalty, w.shape))


def fit_gradient_descent(
    x: ArrayLike,
    y: ArrayLike,
    lr: float = 1.0,
    steps: int = 1000,
    penalty: float | Array = 0.0,
    start: ArrayLike | None = None,
) -> Array:
    """Return every weight vector that gradient descent visits.

    Args:
        x: inputs, shape ``(N, D)``.
        y: labels -1 or +1, shape ``(N,)``.
        lr: step size, above 0.
        steps: number of steps.
        penalty: as in ``logistic_loss``.
        start: first weights, shape ``(D,)``; zeros if not given.

    Returns:
        Shape ``(steps + 1, D)``; the last row is the fit.

    Raises:
        ValueError: if ``lr`` or ``steps`` is out of range or the shapes disagree.
    """
    x, y = _checked(x, y)
    check_number("lr", lr, above=0)
    check_int("steps", steps, minimum=0)
    path = np.zeros((steps + 1, x.shape[1]))
    if start is not None:
        path[0] = start
    for step in range(steps):
        path[step + 1] = path[step] - lr * logistic_gradient(path[step], x, y, penalty)
    return path


def fit_newton(
    x: ArrayLike, y: ArrayLike, penalty: float | Array = 0.0, tolerance: float = 1e-10, max_steps: int = 50
) -> Array:
    """Return every weight vector that Newton's method visits (iteratively reweighted least squares).

    Args:
        x: inputs, shape ``(N, D)``.
        y: labels -1 or +1, shape ``(N,)``.
        penalty: as in ``logistic_loss``.
        tolerance: stop when no component of the step is larger. (The gradient is no guide: on separable data it
            vanishes while the weights still run.)
        max_steps: give up after so many steps.

    Returns:
        Shape ``(steps + 1, D)``; the last row is the fit.

    Raises:
        RuntimeError: if the weights do not settle, as on separable data without a penalty.
        ValueError: if the shapes disagree.

    Source: Hastie, Tibshirani and Friedman (2009), The Elements of Statistical Learning, section 4.4.1.
    """
    x, y = _checked(x, y)
    w = np.zeros(x.shape[1])
    path = [w]
    for _ in range(max_steps):
        gradient = logistic_gradient(w, x, y, penalty)
        hessian = logistic_hessian(w, x, penalty)
        try:
            step = np.linalg.solve(hessian, gradient)
        except np.linalg.LinAlgError:
            break
        if np.abs(step).max() <= tolerance:
            return np.array(path)
        # A full Newton step can overshoot where the loss is nearly flat: halve it until the loss falls.
        loss, share = logistic_loss(w, x, y, penalty), 1.0
        while logistic_loss(w - share * step, x, y, penalty) > loss + 1e-15 and share > 1e-6:
            share /= 2.0
        w = w - share * step
        path.append(w)
    raise RuntimeError(
        f"Newton's method did not settle in {max_steps} steps (norm of the weights {np.linalg.norm(w):.3g}): "
        "the classes may be separable, where no finite optimum exists; add a penalty"
    )


def _checked(x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    check_shape("x", x, (None, None))
    check_shape("y", y, (None,))
    check_same_length("x", x, "y", y)
    if not np.isin(y, (-1.0, 1.0)).all():
        raise ValueError(f"y must hold only -1 and +1, got {np.unique(y)[:5]}; map 0 to -1 with 2 * y - 1")
    return x, y

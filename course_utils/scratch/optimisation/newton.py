"""Second order: Newton's step, Gauss-Newton for sums of squares, and L-BFGS for many weights (chapter 04)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_int, check_number, check_shape

Array = NDArray[np.float64]
ValueAndGradient = Callable[[Array], tuple[float, Array]]


def newton(
    gradient: Callable[[Array], Array],
    curvature: Callable[[Array], Array],
    start: ArrayLike,
    steps: int,
    damping: float = 0.0,
) -> Array:
    """Jump to the lowest point of the local parabola again and again; return every point visited.

    Args:
        gradient: gradient at a point, ``(D,)`` to ``(D,)``.
        curvature: matrix of second derivatives at a point, ``(D,)`` to ``(D, D)``.
        start: first point, shape ``(D,)``.
        steps: number of steps, at least 0.
        damping: added to the diagonal of the matrix, at least 0; large values make short gradient steps.

    Returns:
        Shape ``(steps + 1, D)``.

    Raises:
        numpy.linalg.LinAlgError: if the matrix is singular; damping helps.
    """
    check_int("steps", steps, minimum=0)
    check_number("damping", damping, minimum=0)
    w = check_shape("start", np.array(start, dtype=np.float64), (None,))
    path = [w]
    for _ in range(steps):
        w = w - np.linalg.solve(curvature(w) + damping * np.eye(w.size), gradient(w))
        path.append(w)
    return np.array(path)


def gauss_newton(
    residuals: Callable[[Array], Array],
    jacobian: Callable[[Array], Array],
    start: ArrayLike,
    steps: int,
    damping: float = 0.0,
) -> Array:
    """Minimise ``sum r_i(w)^2 / 2`` with first derivatives only; return every point visited.

    The matrix of second derivatives is ``J'J + sum_i r_i H_i``. The second part is dropped: it is small where the
    residuals are small or nearly linear.

    Args:
        residuals: ``(D,)`` to ``(M,)``.
        jacobian: derivatives of the residuals, ``(D,)`` to ``(M, D)``.
        start: first point, shape ``(D,)``.
        steps: number of steps, at least 0.
        damping: as in `newton` (Levenberg, 1944).
    """

    def gradient(w: Array) -> Array:
        return jacobian(w).T @ residuals(w)

    def curvature(w: Array) -> Array:
        j = jacobian(w)
        return j.T @ j

    return newton(gradient, curvature, start, steps, damping)


def two_loops(gradient: Array, changes: list[tuple[Array, Array]]) -> Array:
    """Return the inverse curvature times the gradient, from remembered steps alone.

    Args:
        gradient: shape ``(D,)``.
        changes: pairs (step of the weights, change of the gradient), oldest first, each with a positive product.

    Returns:
        The direction whose negative L-BFGS walks along, shape ``(D,)``.

    Source: Nocedal (1980), Updating quasi-Newton matrices with limited storage.
    """
    q, shares = gradient.copy(), []
    for s, y in reversed(changes):
        share = (s @ q) / (s @ y)
        q -= share * y
        shares.append(share)
    if changes:
        s, y = changes[-1]
        q *= (s @ y) / (y @ y)
    for (s, y), share in zip(changes, reversed(shares)):
        q += (share - (y @ q) / (s @ y)) * s
    return q


@dataclass(frozen=True)
class LbfgsRun:
    """Last weights ``w``, the loss after each step, and how many times value and gradient were evaluated by then."""

    w: Array
    losses: list[float]
    evaluations: list[int]


def lbfgs(
    value_and_gradient: ValueAndGradient, start: ArrayLike, steps: int, memory: int = 10, goal: float | None = None
) -> LbfgsRun:
    """Minimise a smooth function of many weights: no matrix, only the last few steps.

    Args:
        value_and_gradient: the loss and its gradient at a point. Every call counts as an evaluation.
        start: first point, shape ``(D,)``.
        steps: at most so many steps.
        memory: how many steps to remember, at least 1.
        goal: stop when the loss is at most this.

    Returns:
        An `LbfgsRun`; entry 0 of its lists belongs to the start.

    Source: Liu and Nocedal (1989). The line search halves a step until the loss falls enough (Armijo), and doubles
    one that still runs steeply downhill (weak Wolfe, by bisection): every remembered pair has a positive product.
    """
    check_int("steps", steps, minimum=0)
    check_int("memory", memory, minimum=1)
    w = check_shape("start", np.array(start, dtype=np.float64), (None,))
    value, gradient = value_and_gradient(w)
    calls = 1
    losses, evaluations = [value], [calls]
    changes: deque[tuple[Array, Array]] = deque(maxlen=memory)
    for _ in range(steps):
        if (goal is not None and value <= goal) or not gradient.any():
            break
        direction = -two_loops(gradient, list(changes))
        slope = float(direction @ gradient)
        # Before anything is known of the curvature, a first step of length at most 1.
        length = 1.0 if changes else min(1.0, 1.0 / float(np.linalg.norm(gradient)))
        low, high = 0.0, np.inf
        for _ in range(30):
            new_value, new_gradient = value_and_gradient(w + length * direction)
            calls += 1
            if new_value > value + 1e-4 * length * slope:
                high = length
            elif float(new_gradient @ direction) < 0.9 * slope:
                low = length
            else:
                break
            length = 2.0 * low if np.isinf(high) else 0.5 * (low + high)
        if new_value >= value:
            break  # no progress left in the numbers of this machine
        step = length * direction
        if step @ (new_gradient - gradient) > 0:
            changes.append((step, new_gradient - gradient))
        w, value, gradient = w + step, new_value, new_gradient
        losses.append(value)
        evaluations.append(calls)
    return LbfgsRun(w, losses, evaluations)

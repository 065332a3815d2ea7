"""Momentum: a velocity that remembers gradients, and what it does on a quadratic, exactly (chapter 04)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from course_utils.check import check_number

Array = NDArray[np.float64]


class Momentum:
    """``v = alpha v + lr gradient``, then ``w = w - v`` (Polyak, 1964; the lecture's form).

    Libraries leave the rate out of the velocity (``v = alpha v + gradient``, ``w = w - lr v``). The weights are the
    same while the rate stays the same.

    Args:
        lr: learning rate, above 0; it may be changed between steps.
        alpha: share of the velocity kept, in [0, 1).
        nesterov: step along the velocity that the *next* update will have, as PyTorch does.
    """

    def __init__(self, lr: float, alpha: float = 0.9, nesterov: bool = False) -> None:
        self.lr = check_number("lr", lr, above=0)
        self.alpha = check_number("alpha", alpha, minimum=0, below=1)
        self.nesterov = nesterov
        self.velocity: Array | float = 0.0

    def step(self, w: Array, gradient: Array) -> Array:
        """Return the weights after one step."""
        self.velocity = self.alpha * self.velocity + self.lr * gradient
        if self.nesterov:
            return w - (self.alpha * self.velocity + self.lr * gradient)
        return w - self.velocity


def terminal_speed(alpha: float) -> float:
    """Return by which factor momentum is faster than plain descent on a constant slope: ``1 / (1 - alpha)``."""
    return 1.0 / (1.0 - check_number("alpha", alpha, minimum=0, below=1))


def step_matrix(curvature: float, lr: float, alpha: float) -> Array:
    """Return the matrix that one step applies to ``(w, v)`` on the parabola ``curvature * w^2 / 2``.

    Args:
        curvature: second derivative.
        lr: learning rate.
        alpha: share of the velocity kept.

    Returns:
        Shape ``(2, 2)``.
    """
    bend = lr * curvature
    return np.array([[1.0 - bend, -alpha], [bend, alpha]])


def momentum_rate(curvature: float, lr: float, alpha: float) -> float:
    """Return the factor by which the error shrinks a step in the long run, on one axis of a quadratic.

    It is the largest absolute eigenvalue of `step_matrix`: ``sqrt(alpha)`` where the path swings (complex
    eigenvalues), more where it creeps, above 1 where it diverges.

    Args:
        curvature: second derivative along the axis, above 0.
        lr: learning rate, above 0.
        alpha: share of the velocity kept, in [0, 1).
    """
    check_number("curvature", curvature, above=0)
    check_number("lr", lr, above=0)
    check_number("alpha", alpha, minimum=0, below=1)
    return float(np.abs(np.linalg.eigvals(step_matrix(curvature, lr, alpha))).max())


def best_plain(smallest: float, largest: float) -> tuple[float, float]:
    """Return the best learning rate of plain descent between two curvatures, and its factor a step.

    Args:
        smallest: smallest curvature, above 0.
        largest: largest curvature.

    Returns:
        ``2 / (smallest + largest)`` and ``(k - 1) / (k + 1)`` with ``k = largest / smallest``.
    """
    kappa = _condition(smallest, largest)
    return 2.0 / (smallest + largest), (kappa - 1.0) / (kappa + 1.0)


def best_momentum(smallest: float, largest: float) -> tuple[float, float, float]:
    """Return the best learning rate and alpha of momentum between two curvatures, and the factor a step.

    Args:
        smallest: smallest curvature, above 0.
        largest: largest curvature.

    Returns:
        ``lr = 4 / (sqrt(largest) + sqrt(smallest))^2``, ``alpha = rho^2`` and ``rho = (sqrt(k) - 1) / (sqrt(k) + 1)``.

    Source: Polyak (1964), Some methods of speeding up the convergence of iteration methods.
    """
    root = np.sqrt(_condition(smallest, largest))
    rho = float((root - 1.0) / (root + 1.0))
    return float(4.0 / (np.sqrt(largest) + np.sqrt(smallest)) ** 2), rho**2, rho


def _condition(smallest: float, largest: float) -> float:
    check_number("smallest", smallest, above=0)
    check_number("largest", largest, minimum=smallest)
    return largest / smallest

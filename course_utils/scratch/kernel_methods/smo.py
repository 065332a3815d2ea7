"""The exact support vector machine: its dual problem, solved two coefficients at a time.

Works on a kernel matrix, so the same code gives the largest-margin line (linear kernel, no bound on the
coefficients) and any kernel machine. Taught in chapter 01b_kernels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_int, check_number, check_same_length, check_shape

Array = NDArray[np.float64]


@dataclass(frozen=True)
class DualSolution:
    """The solution of the dual problem.

    Attributes:
        alpha: one coefficient a sample, in ``[0, C]``, shape ``(N,)``.
        bias: offset of the score.
        gap: how far the worst pair is from optimal; below the tolerance when converged.
        steps: pairs that were updated.
        y: the labels that belong to ``alpha``, shape ``(N,)``.
    """

    alpha: Array
    bias: float
    gap: float
    steps: int
    y: Array

    @property
    def support(self) -> NDArray[np.int64]:
        """Indices of the support vectors: the samples with a coefficient above zero."""
        return np.flatnonzero(self.alpha > 1e-8 * max(1.0, float(self.alpha.max(initial=0.0))))

    def score(self, kernel: ArrayLike) -> Array:
        """Return the score of each new input.

        Args:
            kernel: values ``k(new, sample)``, shape ``(M, N)``.
        """
        return np.asarray(kernel, dtype=float) @ (self.alpha * self.y) + self.bias


def solve_dual(
    kernel: ArrayLike, y: ArrayLike, c: float = 1.0, tolerance: float = 1e-6, max_steps: int = 100_000
) -> DualSolution:
    """Maximise ``sum(alpha) - 1/2 sum(alpha_i alpha_j y_i y_j K_ij)`` under the box and ``sum(alpha y) = 0``.

    In each step the pair that violates the optimality conditions most moves along the line that keeps
    ``sum(alpha y)``; on that line the problem is a parabola with a closed-form top.

    Args:
        kernel: positive semi-definite matrix, shape ``(N, N)``.
        y: labels -1 or +1, both present, shape ``(N,)``.
        c: upper end of the box, above 0; ``numpy.inf`` asks for the hard margin (the classes must be
            separable under the kernel).
        tolerance: stop when the largest violation is smaller.
        max_steps: give up after so many pairs.

    Returns:
        Coefficients and bias.

    Raises:
        ValueError: if the shapes disagree, a class is missing or ``c`` is out of range.

    Source: Platt (1998), Sequential minimal optimization; the choice of the pair as in Keerthi et al. (2001).
    """
    kernel, y = np.asarray(kernel, dtype=float), np.asarray(y, dtype=float)
    check_shape("kernel", kernel, (None, None))
    check_same_length("kernel", kernel, "y", y)
    check_shape("kernel", kernel, (len(y), len(y)))
    check_int("max_steps", max_steps, minimum=1)
    if c != np.inf:
        check_number("c", c, above=0)
    if set(np.unique(y)) != {-1.0, 1.0}:
        raise ValueError(f"y must hold both -1 and +1 and nothing else, got {np.unique(y)[:5]}")
    alpha = np.zeros(len(y))
    residual = y.copy()  # y_i minus the score without bias: equal for all free samples at the optimum
    for steps in range(max_steps + 1):
        can_rise = np.where(y > 0, alpha < c, alpha > 0)
        can_fall = np.where(y > 0, alpha > 0, alpha < c)
        i = int(np.argmax(np.where(can_rise, residual, -np.inf)))
        j = int(np.argmin(np.where(can_fall, residual, np.inf)))
        gap = float(residual[i] - residual[j])
        if gap < tolerance or steps == max_steps:
            break
        curvature = max(float(kernel[i, i] + kernel[j, j] - 2.0 * kernel[i, j]), 1e-12)
        room_i = c - alpha[i] if y[i] > 0 else alpha[i]
        room_j = alpha[j] if y[j] > 0 else c - alpha[j]
        move = min(gap / curvature, room_i, room_j)
        # Landing on an end of the box is written as the end, so that rounding never leaves it just inside.
        alpha[i] = (c if y[i] > 0 else 0.0) if move == room_i else alpha[i] + y[i] * move
        alpha[j] = (0.0 if y[j] > 0 else c) if move == room_j else alpha[j] - y[j] * move
        residual -= move * (kernel[:, i] - kernel[:, j])
    return DualSolution(alpha, float(residual[i] + residual[j]) / 2.0, gap, steps, y)

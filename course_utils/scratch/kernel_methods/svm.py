"""The linear support vector machine, trained by sub-gradient steps on the hinge loss.

Labels are -1 and +1; the bias is never penalised. Taught in chapter 01b_kernels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_int, check_number, check_same_length, check_shape

Array = NDArray[np.float64]


@dataclass(frozen=True)
class LinearRule:
    """The score ``w . x + bias``.

    Attributes:
        w: weights, shape ``(D,)``.
        bias: offset of the score.
    """

    w: Array
    bias: float

    def score(self, x: ArrayLike) -> Array:
        """Return the score of each input.

        Args:
            x: inputs, shape ``(N, D)``.
        """
        return np.asarray(x, dtype=float) @ self.w + self.bias

    def margin(self, x: ArrayLike, y: ArrayLike) -> float:
        """Return the signed distance of the worst sample to the line: the geometric margin.

        Args:
            x: inputs, shape ``(N, D)``.
            y: labels -1 or +1, shape ``(N,)``.

        Returns:
            Positive if and only if every sample is on its right side.
        """
        return float(np.min(np.asarray(y) * self.score(x)) / np.linalg.norm(self.w))


def hinge_objective(rule: LinearRule, x: Array, y: Array, penalty: float) -> float:
    """Return ``penalty / 2 |w|^2`` plus the mean hinge loss.

    Args:
        rule: weights and bias.
        x: inputs, shape ``(N, D)``.
        y: labels -1 or +1, shape ``(N,)``.
        penalty: weight of the squared norm, at least 0.
    """
    return float(0.5 * penalty * rule.w @ rule.w + np.maximum(0.0, 1.0 - y * rule.score(x)).mean())


def hinge_subgradient(rule: LinearRule, x: Array, y: Array, penalty: float) -> tuple[Array, float]:
    """Return a sub-gradient of ``hinge_objective``: only samples with margin below 1 pull.

    Args:
        rule: weights and bias.
        x: inputs, shape ``(N, D)``.
        y: labels -1 or +1, shape ``(N,)``.
        penalty: weight of the squared norm, at least 0.

    Returns:
        The part for the weights, shape ``(D,)``, and the part for the bias.
    """
    pull = np.where(y * rule.score(x) < 1.0, y, 0.0)  # (N,)
    return penalty * rule.w - pull @ x / len(x), float(-pull.mean())


def fit_subgradient(x: ArrayLike, y: ArrayLike, penalty: float = 0.003, steps: int = 4000) -> LinearRule:
    """Train on the whole set with steps ``1 / (penalty t)`` and average the second half of the path.

    Args:
        x: inputs, shape ``(N, D)``.
        y: labels -1 or +1, shape ``(N,)``.
        penalty: weight of the squared norm, above 0. The smaller, the closer to the hard margin, and the
            more steps it takes.
        steps: number of steps, at least 2.

    Returns:
        The averaged rule.

    Raises:
        ValueError: if an argument is out of range or the shapes disagree.

    Source: Shalev-Shwartz, Singer and Srebro (2007), Pegasos; here with the whole set in each step, an
    unpenalised bias that moves by ``1 / sqrt(t)``, and the average of the second half.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    check_shape("x", x, (None, None))
    check_same_length("x", x, "y", y)
    check_number("penalty", penalty, above=0)
    check_int("steps", steps, minimum=2)
    # Far from the origin the bias and the weights fight each other: centre, train, and move the bias back.
    center = x.mean(axis=0)
    shifted = x - center
    rule = LinearRule(np.zeros(x.shape[1]), 0.0)
    w_sum, bias_sum = np.zeros(x.shape[1]), 0.0
    for t in range(1, steps + 1):
        w_part, bias_part = hinge_subgradient(rule, shifted, y, penalty)
        rule = LinearRule(rule.w - w_part / (penalty * t), rule.bias - bias_part / np.sqrt(t))
        if t > steps // 2:
            w_sum += rule.w
            bias_sum += rule.bias
    kept = steps - steps // 2
    return LinearRule(w_sum / kept, bias_sum / kept - float(w_sum @ center) / kept)


def pegasos(x: ArrayLike, y: ArrayLike, penalty: float = 0.003, steps: int = 20000, seed: int = 0) -> LinearRule:
    """Train with one random sample a step, as Pegasos does, and average the second half of the path.

    Args:
        x: inputs, shape ``(N, D)``.
        y: labels -1 or +1, shape ``(N,)``.
        penalty: weight of the squared norm, above 0.
        steps: number of steps, at least 2.
        seed: of the random order.

    Returns:
        The averaged rule.

    Raises:
        ValueError: if an argument is out of range or the shapes disagree.

    Source: Shalev-Shwartz, Singer and Srebro (2007), Pegasos, with the departures of ``fit_subgradient``.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    check_shape("x", x, (None, None))
    check_same_length("x", x, "y", y)
    check_number("penalty", penalty, above=0)
    check_int("steps", steps, minimum=2)
    rng = np.random.default_rng(seed)
    center = x.mean(axis=0)
    shifted = x - center
    w, bias = np.zeros(x.shape[1]), 0.0
    w_sum, bias_sum = np.zeros(x.shape[1]), 0.0
    for t, i in enumerate(rng.integers(len(x), size=steps), start=1):
        too_close = y[i] * (shifted[i] @ w + bias) < 1.0
        w = w * (1.0 - 1.0 / t)
        if too_close:
            w = w + y[i] * shifted[i] / (penalty * t)
            bias += y[i] / np.sqrt(t)
        if t > steps // 2:
            w_sum += w
            bias_sum += bias
    kept = steps - steps // 2
    return LinearRule(w_sum / kept, bias_sum / kept - float(w_sum @ center) / kept)

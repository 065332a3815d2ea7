"""Losses that stand in for the count of mistakes, as functions of the margin.

The margin of a sample is ``m = y f(x)`` with ``y`` in ``{-1, +1}``: positive when the score has the right
sign, negative when it has the wrong one. Taught in chapter 01b_kernels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_choice, check_number

Array = NDArray[np.float64]


def zero_one(margin: ArrayLike) -> Array:
    """Return 1 for a mistake and 0 otherwise; a score of exactly zero decides nothing and counts as a mistake.

    Args:
        margin: ``y f(x)``, any shape.
    """
    return (np.asarray(margin, dtype=float) <= 0).astype(float)


def perceptron(margin: ArrayLike) -> Array:
    """Return ``max(0, -m)``, the perceptron criterion of one sample.

    Args:
        margin: ``y f(x)``, any shape.
    """
    return np.maximum(0.0, -np.asarray(margin, dtype=float))


def hinge(margin: ArrayLike) -> Array:
    """Return ``max(0, 1 - m)``, the loss of the support vector machine.

    Args:
        margin: ``y f(x)``, any shape.
    """
    return np.maximum(0.0, 1.0 - np.asarray(margin, dtype=float))


def logistic(margin: ArrayLike, base: float = np.e) -> Array:
    """Return ``log(1 + exp(-m))`` without overflow, the negative log-likelihood of logistic regression.

    Args:
        margin: ``y f(x)``, any shape.
        base: base of the logarithm, above 1. Base 2 makes the loss 1 at ``m = 0``.

    Raises:
        ValueError: if ``base`` is not above 1.
    """
    check_number("base", base, above=1)
    return np.logaddexp(0.0, -np.asarray(margin, dtype=float)) / np.log(base)


def exponential(margin: ArrayLike) -> Array:
    """Return ``exp(-m)``, the loss that AdaBoost reduces.

    Args:
        margin: ``y f(x)``, any shape.
    """
    return np.exp(-np.asarray(margin, dtype=float))


def squared(margin: ArrayLike) -> Array:
    """Return ``(1 - m)^2``, least squares on the labels: ``(y - f)^2 = (1 - y f)^2`` because ``y^2 = 1``.

    Args:
        margin: ``y f(x)``, any shape.
    """
    return (1.0 - np.asarray(margin, dtype=float)) ** 2


def _perceptron_slope(margin: Array) -> Array:
    return -(margin < 0).astype(float)


def _hinge_slope(margin: Array) -> Array:
    return -(margin < 1).astype(float)


def _logistic_slope(margin: Array) -> Array:
    return -np.exp(-np.logaddexp(0.0, margin))


def _logistic2(margin: ArrayLike) -> Array:
    return logistic(margin, base=2.0)


def _logistic2_slope(margin: Array) -> Array:
    return _logistic_slope(margin) / np.log(2.0)


@dataclass(frozen=True)
class Surrogate:
    """A loss of the margin and its derivative.

    Attributes:
        value: loss as a function of the margin.
        slope: derivative of it; at a kink the derivative from the right.
    """

    value: Callable[[ArrayLike], Array]
    slope: Callable[[Array], Array]


SURROGATES: dict[str, Surrogate] = {
    "perceptron": Surrogate(perceptron, _perceptron_slope),
    "hinge": Surrogate(hinge, _hinge_slope),
    "logistic": Surrogate(logistic, _logistic_slope),
    "logistic, base 2": Surrogate(_logistic2, _logistic2_slope),
    "exponential": Surrogate(exponential, lambda margin: -np.exp(-margin)),
    "squared": Surrogate(squared, lambda margin: -2.0 * (1.0 - margin)),
}


def share_below_zero_one(name: str, margins: ArrayLike) -> float:
    """Return the share of margins at which a surrogate is smaller than the zero-one loss.

    Args:
        name: a key of ``SURROGATES``.
        margins: ``y f(x)`` of many samples, any shape.

    Returns:
        A number in ``[0, 1]``; 0 means that the surrogate is an upper bound on these samples.

    Raises:
        ValueError: if ``name`` is unknown.
    """
    check_choice("name", name, tuple(SURROGATES))
    return float(np.mean(SURROGATES[name].value(margins) < zero_one(margins)))


def conditional_risk(name: str, scores: ArrayLike, probability: float) -> Array:
    """Return the expected loss of a score where the label is +1 with a given probability.

    Args:
        name: a key of ``SURROGATES``.
        scores: candidate values of ``f(x)`` at one input, any shape.
        probability: chance of the label +1 at that input, in ``[0, 1]``.

    Returns:
        ``p L(f) + (1 - p) L(-f)``, the shape of ``scores``.

    Raises:
        ValueError: if ``name`` is unknown or ``probability`` is outside ``[0, 1]``.

    Source: Bartlett, Jordan and McAuliffe (2006), Convexity, classification, and risk bounds.
    """
    check_choice("name", name, tuple(SURROGATES))
    check_number("probability", probability, minimum=0, maximum=1)
    loss, scores = SURROGATES[name].value, np.asarray(scores, dtype=float)
    return probability * loss(scores) + (1.0 - probability) * loss(-scores)


def best_score(name: str, probability: float, limit: float = 6.0, points: int = 24001) -> float:
    """Return the score that minimises the conditional risk, searched on an even grid.

    Args:
        name: a key of ``SURROGATES``.
        probability: chance of the label +1, in ``[0, 1]``.
        limit: the grid spans ``[-limit, limit]``.
        points: size of the grid; odd, so that zero is on it.

    Returns:
        The minimiser; among equal minima the one nearest to zero.

    Raises:
        ValueError: if ``name`` is unknown or ``probability`` is outside ``[0, 1]``.
    """
    scores = np.linspace(-limit, limit, points)
    risk = conditional_risk(name, scores, probability)
    lowest = np.flatnonzero(risk <= risk.min() + 1e-12)
    return float(scores[lowest[np.argmin(np.abs(scores[lowest]))]])

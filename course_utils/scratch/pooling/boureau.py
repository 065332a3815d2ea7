"""Max against average pooling of sparse binary features: how far apart two classes come to lie (chapter 05c).

A feature fires at each of P places independently with a small probability: ``alpha_1`` in pictures of one class,
``alpha_2`` in the other. Pool the P answers to one number. Separability is the distance between the two class
means over the sum of the two standard deviations.

Source: Y.-L. Boureau, J. Ponce and Y. LeCun (2010), A theoretical analysis of feature pooling in visual recognition.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_choice, check_int, check_number

Pooling = Literal["average", "max"]
POOLINGS: tuple[Pooling, ...] = ("average", "max")


def pooled_moments(alpha: ArrayLike, places: ArrayLike, pooling: Pooling) -> tuple[NDArray, NDArray]:
    """Return mean and standard deviation of the pooled feature.

    Args:
        alpha: probability that the feature fires at one place, in [0, 1].
        places: number P of places in the pool, at least 1.
        pooling: ``"average"``: mean alpha, variance alpha (1 - alpha) / P; ``"max"``: fires with probability
            1 - (1 - alpha)^P.
    """
    check_choice("pooling", pooling, POOLINGS)
    alpha, places = np.asarray(alpha, dtype=float), np.asarray(places, dtype=float)
    if pooling == "average":
        return alpha + 0 * places, np.sqrt(alpha * (1 - alpha) / places)
    fires = 1 - (1 - alpha) ** places
    return fires, np.sqrt(fires * (1 - fires))


def separability(alpha_1: ArrayLike, alpha_2: ArrayLike, places: ArrayLike, pooling: Pooling) -> NDArray:
    """Return ``|mean_1 - mean_2| / (std_1 + std_2)`` of the pooled feature, by formula; 0 where both always fire.

    Args:
        alpha_1: probability of firing in class 1.
        alpha_2: probability of firing in class 2.
        places: number of places in the pool.
        pooling: ``"average"`` or ``"max"``.
    """
    mean_1, std_1 = pooled_moments(alpha_1, places, pooling)
    mean_2, std_2 = pooled_moments(alpha_2, places, pooling)
    gap, spread = np.broadcast_arrays(np.abs(mean_1 - mean_2), std_1 + std_2)
    return np.divide(gap, spread, out=np.where(gap > 0, np.inf, 0.0), where=spread > 0)


def simulate_pooled(alpha: float, places: int, images: int, seed: int, pooling: Pooling) -> NDArray:
    """Draw a feature at every place of many images, and pool it.

    Args:
        alpha: probability of firing at one place, in [0, 1].
        places: places in an image, at least 1.
        images: number of images, at least 1.
        seed: of the draw.
        pooling: ``"average"`` or ``"max"``.

    Returns:
        Shape (images,), values in [0, 1].
    """
    check_number("alpha", alpha, minimum=0, maximum=1)
    check_int("places", places, minimum=1)
    check_int("images", images, minimum=1)
    check_choice("pooling", pooling, POOLINGS)
    fired = np.random.default_rng(seed).random((images, places), dtype=np.float32) < alpha
    return fired.mean(axis=1) if pooling == "average" else fired.any(axis=1).astype(float)


def measured_separability(class_1: ArrayLike, class_2: ArrayLike) -> float:
    """Return the separability of two samples of a pooled feature."""
    a, b = np.asarray(class_1, dtype=float), np.asarray(class_2, dtype=float)
    return float(abs(a.mean() - b.mean()) / (a.std() + b.std()))


def best_threshold_error(alpha_1: float, alpha_2: float, places: int, pooling: Pooling) -> float:
    """Return the smallest error that any threshold on the pooled feature can reach, for equally likely classes.

    The average is the count of firings over P, which is binomial; the maximum only tells whether the count is 0.

    Args:
        alpha_1: probability of firing in class 1.
        alpha_2: probability of firing in class 2.
        places: places in the pool.
        pooling: ``"average"`` or ``"max"``.
    """
    from scipy.stats import binom

    check_choice("pooling", pooling, POOLINGS)
    counts = np.arange(places) if pooling == "average" else np.array([0])
    below_1, below_2 = binom.cdf(counts, places, alpha_1), binom.cdf(counts, places, alpha_2)
    errors = 0.5 * (1 - np.abs(below_1 - below_2))
    return float(min(0.5, errors.min()))

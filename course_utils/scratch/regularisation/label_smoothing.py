"""Label smoothing: ask for a little less than certainty, in the lecture's form and in the right one (chapter 04d)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_int, check_number, check_same_length, check_shape
from course_utils.scratch.regularisation.penalties import softmax

Array = NDArray[np.float64]


def log_softmax(scores: ArrayLike) -> Array:
    """Return log-probabilities along the last axis, without overflow."""
    scores = np.asarray(scores, dtype=np.float64)
    shifted = scores - scores.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def smoothed_targets(y: ArrayLike, num_classes: int, epsilon: float) -> Array:
    """Return target distributions: ``epsilon / K`` for every class, and ``1 - epsilon`` more for the right one.

    Args:
        y: class numbers, shape ``(N,)``.
        num_classes: K, at least 2.
        epsilon: in [0, 1].

    Returns:
        Shape ``(N, K)``, rows summing to 1.
    """
    y = check_shape("y", np.asarray(y), (None,))
    check_int("num_classes", num_classes, minimum=2)
    check_number("epsilon", epsilon, minimum=0, maximum=1)
    targets = np.full((len(y), num_classes), epsilon / num_classes)
    targets[np.arange(len(y)), y] += 1.0 - epsilon
    return targets


def smoothed_cross_entropy(scores: ArrayLike, y: ArrayLike, epsilon: float) -> float:
    """Return the mean of ``-(1 - epsilon) log p_y - epsilon/K sum_k log p_k``.

    Args:
        scores: shape ``(N, K)``.
        y: class numbers, shape ``(N,)``.
        epsilon: in [0, 1].

    Source: Szegedy et al. (2016), Rethinking the Inception architecture for computer vision, section 7.
    """
    log_p = log_softmax(scores)
    check_same_length("scores", log_p, "y", np.asarray(y))
    return float(-(smoothed_targets(y, log_p.shape[1], epsilon) * log_p).sum(axis=1).mean())


def smoothed_gradient(scores: ArrayLike, y: ArrayLike, epsilon: float) -> Array:
    """Return the gradient of `smoothed_cross_entropy`: ``(p - target) / N``, shape ``(N, K)``."""
    p = softmax(scores)
    return (p - smoothed_targets(y, p.shape[1], epsilon)) / len(p)


def lecture_formula(scores: ArrayLike, y: ArrayLike, epsilon: float) -> float:
    """Return the mean of ``(1 - epsilon) log p_y + epsilon log(1 - p_y)``, as the lecture writes it: never positive.

    Args:
        scores: shape ``(N, K)``.
        y: class numbers, shape ``(N,)``.
        epsilon: in [0, 1].
    """
    log_p = log_softmax(scores)
    rows = np.arange(len(log_p))
    others = log_p.copy()
    others[rows, np.asarray(y)] = -np.inf
    highest = others.max(axis=1, keepdims=True)
    log_rest = highest[:, 0] + np.log(np.exp(others - highest).sum(axis=1))  # log(1 - p_y) without cancellation
    return float(((1.0 - epsilon) * log_p[rows, np.asarray(y)] + epsilon * log_rest).mean())


def best_gap(num_classes: int, epsilon: float) -> float:
    """Return the lead of the right score at the minimum: ``log((K (1 - epsilon) + epsilon) / epsilon)``.

    Args:
        num_classes: K, at least 2.
        epsilon: in (0, 1].
    """
    check_int("num_classes", num_classes, minimum=2)
    check_number("epsilon", epsilon, above=0, maximum=1)
    return float(np.log((num_classes * (1.0 - epsilon) + epsilon) / epsilon))

"""Top-k error: is the true class among the first k guesses? (chapter 06b)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from course_utils.check import check_int, check_same_length, check_shape


def _checked(scores: ArrayLike, labels: ArrayLike, k: int) -> tuple[np.ndarray, np.ndarray]:
    scores = check_shape("scores", np.asarray(scores, dtype=float), (None, None))
    labels = check_shape("labels", np.asarray(labels), (None,))
    check_same_length("scores", scores, "labels", labels)
    classes = scores.shape[1]
    check_int("k", k, minimum=1, maximum=classes)
    if len(labels) == 0:
        raise ValueError("labels must hold at least one label, got none")
    if not np.isfinite(scores).all():
        raise ValueError("scores must be finite numbers, got a NaN or an infinity: a diverged network has no ranking")
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"labels must be integers from 0 to {classes - 1}, one of {classes} columns of scores")
    return scores, labels


def ranks(scores: ArrayLike, labels: ArrayLike) -> np.ndarray:
    """Return the place of the true class in each ranking, 0 for the first guess.

    Args:
        scores: (N, classes), larger is more likely.
        labels: (N,) true classes.

    Returns:
        (N,) integers: how many classes come before. Of equal scores the class with the smaller number comes first.

    Raises:
        ValueError: if shapes or labels do not fit, or a score is not finite.
    """
    scores, labels = _checked(scores, labels, 1)
    own = scores[np.arange(len(labels)), labels][:, None]
    before = (scores > own) | ((scores == own) & (np.arange(scores.shape[1]) < labels[:, None]))
    return before.sum(axis=1)


def top_k_error(scores: ArrayLike, labels: ArrayLike, k: int = 1) -> float:
    """Return the share of examples whose true class is not among the k best scores.

    Args:
        scores: (N, classes).
        labels: (N,).
        k: guesses that are allowed, 1..classes.

    Raises:
        ValueError: as :func:`ranks`, or if k is out of range.

    Source: O. Russakovsky et al., "ImageNet Large Scale Visual Recognition Challenge", IJCV 2015, section 4.1.
    """
    _checked(scores, labels, k)
    return float((ranks(scores, labels) >= k).mean())


def top_k_guesses(scores: ArrayLike, k: int) -> np.ndarray:
    """Return the k best classes of each example (N, k), best first; of equal scores the smaller number first."""
    scores = check_shape("scores", np.asarray(scores, dtype=float), (None, None))
    check_int("k", k, minimum=1, maximum=scores.shape[1])
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


def top_k_error_by_hand(scores: ArrayLike, labels: ArrayLike, k: int = 1) -> float:
    """Compute the same by making the guesses one after another, as a person would: the slow twin."""
    scores, labels = _checked(scores, labels, k)
    wrong = 0
    for row, label in zip(scores.tolist(), labels.tolist(), strict=True):
        left = list(range(len(row)))
        hit = False
        for _ in range(k):
            guess = left[0]
            for candidate in left:
                if row[candidate] > row[guess]:
                    guess = candidate
            left.remove(guess)
            hit = hit or guess == label
        wrong += not hit
    return wrong / len(labels)

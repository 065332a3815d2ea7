"""Losses at the output of a network: softmax with cross-entropy, and the mean squared error.

Taught in chapter 02b_losses.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_choice, check_same_length, check_shape

Array = NDArray[np.float64]
REDUCTIONS = ("sum", "mean")


def softmax_naive(scores: ArrayLike) -> Array:
    """Return ``exp(y_c) / sum_k exp(y_k)`` as the formula stands; overflows from a score of about 710 on.

    Args:
        scores: shape ``(N, K)``.
    """
    powers = np.exp(_scores(scores))
    return powers / powers.sum(axis=1, keepdims=True)


def softmax(scores: ArrayLike) -> Array:
    """Return ``exp(y_c) / sum_k exp(y_k)`` for scores of any size.

    Subtracting the largest score of a row changes no ratio, and then no exponent exceeds 0.

    Args:
        scores: shape ``(N, K)``.

    Returns:
        Probabilities, shape ``(N, K)``; every row sums to 1.
    """
    return np.exp(log_softmax(scores))


def log_softmax(scores: ArrayLike) -> Array:
    """Return the logarithm of :func:`softmax` without ever taking the logarithm of 0.

    Args:
        scores: shape ``(N, K)``.
    """
    scores = _scores(scores)
    shifted = scores - scores.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def cross_entropy(scores: ArrayLike, labels: ArrayLike, reduction: str = "sum") -> float:
    """Return ``-sum_n ln p(l_n | x_n)``: the surprise at the right classes.

    Args:
        scores: shape ``(N, K)``.
        labels: class numbers in ``0..K-1``, shape ``(N,)``.
        reduction: ``"sum"`` as in the lecture, or ``"mean"`` as in PyTorch's default.

    Raises:
        ValueError: if a label is no class number.
    """
    scores, labels = _scores(scores), _labels(scores, labels)
    picked = log_softmax(scores)[np.arange(len(labels)), labels]
    return float(-(picked.sum() if _is_sum(reduction) else picked.mean()))


def cross_entropy_gradient(scores: ArrayLike, labels: ArrayLike, reduction: str = "sum") -> Array:
    """Return the gradient of :func:`cross_entropy` in the scores: probabilities minus one-hot.

    Args:
        scores: shape ``(N, K)``.
        labels: class numbers, shape ``(N,)``.
        reduction: as in :func:`cross_entropy`.

    Returns:
        Shape ``(N, K)``; every row sums to 0.
    """
    scores, labels = _scores(scores), _labels(scores, labels)
    slope = softmax(scores)
    slope[np.arange(len(labels)), labels] -= 1.0
    return slope if _is_sum(reduction) else slope / len(labels)


def mean_squared_error(prediction: ArrayLike, target: ArrayLike) -> float:
    """Return ``1/(2N) sum_i ||f(x_i) - y_i||^2``, with N terms in the sum.

    Args:
        prediction: shape ``(N,)`` or ``(N, K)``.
        target: the same shape.
    """
    difference = _difference(prediction, target)
    return float((difference**2).sum() / (2 * len(difference)))


def mean_squared_error_gradient(prediction: ArrayLike, target: ArrayLike) -> Array:
    """Return the gradient of :func:`mean_squared_error` in the predictions: the error over N.

    Args:
        prediction: shape ``(N,)`` or ``(N, K)``.
        target: the same shape.
    """
    difference = _difference(prediction, target)
    return difference / len(difference)


def mean_squared_error_as_printed(prediction: ArrayLike, target: ArrayLike) -> float:
    """Return the lecture's formula to the letter: indices ``i = 0..N`` are N + 1 terms, divided by 2N.

    Args:
        prediction: shape ``(N + 1,)``, at least two numbers.
        target: the same shape.
    """
    difference = _difference(prediction, target)
    if len(difference) < 2:
        raise ValueError(f"prediction must hold at least 2 numbers, got {len(difference)}: the formula divides by N")
    n = len(difference) - 1
    return float(sum(difference[i] ** 2 for i in range(n + 1)) / (2 * n))


def _scores(scores: ArrayLike) -> Array:
    return check_shape("scores", np.asarray(scores, dtype=np.float64), (None, None))


def _labels(scores: Array, labels: ArrayLike) -> NDArray[np.int64]:
    classes = check_shape("labels", np.asarray(labels), (None,))
    check_same_length("scores", scores, "labels", classes)
    if not np.issubdtype(classes.dtype, np.integer):
        raise ValueError(f"labels must be class numbers, got {classes.dtype}")
    if classes.min(initial=0) < 0 or classes.max(initial=0) >= scores.shape[1]:
        raise ValueError(f"labels must lie in 0..{scores.shape[1] - 1}, got {classes.min()}..{classes.max()}")
    return classes.astype(np.int64)


def _is_sum(reduction: str) -> bool:
    return check_choice("reduction", reduction, REDUCTIONS) == "sum"


def _difference(prediction: ArrayLike, target: ArrayLike) -> Array:
    prediction = np.asarray(prediction, dtype=np.float64)
    return prediction - check_shape("target", np.asarray(target, dtype=np.float64), prediction.shape)

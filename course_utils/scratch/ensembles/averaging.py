"""Several models that answer together: averages, votes, and why the error of the group is smaller (chapter 04e)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_int, check_same_length, check_shape

Array = NDArray[np.float64]


def _members(probabilities: ArrayLike) -> Array:
    return check_shape("probabilities", np.asarray(probabilities, dtype=float), (None, None, None))


def average_probabilities(probabilities: ArrayLike) -> Array:
    """Return the mean of the members' distributions.

    Args:
        probabilities: shape ``(M, N, K)``: M members, N examples, K classes; rows sum to 1.

    Returns:
        Shape ``(N, K)``.
    """
    return _members(probabilities).mean(axis=0)


def average_probabilities_loops(probabilities: ArrayLike) -> Array:
    """Return `average_probabilities`, one number at a time."""
    p = _members(probabilities)
    members, examples, classes = p.shape
    mean = np.zeros((examples, classes))
    for n in range(examples):
        for k in range(classes):
            for m in range(members):
                mean[n, k] += p[m, n, k] / members
    return mean


def geometric_average(probabilities: ArrayLike) -> Array:
    """Return the normalised geometric mean of the members' distributions, which is what averaging logits gives."""
    log_p = np.log(np.maximum(_members(probabilities), 1e-300)).mean(axis=0)
    p = np.exp(log_p - log_p.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def majority_vote(probabilities: ArrayLike) -> NDArray[np.int64]:
    """Return the class that most members name, shape ``(N,)``; of equals the one with the lowest number."""
    p = _members(probabilities)
    votes = p.argmax(axis=2)  # (M, N)
    return (votes[..., None] == np.arange(p.shape[2])).sum(axis=0).argmax(axis=1)


def error_rate(probabilities: ArrayLike, y: ArrayLike) -> float:
    """Return the share of examples whose most probable class, of ``(N, K)``, is not ``y``."""
    p = check_shape("probabilities", np.asarray(probabilities, dtype=float), (None, None))
    check_same_length("probabilities", p, "y", np.asarray(y))
    return float((p.argmax(axis=1) != np.asarray(y)).mean())


def log_loss(probabilities: ArrayLike, y: ArrayLike) -> float:
    """Return the mean of ``-log p_y`` over examples, for distributions ``(N, K)``."""
    p = check_shape("probabilities", np.asarray(probabilities, dtype=float), (None, None))
    check_same_length("probabilities", p, "y", np.asarray(y))
    return float(-np.log(np.maximum(p[np.arange(len(p)), np.asarray(y)], 1e-300)).mean())


class Ambiguity(NamedTuple):
    """Squared error of the averaged prediction = mean error of the members - their spread around it."""

    ensemble: float
    members: float
    spread: float


def ambiguity(predictions: ArrayLike, y: ArrayLike) -> Ambiguity:
    """Return the three terms of the decomposition of Krogh and Vedelsby.

    Args:
        predictions: shape ``(M, N)`` or ``(M, N, K)``: M members; numbers, or distributions.
        y: targets of shape ``(N,)`` or ``(N, K)`` (one-hot). Squares are summed over K, averaged over N and M.

    Source: A. Krogh and J. Vedelsby, Neural network ensembles, cross validation, and active learning, 1995.
    """
    f, target = np.asarray(predictions, dtype=float), np.asarray(y, dtype=float)
    check_shape("y", target, f.shape[1:])
    mean = f.mean(axis=0)
    per_example = len(target)
    return Ambiguity(
        float(((mean - target) ** 2).sum() / per_example),
        float(((f - target) ** 2).sum() / per_example / len(f)),
        float(((f - mean) ** 2).sum() / per_example / len(f)),
    )


def bootstrap(count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw N of N examples with putting back: some come twice, about 37 % not at all.

    Source: L. Breiman, Bagging predictors, 1996.
    """
    return rng.integers(0, check_int("count", count, minimum=1), count)


def calibration_gap(probabilities: ArrayLike, y: ArrayLike, bins: int = 10) -> float:
    """Return the expected calibration error: the mean distance of accuracy from confidence, over bins.

    Args:
        probabilities: shape ``(N, K)``.
        y: class numbers, shape ``(N,)``.
        bins: number of equally wide bins, at least 1.

    Source: C. Guo et al., On calibration of modern neural networks, 2017.
    """
    p = check_shape("probabilities", np.asarray(probabilities, dtype=float), (None, None))
    check_same_length("probabilities", p, "y", np.asarray(y))
    sure, right = p.max(axis=1), p.argmax(axis=1) == np.asarray(y)
    bin_of = np.minimum((sure * check_int("bins", bins, minimum=1)).astype(int), bins - 1)
    gap = sum(abs(float((right[bin_of == b] - sure[bin_of == b]).sum())) for b in range(bins))
    return gap / len(p)

"""Co-adaptation: how much hidden units say the same, and how much the network misses one of them (chapter 04d)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_same_length, check_shape
from course_utils.scratch.regularisation.penalties import softmax

Array = NDArray[np.float64]


def mean_absolute_correlation(hidden: ArrayLike) -> float:
    """Return the mean absolute correlation of all pairs of units that are not constant.

    Args:
        hidden: activations, shape ``(N, H)``, at least two of the H units not constant.
    """
    hidden = check_shape("hidden", np.asarray(hidden, dtype=np.float64), (None, None))
    alive = hidden[:, hidden.std(axis=0) > 1e-12]
    if alive.shape[1] < 2:
        raise ValueError(f"at least two units must vary over the examples, got {alive.shape[1]}")
    correlation = np.asarray(np.corrcoef(alive, rowvar=False))
    pairs = np.triu_indices(alive.shape[1], k=1)
    return float(np.abs(correlation[pairs]).mean())


def cross_entropy(scores: ArrayLike, y: ArrayLike) -> float:
    """Return the mean of ``-log p_y``; scores ``(N, K)``, class numbers ``(N,)``."""
    p = softmax(scores)
    return float(-np.log(np.maximum(p[np.arange(len(p)), np.asarray(y)], 1e-300)).mean())


def knockout_damage(hidden: ArrayLike, weight: ArrayLike, bias: ArrayLike, y: ArrayLike) -> Array:
    """Silence one hidden unit at a time and return by how much the loss rises.

    Args:
        hidden: activations of the last hidden layer, shape ``(N, H)``.
        weight: output weights, shape ``(K, H)``.
        bias: output biases, shape ``(K,)``.
        y: class numbers, shape ``(N,)``.

    Returns:
        Shape ``(H,)``; negative where the network is better off without the unit.
    """
    hidden, weight = np.asarray(hidden, dtype=np.float64), np.asarray(weight, dtype=np.float64)
    check_same_length("hidden", hidden, "y", np.asarray(y))
    scores = hidden @ weight.T + np.asarray(bias)
    whole = cross_entropy(scores, y)
    return np.array([cross_entropy(scores - hidden[:, [u]] * weight[:, u], y) - whole for u in range(hidden.shape[1])])


def masked_loss(hidden: ArrayLike, weight: ArrayLike, bias: ArrayLike, y: ArrayLike, masks: ArrayLike) -> float:
    """Return the mean loss over several masks, the units that stay scaled up to keep the sum's size.

    Args:
        hidden: activations, shape ``(N, H)``.
        weight: output weights, shape ``(K, H)``.
        bias: output biases, shape ``(K,)``.
        y: class numbers, shape ``(N,)``.
        masks: ones and zeros, shape ``(M, H)``, each with at least one 1.
    """
    hidden, weight = np.asarray(hidden, dtype=np.float64), np.asarray(weight, dtype=np.float64)
    losses = []
    for mask in np.asarray(masks, dtype=np.float64):
        scores = (hidden * mask) @ weight.T * (mask.size / mask.sum()) + np.asarray(bias)
        losses.append(cross_entropy(scores, y))
    return float(np.mean(losses))

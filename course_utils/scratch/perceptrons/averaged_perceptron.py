"""The averaged perceptron: predict with the mean of all weights held on the way (chapter 01)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_int, check_shape


def train_averaged(
    x: ArrayLike, y: ArrayLike, *, epochs: int = 10, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Train a perceptron from 0 and return its average and its last weights.

    The average runs over every visit, not every update: weights that survive many samples count for
    many. It costs one extra vector: with ``c`` visits made before an update ``d``, ``d`` is missing from
    ``c`` of the ``C`` terms, so the mean is the last weights minus ``sum(c * d) / C``.

    Args:
        x: samples with the bias folded in, shape ``(N, D)``.
        y: labels -1 or +1, shape ``(N,)``.
        epochs: passes over the data, each in a fresh random order, at least 1.
        seed: seed of the orders.

    Returns:
        ``(average, last)``, both of shape ``(D,)``.

    Source: Y. Freund, R. E. Schapire, Large margin classification using the perceptron algorithm (1999).
    """
    samples = check_shape("x", np.asarray(x, dtype=np.float64), (None, None))
    labels = check_shape("y", np.asarray(y, dtype=np.float64), (len(samples),))
    check_int("epochs", epochs, minimum=1)
    draw = np.random.default_rng(seed)
    signed = labels[:, None] * samples
    w = np.zeros(samples.shape[1])
    missing = np.zeros_like(w)
    visits = 0
    for _ in range(epochs):
        for i in draw.permutation(len(signed)):
            if signed[i] @ w <= 0:
                w = w + signed[i]
                missing += visits * signed[i]
            visits += 1
    return w - missing / visits, w

"""The perceptron for K classes, and the construction that turns it into an ordinary one (chapter 01)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_int, check_shape


@dataclass(frozen=True)
class MulticlassRun:
    """What happened in one run.

    Attributes:
        w: final weights, one row a class, shape ``(K, D)``.
        average: mean of the weights over all visits, shape ``(K, D)``.
        updates: how many mistakes were made, one paired update each.
        updates_per_epoch: mistakes in each pass over the data.
        converged: whether the last pass was clean.
    """

    w: NDArray[np.float64]
    average: NDArray[np.float64]
    updates: int
    updates_per_epoch: tuple[int, ...]
    converged: bool


def predict_class(x: ArrayLike, w: ArrayLike) -> NDArray[np.int64]:
    """Return the class with the largest score ``w_k . x``, shape ``(N,)``."""
    return np.argmax(np.asarray(x) @ np.asarray(w).T, axis=1)


def train_multiclass(
    x: ArrayLike,
    y: ArrayLike,
    num_classes: int,
    *,
    epochs: int = 100,
    order: Sequence[int] | NDArray[np.int64] | np.random.Generator | None = None,
) -> MulticlassRun:
    """At every mistake add the sample to the row of its class and subtract it from its strongest rival.

    A tie is a mistake, as in the two-class rule with ``<=``. Stops after the first clean pass.

    Args:
        x: samples with the bias folded in, shape ``(N, D)``.
        y: class indices 0..K-1, shape ``(N,)``.
        num_classes: K, at least 2.
        epochs: most passes over the data, at least 1.
        order: the order of visits in every pass, or a generator that draws a fresh one for each pass.

    Source: C. Kesler's construction in N. J. Nilsson, Learning Machines (1965), section 4.3; K. Crammer,
    Y. Singer, Ultraconservative online algorithms for multiclass problems (2003).
    """
    samples = check_shape("x", np.asarray(x, dtype=np.float64), (None, None))
    labels = check_shape("y", np.asarray(y), (len(samples),))
    check_int("num_classes", num_classes, minimum=2)
    check_int("smallest label", int(labels.min()), minimum=0)
    check_int("largest label", int(labels.max()), maximum=num_classes - 1)
    check_int("epochs", epochs, minimum=1)
    w = np.zeros((num_classes, samples.shape[1]))
    missing = np.zeros_like(w)
    visits = 0
    per_epoch: list[int] = []
    for _ in range(epochs):
        made = 0
        for i in _visits(order, len(samples)):
            true = labels[i]
            scores = w @ samples[i]
            wanted = scores[true]
            scores[true] = -np.inf
            rival = int(scores.argmax())
            if wanted <= scores[rival]:
                w[true] += samples[i]
                w[rival] -= samples[i]
                missing[true] += visits * samples[i]
                missing[rival] -= visits * samples[i]
                made += 1
            visits += 1
        per_epoch.append(made)
        if made == 0:
            break
    return MulticlassRun(w, w - missing / visits, sum(per_epoch), tuple(per_epoch), per_epoch[-1] == 0)


def kesler_vectors(x: ArrayLike, y: ArrayLike, num_classes: int) -> NDArray[np.float64]:
    """Turn K classes into one two-class problem: every row must have a positive score.

    A sample of class ``k`` gives ``K - 1`` rows of length ``K * D``, one for each rival ``j``: the sample
    stands in block ``k``, its negative in block ``j``. For the rows of ``W`` laid end to end the score of
    such a row is ``w_k . x - w_j . x``.

    Args:
        x: samples with the bias folded in, shape ``(N, D)``.
        y: class indices 0..K-1, shape ``(N,)``.
        num_classes: K, at least 2.

    Returns:
        Shape ``(N * (K - 1), K * D)``, the rows of one sample together, rivals in rising order.
    """
    samples = check_shape("x", np.asarray(x, dtype=np.float64), (None, None))
    labels = check_shape("y", np.asarray(y), (len(samples),))
    check_int("num_classes", num_classes, minimum=2)
    rows = []
    for sample, true in zip(samples, labels):
        for rival in range(num_classes):
            if rival != true:
                blocks = np.zeros((num_classes, samples.shape[1]))
                blocks[true] = sample
                blocks[rival] = -sample
                rows.append(blocks.ravel())
    return np.array(rows)


def _visits(order: Sequence[int] | NDArray[np.int64] | np.random.Generator | None, count: int) -> NDArray[np.int64]:
    if isinstance(order, np.random.Generator):
        return order.permutation(count)
    return np.arange(count) if order is None else np.asarray(order)

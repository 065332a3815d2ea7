"""The pocket rule: keep the best weights seen so far, for data that no line separates (chapter 01)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_int, check_shape
from course_utils.scratch.perceptrons.perceptron import count_mistakes


@dataclass(frozen=True)
class PocketRun:
    """What happened in one run.

    Attributes:
        w: the pocket: weights with the fewest training mistakes among all that were held, shape ``(D,)``.
        mistakes: training mistakes of the pocket.
        last_mistakes: training mistakes of the running weights after every update, shape ``(updates,)``.
        pocket_mistakes: training mistakes of the pocket after every update, never rising, same shape.
    """

    w: NDArray[np.float64]
    mistakes: int
    last_mistakes: NDArray[np.int64]
    pocket_mistakes: NDArray[np.int64]


def train_pocket(x: ArrayLike, y: ArrayLike, *, updates: int = 200, seed: int = 0) -> PocketRun:
    """Run the perceptron on randomly drawn samples and keep the best weights in a pocket.

    Every candidate is judged on all samples (the "ratchet"), which costs one pass an update.

    Args:
        x: samples with the bias folded in, shape ``(N, D)``.
        y: labels -1 or +1, shape ``(N,)``.
        updates: how many mistakes to learn from, at least 1; stops early when none is left.
        seed: seed of the draw.

    Source: S. I. Gallant, Perceptron-based learning algorithms (1990), the pocket algorithm with ratchet.
    """
    samples = check_shape("x", np.asarray(x, dtype=np.float64), (None, None))
    labels = check_shape("y", np.asarray(y, dtype=np.float64), (len(samples),))
    check_int("updates", updates, minimum=1)
    draw = np.random.default_rng(seed)
    w = np.zeros(samples.shape[1])
    best, fewest = w, count_mistakes(samples, labels, w)
    last: list[int] = []
    kept: list[int] = []
    while len(last) < updates and fewest > 0:
        wrong = np.flatnonzero(labels * (samples @ w) <= 0)
        i = draw.choice(wrong)
        w = w + labels[i] * samples[i]
        last.append(count_mistakes(samples, labels, w))
        if last[-1] < fewest:
            best, fewest = w, last[-1]
        kept.append(fewest)
    return PocketRun(best, fewest, np.array(last, dtype=np.int64), np.array(kept, dtype=np.int64))

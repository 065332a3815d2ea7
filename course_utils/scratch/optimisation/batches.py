"""Mini-batches: every index once an epoch, and how noisy the gradient of a few examples is (chapter 04)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_int, check_shape

Array = NDArray[np.float64]
Index = NDArray[np.int64]


def epoch_batches(count: int, batch_size: int, rng: np.random.Generator | None = None) -> Iterator[Index]:
    """Cut the indices ``0 .. count-1`` into batches: each index exactly once.

    Args:
        count: number of examples, at least 1.
        batch_size: examples a batch, at least 1; the last batch holds what is left.
        rng: draws a new order; without it the order is 0, 1, 2, ...

    Yields:
        Arrays of indices, ``ceil(count / batch_size)`` of them.
    """
    check_int("count", count, minimum=1)
    check_int("batch_size", batch_size, minimum=1)
    order = np.arange(count) if rng is None else rng.permutation(count)
    for first in range(0, count, batch_size):
        yield order[first : first + batch_size]


def batch_means(gradients: ArrayLike, batch_size: int, rng: np.random.Generator | None = None) -> Array:
    """Return the mean gradient of each batch of one epoch.

    Args:
        gradients: one gradient an example, shape ``(N, D)``.
        batch_size: examples a batch.
        rng: order of the examples, see `epoch_batches`.

    Returns:
        Shape ``(number of batches, D)``.
    """
    gradients = check_shape("gradients", np.asarray(gradients, dtype=np.float64), (None, None))
    return np.stack([gradients[index].mean(axis=0) for index in epoch_batches(len(gradients), batch_size, rng)])


def measured_noise(gradients: ArrayLike, batch_size: int, draws: int, rng: np.random.Generator) -> float:
    """Draw batches without replacement and return the root mean square distance to the full gradient.

    Args:
        gradients: one gradient an example, shape ``(N, D)``.
        batch_size: examples a batch, 1 to N.
        draws: number of batches.
        rng: source of the batches.
    """
    gradients = check_shape("gradients", np.asarray(gradients, dtype=np.float64), (None, None))
    count = len(gradients)
    check_int("batch_size", batch_size, minimum=1, maximum=count)
    check_int("draws", draws, minimum=1)
    means = np.stack([gradients[rng.choice(count, batch_size, replace=False)].mean(axis=0) for _ in range(draws)])
    return float(np.sqrt(((means - gradients.mean(axis=0)) ** 2).sum(axis=1).mean()))


def expected_noise(gradients: ArrayLike, batch_size: int) -> float:
    """Return the root mean square distance that the theory of sampling gives.

    ``sigma / sqrt(B) * sqrt((N - B) / (N - 1))``, where ``sigma^2`` is the mean squared distance of one example's
    gradient to the full one. The second factor is 1 for small batches and 0 for the whole set.

    Args:
        gradients: one gradient an example, shape ``(N, D)``, N at least 2.
        batch_size: examples a batch, 1 to N.
    """
    gradients = check_shape("gradients", np.asarray(gradients, dtype=np.float64), (None, None))
    count = check_int("number of examples", len(gradients), minimum=2)
    check_int("batch_size", batch_size, minimum=1, maximum=count)
    sigma = np.sqrt(((gradients - gradients.mean(axis=0)) ** 2).sum(axis=1).mean())
    return float(sigma / np.sqrt(batch_size) * np.sqrt((count - batch_size) / (count - 1)))

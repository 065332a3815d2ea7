"""One hidden unit for each pattern: a network of threshold units that realises any labelling of the cube.

Inputs and outputs are -1 and +1. Taught in chapter 02_mlp.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_int, check_shape

Array = NDArray[np.float64]


def sign(a: ArrayLike) -> Array:
    """Return +1 where ``a >= 0``, else -1; note the +1 at 0."""
    return np.where(np.asarray(a) >= 0, 1.0, -1.0)


def cube(dimension: int) -> Array:
    """Return all ``2**dimension`` patterns of -1 and +1, shape ``(2**dimension, dimension)``."""
    check_int("dimension", dimension, minimum=1, maximum=16)
    return np.array(list(itertools.product((-1.0, 1.0), repeat=dimension)))


def or_unit(z: ArrayLike) -> Array:
    """Return +1 where at least one of M units is on, as a threshold unit: ``sign(sum z + M - 1)``.

    Args:
        z: -1 and +1, shape ``(N, M)``; with ``M = 0`` the answer is -1.
    """
    z = check_shape("z", np.asarray(z, dtype=np.float64), (None, None))
    return sign(z.sum(axis=1) + z.shape[1] - 1)


@dataclass(frozen=True)
class PatternNetwork:
    """Hidden units that each know one pattern, and an OR over them.

    Attributes:
        stored: one row a hidden unit, -1 and +1, shape ``(M, D)``; also the weights, with threshold D.
        answer: +1 if the stored patterns are the positives, -1 if they are the negatives.
    """

    stored: Array
    answer: float = 1.0

    def hidden(self, x: ArrayLike) -> Array:
        """Return ``sign(w_m . x - D)`` for inputs of shape ``(N, D)``; shape ``(N, M)``."""
        x = check_shape("x", np.asarray(x, dtype=np.float64), (None, self.stored.shape[1]))
        return sign(x @ self.stored.T - self.stored.shape[1])

    def __call__(self, x: ArrayLike) -> Array:
        """Return -1 or +1 for inputs of shape ``(N, D)``; shape ``(N,)``."""
        return self.answer * or_unit(self.hidden(x))


def store_patterns(patterns: ArrayLike, labels: ArrayLike, smaller_class: bool = False) -> PatternNetwork:
    """Build the network that answers ``labels`` on ``patterns``.

    Args:
        patterns: distinct rows of -1 and +1, shape ``(N, D)``.
        labels: -1 and +1, shape ``(N,)``.
        smaller_class: store the rarer class and turn the answer round if that takes fewer units; then
            patterns outside of ``patterns`` may be answered +1.

    Raises:
        ValueError: if a number is neither -1 nor +1 or a row appears twice.
    """
    patterns = check_shape("patterns", np.asarray(patterns, dtype=np.float64), (None, None))
    labels = check_shape("labels", np.asarray(labels, dtype=np.float64), (len(patterns),))
    for name, array in (("patterns", patterns), ("labels", labels)):
        if not np.isin(array, (-1, 1)).all():
            raise ValueError(f"{name} must hold only -1 and +1")
    if len(np.unique(patterns, axis=0)) < len(patterns):
        raise ValueError("patterns must be distinct: one row appears twice and could carry two labels")
    positives, negatives = patterns[labels > 0], patterns[labels < 0]
    if smaller_class and len(negatives) < len(positives):
        return PatternNetwork(negatives, answer=-1.0)
    return PatternNetwork(positives)


def parity(x: ArrayLike) -> Array:
    """Return +1 where an odd number of inputs is +1, else -1; inputs of shape ``(N, D)``."""
    return np.where((np.asarray(x) > 0).sum(axis=1) % 2 == 1, 1.0, -1.0)


def parity_by_counting(x: ArrayLike) -> Array:
    """Compute parity with D hidden threshold units instead of ``2**(D - 1)``: unit j asks "are at least j on?".

    The output adds the answers with alternating signs; every second count cancels.

    Args:
        x: -1 and +1, shape ``(N, D)``.
    """
    x = check_shape("x", np.asarray(x, dtype=np.float64), (None, None))
    dimension = x.shape[1]
    counts = np.arange(1, dimension + 1)
    hidden = sign(x.sum(axis=1, keepdims=True) + dimension - 2 * counts)  # on if (sum + D) / 2 >= j
    weights = np.where(counts % 2 == 1, 1.0, -1.0)
    # c inputs on: the sum is 2 [c odd] - [D odd], so +1 or -1 for odd D, and 2 or 0 for even D
    return sign(hidden @ weights - (dimension % 2 == 0))

"""Feature maps: fixed functions of the input on which a linear rule can bend.

Taught in chapter 01b_kernels.
"""

from __future__ import annotations

from collections import Counter
from itertools import combinations_with_replacement
from math import comb, factorial, prod, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_int, check_number, check_shape

Array = NDArray[np.float64]


def quadratic_features(x: ArrayLike) -> Array:
    """Return all monomials up to degree two, scaled so that their inner product is ``(1 + x . z)^2``.

    Args:
        x: inputs, shape ``(N, D)``.

    Returns:
        ``1, sqrt(2) x_i, x_i^2, sqrt(2) x_i x_j`` for ``i < j``, shape ``(N, (D + 1)(D + 2) / 2)``.
    """
    x = np.asarray(x, dtype=float)
    check_shape("x", x, (None, None))
    rows, columns = np.triu_indices(x.shape[1], k=1)
    return np.column_stack([np.ones(len(x)), sqrt(2) * x, x**2, sqrt(2) * x[:, rows] * x[:, columns]])


def polynomial_features(x: ArrayLike, degree: int = 2, offset: float = 1.0) -> Array:
    """Return all monomials up to a degree, scaled so that their inner product is ``(offset + x . z)^degree``.

    Args:
        x: inputs, shape ``(N, D)``.
        degree: highest degree, at least 1.
        offset: weight of the lower degrees, at least 0; 0 leaves only the monomials of the highest degree.

    Returns:
        Shape ``(N, C(D + degree, degree))``. Each monomial carries the root of its multinomial coefficient.

    Raises:
        ValueError: if an argument is out of range.
    """
    x = np.asarray(x, dtype=float)
    check_shape("x", x, (None, None))
    check_int("degree", degree, minimum=1)
    check_number("offset", offset, minimum=0)
    # Homogenise: the offset becomes one more input, and every monomial has exactly the highest degree.
    extended = np.column_stack([np.full(len(x), sqrt(offset)), x])
    columns = []
    for powers in combinations_with_replacement(range(extended.shape[1]), degree):
        ways = factorial(degree) // prod(factorial(k) for k in Counter(powers).values())
        columns.append(sqrt(ways) * np.prod(extended[:, powers], axis=1))
    return np.column_stack(columns)


def feature_count(inputs: int, degree: int) -> int:
    """Return how many monomials of up to ``degree`` there are in ``inputs`` variables.

    Args:
        inputs: number of input coordinates, at least 1.
        degree: highest degree, at least 0.

    Raises:
        ValueError: if an argument is out of range.
    """
    check_int("inputs", inputs, minimum=1)
    check_int("degree", degree, minimum=0)
    return comb(inputs + degree, degree)

"""Kernel ridge regression: least squares on the labels in feature space, in closed form.

Taught in chapter 01b_kernels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_number, check_shape

Array = NDArray[np.float64]


def kernel_ridge(kernel: ArrayLike, y: ArrayLike, penalty: float = 0.1) -> Array:
    """Return the coefficients that minimise ``|K a - y|^2 + penalty a K a``.

    Args:
        kernel: positive semi-definite matrix, shape ``(N, N)``.
        y: targets, shape ``(N,)``.
        penalty: above 0; keeps the system solvable when samples repeat.

    Returns:
        ``(K + penalty I)^-1 y``, shape ``(N,)``: in general not one of them is zero.

    Raises:
        ValueError: if the shapes disagree or ``penalty`` is not above 0.
    """
    kernel, y = np.asarray(kernel, dtype=float), np.asarray(y, dtype=float)
    check_shape("y", y, (None,))
    check_shape("kernel", kernel, (len(y), len(y)))
    check_number("penalty", penalty, above=0)
    return np.linalg.solve(kernel + penalty * np.eye(len(y)), y)

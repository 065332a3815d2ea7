"""The representer theorem: a regularised optimum lies in the span of the training samples.

Taught in chapter 01b_kernels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_shape

Array = NDArray[np.float64]


def split_by_span(w: ArrayLike, features: ArrayLike) -> tuple[Array, Array]:
    """Split a weight vector into a part inside the span of the samples and a part orthogonal to all of them.

    Args:
        w: weights, shape ``(F,)``.
        features: ``phi(x)`` of the samples, shape ``(N, F)``.

    Returns:
        The part in the span and the part off it, each of shape ``(F,)``; they add up to ``w``.

    Raises:
        ValueError: if the shapes disagree.
    """
    w, features = np.asarray(w, dtype=float), np.asarray(features, dtype=float)
    check_shape("w", w, (None,))
    check_shape("features", features, (None, len(w)))
    _, sizes, rows = np.linalg.svd(features, full_matrices=False)
    basis = rows[sizes > 1e-10 * sizes.max(initial=0.0)]  # (rank, F), orthonormal
    inside = basis.T @ (basis @ w)
    return inside, w - inside


def span_coefficients(w: ArrayLike, features: ArrayLike) -> Array:
    """Return the smallest coefficients ``alpha`` with ``sum alpha_i phi(x_i)`` closest to ``w``.

    Args:
        w: weights, shape ``(F,)``.
        features: ``phi(x)`` of the samples, shape ``(N, F)``.

    Returns:
        Shape ``(N,)``. The sum reproduces ``w`` exactly when ``w`` lies in the span.
    """
    return np.linalg.lstsq(np.asarray(features, dtype=float).T, np.asarray(w, dtype=float), rcond=None)[0]

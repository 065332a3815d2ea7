"""Kernels: inner products of features that need never be written out.

Taught in chapter 01b_kernels.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_int, check_number, check_shape

Array = NDArray[np.float64]


def linear_kernel(x: ArrayLike, z: ArrayLike) -> Array:
    """Return all inner products ``x_i . z_j``.

    Args:
        x: inputs, shape ``(N, D)``.
        z: inputs, shape ``(M, D)``.

    Returns:
        Shape ``(N, M)``.
    """
    x, z = _pair(x, z)
    return x @ z.T


def polynomial_kernel(x: ArrayLike, z: ArrayLike, degree: int = 2, offset: float = 1.0) -> Array:
    """Return ``(offset + x_i . z_j)^degree``.

    Args:
        x: inputs, shape ``(N, D)``.
        z: inputs, shape ``(M, D)``.
        degree: at least 1.
        offset: at least 0; a negative one would not give an inner product.

    Returns:
        Shape ``(N, M)``.

    Raises:
        ValueError: if an argument is out of range.
    """
    check_int("degree", degree, minimum=1)
    check_number("offset", offset, minimum=0)
    return (offset + linear_kernel(x, z)) ** degree


def rbf_kernel(x: ArrayLike, z: ArrayLike, gamma: float = 1.0) -> Array:
    """Return ``exp(-gamma |x_i - z_j|^2)``, a similarity that fades with distance.

    Args:
        x: inputs, shape ``(N, D)``.
        z: inputs, shape ``(M, D)``.
        gamma: one over twice the squared width, above 0.

    Returns:
        Shape ``(N, M)``, values in (0, 1].

    Raises:
        ValueError: if ``gamma`` is not above 0.
    """
    check_number("gamma", gamma, above=0)
    x, z = _pair(x, z)
    # |x - z|^2 by the binomial formula; rounding can make it slightly negative for equal points.
    squared = (x**2).sum(axis=1)[:, None] + (z**2).sum(axis=1)[None, :] - 2.0 * x @ z.T
    return np.exp(-gamma * np.maximum(squared, 0.0))


def gram_loop(kernel: Callable[[Array, Array], float], x: ArrayLike, z: ArrayLike) -> Array:
    """Fill a kernel matrix entry by entry: the slow twin of the functions above.

    Args:
        kernel: similarity of two vectors of shape ``(D,)``.
        x: inputs, shape ``(N, D)``.
        z: inputs, shape ``(M, D)``.

    Returns:
        Shape ``(N, M)``.
    """
    x, z = _pair(x, z)
    return np.array([[float(kernel(a, b)) for b in z] for a in x]).reshape(len(x), len(z))


def smallest_eigenvalue(kernel: ArrayLike) -> float:
    """Return the smallest eigenvalue of a symmetric matrix, relative to the largest in size.

    Args:
        kernel: shape ``(N, N)``; only its symmetric part is used.

    Returns:
        Not below about -1e-12 for a positive semi-definite matrix.
    """
    kernel = np.asarray(kernel, dtype=float)
    check_shape("kernel", kernel, (None, None))
    values = np.linalg.eigvalsh((kernel + kernel.T) / 2.0)
    return float(values[0] / np.abs(values).max())


def _pair(x: ArrayLike, z: ArrayLike) -> tuple[Array, Array]:
    x, z = np.asarray(x, dtype=float), np.asarray(z, dtype=float)
    check_shape("x", x, (None, None))
    check_shape("z", z, (None, x.shape[1]))
    return x, z

"""Kernels that are outer products, applied as one thin pass for each axis; and any kernel as a sum of a few such.

Source: the decomposition of filters by singular values goes back to Treitel and Shanks, "The Design of Multistage
Separable Planar Filters", 1971.
"""

from collections.abc import Sequence

import numpy as np

from course_utils.check import check_int, check_shape
from course_utils.scratch.convolution.loops import cut


def outer(vectors: Sequence[np.ndarray]) -> np.ndarray:
    """Return the d-dimensional kernel ``w[i,j,...] = a[i] b[j] ...`` of d vectors."""
    kernel = np.ones(())
    for vector in vectors:
        kernel = np.multiply.outer(kernel, np.asarray(vector))
    return kernel


def convolve_axis(x: np.ndarray, h: np.ndarray, axis: int, mode: str = "valid") -> np.ndarray:
    """Convolve along one axis of an array, every line of it by itself.

    Args:
        x: array of any number of axes.
        h: (K,) kernel.
        axis: which axis.
        mode: ``full``, ``same`` or ``valid``.
    """
    x, h = np.asarray(x), np.asarray(h)
    check_shape("h", h, (None,))
    moved = np.moveaxis(x, axis, 0)
    size = len(moved)
    y = np.zeros((size + len(h) - 1, *moved.shape[1:]), dtype=np.result_type(x, h))
    for shift, weight in enumerate(h):
        y[shift : shift + size] += weight * moved
    return np.moveaxis(y[cut(mode, size, len(h))], 0, axis)


def convolve_separable(x: np.ndarray, vectors: Sequence[np.ndarray], mode: str = "valid") -> np.ndarray:
    """Convolve a d-dimensional array with the outer product of d vectors, in d passes.

    Raises:
        ValueError: if there is not one vector for each axis.
    """
    x = np.asarray(x)
    if len(vectors) != x.ndim:
        raise ValueError(f"vectors must hold one kernel for each of the {x.ndim} axes of x, got {len(vectors)}")
    for axis, vector in enumerate(vectors):
        x = convolve_axis(x, vector, axis, mode)
    return x


def separable_terms(kernel: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Write a kernel as a sum of outer products, the one that explains most of it first.

    Args:
        kernel: (K, L).

    Returns:
        As many ``(column, row)`` pairs as the rank of the kernel: ``kernel == sum of outer(column, row)``. The first
        r of them make the best kernel of rank r, in the sum of squared differences.
    """
    kernel = np.asarray(kernel, dtype=float)
    check_shape("kernel", kernel, (None, None))
    u, s, vt = np.linalg.svd(kernel, full_matrices=False)
    rank = int((s > s[0] * 1e-12).sum())
    return [(u[:, r] * np.sqrt(s[r]), vt[r] * np.sqrt(s[r])) for r in range(rank)]


def convolve_low_rank(x: np.ndarray, kernel: np.ndarray, rank: int, mode: str = "valid") -> np.ndarray:
    """Convolve a picture with the best kernel of a rank, in ``2 * rank`` thin passes.

    Args:
        x: (H, W) picture.
        kernel: (K, L).
        rank: how many outer products to use, at most the rank of the kernel.
        mode: ``full``, ``same`` or ``valid``.
    """
    terms = separable_terms(kernel)
    check_int("rank", rank, minimum=1, maximum=len(terms))
    return np.sum([convolve_separable(x, pair, mode) for pair in terms[:rank]], axis=0)

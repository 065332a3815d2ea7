"""Kernel principal component analysis: finite coordinates whose inner products are the centred kernel.

Taught in chapter 01b_kernels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_int, check_shape

Array = NDArray[np.float64]


def center_kernel(kernel: ArrayLike) -> Array:
    """Return the kernel matrix of features from which their mean was taken, without the features.

    Args:
        kernel: ``k(x_i, x_j)`` of the samples, shape ``(N, N)``.

    Returns:
        ``H K H`` with ``H = I - 1/N``, shape ``(N, N)``; every row and column sums to zero.
    """
    kernel = np.asarray(kernel, dtype=float)
    check_shape("kernel", kernel, (None, kernel.shape[0]))
    return kernel - kernel.mean(axis=0)[None, :] - kernel.mean(axis=1)[:, None] + kernel.mean()


class KernelPCA:
    """Coordinates of the samples along the principal axes of their (centred) features.

    Args:
        kernel: ``k(x_i, x_j)`` of the samples, positive semi-definite, shape ``(N, N)``.
        components: number of axes to keep; all with an eigenvalue above rounding if not given.

    Raises:
        ValueError: if the matrix is not square or ``components`` is out of range.

    Source: Schölkopf, Smola and Müller (1998), Nonlinear component analysis as a kernel eigenvalue problem.
    """

    def __init__(self, kernel: ArrayLike, components: int | None = None) -> None:
        kernel = np.asarray(kernel, dtype=float)
        check_shape("kernel", kernel, (None, kernel.shape[0]))
        self._column_mean: Array = kernel.mean(axis=0)  # (N,)
        values, vectors = np.linalg.eigh(center_kernel(kernel))
        order = np.argsort(values)[::-1]
        values, vectors = values[order], vectors[:, order]
        kept = int(np.sum(values > 1e-12 * values[0]))
        if components is not None:
            kept = min(kept, check_int("components", components, minimum=1, maximum=len(kernel)))
        self.eigenvalues: Array = values[:kept]
        self.axes: Array = vectors[:, :kept] / np.sqrt(self.eigenvalues)  # (N, components)
        self.embedding: Array = vectors[:, :kept] * np.sqrt(self.eigenvalues)  # (N, components)

    def transform(self, kernel: ArrayLike) -> Array:
        """Return the coordinates of new inputs.

        Args:
            kernel: ``k(new, sample)``, not centred, shape ``(M, N)``.

        Returns:
            Shape ``(M, components)``. The mean that is taken away is that of the training samples.

        Raises:
            ValueError: if the second dimension is not the number of training samples.
        """
        kernel = np.asarray(kernel, dtype=float)
        check_shape("kernel", kernel, (None, len(self._column_mean)))
        centered = kernel - self._column_mean[None, :] - kernel.mean(axis=1)[:, None] + self._column_mean.mean()
        return centered @ self.axes

"""Nyström features: a kernel's coordinates from a few landmarks, so that the model stops growing with the data.

Taught in chapter 01b_kernels.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_shape

Array = NDArray[np.float64]


class NystromFeatures:
    """Map inputs to coordinates whose inner products approximate a kernel.

    Args:
        kernel: function of two input arrays ``(N, D)`` and ``(M, D)`` that returns their matrix ``(N, M)``.
        landmarks: inputs that span the approximation, shape ``(M, D)``. With all training samples as
            landmarks the training kernel matrix is reproduced exactly.

    Source: Williams and Seeger (2001), Using the Nyström method to speed up kernel machines.
    """

    def __init__(self, kernel: Callable[[Array, Array], Array], landmarks: ArrayLike) -> None:
        self.landmarks: Array = np.asarray(landmarks, dtype=float)
        check_shape("landmarks", self.landmarks, (None, None))
        self.kernel = kernel
        values, vectors = np.linalg.eigh(kernel(self.landmarks, self.landmarks))
        kept = values > 1e-10 * values[-1]
        self.projection: Array = vectors[:, kept] / np.sqrt(values[kept])  # (M, rank)

    def __call__(self, x: ArrayLike) -> Array:
        """Return the coordinates of inputs.

        Args:
            x: inputs, shape ``(N, D)``.

        Returns:
            Shape ``(N, rank)``, rank at most the number of landmarks.
        """
        return self.kernel(np.asarray(x, dtype=float), self.landmarks) @ self.projection

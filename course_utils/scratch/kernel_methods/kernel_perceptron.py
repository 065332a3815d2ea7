"""The kernel perceptron: one counter a training sample instead of a weight vector.

It makes the same mistakes, in the same order, as ``perceptron.train_perceptron`` on the features that belong
to the kernel. Taught in chapter 01b_kernels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_int, check_shape

Array = NDArray[np.float64]


def kernel_perceptron(kernel: ArrayLike, y: ArrayLike, epochs: int = 100) -> NDArray[np.int64]:
    """Train the perceptron from a kernel matrix alone: count the mistakes made on each sample.

    Args:
        kernel: ``k(x_i, x_j)`` of the samples, shape ``(N, N)``.
        y: labels -1 or +1, shape ``(N,)``.
        epochs: passes over the samples; stops early after a pass without a mistake.

    Returns:
        How often each sample was added, shape ``(N,)``. The score of a new input is
        ``k(new, samples) @ (counts * y)``; the sum of the counts is the number of updates.

    Raises:
        ValueError: if the shapes disagree.

    Source: Aizerman, Braverman and Rozonoer (1964), the potential function method.
    """
    kernel, y = np.asarray(kernel, dtype=float), np.asarray(y, dtype=float)
    check_shape("y", y, (None,))
    check_shape("kernel", kernel, (len(y), len(y)))
    check_int("epochs", epochs, minimum=1)
    counts = np.zeros(len(y), dtype=np.int64)
    scores = np.zeros(len(y))
    for _ in range(epochs):
        clean = True
        for i, label in enumerate(y):
            if label * scores[i] <= 0:
                counts[i] += 1
                scores = scores + label * kernel[:, i]
                clean = False
        if clean:
            break
    return counts

"""Gradient descent on a quadratic: what the learning rate does, exactly (chapter 01)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_int, check_number, check_same_length, check_shape


def quadratic(w: ArrayLike, curvatures: ArrayLike) -> NDArray[np.float64]:
    """Return ``sum(curvature * w**2) / 2`` along the last axis of ``w``."""
    return 0.5 * (np.asarray(curvatures, dtype=np.float64) * np.asarray(w, dtype=np.float64) ** 2).sum(axis=-1)


def descend_quadratic(curvatures: ArrayLike, start: ArrayLike, eta: float, steps: int) -> NDArray[np.float64]:
    """Run gradient descent on ``sum(curvature * w**2) / 2`` and return every point visited.

    Each step multiplies coordinate ``j`` by ``1 - eta * curvature_j``. Any quadratic takes this form in
    the axes of its Hessian.

    Args:
        curvatures: second derivatives along the axes, shape ``(D,)``, each above 0.
        start: first point, shape ``(D,)``.
        eta: learning rate, above 0.
        steps: number of steps, at least 0.

    Returns:
        The path, shape ``(steps + 1, D)``.
    """
    curvature = check_shape("curvatures", np.asarray(curvatures, dtype=np.float64), (None,))
    w = check_shape("start", np.asarray(start, dtype=np.float64), (None,))
    check_same_length("curvatures", curvature, "start", w)
    check_number("smallest curvature", float(curvature.min()), above=0)
    check_number("eta", eta, above=0)
    check_int("steps", steps, minimum=0)
    path = np.empty((steps + 1, w.size))
    path[0] = w
    for step in range(steps):
        path[step + 1] = path[step] - eta * curvature * path[step]
    return path


def divergence_threshold(curvatures: ArrayLike) -> float:
    """Return ``2 / largest curvature``: below it gradient descent shrinks, above it grows."""
    largest = check_number("largest curvature", float(np.max(np.asarray(curvatures))), above=0)
    return 2.0 / largest

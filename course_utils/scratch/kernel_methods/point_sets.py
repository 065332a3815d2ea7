"""Small labelled point clouds in the plane, drawn from a seed, on which a line works or does not.

Labels are -1 and +1. Taught in chapter 01b_kernels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from course_utils.check import check_int, check_number

Array = NDArray[np.float64]

XOR_CORNERS: Array = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
XOR_LABELS: Array = np.array([-1.0, 1.0, 1.0, -1.0])


def two_clouds(n: int, distance: float = 3.0, spread: float = 1.0, seed: int = 0) -> tuple[Array, Array]:
    """Draw two round Gaussian clouds side by side.

    Args:
        n: number of points, half of each class.
        distance: between the two centres.
        spread: standard deviation of each cloud.
        seed: of the random generator.

    Returns:
        Points, shape ``(n, 2)``, and labels -1 or +1, shape ``(n,)``.
    """
    rng, y = _labels(n, seed)
    direction = np.array([0.8, 0.6])
    return y[:, None] * direction * distance / 2 + spread * rng.standard_normal((n, 2)), y


def separable_clouds(n: int, gap: float = 0.3, seed: int = 0) -> tuple[Array, Array]:
    """Draw two classes that a line separates, with no point closer to that line than the gap.

    Args:
        n: number of points, half of each class.
        gap: smallest distance of a point to the line of the drawing, above 0.
        seed: of the random generator.

    Returns:
        Points, shape ``(n, 2)``, and labels -1 or +1, shape ``(n,)``. The largest possible margin is at
        least ``gap``.
    """
    check_number("gap", gap, above=0)
    rng, y = _labels(n, seed)
    normal, along = np.array([0.8, 0.6]), np.array([-0.6, 0.8])
    depth = gap + np.abs(rng.normal(scale=0.8, size=n))
    return y[:, None] * depth[:, None] * normal + rng.normal(scale=1.2, size=(n, 1)) * along + 0.4, y


def xor_clouds(n: int, spread: float = 0.25, seed: int = 0) -> tuple[Array, Array]:
    """Draw four clouds on the corners of a square; opposite corners share a class.

    Args:
        n: number of points, spread evenly over the corners.
        spread: standard deviation of each cloud.
        seed: of the random generator.

    Returns:
        Points, shape ``(n, 2)``, and labels -1 or +1, shape ``(n,)``.
    """
    check_int("n", n, minimum=4)
    rng = np.random.default_rng(seed)
    corner = np.arange(n) % 4
    return XOR_CORNERS[corner] + spread * rng.standard_normal((n, 2)), XOR_LABELS[corner]


def rings(n: int, radii: tuple[float, float] = (0.8, 2.0), spread: float = 0.15, seed: int = 0) -> tuple[Array, Array]:
    """Draw a ring of +1 inside a ring of -1.

    Args:
        n: number of points, half of each class.
        radii: radius of the inner (+1) and of the outer (-1) ring.
        spread: standard deviation of the radius.
        seed: of the random generator.

    Returns:
        Points, shape ``(n, 2)``, and labels -1 or +1, shape ``(n,)``.
    """
    rng, y = _labels(n, seed)
    radius = np.where(y > 0, *radii) + spread * rng.standard_normal(n)
    angle = rng.uniform(0.0, 2 * np.pi, n)
    return radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)]), y


def moons(n: int, spread: float = 0.2, seed: int = 0) -> tuple[Array, Array]:
    """Draw two half circles that grip into each other.

    Args:
        n: number of points, half of each class.
        spread: standard deviation of the noise on both coordinates.
        seed: of the random generator.

    Returns:
        Points, shape ``(n, 2)``, and labels -1 or +1, shape ``(n,)``.
    """
    rng, y = _labels(n, seed)
    angle = rng.uniform(0.0, np.pi, n)
    x = np.column_stack([np.cos(angle), np.sin(angle)]) - [0.5, 0.25]
    x[y < 0] *= -1.0
    return x + spread * rng.standard_normal((n, 2)), y


def _labels(n: int, seed: int) -> tuple[np.random.Generator, Array]:
    check_int("n", n, minimum=2)
    return np.random.default_rng(seed), np.where(np.arange(n) % 2 == 0, 1.0, -1.0)

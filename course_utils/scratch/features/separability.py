"""Which labellings of points a hyperplane can separate: an exact test, and Cover's count.

Source: Cover, "Geometrical and Statistical Properties of Systems of Linear Inequalities", 1965. The test is the first
phase of the simplex method with Bland's rule: it either writes the origin as a weighted mean of the points
label * (x, 1), so that nothing separates them, or proves by a plane that it cannot.
"""

import math

import numpy as np

from course_utils.check import check_int, check_number, check_same_length, check_shape

TOLERANCE = 1e-9


def separating_plane(points: np.ndarray, labels: np.ndarray) -> np.ndarray | None:
    """Return a plane with every point on its own side, or ``None`` if there is none.

    Args:
        points: (N, D).
        labels: (N,) of +1 and -1.

    Returns:
        (D + 1,) weights, the bias last, with label * (w . (x, 1)) > 0 for all points; or ``None``.
    """
    points, labels = np.asarray(points, dtype=np.float64), np.asarray(labels)
    check_shape("points", points, (None, None))
    check_same_length("points", points, "labels", labels)
    if not np.isin(labels, (-1, 1)).all():
        raise ValueError(f"labels must be +1 or -1, got {sorted(set(labels.tolist()))}")
    count = len(points)
    z = labels[:, None] * np.hstack([points, np.ones((count, 1))])  # (N, D + 1)
    rows = z.shape[1] + 1
    # Columns: weights of the N points, artificial variables, right side. Last row: weights sum to 1.
    table = np.zeros((rows, count + rows + 1))
    table[:-1, :count] = z.T
    table[-1, :count] = 1
    table[:, count:-1] = np.eye(rows)
    table[-1, -1] = 1
    basis = np.arange(count, count + rows)
    reduced = -table.sum(axis=0)  # reduced costs of minimising the sum of the artificial variables
    reduced[count:-1] = 0
    while reduced[-1] < -TOLERANCE:
        entering = np.flatnonzero(reduced[:count] < -TOLERANCE)
        if len(entering) == 0:
            return reduced[count : count + rows - 1] - 1  # the dual solution, negated, is the plane
        column = entering[0]
        useful = np.flatnonzero(table[:, column] > TOLERANCE)
        ratio = table[useful, -1] / table[useful, column]
        tied = useful[ratio <= ratio.min() + TOLERANCE]
        row = tied[basis[tied].argmin()]
        table[row] /= table[row, column]
        others = table[:, column].copy()
        others[row] = 0
        table -= others[:, None] * table[row]
        reduced -= reduced[column] * table[row]
        basis[row] = column
    return None


def cover_count(count: int, dimension: int) -> int:
    """Return how many of the 2^N labellings of N points in general position a hyperplane with bias separates.

    Args:
        count: number of points N, at least 1.
        dimension: number of coordinates D, at least 0.
    """
    check_int("count", count, minimum=1)
    check_int("dimension", dimension, minimum=0)
    return 2 * sum(math.comb(count - 1, k) for k in range(dimension + 1))


def cover_fraction(count: int, dimension: int) -> float:
    """Return the share of all labellings that :func:`cover_count` counts, in (0, 1]."""
    return cover_count(count, dimension) / 2**count


def random_features(points: np.ndarray, dimension: int, scale: float = 4.0, seed: int = 0) -> np.ndarray:
    """Map points to tanh of random linear functions of them.

    Args:
        points: (N, d), coordinates about in [-1, 1].
        dimension: number of features D, at least 1. The first features do not depend on D.
        scale: deviation of the random weights; large ones give steep features that cut the space in many ways.
        seed: of the weights.

    Returns:
        (N, D) in (-1, 1).
    """
    check_int("dimension", dimension, minimum=1)
    check_number("scale", scale, above=0)
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(dimension, points.shape[1] + 1)) * scale
    return np.tanh(points @ weights[:, :-1].T + weights[:, -1] * 0.5)

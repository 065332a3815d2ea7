"""How many directions data really vary in: from nearest-neighbour distances, and from variances.

Sources: Facco, d'Errico, Rodriguez and Laio, "Estimating the Intrinsic Dimension of Datasets by a Minimal
Neighborhood Information", 2017 (two-NN); Levina and Bickel, "Maximum Likelihood Estimation of Intrinsic Dimension",
2004, with the average of inverse estimates that MacKay and Ghahramani recommend.
"""

import math

import numpy as np

from course_utils.check import check_int, check_number, check_shape


def neighbour_distances_loop(x: np.ndarray, k: int) -> np.ndarray:
    """Sort all distances of each point, one pair at a time: the slow twin of :func:`neighbour_distances`."""
    out = []
    for i, a in enumerate(x):
        distances = sorted(math.dist(a, b) for j, b in enumerate(x) if j != i)
        out.append(distances[:k])
    return np.array(out)


def neighbour_distances(x: np.ndarray, k: int) -> np.ndarray:
    """Return the distances from each point to its k nearest other points, ascending.

    Args:
        x: (N, D) points.
        k: number of neighbours, from 1 to N - 1.

    Returns:
        (N, k).
    """
    x = np.asarray(x, dtype=np.float64)
    check_shape("x", x, (None, None))
    check_int("k", k, minimum=1, maximum=len(x) - 1)
    x = x - x.mean(axis=0)
    square = (x**2).sum(axis=1)
    squared = square[:, None] - 2 * x @ x.T + square
    np.fill_diagonal(squared, np.inf)
    nearest = np.argpartition(squared, k - 1, axis=1)[:, :k]
    # Differences again, now for the few nearest: the expansion above loses digits for close pairs.
    return np.sort(np.linalg.norm(x[:, None, :] - x[nearest], axis=2), axis=1)


def two_nn(x: np.ndarray) -> float:
    """Estimate the dimension from the ratio of the second to the first neighbour's distance.

    Args:
        x: (N, D) points without duplicates, N at least 3.

    Returns:
        The maximum-likelihood dimension N / sum(log(r2 / r1)).

    Raises:
        ValueError: if two points coincide.
    """
    distances = neighbour_distances(x, 2)
    if not (distances[:, 0] > 0).all():
        raise ValueError("points must differ, got duplicates; remove them first")
    return float(len(distances) / np.log(distances[:, 1] / distances[:, 0]).sum())


def levina_bickel(x: np.ndarray, k: int = 10) -> float:
    """Estimate the dimension from how fast neighbours come in: distances to the first k of them.

    Args:
        x: (N, D) points without duplicates.
        k: number of neighbours, at least 2; more of them average noise away and see more curvature.

    Returns:
        The dimension.
    """
    check_int("k", k, minimum=2)
    distances = neighbour_distances(x, k)
    inverse = np.log(distances[:, -1:] / distances[:, :-1]).mean(axis=1)
    return float(1 / inverse.mean())


def pca_dimension(x: np.ndarray, share: float = 0.95) -> int:
    """Return how many principal components hold the given share of the variance.

    Args:
        x: (N, D) points.
        share: in (0, 1).
    """
    check_number("share", share, above=0, below=1)
    values = np.linalg.svd(x - x.mean(axis=0), compute_uv=False) ** 2
    return int(np.searchsorted(np.cumsum(values) / values.sum(), share) + 1)

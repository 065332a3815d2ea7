"""k-means: a codebook of typical vectors, learned without labels.

Source: Lloyd, "Least Squares Quantization in PCM", 1957 (published 1982); start by Arthur and Vassilvitskii,
"k-means++", SODA 2007.
"""

from dataclasses import dataclass

import numpy as np

from course_utils.check import check_int, check_shape


@dataclass(frozen=True)
class KMeans:
    """A codebook and how it was reached.

    Args:
        centres: (K, D), one code word a row.
        labels: (N,) index of the nearest centre of each training vector.
        inertia: one value an iteration: mean squared distance to the nearest centre.
    """

    centres: np.ndarray
    labels: np.ndarray
    inertia: list[float]


def squared_distances_loop(x: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Measure every pair by itself: the slow twin of :func:`squared_distances`."""
    out = np.empty((len(x), len(centres)))
    for i, vector in enumerate(x):
        for k, centre in enumerate(centres):
            out[i, k] = sum((a - b) ** 2 for a, b in zip(vector, centre))
    return out


def squared_distances(x: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return the squared distance of every vector to every centre.

    Args:
        x: (N, D) vectors.
        centres: (K, D) centres.

    Returns:
        (N, K), never negative: |x|^2 - 2 x.c + |c|^2 costs one matrix product instead of N*K*D differences.
    """
    check_shape("centres", centres, (None, x.shape[1]))
    cross = x @ centres.T
    return np.maximum((x**2).sum(1)[:, None] - 2 * cross + (centres**2).sum(1), 0)


def spread_start(x: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Pick k start centres among the vectors, far ones with higher probability (k-means++)."""
    centres = [x[rng.integers(len(x))]]
    nearest = squared_distances(x, centres[0][None])[:, 0]
    for _ in range(k - 1):
        total = nearest.sum()
        chance = nearest / total if total > 0 else np.full(len(x), 1 / len(x))
        centres.append(x[rng.choice(len(x), p=chance)])
        nearest = np.minimum(nearest, squared_distances(x, centres[-1][None])[:, 0])
    return np.stack(centres)


def kmeans(x: np.ndarray, k: int, iterations: int = 20, seed: int = 0, start: np.ndarray | None = None) -> KMeans:
    """Alternate two steps: give each vector to its nearest centre, move each centre to the mean of its vectors.

    Args:
        x: (N, D) vectors.
        k: number of centres, from 1 to N.
        iterations: most rounds to run; stops early when no vector changes its centre.
        seed: of the random start.
        start: (k, D) centres to begin with, instead of the random start.

    Returns:
        Centres, labels and the inertia before each move of the centres and after the last one.
    """
    x = np.asarray(x, dtype=np.float64)
    check_shape("x", x, (None, None))
    check_int("k", k, minimum=1, maximum=len(x))
    check_int("iterations", iterations, minimum=1)
    centres = spread_start(x, k, np.random.default_rng(seed)) if start is None else np.array(start, float)
    check_shape("start", centres, (k, x.shape[1]))
    labels = np.full(len(x), -1)
    inertia: list[float] = []
    for _ in range(iterations + 1):
        distances = squared_distances(x, centres)
        new = distances.argmin(axis=1)
        inertia.append(float(distances[np.arange(len(x)), new].mean()))
        if (new == labels).all() or len(inertia) > iterations:
            labels = new
            break
        labels = new
        counts = np.bincount(labels, minlength=k)
        sums = np.zeros_like(centres)
        np.add.at(sums, labels, x)
        filled = counts > 0  # an empty centre stays where it is: inertia cannot rise
        centres[filled] = sums[filled] / counts[filled, None]
    return KMeans(centres, labels, inertia)

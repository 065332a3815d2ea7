"""k-means: distances against loops, inertia that never rises, and scikit-learn's result from the same start."""

import numpy as np
import pytest
from sklearn.cluster import KMeans as LibraryKMeans

from course_utils.scratch.features.kmeans import kmeans, spread_start, squared_distances, squared_distances_loop


def test_distances_equal_loops() -> None:
    rng = np.random.default_rng(0)
    x, centres = rng.normal(size=(7, 3)), rng.normal(size=(4, 3))
    assert np.allclose(squared_distances(x, centres), squared_distances_loop(x, centres))


@pytest.mark.parametrize("seed", range(8))
def test_inertia_never_rises(seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=(300, 5))
    found = kmeans(x, 17, iterations=40, seed=seed)
    assert (np.diff(found.inertia) <= 1e-12).all()
    assert found.inertia[-1] < found.inertia[0]
    nearest = squared_distances_loop(x, found.centres)
    assert found.inertia[-1] == pytest.approx(nearest.min(axis=1).mean())
    assert (found.labels == nearest.argmin(axis=1)).all()


def test_same_start_gives_scikit_learns_inertia() -> None:
    x = np.random.default_rng(1).normal(size=(400, 4))
    start = x[:9]
    ours = kmeans(x, 9, iterations=300, start=start)
    theirs = LibraryKMeans(9, init=start, n_init=1, max_iter=300, tol=0, algorithm="lloyd").fit(x)
    assert ours.inertia[-1] == pytest.approx(theirs.inertia_ / len(x), rel=1e-6)


def test_every_centre_is_the_mean_of_its_vectors_when_it_stops() -> None:
    x = np.random.default_rng(2).normal(size=(200, 3))
    found = kmeans(x, 6, iterations=500)
    for k in range(6):
        assert np.allclose(found.centres[k], x[found.labels == k].mean(axis=0))


def test_start_prefers_far_vectors() -> None:
    x = np.concatenate([np.zeros((99, 2)), [[50.0, 0.0]]])
    starts = [spread_start(x, 2, np.random.default_rng(s)) for s in range(20)]
    assert all(np.abs(start).max() == 50 for start in starts)


def test_duplicates_and_extremes() -> None:
    assert kmeans(np.ones((5, 2)), 3).inertia[-1] == 0
    x = np.random.default_rng(3).normal(size=(6, 2))
    assert kmeans(x, 6).inertia[-1] == pytest.approx(0, abs=1e-12)
    with pytest.raises(ValueError, match="k must be at most 6"):
        kmeans(x, 7)

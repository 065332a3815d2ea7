"""Separability: the exact test against another solver, Cover's count against enumeration."""

from itertools import product

import numpy as np
import pytest
from scipy.optimize import linprog

from course_utils.scratch.features.separability import cover_count, cover_fraction, random_features, separating_plane


def by_library(points: np.ndarray, labels: np.ndarray) -> bool:
    z = labels[:, None] * np.hstack([points, np.ones((len(points), 1))])
    return linprog(np.zeros(z.shape[1]), A_ub=-z, b_ub=-np.ones(len(z)), bounds=(None, None)).status == 0


@pytest.mark.parametrize("seed", range(60))
def test_agrees_with_another_solver_and_proves_it_by_a_plane(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count, dimension = rng.integers(1, 25), rng.integers(1, 20)
    points, labels = rng.normal(size=(count, dimension)), rng.choice([-1, 1], count)
    plane = separating_plane(points, labels)
    assert (plane is not None) == by_library(points, labels)
    if plane is not None:
        assert (labels * (np.hstack([points, np.ones((count, 1))]) @ plane) > 0).all()


@pytest.mark.parametrize(("count", "dimension"), [(5, 1), (6, 2), (8, 2), (7, 3), (4, 3), (4, 7)])
def test_cover_counts_what_enumeration_finds(count: int, dimension: int) -> None:
    points = np.random.default_rng(count).normal(size=(count, dimension))
    found = sum(separating_plane(points, np.array(s)) is not None for s in product((-1, 1), repeat=count))
    assert found == cover_count(count, dimension)


def test_cover_obeys_its_recursion_and_its_landmarks() -> None:
    for n in range(2, 30):
        for d in range(1, 12):
            assert cover_count(n, d) == cover_count(n - 1, d) + cover_count(n - 1, d - 1)
    assert cover_fraction(40, 39) == 1
    assert cover_fraction(40, 38) < 1
    assert cover_fraction(40, 19) == 0.5


def test_xor_and_points_on_a_line_need_more() -> None:
    square = np.array([[0.0, 0], [1, 1], [0, 1], [1, 0]])
    xor = np.array([1, 1, -1, -1])
    assert separating_plane(square, xor) is None
    assert separating_plane(np.hstack([square, square[:, :1] * square[:, 1:]]), xor) is not None
    line = np.arange(8.0)[:, None] * np.array([[1.0, 2.0]])
    assert sum(separating_plane(line, np.array(s)) is not None for s in product((-1, 1), repeat=8)) == 16


def test_random_features_follow_cover_and_linear_ones_do_not() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, (24, 2))
    for dimension, low, high in [(5, 0.0, 0.1), (11, 0.3, 0.7), (18, 0.9, 1.0), (23, 1.0, 1.0)]:
        x = random_features(points, dimension)
        share = np.mean([separating_plane(x, rng.choice([-1, 1], 24)) is not None for _ in range(80)])
        assert low <= share <= high
    flat = points @ rng.normal(size=(2, 60))
    assert np.mean([separating_plane(flat, rng.choice([-1, 1], 24)) is not None for _ in range(40)]) == 0


def test_first_features_stay_and_labels_are_checked() -> None:
    points = np.random.default_rng(1).uniform(-1, 1, (5, 2))
    assert np.array_equal(random_features(points, 3), random_features(points, 9)[:, :3])
    with pytest.raises(ValueError, match=r"labels must be \+1 or -1"):
        separating_plane(points, np.array([0, 1, 1, 0, 1]))

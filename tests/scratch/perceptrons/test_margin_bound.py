"""Radius, margin and bound: exactness, slow twins, independent solvers."""

import numpy as np
import pytest

from course_utils.scratch.perceptrons.margin_bound import (
    count_updates,
    margin,
    maximum_margin,
    radius,
    random_separable_sets,
    update_bound,
)
from course_utils.scratch.perceptrons.perceptron import train_perceptron


def test_radius_and_margin_by_hand():
    x = [[3.0, 4.0], [1.0, 0.0]]
    assert radius(x) == 5.0
    assert margin(x, [1, 1], [2.0, 0.0]) == pytest.approx(1.0)
    assert margin(x, [1, -1], [2.0, 0.0]) == pytest.approx(-1.0)


def test_maximum_margin_by_hand():
    w, best = maximum_margin([[1.0, 0.0], [0.0, 1.0]], [1, 1])
    np.testing.assert_allclose(w, [np.sqrt(0.5)] * 2)
    assert best == pytest.approx(np.sqrt(0.5))


@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_maximum_margin_agrees_with_a_support_vector_machine(dimension):
    from sklearn.svm import SVC

    x, y = random_separable_sets(20, points=15, dimension=dimension, seed=dimension)
    for samples, labels in zip(x, y):
        mirrored = np.vstack([samples, -samples])  # no separate intercept: the hyperplane passes the origin
        machine = SVC(kernel="linear", C=1e9, tol=1e-8).fit(mirrored, np.r_[labels, -labels])
        w, best = maximum_margin(samples, labels)
        assert np.linalg.norm(w) == pytest.approx(1.0)
        assert best == pytest.approx(margin(samples, labels, machine.coef_[0]), rel=2e-3)
        assert best >= margin(samples, labels, machine.coef_[0]) - 1e-9


def test_no_direction_beats_the_maximum_margin():
    x, y = random_separable_sets(10, seed=3)
    rng = np.random.default_rng(3)
    for samples, labels in zip(x, y):
        w, best = maximum_margin(samples, labels)
        for _ in range(200):
            assert margin(samples, labels, w + 0.1 * rng.normal(size=3)) <= best + 1e-12


def test_inseparable_samples_are_refused():
    with pytest.raises(ValueError, match="no hyperplane"):
        maximum_margin([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]], [-1, 1, 1, -1])
    with pytest.raises(ValueError, match="margin must be greater than 0"):
        update_bound([[1.0], [1.0]], [1, -1], w=[1.0])


def test_random_sets_are_separable_and_reproducible():
    x, y = random_separable_sets(50, points=12, dimension=4, seed=1)
    assert x.shape == (50, 12, 5)
    assert y.shape == (50, 12)
    assert (x[:, :, -1] == 1).all()
    assert all(maximum_margin(a, b)[1] > 0 for a, b in zip(x, y))
    again, _ = random_separable_sets(50, points=12, dimension=4, seed=1)
    np.testing.assert_array_equal(x, again)


def test_counting_side_by_side_agrees_with_one_by_one():
    x, y = random_separable_sets(200, seed=5)
    alone = [train_perceptron(a, b, epochs=10_000, keep_history=False).updates for a, b in zip(x, y)]
    assert count_updates(x, y).tolist() == alone


def test_counting_marks_what_did_not_finish():
    xor = np.array([[[0.0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]]])
    assert count_updates(xor, np.array([[-1.0, 1, 1, -1]]), epochs=50).tolist() == [-1]


def test_the_bound_for_a_start_is_the_plain_bound_at_zero():
    x, y = random_separable_sets(20, seed=7)
    for samples, labels in zip(x, y):
        assert update_bound(samples, labels, start=np.zeros(3)) == pytest.approx(update_bound(samples, labels))
        best = update_bound(samples, labels)
        other = train_perceptron(samples, labels).w
        assert update_bound(samples, labels, w=other) >= best - 1e-9

"""The multi-class rule against Kesler's two-class problem and the two-class rule."""

import numpy as np
import pytest

from course_utils.scratch.perceptrons.margin_bound import maximum_margin, radius, update_bound
from course_utils.scratch.perceptrons.multiclass_perceptron import kesler_vectors, predict_class, train_multiclass
from course_utils.scratch.perceptrons.perceptron import add_bias, train_perceptron


def wedges(seed, classes=4, count=60):
    rng = np.random.default_rng(seed)
    y = np.arange(count) % classes
    angle = 2 * np.pi * y / classes
    centres = 3 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return add_bias(centres + rng.uniform(-1, 1, size=(count, 2))), y


@pytest.mark.parametrize("seed", range(5))
def test_zero_errors_within_the_bound(seed):
    x, y = wedges(seed)
    run = train_multiclass(x, y, 4)
    z = kesler_vectors(x, y, 4)
    assert run.converged
    assert (predict_class(x, run.w) == y).all()
    assert (z @ run.w.ravel() > 0).all()
    assert 0 < run.updates <= update_bound(z, np.ones(len(z)))
    np.testing.assert_allclose(run.w.sum(axis=0), 0, atol=1e-9)  # what one row gains another loses


@pytest.mark.parametrize("seed", range(3))
def test_is_the_two_class_rule_on_kesler_vectors(seed):
    x, y = wedges(seed)
    w, updates, clean = np.zeros(12), 0, False
    blocks = kesler_vectors(x, y, 4).reshape(len(x), 3, 12)
    while not clean:
        clean = True
        for rows in blocks:
            z = rows[np.argmin(rows @ w)]  # the strongest rival
            if z @ w <= 0:
                w, updates, clean = w + z, updates + 1, False
    run = train_multiclass(x, y, 4)
    assert run.updates == updates
    np.testing.assert_allclose(run.w.ravel(), w, atol=1e-12)


def test_kesler_vectors_by_hand():
    z = kesler_vectors([[2.0, 1.0]], [1], 3)
    assert z.tolist() == [[-2, -1, 2, 1, 0, 0], [0, 0, 2, 1, -2, -1]]
    x, y = wedges(0)
    assert radius(kesler_vectors(x, y, 4)) == pytest.approx(np.sqrt(2) * radius(x))
    assert maximum_margin(kesler_vectors(x, y, 4), np.ones(180))[1] > 0


def test_two_classes_are_the_plain_perceptron_twice():
    x, y = wedges(1, classes=2)
    two = train_multiclass(x, y, 2)
    one = train_perceptron(x, 2.0 * y - 1)
    assert two.updates == one.updates
    np.testing.assert_allclose(two.w[1], one.w, atol=1e-12)
    np.testing.assert_allclose(two.w[0], -one.w, atol=1e-12)


def test_average_equals_the_sum_over_all_visits():
    x, y = wedges(2)
    x = x + np.random.default_rng(2).normal(size=x.shape)
    order = np.random.default_rng(9)
    run = train_multiclass(x, y, 4, epochs=3, order=np.random.default_rng(9))
    w, total, visits = np.zeros((4, 3)), np.zeros((4, 3)), 0
    for _ in range(len(run.updates_per_epoch)):
        for i in order.permutation(len(x)):
            score = w @ x[i]
            wanted, score[y[i]] = score[y[i]], -np.inf
            if wanted <= score.max():
                w[y[i]] += x[i]
                w[score.argmax()] -= x[i]
            total += w
            visits += 1
    np.testing.assert_allclose(run.average, total / visits, atol=1e-12)


def test_labels_must_fit():
    with pytest.raises(ValueError, match="largest label must be at most 2"):
        train_multiclass([[1.0]], np.array([3]), 3)

"""The stop comes when it must, and what is kept is the best."""

import numpy as np
import pytest

from course_utils.scratch.selection.early_stopping import EarlyStopping, stopping_point, stopping_point_fast


def test_a_curve_by_hand():
    curve = [5.0, 4.0, 4.5, 3.0, 3.5, 3.2, 3.1, 1.0]
    assert stopping_point(curve, patience=3) == (3, 6)
    assert stopping_point(curve, patience=4) == (7, 7)
    assert stopping_point(curve, patience=1) == (1, 2)


def test_the_fast_twin_agrees():
    rng = np.random.default_rng(0)
    for _ in range(200):
        curve = np.round(rng.normal(size=rng.integers(1, 40)).cumsum(), 1)  # with ties
        patience = int(rng.integers(1, 8))
        assert stopping_point(curve, patience) == stopping_point_fast(curve, patience)


def test_what_is_kept_is_a_copy_of_the_best():
    watch, weights, stopped = EarlyStopping(patience=2), [0], []
    for epoch, loss in enumerate([3.0, 1.0, 2.0, 2.0]):
        weights[0] = epoch
        stopped.append(watch.update(loss, weights))
    assert stopped == [False, False, False, True]
    assert watch.kept == [1]
    assert watch.best_epoch == 1


def test_small_gains_do_not_count_and_nan_is_no_gain():
    assert stopping_point([1.0, 0.99, 0.98], patience=2, smallest=0.1) == (0, 2)
    assert stopping_point([1.0, float("nan"), float("nan")], patience=2) == (0, 2)
    with pytest.raises(ValueError, match="patience must be at least 1, got 0"):
        EarlyStopping(0)

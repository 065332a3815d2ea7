"""Folds partition; ours are those dealt by hand and as large as scikit-learn's."""

import numpy as np
import pytest
from sklearn.model_selection import KFold

from course_utils.scratch.selection.cross_validation import (
    FoldScores,
    cross_validate,
    group_folds,
    is_partition,
    k_folds,
    k_folds_loops,
    stratified_folds,
)


@pytest.mark.parametrize(("count", "folds"), [(10, 2), (11, 3), (200, 5), (7, 7), (101, 10)])
def test_every_example_is_held_out_once(count, folds):
    dealt = k_folds(count, folds, seed=3)
    assert is_partition(dealt, count)
    theirs = KFold(folds).split(np.arange(count))
    assert [len(part) for _, part in dealt] == [len(part) for _, part in theirs]
    order = np.random.default_rng(3).permutation(count).tolist()
    for (train, held_out), (slow_train, slow_held_out) in zip(dealt, k_folds_loops(order, folds)):
        assert train.tolist() == slow_train
        assert held_out.tolist() == slow_held_out


def test_is_partition_finds_what_is_wrong():
    good = k_folds(12, 3)
    train, part = good[0]
    assert is_partition(good, 12)
    assert not is_partition([*good[1:], (np.append(train, part[0]), part)], 12)  # learned from and measured on
    assert not is_partition([good[0], good[0], good[1]], 12)  # held out twice


def test_classes_are_shared_out():
    y = np.array([0] * 50 + [1] * 23 + [2] * 7)
    folds = stratified_folds(y, 5, seed=1)
    assert is_partition(folds, 80)
    counts = np.array([np.bincount(y[part], minlength=3) for _, part in folds])
    assert (counts.max(axis=0) - counts.min(axis=0) <= 1).all()


def test_groups_are_never_torn():
    groups = np.repeat(np.arange(13), [1, 9, 3, 3, 4, 2, 2, 7, 5, 1, 1, 6, 2])
    folds = group_folds(groups, 4)
    assert is_partition(folds, len(groups))
    for train, part in folds:
        assert not set(groups[train]) & set(groups[part])
    sizes = [len(part) for _, part in folds]
    assert max(sizes) - min(sizes) <= 3


def test_scores_mean_and_error():
    result = cross_validate(k_folds(10, 5), lambda train, part: part.sum() / 10)
    assert result.mean == pytest.approx(45 / 50)
    assert FoldScores((0.0, 1.0)).error == pytest.approx(0.5)


def test_bad_requests_are_named():
    with pytest.raises(ValueError, match="folds must be at least 2, got 1"):
        k_folds(10, 1)
    with pytest.raises(ValueError, match="count must be at least 5, got 4"):
        k_folds(4, 5)
    with pytest.raises(ValueError, match="number of groups must be at least 3, got 2"):
        group_folds([0, 0, 1], 3)

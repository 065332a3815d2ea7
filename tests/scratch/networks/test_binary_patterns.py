"""One unit a pattern: fires alone, any labelling, the OR, the cost, parity the cheap way."""

import itertools

import numpy as np
import pytest

from course_utils.scratch.networks.binary_patterns import (
    cube,
    or_unit,
    parity,
    parity_by_counting,
    sign,
    store_patterns,
)


@pytest.mark.parametrize("dimension", [1, 2, 3, 5])
def test_the_cube_has_all_corners(dimension):
    patterns = cube(dimension)
    assert patterns.shape == (2**dimension, dimension)
    assert len(np.unique(patterns, axis=0)) == 2**dimension
    assert set(np.unique(patterns)) == {-1, 1}


def test_sign_is_plus_one_at_zero():
    assert sign([-0.5, 0.0, 2.0]).tolist() == [-1, 1, 1]


@pytest.mark.parametrize("units", [1, 2, 3, 6])
def test_or_over_all_sign_patterns(units):
    z = cube(units)
    assert or_unit(z).tolist() == [1.0 if (row > 0).any() else -1.0 for row in z]


def test_or_of_nothing_is_off():
    assert or_unit(np.zeros((3, 0))).tolist() == [-1, -1, -1]


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("smaller", [False, True])
def test_every_labelling_of_a_small_cube(dimension, smaller):
    patterns = cube(dimension)
    for labels in itertools.product((-1.0, 1.0), repeat=len(patterns)):
        net = store_patterns(patterns, labels, smaller_class=smaller)
        assert net(patterns).tolist() == list(labels)
        positives = labels.count(1.0)
        assert len(net.stored) == (min(positives, len(labels) - positives) if smaller else positives)


def test_each_hidden_unit_fires_for_its_own_pattern_only():
    patterns = cube(4)
    np.testing.assert_array_equal(store_patterns(patterns, np.ones(16)).hidden(patterns), 2 * np.eye(16) - 1)


def test_patterns_that_cannot_be_stored():
    with pytest.raises(ValueError, match="distinct"):
        store_patterns([[1, 1], [1, 1]], [1, -1])
    with pytest.raises(ValueError, match="labels must hold only"):
        store_patterns([[1, 1]], [0])


@pytest.mark.parametrize("dimension", range(1, 9))
def test_parity_by_counting(dimension):
    patterns = cube(dimension)
    assert parity_by_counting(patterns).tolist() == parity(patterns).tolist()
    assert parity(patterns).tolist() == [1.0 if (row > 0).sum() % 2 else -1.0 for row in patterns]

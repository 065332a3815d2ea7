"""Each index once, averages that agree, and noise as the theory of sampling says."""

import itertools

import numpy as np
import pytest

from course_utils.scratch.optimisation.batches import batch_means, epoch_batches, expected_noise, measured_noise


@pytest.mark.parametrize(("count", "batch_size"), [(1, 1), (10, 3), (12, 4), (5, 9), (7, 1)])
@pytest.mark.parametrize("shuffled", [True, False])
def test_each_index_comes_exactly_once(count, batch_size, shuffled):
    rng = np.random.default_rng(0) if shuffled else None
    for _ in range(3):
        batches = list(epoch_batches(count, batch_size, rng))
        assert len(batches) == -(-count // batch_size)
        assert sorted(np.concatenate(batches).tolist()) == list(range(count))
        assert all(len(b) == batch_size for b in batches[:-1])


def test_the_order_is_new_in_each_epoch_and_fixed_without_a_generator():
    rng = np.random.default_rng(0)
    first, second = (np.concatenate(list(epoch_batches(100, 10, rng))) for _ in range(2))
    assert not np.array_equal(first, second)
    assert np.array_equal(np.concatenate(list(epoch_batches(100, 10))), np.arange(100))


def test_equal_batches_average_to_the_full_gradient_and_unequal_ones_only_when_weighted():
    gradients = np.random.default_rng(1).normal(size=(60, 3))
    full = gradients.mean(axis=0)
    np.testing.assert_allclose(batch_means(gradients, 12, np.random.default_rng(2)).mean(axis=0), full, atol=1e-14)
    means = batch_means(gradients, 25)
    np.testing.assert_allclose(np.average(means, axis=0, weights=[25, 25, 10]), full, atol=1e-14)
    assert np.abs(means.mean(axis=0) - full).max() > 1e-3


def test_expected_noise_is_the_mean_over_all_batches():
    gradients = np.random.default_rng(3).normal(size=(9, 2))
    full = gradients.mean(axis=0)
    for size in (1, 2, 4, 8, 9):
        every = [gradients[list(c)].mean(axis=0) for c in itertools.combinations(range(9), size)]
        exact = np.sqrt(((np.array(every) - full) ** 2).sum(axis=1).mean())
        assert expected_noise(gradients, size) == pytest.approx(exact, abs=1e-12)


def test_measured_noise_follows():
    gradients = np.random.default_rng(4).normal(size=(500, 5))
    for size in (1, 10, 100):
        seen = measured_noise(gradients, size, 2000, np.random.default_rng(5))
        assert seen == pytest.approx(expected_noise(gradients, size), rel=0.05)
    assert measured_noise(gradients, 500, 3, np.random.default_rng(5)) < 1e-12


def test_wrong_sizes_are_named():
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        list(epoch_batches(5, 0))
    with pytest.raises(ValueError, match="batch_size must be at most 5, got 6"):
        expected_noise(np.ones((5, 2)), 6)

"""Everybody in the race runs the same distance."""

import numpy as np
import pytest

from course_utils.scratch.convolution.race import SLOW, best_seconds, crossover, ways


@pytest.mark.parametrize("kernel_size", [1, 2, 5])
def test_all_ways_give_one_result(kernel_size):
    outputs = {name: run() for name, run in ways(9, kernel_size, slow=True).items()}
    assert set(SLOW) < set(outputs)
    assert len(outputs) == 7
    for z in outputs.values():
        assert z.shape == (10 - kernel_size,) * 2
        np.testing.assert_allclose(z, outputs["loops"], atol=1e-5)


def test_nobody_is_slowed_by_double_numbers():
    assert {run().dtype for run in ways(8, 3).values()} == {np.dtype(np.float32)}


def test_a_run_is_timed_at_least_once():
    calls = []
    assert best_seconds(lambda: calls.append(1), repeats=5, limit=0.0) >= 0
    assert len(calls) == 2  # one to warm up, one timed


def test_the_crossover_is_where_it_stays_ahead():
    assert crossover([3, 5, 7, 9], [4, 1, 4, 1], [2, 2, 5, 6]) == 5
    assert crossover([3, 5], [1, 3], [2, 2]) is None

"""Threshold units: truth tables, the veto, the search."""

import numpy as np
import pytest

from course_utils.scratch.perceptrons.threshold_unit import (
    GATES,
    binary_inputs,
    mcculloch_pitts,
    search_gate,
    threshold_unit,
)


def test_binary_inputs_count_upwards():
    assert binary_inputs(2).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]


def test_weights_and_bias_by_hand():
    pairs = binary_inputs(2)
    assert threshold_unit(pairs, [1, 1], -1.5).tolist() == list(GATES["AND"])
    assert threshold_unit(pairs, [1, 1], -0.5).tolist() == list(GATES["OR"])
    assert threshold_unit(pairs, [-1, -1], 1.5).tolist() == list(GATES["NAND"])
    assert threshold_unit(binary_inputs(1), [-1], 0.5).tolist() == [1, 0]


def test_a_sum_of_exactly_zero_stays_silent():
    assert threshold_unit([[1.0, 1.0]], [1, 1], -2).tolist() == [0]


@pytest.mark.parametrize("gate", GATES)
def test_search_agrees_with_trying_each_unit_alone(gate):
    grid = np.linspace(-2, 2, 9)
    pairs = binary_inputs(2)
    slow = [
        (w1, w2, b)
        for w1 in grid
        for w2 in grid
        for b in grid
        if threshold_unit(pairs, [w1, w2], b).tolist() == list(GATES[gate])
    ]
    assert search_gate(GATES[gate], grid).tolist() == [list(triple) for triple in slow]
    assert (len(slow) == 0) == (gate == "XOR")


def test_one_inhibitor_vetoes_any_excitation():
    excite = np.ones((2, 5), dtype=int)
    assert mcculloch_pitts(excite, [[0], [1]], threshold=1).tolist() == [1, 0]
    assert mcculloch_pitts(excite, np.zeros((2, 0), dtype=int), threshold=6).tolist() == [0, 0]


def test_graded_input_is_refused():
    with pytest.raises(ValueError, match="all-or-none"):
        mcculloch_pitts([[0.5]], [[0]], threshold=1)

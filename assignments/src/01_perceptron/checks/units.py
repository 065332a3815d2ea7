"""Exercise 1: a threshold unit and four gates."""

import numpy as np

from course_utils.grading.answers import Wrong, ask, compare, passed, read_array, read_number, read_tuple


def threshold_unit(unit, gate) -> None:
    """Exercise 1."""
    x = np.array([[2.0, 0.0, 1.0], [0.0, 3.0, 0.0], [1.0, 1.0, 1.0], [-1.0, 0.0, 2.0]])
    w, b = np.array([1.0, -1.0, 2.0]), -1.0  # sums with the bias: 3, -4, 1, 2; without it: 4, -3, 2, 3
    name = "threshold_unit(x, w, b)"
    got = read_array(ask(unit, x, w, b), (4,), name)
    otherwise = "threshold_unit is wrong on inputs away from zero: it must be 1 where w.x + b > 0 and 0 elsewhere"
    mistakes = [
        ([1, -1, 1, 1], "threshold_unit returns -1 where it should return 0: this unit is silent (0), not negative"),
        ([0, 1, 0, 0], "threshold_unit fires exactly where it should be silent: the comparison is the wrong way round"),
        ([3, -4, 1, 2], "threshold_unit returns the sum itself: compare it with zero"),
        ([3, 0, 1, 2], "threshold_unit returns the size of the sum: a unit says only 0 or 1"),
    ]
    compare(got, [1, 0, 1, 1], mistakes, otherwise)

    line, one = np.array([[-1.0], [1.0], [2.0], [4.0]]), np.ones(1)
    got = read_array(ask(unit, line, one, -3.0), (4,), name)
    mistakes = [
        ([0, 1, 1, 1], "threshold_unit ignores the bias: with b = -3 an input of 1 or 2 must not fire"),
        ([1, 1, 1, 1], "threshold_unit subtracts the bias: it is added, w.x + b. The threshold is minus the bias"),
    ]
    compare(got, [0, 0, 0, 1], mistakes, otherwise)
    got = read_array(ask(unit, line, one, -2.0), (4,), name)
    mistakes = [
        ([0, 0, 1, 1], "threshold_unit fires at exactly zero: here the sum must be above zero, so use > and not >="),
    ]
    compare(got, [0, 0, 0, 1], mistakes, otherwise)
    got = read_array(ask(unit, np.zeros((1, 2)), np.ones(2), 0.5), (1,), name)
    compare(got, [1], otherwise="threshold_unit is silent on an input of zeros although the bias alone is above zero")

    for gate_name, truth in (("AND", "0001"), ("OR", "0111"), ("NAND", "1110"), ("NOT", "10")):
        inputs = 2 if len(truth) == 4 else 1
        pair = read_tuple(ask(gate, gate_name), 2, f'gate("{gate_name}")')
        weights = read_array(pair[0], (inputs,), f'the weights of gate("{gate_name}")')
        bias = read_number(pair[1], f'the bias of gate("{gate_name}")')
        rows = [tuple(int(c) for c in f"{n:0{inputs}b}") for n in range(2**inputs)]
        for row, want in zip(rows, truth):
            total = float(np.dot(weights, row)) + bias
            if (total > 0) != (want == "1"):
                edge = ". A sum of exactly zero does not fire: move the bias off the edge" if total == 0 else ""
                start = ". Weights alone cannot decide this input: only the bias can" if not any(row) else ""
                raise Wrong(
                    f'gate("{gate_name}") does not compute {gate_name}: for the input {row} its sum is {total:g}, '
                    f"so it gives {int(total > 0)} instead of {want}{edge}{start}"
                )
    passed(1, "One unit, four gates. No choice of numbers gives XOR; exercise 6 comes back to it.")

# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Exercise 2: the engine."""

import numpy as np

from .answers import ask, compare, passed, read_array
from .entries import first_wrong

CASES = (
    ([["mul", 0, 1], ["add", 3, 2]], [3.0, 4.0, 5.0], [4, 3, 1, 1, 1], [
        ([3, 4, 1, 1, 1], "backward: a factor of a product gets the other factor, not itself"),
        ([0, 0, 1, 1, 1], "backward starts at the wrong end: go from the last operation to the first"),
    ]),
    ([["mul", 0, 1], ["mul", 3, 2]], [3.0, 4.0, 5.0], [20, 15, 12, 5, 1], [
        ([4, 3, 12, 5, 1], "backward passes on the local slope alone: multiply it by the gradient of the operation's value, 5 here"),
        ([0, 0, 12, 5, 1], "backward starts at the wrong end: go from the last operation to the first"),
    ]),
    ([["add", 0, 1], ["mul", 2, 0]], [3.0, 4.0], [10, 3, 3, 1], [
        ([3, 3, 3, 1], "backward sets a gradient where it should add: value 0 was used twice, so it gets 7 and then 3 more"),
        ([7, 3, 3, 1], "backward loses a contribution: value 0 was used twice, and each use adds to what is there"),
        ([7, 0, 3, 1], "backward starts at the wrong end: go from the last operation to the first"),
        ([8, 1, 3, 1], "backward passes on the local slope alone: multiply it by the gradient of the operation's value, 3 here"),
        ([10, 7, 7, 1], "backward: a factor of a product gets the other factor, not itself"),
    ]),
    ([["mul", 0, 0]], [3.0], [6, 1], [
        ([3, 1], "backward misses that a value can be used twice by one operation: the square of 3 has the slope 3 + 3"),
    ]),
    ([["add", 0, 0], ["add", 1, 0]], [2.0], [3, 1, 1], [
        ([2, 1, 1], "backward sets a gradient where it should add, or misses a value used twice by one operation"),
    ]),
    ([["mul", 0, 1], ["mul", 2, 2], ["mul", 3, 2]], [2.0, 1.0], [12, 24, 12, 2, 1], [
        ([24, 48, 12, 2, 1], "backward passes the gradient of value 2 on several times: wait until it has all of its gradient, then once"),
        ([20, 40, 12, 2, 1], "backward passes the gradient of value 2 on several times: wait until it has all of its gradient, then once"),
    ]),
    ([["mul", 0, 1], ["add", 0, 1]], [3.0, 4.0], [1, 1, 0, 1], [
        ([5, 4, 1, 1], "backward gives value 2 a gradient, but it leads nowhere: the last value does not depend on it"),
        ([5, 4, 0, 1], "backward passes on the local slope alone: multiply it by the gradient of the operation's value, 0 here"),
    ]),
    ([["relu", 0], ["mul", 1, 0]], [3.0], [6, 3, 1], [
        ([3, 3, 1], "backward sets a gradient where it should add, at the ReLU: value 0 was used twice, so it gets 3 and then 3 more"),
        ([4, 3, 1], "backward passes on the local slope alone, at the ReLU: multiply it by the gradient from above, 3 here"),
    ]),
    ([["relu", 0], ["mul", 2, 1]], [2.0, -3.0], [-3, 2, -3, 1], [
        ([1, 2, -3, 1], "backward passes on the local slope alone, at the ReLU: multiply it by the gradient from above, -3 here"),
        ([2, 2, -3, 1], "backward passes the value of a ReLU on: the slope of an open ReLU is 1, so its gradient goes through unchanged"),
        ([0, 2, -3, 1], "backward: a ReLU is open or closed by the sign of its input, not of the gradient: -3 passes"),
    ]),
    ([["mul", 0, 1], ["relu", 2]], [-0.5, -0.5], [-0.5, -0.5, 1, 1], [
        ([0, 0, 0, 1], "backward closes a ReLU whose input is 0.25: it is open above 0; its input here is value 2"),
    ]),
    ([["relu", 0], ["add", 2, 1]], [-2.0, 1.0], [0, 1, 1, 1], [
        ([1, 1, 1, 1], "backward lets a gradient through a closed ReLU: it is closed by the sign of its input, -2 here"),
    ]),
    ([["relu", 0], ["add", 2, 1]], [0.0, 1.0], [0, 1, 1, 1], [
        ([1, 1, 1, 1], "backward: the ReLU has slope 0 at 0, by agreement"),
    ]),
)  # fmt: skip


def engine(evaluate, backward) -> None:
    """Exercise 2."""
    ops = [["mul", 0, 1], ["add", 3, 2], ["relu", 4], ["mul", 5, 5]]
    got = read_array(ask(evaluate, ops, np.array([3.0, -4.0, 5.0])), (7,), "evaluate(ops, inputs)")
    mistakes = [
        ([3, -4, 5, -12, -7, -0.07, 0.0049], "evaluate: a ReLU gives 0 for -7, it does not leak"),
        ([3, -4, 5, -12, -7, -7, 49], "evaluate: a ReLU gives 0 for -7"),
    ]
    right = [3, -4, 5, -12, -7, 0, 0]
    otherwise = f"evaluate is not right: the values of {ops} for 3, -4, 5 are {right}; {first_wrong(got, right)}"
    compare(got, right, mistakes, otherwise)
    got = read_array(ask(evaluate, [["tanh", 0], ["add", 1, 1]], np.array([0.5])), (3,), "evaluate(ops, inputs)")
    right = [0.5, 0.4621171573, 0.9242343145]
    otherwise = "evaluate is not right for tanh(0.5) and for that value added to itself: "
    compare(got, right, otherwise=otherwise + first_wrong(got, right))

    for ops, inputs, right, mistakes in CASES:
        values = read_array(ask(evaluate, ops, np.array(inputs)), (len(inputs) + len(ops),), "evaluate(ops, inputs)")
        name = f"backward(ops, values) for {ops}"
        got = read_array(ask(backward, ops, values), (len(values),), name)
        otherwise = (
            f"backward is not right for {ops} with inputs {inputs}: the gradients are {right}, "
            f"yours [{', '.join(f'{v:g}' for v in got)}]"
        )
        compare(got, right, mistakes, otherwise)
    z = 0.4621171573
    ops, values = [["tanh", 0], ["mul", 2, 1]], np.array([0.5, 3.0, z, 3 * z])
    got = read_array(ask(backward, ops, values), (4,), "backward(ops, values)")
    mistakes = [
        ([1 - z**2, z, 3, 1], "backward: the slope of tanh has to be multiplied by the gradient from above, 3 here"),
        ([3, z, 3, 1], "backward: tanh has the slope 1 - z^2"),
        ([3 * z * (1 - z), z, 3, 1], "backward: z (1 - z) is the slope of the sigmoid, tanh has 1 - z^2"),
        (
            [3 * 0.75, z, 3, 1],
            "backward takes the slope of tanh as 1 - a^2: it is 1 - z^2, z being the operation's value",
        ),
        (
            [3 * 0.8135416952, z, 3, 1],
            "backward takes the slope of tanh at z: it is 1 - z^2, z being the operation's value already",
        ),
    ]
    right = [3 * (1 - z**2), z, 3, 1]
    compare(got, right, mistakes, f"backward is not right for 3 tanh(0.5): {first_wrong(got, right)}")
    ops, values = [["tanh", 0], ["mul", 1, 0]], np.array([0.5, z, 0.5 * z])
    got = read_array(ask(backward, ops, values), (3,), "backward(ops, values)")
    twice = "backward sets a gradient where it should add, at the tanh: value 0 was used twice"
    right = [z + 0.5 * (1 - z**2), 0.5, 1]
    mistakes = [([0.5 * (1 - z**2), 0.5, 1], twice)]
    compare(got, right, mistakes, f"backward is not right for 0.5 tanh(0.5): {first_wrong(got, right)}")
    ops, values = [["mul", 0, 1], ["tanh", 2]], np.array([2.0, 0.25, 0.5, z])
    got = read_array(ask(backward, ops, values), (4,), "backward(ops, values)")
    right = [0.25 * (1 - z**2), 2 * (1 - z**2), 1 - z**2, 1]
    otherwise = (
        f"backward is not right for {ops} with inputs [2, 0.25]: {first_wrong(got, right)}. The tanh makes value 3"
    )
    compare(got, right, otherwise=otherwise)
    passed(2, "The prediction: 3 + 3 = 6, and setting leaves 3. You have written the heart of PyTorch.")

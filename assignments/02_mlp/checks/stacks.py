# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Exercise 1: two layers, and their collapse."""

import numpy as np

from .answers import Wrong, compare, passed, read_array, read_tuple
from .entries import ask_with_shapes, first_wrong


def two_layers(network, collapse) -> None:
    """Exercise 1."""
    _one_output(network)
    _two_outputs(network)
    _one_layer(collapse)
    passed(
        1,
        "The prediction: no, and 1,000 hidden units do not help. Two linear layers are one linear layer, and that cannot "
        "do XOR. Without the tanh, depth is decoration.",
    )


def _one_output(network) -> None:
    x = np.array([[1.0, 2.0], [0.0, -1.0]])
    w1, b1 = (
        np.array([[0.5, 0.0], [1.0, -1.0], [0.0, 0.25]]),
        np.array([0.5, 0.0, -0.25]),
    )  # a = 1, -1, 0.25; 0.5, 1, -0.5
    w2, b2 = np.array([[1.0, 2.0, 3.0]]), np.array([10.0])
    t = {0.25: 0.2449186624, 0.5: 0.4621171573, 1: 0.7615941560, 2: 0.9640275801}
    got = read_array(ask_with_shapes(network, x=x, w1=w1, b1=b1, w2=w2, b2=b2), (2, 1), "two_layers(x, w1, b1, w2, b2)")
    right = np.array([[t[1] - 2 * t[1] + 3 * t[0.25] + 10], [t[0.5] + 2 * t[1] - 3 * t[0.5] + 10]])
    s = {a: 1 / (1 + np.exp(-a)) for a in (1.0, -1.0, 0.25, 0.5, -0.5)}
    mistakes = [
        ([[9.75], [11.0]], "two_layers is computed without the tanh: then the two layers are one"),
        (np.tanh(right), "two_layers has a tanh at the end as well: the last layer is linear"),
        (
            [[(t[0.5] + 0.5) - 2 * t[1] + 3 * (t[0.5] - 0.25) + 10], [0.5 + 2 * t[1] + 3 * (-t[0.25] - 0.25) + 10]],
            "two_layers adds b1 too late: the bias comes before the tanh",
        ),
        (
            [[t[0.5] - 2 * t[1] + 3 * t[0.5] + 10], [2 * t[1] - 3 * t[0.25] + 10]],
            "two_layers forgets b1",
        ),
        (right - 10, "two_layers forgets b2"),
        (right - 20, "two_layers subtracts b2: a bias is added"),
        (
            [[s[1.0] + 2 * s[-1.0] + 3 * s[0.25] + 10], [s[0.5] + 2 * s[1.0] + 3 * s[-0.5] + 10]],
            "two_layers uses the sigmoid in place of tanh",
        ),
        ([[1 + 3 * 0.25 + 10], [0.5 + 2 + 10]], "two_layers uses the ReLU in place of tanh"),
        (
            [
                [(t[1] / 2 + 0.5) + 2 * (t[1] - t[2]) + 3 * (t[2] / 4 - 0.25) + 10],
                [0.5 + 2 * t[1] - 3 * (t[1] + 1) / 4 + 10],
            ],
            "two_layers takes the tanh of the inputs: it stands between the layers, on the sums of the first",
        ),
    ]
    otherwise = (
        f"two_layers is not right: {first_wrong(got, right)}. The hidden sums of the first example are 1, -1 and 0.25 "
        "before the tanh; w2 = [[1, 2, 3]] and b2 = [10] come after it"
    )
    compare(got, right, mistakes, otherwise)


def _two_outputs(network) -> None:
    """Four examples, one input, three hidden units, two outputs: no two sizes are the same."""
    x = np.array([[0.0], [1.0], [-1.0], [2.0]])
    w1, b1 = np.array([[1.0], [0.5], [-2.0]]), np.array([-1.0, 0.5, 1.0])
    w2, b2 = np.array([[1.0, 2.0, -1.0], [-1.0, 0.0, 3.0]]), np.array([10.0, -20.0])
    got = read_array(
        ask_with_shapes(network, x=x, w1=w1, b1=b1, w2=w2, b2=b2),
        (4, 2),
        "two_layers(x, w1, b1, w2, b2) for 4 examples, 2 outputs",
    )
    p, q, r = np.tanh([[-1.0, 0, -2, 1], [0.5, 1, 0, 1.5], [1, -1, 3, -3]])  # hidden units
    first, second = p + 2 * q - r, 3 * r - p
    right = np.stack([first + 10, second - 20], axis=1)
    mistakes = [
        (
            np.stack([first + 10, second + 10], axis=1),
            "two_layers adds the bias of output 0 to every output: output k gets b2[k]",
        ),
        (np.stack([first - 10, second - 10], axis=1), "two_layers adds up the biases: output k gets b2[k] alone"),
        (
            np.stack([p - q + 10, 2 * p - q + 3 * r - 20], axis=1),
            "two_layers reshapes w2: reshape keeps the reading order, .T turns rows into columns",
        ),
        (np.stack([first + 10, first - 20], axis=1), "two_layers uses row 0 of w2 for every output: one row an output"),
    ]
    otherwise = (
        f"two_layers is not right for 4 examples, 1 input, 3 hidden units and 2 outputs: {first_wrong(got, right)}. "
        "The hidden sums of the first example are -1, 0.5 and 1"
    )
    compare(got, right, mistakes, otherwise)


def _one_layer(collapse) -> None:
    w1, b1 = np.array([[1.0, 2.0, 0.0, -1.0], [3.0, 4.0, -1.0, 0.0]]), np.array([10.0, 20.0])
    w2, b2 = np.array([[1.0, -1.0], [0.0, 2.0], [3.0, 1.0]]), np.array([100.0, 200.0, 300.0])
    through = "the bias of collapse adds b1 as it is: b1 goes through the second layer, too, W2 b1 + b2"
    try:
        value = ask_with_shapes(collapse, w1=w1, b1=b1, w2=w2, b2=b2)
    except Wrong as wrong:
        sizes = ("shapes (2,) (3,)", "shapes (3,) (2,)")
        raise Wrong(through) if any(pair in str(wrong) for pair in sizes) else wrong from None
    w, b = read_tuple(value, 2, "collapse(w1, b1, w2, b2)")
    w = read_array(w, (3, 4), "the weights of collapse")
    right = [[-2, -2, 1, -1], [6, 8, -2, 0], [6, 10, -1, -3]]
    otherwise = (
        f"the weights of collapse are not right: {first_wrong(w, right)}. The first layer is applied first, so it stands "
        "on the right, W2 W1"
    )
    compare(w, right, otherwise=otherwise)
    b = read_array(b, (3,), "the bias of collapse")
    mistakes = [
        ([110, 220, 310], through),
        ([100, 200, 300], "the bias of collapse loses b1: it goes through the second layer, W2 b1 + b2"),
        ([-10, 40, 50], "the bias of collapse loses b2"),
        ([100, 202, 304], "the bias of collapse has a tanh in it: there is no activation between these layers"),
    ]
    right = [90, 240, 350]
    compare(b, right, mistakes, f"the bias of collapse is not right: {first_wrong(b, right)}. It is W2 b1 + b2")

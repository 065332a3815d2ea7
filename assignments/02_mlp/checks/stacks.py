# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Exercise 1: two layers, and their collapse."""

import numpy as np

from .answers import ask, compare, passed, read_array, read_tuple


def two_layers(network, collapse) -> None:
    """Exercise 1."""
    x = np.array([[1.0, 2.0], [0.0, -1.0]])
    w1, b1 = (
        np.array([[0.5, 0.0], [1.0, -1.0], [0.0, 0.25]]),
        np.array([0.5, 0.0, -0.25]),
    )  # a = 1, -1, 0.25; 0.5, 1, -0.5
    w2, b2 = np.array([[1.0, 2.0, 3.0]]), np.array([10.0])
    t = {0.25: 0.2449186624, 0.5: 0.4621171573, 1: 0.7615941560, 2: 0.9640275801}
    got = read_array(ask(network, x, w1, b1, w2, b2), (2, 1), "two_layers(x, w1, b1, w2, b2)")
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
        (
            [[s[1.0] + 2 * s[-1.0] + 3 * s[0.25] + 10], [s[0.5] + 2 * s[1.0] + 3 * s[-0.5] + 10]],
            "two_layers uses the sigmoid in place of tanh",
        ),
    ]
    otherwise = "two_layers is not right: the hidden sums of the first example are 1, -1 and 0.25 before the tanh"
    compare(got, right, mistakes, otherwise)

    w1, b1 = np.array([[1.0, 2.0, 0.0], [3.0, 4.0, -1.0]]), np.array([10.0, 20.0])
    w2, b2 = np.array([[1.0, -1.0], [0.0, 2.0]]), np.array([100.0, 200.0])
    w, b = read_tuple(ask(collapse, w1, b1, w2, b2), 2, "collapse(w1, b1, w2, b2)")
    w = read_array(w, (2, 3), "the weights of collapse")
    otherwise = (
        "the weights of collapse are not right: the first layer is applied first, so it stands on the right, W2 W1"
    )
    compare(w, [[-2, -2, 1], [6, 8, -2]], otherwise=otherwise)
    mistakes = [
        ([110, 220], "the bias of collapse adds b1 as it is: b1 goes through the second layer, too, W2 b1 + b2"),
        ([100, 200], "the bias of collapse loses b1: it goes through the second layer, W2 b1 + b2"),
        ([-10, 40], "the bias of collapse loses b2"),
    ]
    compare(
        read_array(b, (2,), "the bias of collapse"),
        [90, 240],
        mistakes,
        "the bias of collapse is not right: W2 b1 + b2",
    )
    passed(1, "Without the tanh, depth is decoration.")

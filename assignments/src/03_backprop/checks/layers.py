"""Exercise 4: a linear layer."""

import numpy as np

from course_utils.grading.answers import Wrong, ask, compare, passed, read_array, read_tuple


def linear(function) -> None:
    """Exercise 4."""
    x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 7.0]])
    w = np.array([[1.0, 0.0, -1.0], [2.0, 1.0, 3.0]])
    g = np.array([[1.0, 10.0], [100.0, 1000.0]])
    gx, gw, gb = read_tuple(ask(function, g, x, w), 3, "linear_backward(g, x, w)")
    got = read_array(gx, (2, 3), "the gradient with respect to x")
    mistakes = [
        (g.sum(axis=1, keepdims=True) * x, "the gradient of x contains the inputs: the factor of x in the output is w"),
    ]
    right = [[21, 10, 29], [2100, 1000, 2900]]
    compare(
        got,
        right,
        mistakes,
        "the gradient of x is not right: for the first example it is 1 * w[0] + 10 * w[1] = 21, 10, 29",
    )
    if getattr(gw, "shape", None) == (3, 2):
        raise Wrong(
            "the gradient with respect to w should have shape (2, 3), as w has, got (3, 2): exchange the two factors"
        )
    got = read_array(gw, (2, 3), "the gradient with respect to w")
    right = np.array([[401.0, 502.0, 703.0], [4010.0, 5020.0, 7030.0]])
    mistakes = [
        (right / 2, "linear_backward averages over the batch: g knows already whether the loss is a mean, so add up"),
        (
            [[1, 2, 3], [10, 20, 30]],
            "the gradient of w sees only one example, the first: add up the outer products of all",
        ),
        (
            [[400, 500, 700], [4000, 5000, 7000]],
            "the gradient of w sees only one example, the last: add up over the batch",
        ),
        (
            [[505, 707, 1010], [5050, 7070, 10100]],
            "the gradient of w is a product of sums: it is the sum of products, each example's g with its own x",
        ),
    ]
    otherwise = "the gradient of w is not right: its first number is 1 * 1 + 100 * 4 = 401, one term for each example"
    compare(got, right, mistakes, otherwise)
    got = read_array(gb, (2,), "the gradient with respect to b")
    mistakes = [
        ([0, 0], "the gradient of b is zero: b touches every output, with factor 1"),
        ([50.5, 505], "linear_backward averages over the batch: g knows already whether the loss is a mean, so add up"),
    ]
    compare(got, [101, 1010], mistakes, "the gradient of b is not right: the sum of g over the examples, 101 and 1010")
    passed(4, "Three products of matrices: this is where the time of training goes.")

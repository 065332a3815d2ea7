"""Exercise 4: a linear layer."""

import numpy as np

from course_utils.grading.answers import Wrong, ask, compare, passed, read_array, read_tuple

from .entries import first_wrong


def linear(function) -> None:
    """Exercise 4."""
    x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 7.0]])
    w = np.array([[1.0, 0.0, -1.0], [2.0, 1.0, 3.0], [0.0, -2.0, 5.0], [4.0, 6.0, 0.0]])
    g = np.array([[1.0, 10.0, 2.0, 0.0], [100.0, 1000.0, 0.0, -1.0]])  # 2 examples, 3 inputs, 4 units
    mean = "linear_backward averages over the batch: g knows already whether the loss is a mean, so add up"
    gx, gw, gb = read_tuple(ask(function, g, x, w), 3, "linear_backward(g, x, w)")
    got = read_array(gx, (2, 3), "the gradient with respect to x")
    right = np.array([[21.0, 6.0, 39.0], [2096.0, 994.0, 2900.0]])
    mistakes = [
        (g.sum(axis=1, keepdims=True) * x, "the gradient of x contains the inputs: the factor of x in the output is w"),
        (right / 2, mean),
    ]
    otherwise = (
        f"the gradient of x is not right: {first_wrong(got, right)}. For the first example it is "
        "1 * w[0] + 10 * w[1] + 2 * w[2] = 21, 6, 39"
    )
    compare(got, right, mistakes, otherwise)
    if getattr(gw, "shape", None) == (3, 4):
        raise Wrong(
            "the gradient with respect to w should have shape (4, 3), as w has, got (3, 4): exchange the two factors"
        )
    got = read_array(gw, (4, 3), "the gradient with respect to w")
    right = np.array([[401.0, 502.0, 703.0], [4010.0, 5020.0, 7030.0], [2.0, 4.0, 6.0], [-4.0, -5.0, -7.0]])
    mistakes = [
        (right / 2, mean),
        (right / 4, "the gradient of w is divided by the number of units: it is a sum, and nothing divides it"),
        (
            right.T.reshape(4, 3),
            "the gradient of w is x.T @ g, reshaped: reshape keeps the reading order. Exchange the two factors",
        ),
        (
            [[1, 2, 3], [10, 20, 30], [2, 4, 6], [0, 0, 0]],
            "the gradient of w sees only one example, the first: add up the outer products of all",
        ),
        (
            [[400, 500, 700], [4000, 5000, 7000], [0, 0, 0], [-4, -5, -7]],
            "the gradient of w sees only one example, the last: add up over the batch",
        ),
        (
            [[505, 707, 1010], [5050, 7070, 10100], [10, 14, 20], [-5, -7, -10]],
            "the gradient of w is a product of sums: it is the sum of products, each example's g with its own x",
        ),
    ]
    otherwise = (
        f"the gradient of w is not right: {first_wrong(got, right)}. Its first number is 1 * 1 + 100 * 4 = 401, one term "
        "for each example"
    )
    compare(got, right, mistakes, otherwise)
    if getattr(gb, "shape", None) == (2,):
        raise Wrong("the gradient of b has one number for each example: add up over the examples, one number a unit")
    got = read_array(gb, (4,), "the gradient with respect to b")
    mistakes = [
        ([0, 0, 0, 0], "the gradient of b is zero: b touches every output, with factor 1"),
        ([1, 1, 1, 1], "the gradient of b is not 1: that is only the local slope; multiply by g and add up"),
        ([50.5, 505, 1, -0.5], mean),
        ([1, 10, 2, 0], "the gradient of b sees only one example, the first: add up over the batch"),
    ]
    otherwise = "the gradient of b is not right: the sum of g over the examples, 101, 1010, 2 and -1"
    compare(got, [101, 1010, 2, -1], mistakes, otherwise)
    passed(4, "Two products of matrices and one sum: this is where the time of training goes.")

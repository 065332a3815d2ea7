"""Exercise 6: maxout."""

import numpy as np

from course_utils.grading.answers import compare, passed, read_array, read_tuple

from .entries import ask_with_shapes, first_wrong


def maxout(layer, relu_as_maxout) -> None:
    """Exercise 6."""
    _three_pieces(layer)
    _two_pieces(layer)
    _relu(relu_as_maxout)
    passed(
        6,
        "The prediction: the absolute value, yes, with the pieces x and -x. A parabola, no: two pieces make one corner, "
        "and only many of them come close. One family: the ReLU is a maxout unit with a lazy second piece.",
    )


def _three_pieces(layer) -> None:
    """Four examples, one input, two units of three pieces: no two sizes are the same."""
    x = np.array([[1.0], [-1.0], [0.0], [3.0]])
    w = np.array([[[1.0], [2.0]], [[0.0], [-3.0]], [[-2.0], [1.0]]])
    b = np.array([[0.0, 1.0], [0.5, 0.0], [-1.0, 3.0]])
    got = read_array(
        ask_with_shapes(layer, x=x, w=w, b=b), (4, 2), "maxout(x, w, b) for 4 examples, 2 units and 3 pieces"
    )
    total = np.array([[-1.5, 4], [0.5, 4], [-0.5, 4], [-3.5, 4]])
    bare = np.array([[1, 2], [2, 3], [0, 0], [3, 6]])  # without biases
    mistakes = [
        (total, "maxout adds the pieces: the largest of them is the answer"),
        (total / 3, "maxout takes the mean of the pieces: the largest of them is the answer"),
        ([[-3, -3], [-1, -1], [-1, 0], [-7, -9]], "maxout takes the smallest piece: the largest of them is the answer"),
        (
            [[3, 4], [1, 3], [1, 3], [7, 9]],
            "maxout takes absolute values: the largest piece counts, and -7 is smaller than 3",
        ),
        (bare, "maxout forgets the biases: each piece has one"),
        (bare + b[0], "maxout gives one bias to all pieces: each piece has a bias of its own"),
        (
            bare + b.max(axis=0),
            "maxout adds the bias after the choice: each piece has its own, and it takes part in the choice",
        ),
    ]
    right = [[1, 4], [1, 3], [0.5, 3], [3, 7]]
    otherwise = (
        f"maxout is not right: {first_wrong(got, right)}. For the first input the pieces of unit 0 are 1, 0.5 and -3, "
        "those of unit 1 are 3, -3 and 4"
    )
    compare(got, right, mistakes, otherwise)


def _two_pieces(layer) -> None:
    """One example, three inputs, four units of two pieces; both pieces of unit 2 are below zero."""
    x = np.array([[1.0, 2.0, -1.0]])
    w = np.array(
        [[[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]], [[0, 1, 0], [0, 0, 1], [-1, 0, 0], [2, 0, -1]]], dtype=float
    )
    b = np.array([[0.0, 0.0, -1.0, 1.0], [-3.0, 4.0, -0.5, -2.0]])
    got = read_array(
        ask_with_shapes(layer, x=x, w=w, b=b), (1, 4), "maxout(x, w, b) for 1 example, 4 units and 2 pieces"
    )
    below = "maxout is wrong where all pieces are below zero: the largest of -2 and -1.5 is -1.5, not 0"
    right = [[1, 3, -1.5, 3]]
    otherwise = (
        f"maxout is not right for 1 example, 3 inputs, 4 units and 2 pieces: {first_wrong(got, right)}. The pieces are "
        "1, 2, -2, 3 and -1, 3, -1.5, 1"
    )
    compare(got, right, [([[1, 3, 0, 3]], below)], otherwise)


def _relu(relu_as_maxout) -> None:
    w = np.array([[1.0, -2.0, 0.0, 1.0], [0.5, 1.0, 0.0, 0.0], [3.0, 0.0, 1.0, -1.0]])
    b = np.array([1.0, -1.0, 2.0])
    w2, b2 = read_tuple(ask_with_shapes(relu_as_maxout, w=w, b=b), 2, "relu_as_maxout(w, b)")
    w2, b2 = (
        read_array(w2, (2, 3, 4), "the weights of relu_as_maxout"),
        read_array(b2, (2, 3), "the biases of relu_as_maxout"),
    )
    x = np.array([[1, 2, 0, 0], [-2, 1, 0, 0], [0, 0, 0, 0], [3, -1, 0, 0], [0, 0, 2, 1]])
    sums = np.array([[-2, 1.5, 5], [-3, -1, -4], [1, -1, 2], [6, -0.5, 11], [2, -1, 3]])  # of the ReLU layer, by hand
    got = np.array([[max(w2[j, h] @ one + b2[j, h] for j in (0, 1)) for h in range(3)] for one in x])
    mistakes = [
        (sums, "relu_as_maxout is linear: two equal pieces are one. The second piece of a ReLU never leaves zero"),
        (
            np.abs(sums),
            "relu_as_maxout is the absolute value: its second piece is the opposite of the first. It has to be zero",
        ),
        (
            np.maximum(sums, b),
            "relu_as_maxout keeps the bias of the second piece: the second piece is zero, weights and bias",
        ),
        (
            np.maximum(sums, sums - b),
            "relu_as_maxout keeps the weights of the second piece: the second piece is zero, weights and bias",
        ),
        (np.maximum(sums - b, 0), "relu_as_maxout loses the bias: the first piece is w x + b"),
        (np.maximum(sums, 0.01 * sums), "relu_as_maxout is a leaky ReLU: its second piece has to be zero"),
        (np.maximum(sums, 1), "relu_as_maxout never falls below 1: the second piece is zero, weights and bias"),
    ]
    right = np.maximum(sums, 0)
    otherwise = (
        f"relu_as_maxout is not the ReLU layer: with its weights, the answers for 5 inputs are not right: "
        f"{first_wrong(got, right)}. The first piece is w x + b, the second is 0 whatever the input"
    )
    compare(got, right, mistakes, otherwise)

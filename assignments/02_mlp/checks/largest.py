# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Exercise 6: maxout."""

import numpy as np

from .answers import ask, compare, passed, read_array, read_tuple


def maxout(layer, relu_as_maxout) -> None:
    """Exercise 6."""
    x = np.array([[1.0, 2.0], [-1.0, 0.0], [0.0, -3.0]])
    w = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [-1.0, -1.0]], [[-2.0, 0.0], [1.0, 1.0]]])  # 3 pieces, 2 units
    b = np.array([[0.0, 1.0], [-4.0, 0.0], [0.5, -5.0]])
    got = read_array(ask(layer, x, w, b), (3, 2), "maxout(x, w, b)")
    mistakes = [
        ([[-2.5, -2], [-2.5, -4], [-6.5, -7]], "maxout adds the pieces: the largest of them is the answer"),
        ([[2, 3], [2, 1], [0, 3]], "maxout forgets the biases: each piece has one"),
        ([[2, 4], [2, 2], [0, 4]], "maxout gives one bias to all pieces: each piece has a bias of its own"),
    ]
    right = [[1, 3], [2.5, 1], [0.5, 3]]
    compare(got, right, mistakes, "maxout is not right: for the first input the pieces of unit 0 are 1, -2 and -1.5")
    below = read_array(
        ask(layer, np.array([[1.0, 1.0]]), -np.ones((2, 1, 2)), np.zeros((2, 1))), (1, 1), "maxout(x, w, b)"
    )
    compare(below, [[-2]], otherwise="maxout is wrong where all pieces are below zero: the largest of -2 and -2 is -2")

    w, b = np.array([[1.0, -2.0], [0.5, 1.0], [3.0, 0.0]]), np.array([1.0, -1.0, 2.0])
    w2, b2 = read_tuple(ask(relu_as_maxout, w, b), 2, "relu_as_maxout(w, b)")
    w2, b2 = (
        read_array(w2, (2, 3, 2), "the weights of relu_as_maxout"),
        read_array(b2, (2, 3), "the biases of relu_as_maxout"),
    )
    x = np.array([[1.0, 2.0], [-2.0, 1.0], [0.0, 0.0], [3.0, -1.0]])  # sums of the ReLU layer by hand, below
    sums = np.array([[-2.0, 1.5, 5.0], [-3.0, -1.0, -4.0], [1.0, -1.0, 2.0], [6.0, -0.5, 11.0]])
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
    ]
    otherwise = "relu_as_maxout is not the ReLU layer: the first piece is w x + b, the second is 0 whatever the input"
    compare(got, np.maximum(sums, 0), mistakes, otherwise)
    passed(6, "One family: the ReLU is a maxout unit with a lazy second piece.")

"""Exercise 6: a network."""

import numpy as np

from course_utils.grading.answers import ask, compare, passed, read_array, read_number, read_tuple

from .entries import first_wrong


def network(function) -> None:
    """Exercise 6."""
    x, y = np.array([[1.0, 2.0]]), np.array([1])
    w1, b1 = np.array([[1.0, 1.0], [1.0, -2.0], [-1.0, 2.0]]), np.array([0.0, 1.0, 0.5])  # a = 3, -2, 3.5
    w2, b2 = np.array([[1.0, 0.5, 2.0], [-1.0, 4.0, 3.0]]), np.array([0.0, 2.5])  # logits 10, 10: p = 1/2, 1/2
    found = read_tuple(ask(function, x, y, w1, b1, w2, b2), 5, "network_gradients(x, y, w1, b1, w2, b2)")
    loss = read_number(found[0], "the loss")
    half = np.log(2)
    otherwise = f"the loss is not right, so look at the forward pass first: a = 3, -2, 3.5; logits 10 and 10; the loss is {half:.4f}, yours {loss:.4f}"
    compare(loss, half, otherwise=otherwise)
    gw1, gb1 = read_array(found[1], (3, 2), "gw1"), read_array(found[2], (3,), "gb1")
    gw2, gb2 = read_array(found[3], (2, 3), "gw2"), read_array(found[4], (2,), "gb2")
    mistakes = [
        (
            [[1.5, -1, 1.75], [-1.5, 1, -1.75]],
            "gw2 uses the wrong values: what the second layer saw is z, after the ReLU, not a",
        ),
    ]
    compare(
        gw2,
        [[1.5, 0, 1.75], [-1.5, 0, -1.75]],
        mistakes,
        "gw2 is not right: the outer product of g = (1/2, -1/2) and z",
    )
    compare(gb2, [0.5, -0.5], otherwise="gb2 is not right: g = (1/2, -1/2) here")
    mistakes = [
        ([1, -1.75, -0.5], "the backward pass forgets the ReLU: the second hidden unit is off, nothing passes it"),
        (
            [1, 0, 0],
            "the backward pass clips the gradient: the gate is opened by the sign of its input, so -1/2 passes",
        ),
        ([0, 0, 0], "the first layer learns nothing: gz goes back through the ReLU to it"),
        ([1, 0, 1], "the gradient does not go back through the weights of the second layer: gz = g W2"),
    ]
    compare(gb1, [1, 0, -0.5], mistakes, "gb1 is not right: gz is (1, -1.75, -0.5), and the second unit is off")
    right = [[1, 2], [0, 0], [-0.5, -1]]
    otherwise = f"gw1 is not right: {first_wrong(gw1, right)}. It is the outer product of gb1 and x, for one example"
    compare(gw1, right, otherwise=otherwise)
    batch(function)
    passed(6, "Add one line, w -= eta * gw, and it learns.")


def batch(function) -> None:
    """Four examples, three inputs, five hidden units, two classes: no two sizes are equal."""
    x, y = np.array([[-1.0, -2.0, 0.0], [-2.0, 1.0, -1.0], [0.0, 1.0, 1.0], [1.0, 1.0, 3.0]]), np.array([0, 1, 1, 1])
    w1 = np.array([[0.0, 2.0, -2.0], [0.0, -2.0, -1.0], [0.0, -2.0, 2.0], [2.0, 1.0, -1.0], [1.0, 2.0, -2.0]])
    b1, b2 = np.array([-1.0, -1.0, -1.0, 1.0, 2.0]), np.array([4.0, 1.0])
    w2 = np.array([[4.0, 0.0, 1.0, 3.0, -1.0], [1.0, -1.0, 3.0, 0.0, 2.0]])  # equal logits again: p = 1/2, 1/2
    found = read_tuple(ask(function, x, y, w1, b1, w2, b2), 5, "network_gradients(x, y, w1, b1, w2, b2)")
    loss, half = read_number(found[0], "the loss of a batch"), np.log(2)
    mistakes = [(4 * half, "the loss of a batch is the sum over the examples: take the mean")]
    otherwise = f"the loss of a batch is not right: it is {half:.4f} for each of the 4 examples, and so is the mean; yours is {loss:.4f}"
    compare(loss, half, mistakes, otherwise)
    gw1, gb1 = read_array(found[1], (5, 3), "gw1"), read_array(found[2], (5,), "gb1")
    gw2, gb2 = read_array(found[3], (2, 5), "gw2"), read_array(found[4], (2,), "gb2")
    right = (
        np.array([[3, -3, 0, 2, 6], [-3, 3, 0, -2, -6]]) / 8,
        np.array([2, -2]) / 8,
        np.array([3, -1, 0, 6, -6]) / 8,
        np.array([[-6, 3, -3], [1, 2, 0], [-4, -6, -6], [3, 6, 12], [6, -6, 0]]) / 8,
    )
    first = (
        np.array([[0, -3, -3, 0, 0], [0, 3, 3, 0, 0]]) / 8,
        np.array([-1, 1]) / 8,
        np.array([0, -1, 2, 0, 0]) / 8,
        np.array([[0, 0, 0], [1, 2, 0], [-2, -4, 0], [0, 0, 0], [0, 0, 0]]) / 8,
    )
    sums = "is a product of sums: it is the sum of products, one for each example"
    others = (
        [([[6, 6, 12, 4, 12], [-6, -6, -12, -4, -12]], f"gw2 {sums}")],
        [],
        [([0, 2, -4, 0, 0], "the gates of the first example are used for all: each example opens its own")],
        [([[-6, 3, 9], [2, -1, -3], [0, 0, 0], [-12, 6, 18], [12, -6, -18]], f"gw1 {sums}")],
    )
    for got, want, one, more, name in zip((gw2, gb2, gb1, gw1), right, first, others, ("gw2", "gb2", "gb1", "gw1")):
        mistakes = [
            (
                want / 4,
                f"{name} is divided by the number of examples twice: the gradient of the loss knows of the mean",
            ),
            (4 * want, f"{name} is the gradient of the sum over the examples: the loss is their mean"),
            (one, f"{name} sees only one example, the first: add up over the batch"),
            (4 * one, f"{name} sees only one example, the first: add up over the batch"),
            *((np.array(value) / 8, sentence) for value, sentence in more),
        ]
        compare(got, want, mistakes, f"{name} is not right for a batch of 4 examples: {first_wrong(got, want)}")

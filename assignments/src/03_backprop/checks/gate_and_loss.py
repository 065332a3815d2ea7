"""Exercise 5: the ReLU and the softmax loss."""

import numpy as np

from course_utils.grading.answers import Wrong, ask, compare, passed, read_array, read_number, read_tuple


def ends(relu_backward, cross_entropy) -> None:
    """Exercise 5."""
    a = np.array([[2.0, -1.0, 0.0], [-3.0, 0.5, 4.0]])
    g = np.array([[5.0, 6.0, 7.0], [8.0, -9.0, -10.0]])
    got = read_array(ask(relu_backward, g, a), (2, 3), "relu_backward(g, a)")
    mistakes = [
        ([[5, 6, 7], [8, 0, 0]], "relu_backward looks at the gradient: the gate is opened by the sign of its input, a"),
        (
            [[5, 0, 0], [0, 0, 0]],
            "relu_backward stops what is below zero: negative gradients pass an open gate unchanged",
        ),
        ([[5, 0, 7], [0, -9, -10]], "relu_backward is open at zero: where a is 0, nothing passes"),
        ([[10, 0, 0], [0, -4.5, -40]], "relu_backward multiplies by a: the slope of an open gate is 1"),
        (g, "relu_backward lets everything pass: where a is 0 or below, nothing does"),
    ]
    compare(
        got, [[5, 0, 0], [0, -9, -10]], mistakes, "relu_backward is not right: g where a is above 0, and 0 elsewhere"
    )

    logits = np.log(np.array([[1.0, 2.0, 5.0], [3.0, 4.0, 1.0]]))  # probabilities in eighths
    y = np.array([2, 0])
    loss, gradient = read_tuple(ask(cross_entropy, logits, y), 2, "cross_entropy(logits, y)")
    loss = read_number(loss, "the loss")
    right = (np.log(8 / 5) + np.log(8 / 3)) / 2
    mistakes = [
        (2 * right, "the loss is the sum over the examples: take the mean"),
        (right / np.log(2), "the loss uses the logarithm to base 2: take the natural one"),
        (-right, "the loss has the wrong sign: it is minus the logarithm of a probability"),
        (np.log(8 / 5), "the loss sees the first example only: take the mean over all"),
    ]
    otherwise = f"the loss is not right: the probabilities of the right classes are 5/8 and 3/8, so it is {right:.4f}; yours is {loss:.4f}"
    compare(loss, right, mistakes, otherwise)
    got = read_array(gradient, (2, 3), "the gradient of cross_entropy")
    eighths = np.array([[1.0, 2.0, -3.0], [-5.0, 4.0, 1.0]])
    mistakes = [
        (
            eighths / 8,
            "the gradient is that of the sum over the examples: it has to be divided by the number of examples",
        ),
        (
            -eighths / 16,
            "the gradient has the sign the wrong way round: p minus 1 for the right class, so it is negative there",
        ),
        (
            [[0, 0, -3 / 16], [-5 / 16, 0, 0]],
            "the gradient is zero for the other classes: all classes are in the softmax, each gets its p",
        ),
        ([[1 / 16, 2 / 16, 5 / 16], [3 / 16, 4 / 16, 1 / 16]], "the gradient lacks the minus 1 of the right class"),
    ]
    compare(
        got,
        eighths / 16,
        mistakes,
        "the gradient is not right: (p - 1 for the right class) / N, here 1/16, 2/16, -3/16",
    )
    big = ask(cross_entropy, np.array([[1000.0, 0.0], [0.0, -1000.0]]), np.array([0, 1]))
    loss, gradient = read_tuple(big, 2, "cross_entropy(logits, y)")
    try:
        loss, gradient = read_number(loss, "the loss"), read_array(gradient, (2, 2), "the gradient")
    except Wrong:
        raise Wrong(
            "cross_entropy fails for large logits, where exp(1000) does not fit: subtract the largest logit of each row first"
        ) from None
    compare(
        loss, 500, otherwise="cross_entropy is not right for large logits: with 1000 and 0 the losses are 0 and 1000"
    )
    compare(gradient, [[0, 0], [0.5, -0.5]], otherwise="the gradient is not right for large logits")
    passed(5, "The gate and the loss: all other layers hand signals between them.")

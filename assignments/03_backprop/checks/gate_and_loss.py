# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Exercise 5: the ReLU and the softmax loss."""

import numpy as np

from .answers import Wrong, ask, compare, passed, read_array, read_number, read_tuple
from .entries import first_wrong


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
        ([[1, 0, 0], [0, 1, 1]], "relu_backward returns the slope of the gate alone: multiply it by g"),
        ([[2, 0, 0], [0, 0.5, 4]], "relu_backward returns the ReLU itself: what passes back is the gradient g"),
        ([[5, 0, 0], [0, 9, 10]], "relu_backward loses the sign: what passes is g unchanged"),
    ]
    right = [[5, 0, 0], [0, -9, -10]]
    otherwise = f"relu_backward is not right: {first_wrong(got, right)}. It is g where a is above 0, and 0 elsewhere"
    compare(got, right, mistakes, otherwise)

    logits = np.log(np.array([[1.0, 2.0, 5.0], [3.0, 4.0, 1.0]]))  # probabilities in eighths
    y = np.array([2, 0])
    loss, gradient = read_tuple(ask(cross_entropy, logits, y), 2, "cross_entropy(logits, y)")
    loss = read_number(loss, "the loss")
    right = (np.log(8 / 5) + np.log(8 / 3)) / 2
    rows = "cross_entropy takes columns y of every row: pair each row with its own class, [np.arange(N), y]"
    mistakes = [
        (2 * right, "the loss is the sum over the examples: take the mean"),
        (right / np.log(2), "the loss uses the logarithm to base 2: take the natural one"),
        (-right, "the loss has the wrong sign: it is minus the logarithm of a probability"),
        (np.log(8 / 5), "the loss sees the first example only: take the mean over all"),
        (right / 3, "the loss is divided by the number of all logits: the mean is over the examples, 2 here"),
        (2 * right / 3, "the loss is divided by the number of classes: the mean is over the examples, 2 here"),
        ((right + np.log(8)) / 2, rows),
        ((np.log(6 / 5) + np.log(4 / 3)) / 2, "the softmax runs over the examples: each row of logits adds up to 1"),
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
        ([[-7 / 16, 2 / 16, -3 / 16], [-5 / 16, 4 / 16, -7 / 16]], rows),
        (
            [[-7 / 16, -6 / 16, -3 / 16], [-5 / 16, -4 / 16, -7 / 16]],
            "the gradient subtracts 1 everywhere: the minus 1 is for the right class alone",
        ),
        (eighths / 24, "the gradient is divided by the number of classes: divide by the number of examples, 2 here"),
        (eighths / 48, "the gradient is divided by the number of all logits: divide by the number of examples, 2 here"),
        (
            [[0, 0, -8 / 10], [-8 / 6, 0, 0]],
            "the gradient is the one along the probabilities: go on through the softmax, to the logits",
        ),
    ]
    otherwise = (
        f"the gradient is not right: {first_wrong(got, eighths / 16)}. It is p, minus 1 for the right class, divided by N: "
        "in the first row 1/16, 2/16, -3/16"
    )
    compare(got, eighths / 16, mistakes, otherwise)
    logits = np.array([[1000.0, 0.0, -1000.0], [0.0, -1000.0, -2000.0]])
    loss, gradient = read_tuple(ask(cross_entropy, logits, np.array([0, 1])), 2, "cross_entropy(logits, y)")
    log = "compute ln p without p: the shifted logit minus the logarithm of its row's sum"
    infinite = False
    try:
        gradient = read_array(gradient, (2, 3), "the gradient")
        infinite = read_number(loss, "the loss", finite=False) == np.inf
        loss = read_number(loss, "the loss")
    except Wrong:
        if infinite:
            raise Wrong(f"cross_entropy takes the logarithm of a probability that has become 0: {log}") from None
        raise Wrong(
            "cross_entropy fails for large logits, where exp(1000) does not fit: subtract the largest logit of each row first"
        ) from None
    otherwise = (
        f"cross_entropy is not right for large logits: the losses of the two examples are 0 and 1000, their mean 500, yours "
        f"is {loss:g}. A small number added inside the logarithm, or a floor under p, hides that p became 0: {log}"
    )
    compare(loss, 500, otherwise=otherwise)
    right = [[0, 0, 0], [0.5, -0.5, 0]]
    compare(gradient, right, otherwise=f"the gradient is not right for large logits: {first_wrong(gradient, right)}")
    passed(
        5, "The prediction: 0. The probabilities add up to 1, and 1 is taken away: what one class gains, others lose."
    )

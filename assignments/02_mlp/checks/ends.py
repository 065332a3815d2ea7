# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Exercise 5: softmax and two losses."""

import numpy as np

from .answers import Wrong, ask, compare, passed, read_array, read_number, read_tuple
from .entries import first_wrong, overflowed

EXPONENTIALS = np.array([[1.0, 2.0, 5.0], [6.0, 1.0, 1.0], [2.0, 2.0, 4.0], [1.0, 1.0, 6.0]])  # each row sums to 8


def losses(softmax, cross_entropy, squared_error) -> None:
    """Exercise 5."""
    _softmax(softmax)
    _large_scores(softmax)
    _cross_entropy(cross_entropy)
    _large_losses(cross_entropy)
    _squares(squared_error)
    passed(
        5,
        "The prediction: equal scores make every probability 1/10, so the loss is ln 10 = 2.30. A network that trains "
        "starts near there.",
    )


def _softmax(softmax) -> None:
    s, e = np.log(EXPONENTIALS), EXPONENTIALS
    got = read_array(ask(softmax, s), (4, 3), "softmax(s)")
    of_columns = e / [6, 2, 6]  # the largest exponential of each column
    mistakes = [
        (e / [10, 6, 16], "softmax divides by the sums of the columns: each row sums to 1"),
        (e / 32, "softmax divides by the sum of the whole table: each row sums to 1"),
        (e, "softmax does not divide: each row sums to 1"),
        (s / s.sum(axis=1, keepdims=True), "softmax divides the scores themselves: take their exponentials first"),
        (
            of_columns / of_columns.sum(axis=1, keepdims=True),
            "softmax subtracts the largest score of each column: only the same number for a whole row changes nothing",
        ),
        (e / (1 + e), "softmax is a sigmoid of each score: divide by the sum over the row"),
        (
            1 / e / (1 / e).sum(axis=1, keepdims=True),
            "softmax has a minus in the exponent: the largest score is likeliest",
        ),
    ]
    right = e / 8
    otherwise = (
        f"softmax is not right: {first_wrong(got, right)}. The exponentials of the first row are 1, 2, 5, so it is "
        "1/8, 2/8, 5/8"
    )
    compare(got, right, mistakes, otherwise)


def _large_scores(softmax) -> None:
    s = np.array([[1001.0, 1000.0], [-1000.0, -1000.0], [3000.0, 0.0]])
    try:
        got = read_array(ask(softmax, s), (3, 2), "softmax(s) for 3 examples and 2 classes")
    except Wrong as wrong:
        if not overflowed(wrong):
            raise
        raise Wrong(
            "softmax fails for large scores: subtract the largest score of each row first, that changes nothing"
        ) from None
    right = np.array([[0.7310585786, 0.2689414214], [0.5, 0.5], [1, 0]])
    mistakes = [
        (
            [[0.5, 0.5], [0.5, 0.5], [1, 0]],
            "softmax cuts large scores off: 1001 and 1000 become the same. Subtract the largest of the row in place of that",
        )
    ]
    otherwise = f"softmax is not right for the large scores {s.tolist()}: {first_wrong(got, right)}"
    compare(got, right, mistakes, otherwise)


def _cross_entropy(cross_entropy) -> None:
    s, y = np.log(EXPONENTIALS), np.array([1, 0, 0, 1])
    got = read_number(ask(cross_entropy, s, y), "cross_entropy(s, y)")
    p = np.array([2, 6, 2, 1]) / 8  # of the right classes
    right = -np.log(p).mean()
    every = -np.log(EXPONENTIALS / 8)
    columns = "cross_entropy takes columns for every row, p[:, y]: pair row n with its own class, p[np.arange(N), y]"
    mistakes = [
        (4 * right, "cross_entropy is the sum: take the mean over the examples"),
        (-right, "cross_entropy has the wrong sign: it is minus the logarithm of a probability, never below zero"),
        (1 - p.mean(), "cross_entropy takes 1 - p: take minus the logarithm of p"),
        (p.mean(), "cross_entropy takes the probability itself: take minus its logarithm"),
        (-p.mean(), "cross_entropy takes the probability itself: take minus its logarithm"),
        (-np.log(p.mean()), "cross_entropy takes the logarithm of the mean: take the mean of the logarithms"),
        (right / np.log(2), "cross_entropy uses the logarithm to base 2: take the natural one"),
        (right / np.log(10), "cross_entropy uses the logarithm to base 10: take the natural one"),
        (right / 3, "cross_entropy divides by N times C: the mean runs over the N examples"),
        (4 * right / 3, "cross_entropy divides by the number of classes: the mean runs over the N examples"),
        (every.mean(), "cross_entropy averages over all classes: only the right one of each example counts"),
        (every.sum() / 4, "cross_entropy adds up all classes: only the right one of each example counts"),
        (every[:, y].mean(), columns),
        (every[:, y].sum() / 4, columns),
        (every[y].mean(), "cross_entropy takes rows, p[y]: y is a class, so it chooses a column, p[np.arange(N), y]"),
        (every[np.arange(4), y - 1].mean(), "cross_entropy counts the classes from 1: the first is class 0"),
        (every.min(axis=1).mean(), "cross_entropy takes the likeliest class: take the right one"),
    ]
    otherwise = (
        f"cross_entropy is not right: the right classes have the probabilities 2/8, 6/8, 2/8 and 1/8, so it is {right:.4f}; "
        f"yours is {got:.4f}"
    )
    compare(got, right, mistakes, otherwise)


def _large_losses(cross_entropy) -> None:
    s, y = np.array([[3000.0, 0.0, 0.0], [-1000.0, -1000.0, -2000.0]]), np.array([1, 0])
    try:
        got = read_number(ask(cross_entropy, s, y), "cross_entropy(s, y)")
    except Wrong as wrong:
        if not overflowed(wrong):
            raise
        raise Wrong(
            "cross_entropy fails for large scores: a probability rounds to 0, and its logarithm is minus infinity. Use "
            "ln p = s - ln(sum of exponentials), with the largest score of each row subtracted first"
        ) from None
    right = (3000 + np.log(2)) / 2
    otherwise = (
        "cross_entropy fails for large scores: it is 3000 for the scores 3000, 0, 0 when class 1 is right, and ln 2 for "
        f"-1000, -1000, -2000 when class 0 is right, so the mean is {right:.4f}; yours is {got:.4f}"
    )
    compare(got, right, otherwise=otherwise)


def _squares(squared_error) -> None:
    prediction, target = np.array([1.0, 5.0, -3.0, 4.0, 2.0]), np.array([2.0, 2.0, -3.0, 2.0, 1.0])
    pair = read_tuple(ask(squared_error, prediction, target), 2, "squared_error")
    got = read_number(pair[0], "the loss of squared_error")
    mistakes = [
        (15 / 6, "squared_error divides by N + 1: there are N terms"),
        (15 / 4, "squared_error divides by N - 1: there are N terms"),
        (15, "squared_error is the sum: divide by N"),
        (3 / 2, "squared_error has a half in it: the formula has none"),
        (7 / 5, "squared_error takes absolute errors: square them"),
        (np.sqrt(3), "squared_error takes a root: the loss is the mean of the squares"),
        (1, "squared_error takes the square of the mean: take the mean of the squares, or errors cancel"),
        (
            ((prediction[:, None] - target) ** 2).mean(),
            "squared_error compares each prediction with every target: subtract number by number, both of shape (N,)",
        ),
    ]
    otherwise = f"squared_error is not right: the errors -1, 3, 0, 2, 1 give 15/5 = 3, yours is {got:.4g}"
    compare(got, 3, mistakes, otherwise)
    got = read_array(pair[1], (5,), "the slope of squared_error")
    error = np.array([-1, 3, 0, 2, 1])
    right = error * 0.4
    mistakes = [
        (right / 2, "the slope lacks the 2 from the square"),
        (error * 2, "the slope has to be divided by N, as the loss is"),
        (error, "the slope lacks the 2 from the square, and has to be divided by N, as the loss is"),
        (-right, "the slope has the sign the wrong way round: a prediction that is too large has a positive slope"),
        (
            -2 * error,
            "the slope has the sign the wrong way round, and has to be divided by N: too large a prediction, positive slope",
        ),
        (abs(right), "the slope has lost its sign: a prediction that is too small has a negative slope"),
        (error**2 * 0.4, "the slope squares the errors: the slope of a square is 2 times the error"),
    ]
    otherwise = f"the slope of squared_error is not right: {first_wrong(got, right)}. It is 2 (prediction - target) / N"
    compare(got, right, mistakes, otherwise)

"""Exercise 5: softmax and two losses."""

import numpy as np

from course_utils.grading.answers import Wrong, ask, compare, passed, read_array, read_number, read_tuple


def losses(softmax, cross_entropy, squared_error) -> None:
    """Exercise 5."""
    s = np.log(np.array([[1.0, 2.0, 5.0], [6.0, 1.0, 1.0]]))
    eighths = np.array([[1.0, 2.0, 5.0], [6.0, 1.0, 1.0]]) / 8
    got = read_array(ask(softmax, s), (2, 3), "softmax(s)")
    mistakes = [
        (
            [[1 / 7, 2 / 3, 5 / 6], [6 / 7, 1 / 3, 1 / 6]],
            "softmax divides by the sums of the columns: each row sums to 1",
        ),
        (eighths / 2, "softmax divides by the sum of the whole table: each row sums to 1"),
        (8 * eighths, "softmax does not divide: each row sums to 1"),
        (s / s.sum(axis=1, keepdims=True), "softmax divides the scores themselves: take their exponentials first"),
    ]
    compare(
        got,
        eighths,
        mistakes,
        "softmax is not right: the exponentials of the first row are 1, 2, 5, so it is 1/8, 2/8, 5/8",
    )
    try:
        got = read_array(ask(softmax, np.array([[1000.0, 1000.0], [-1000.0, 0.0]])), (2, 2), "softmax")
    except Wrong:
        raise Wrong(
            "softmax fails for large scores: subtract the largest score of each row first, that changes nothing"
        ) from None
    compare(got, [[0.5, 0.5], [0, 1]], otherwise="softmax is not right for large scores")

    y = np.array([1, 0])
    right = (np.log(8 / 2) + np.log(8 / 6)) / 2
    got = read_number(ask(cross_entropy, s, y), "cross_entropy(s, y)")
    mistakes = [
        (2 * right, "cross_entropy is the sum: take the mean over the examples"),
        (-right, "cross_entropy has the wrong sign: it is minus the logarithm of a probability, never below zero"),
        ((6 / 8 + 2 / 8) / 2, "cross_entropy takes 1 - p: take minus the logarithm of p"),
        ((2 / 8 + 6 / 8) / 2, "cross_entropy takes the probability itself: take minus its logarithm"),
        (right / np.log(2), "cross_entropy uses the logarithm to base 2: take the natural one"),
    ]
    otherwise = (
        f"cross_entropy is not right: the right classes have 2/8 and 6/8, so it is {right:.4f}; yours is {got:.4f}"
    )
    compare(got, right, mistakes, otherwise)
    try:
        got = read_number(ask(cross_entropy, np.array([[1000.0, 0.0]]), np.array([1])), "cross_entropy(s, y)")
    except Wrong:
        raise Wrong(
            "cross_entropy fails for large scores: a probability rounds to 0, and its logarithm is minus infinity. Use "
            "ln p = s - ln(sum of exponentials), with the largest score subtracted first"
        ) from None
    compare(
        got,
        1000,
        otherwise="cross_entropy fails for large scores: it is 1000 for scores 1000 and 0 when class 1 is right",
    )

    pair = read_tuple(ask(squared_error, np.array([1.0, 5.0, 2.0]), np.array([2.0, 2.0, 2.0])), 2, "squared_error")
    got = read_number(pair[0], "the loss of squared_error")
    mistakes = [
        (10 / 4, "squared_error divides by N + 1: there are N terms"),
        (10, "squared_error is the sum: divide by N"),
        (5 / 3, "squared_error has a half in it: the formula has none"),
        (4 / 3, "squared_error takes absolute errors: square them"),
    ]
    compare(got, 10 / 3, mistakes, f"squared_error is not right: errors -1, 3, 0 give 10/3, yours is {got:.4g}")
    got = read_array(pair[1], (3,), "the slope of squared_error")
    mistakes = [
        ([-1 / 3, 1, 0], "the slope lacks the 2 from the square"),
        ([-2, 6, 0], "the slope has to be divided by N, as the loss is"),
        (
            [2 / 3, -2, 0],
            "the slope has the sign the wrong way round: a prediction that is too large has a positive slope",
        ),
    ]
    compare(got, [-2 / 3, 2, 0], mistakes, "the slope of squared_error is not right: 2 (prediction - target) / N")
    passed(5, "All that a network is ever told.")

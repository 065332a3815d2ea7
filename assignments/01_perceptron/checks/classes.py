# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Exercise 5: many classes."""

import numpy as np

from .answers import Wrong, ask, compare, passed, read_array


def multiclass(predict, step) -> None:
    """Exercise 5."""
    w = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    x = np.array([[2.0, 1.0], [1.0, 3.0], [-1.0, -2.0], [1.0, 1.0]])
    name = "predict_class(w, x)"
    got = read_array(ask(predict, w, x), (4,), name)
    mistakes = [
        ([2, 2, 1, 2], "predict_class takes the smallest score: the largest wins"),
        ([2, 3, 3, 1], "predict_class returns the score: it should return which class has it (argmax)"),
        ([1, 2, 3, 1], "predict_class counts classes from 1: the first class is 0"),
        ([0, 1, 2, 1], "predict_class takes the last of equal scores: take the first, as np.argmax does"),
        ([2, 2, 2, 2], "predict_class compares sizes without signs: a score of -3 is weaker than one of 1"),
    ]
    compare(got, [0, 1, 2, 0], mistakes, "predict_class is not right: scores are x @ w.T, the largest in each row wins")

    name = "multiclass_step(w, x, y)"
    one = np.array([1.0, 3.0])  # scores 1, 3, -4
    got = read_array(ask(step, w, one, 0), (3, 2), name)
    want = np.array([[2.0, 3.0], [-1.0, -2.0], [-1.0, -1.0]])
    mistakes = [
        (w, "multiclass_step leaves w alone although class 1 beats class 0, the true one"),
        (
            [[2, 3], [0, 1], [-1, -1]],
            "multiclass_step only pulls the true class up: the rival has to be pushed down as well",
        ),
        (
            [[1, 0], [-1, -2], [-1, -1]],
            "multiclass_step only pushes the rival down: the true class has to be pulled up as well",
        ),
        (
            [[2, 3], [-1, -2], [-2, -4]],
            "multiclass_step pushes all other classes down: only the strongest rival changes",
        ),
        ([[0, -3], [1, 4], [-1, -1]], "multiclass_step has the signs the wrong way round: add to the true class"),
        (
            [[2, 3], [0, 1], [-2, -4]],
            "multiclass_step pushes the weakest class down: the rival is the strongest of the others",
        ),
    ]
    compare(
        got,
        want,
        mistakes,
        "multiclass_step is not right on a mistake: add x to the true class's row, subtract it "
        "from the strongest rival's",
    )
    got = read_array(ask(step, w, one, 1), (3, 2), name)
    mistakes = [
        (
            [[0, -3], [1, 4], [-1, -1]],
            "multiclass_step updates although the true class wins: then nothing is to be learned",
        ),
    ]
    compare(got, w, mistakes, "multiclass_step changes w although the true class beats all others")
    got = read_array(ask(step, np.zeros((3, 2)), one, 0), (3, 2), name)
    mistakes = [
        (
            np.zeros((3, 2)),
            "multiclass_step does nothing at w = 0 for class 0: all scores are equal, and a tie is a mistake. "
            "Compare with the strongest of the *other* classes, with <=",
        ),
        (
            [[0, 0], [0, 0], [0, 0]],
            "multiclass_step adds and subtracts x in the same row at a tie: the rival is never the true class",
        ),
        ([[1, 3], [0, 0], [-1, -3]], "multiclass_step takes the last of equal rivals: take the first"),
    ]
    compare(got, [[1, 3], [-1, -3], [0, 0]], mistakes, "multiclass_step is not right at a tie of all classes")

    corners = np.array([[2.0, 2.0, 1.0], [-2.0, 2.0, 1.0], [-2.0, -2.0, 1.0], [2.0, -2.0, 1.0]])
    weights = np.zeros((4, 3))
    for _ in range(50):
        for label, corner in enumerate(corners):
            weights = read_array(ask(step, weights, corner, label), (4, 3), name)
    if list(read_array(ask(predict, weights, corners), (4,), "predict_class(w, x)")) != [0, 1, 2, 3]:
        raise Wrong("fifty passes with your multiclass_step do not separate four corners of a square")
    passed(5, "Each mistake moved two rows: one towards the example, one away from it.")

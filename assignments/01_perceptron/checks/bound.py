# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Exercise 3: radius, margin and the mistake bound."""

import numpy as np

from .answers import Wrong, ask, compare, passed, read_number, read_tuple


def mistake_bound(radius_and_margin, bound) -> None:
    """Exercise 3."""
    w = np.array([3.0, 4.0])  # length 5
    x = np.array([[1.0, 2.0], [2.0, 2.0], [-6.0, -8.0]])  # lengths sqrt 5, sqrt 8, 10; scores 11, 14, -50
    y = np.array([1, 1, -1])
    pair = read_tuple(ask(radius_and_margin, w, x, y), 2, "radius_and_margin(w, x, y)")
    radius, margin = read_number(pair[0], "the radius"), read_number(pair[1], "the margin")
    mistakes = [
        (100.0, "the radius is a length, not its square: take the square root"),
        (8.0, "the radius is not the largest coordinate: it is the length of the longest input"),
        (
            2.0,
            "the radius is not the largest entry of x: an entry is no length, and the input (-6, -8) lies far out "
            "though both its entries are negative. Take the length of each row first, then the largest",
        ),
        (np.sqrt(5), "the radius belongs to the longest input, yours to the shortest: max, not min"),
        (np.mean(np.sqrt([5, 8, 100])), "the radius is the largest length, not the mean length"),
        (np.sqrt(113), "the radius is the length of one input: take the norm along axis=1, not of the whole table"),
    ]
    otherwise = (
        "the radius is not right: of the inputs (1, 2), (2, 2) and (-6, -8) the last is the longest, with length "
        f"10; yours is {radius:g}"
    )
    compare(radius, 10.0, mistakes, otherwise)
    mistakes = [
        (
            11.0,
            "the margin is a distance: divide by the length of w. Otherwise 10 w would have ten times the "
            "margin of w, "
            "and it is the same line",
        ),
        (-50 / 5, "the margin forgets the labels: multiply each score by its y before taking the smallest"),
        (11 / 25, "the margin divides by the squared length of w: divide by its length"),
        (50 / 5, "the margin belongs to the nearest example, yours to the farthest: min, not max"),
        (75 / 15, "the margin belongs to the nearest example, not to the average one: min, not mean"),
        (
            11 / 7,
            "the margin divides by the sum of the weights: divide by the length of w, the root of the sum of squares",
        ),
    ]
    otherwise = (
        "the margin is not right: w = (3, 4) has length 5, y (w.x) is 11, 14 and 50, so the nearest example is "
        f"11 / 5 = 2.2 away; yours is {margin:g}"
    )
    compare(margin, 11 / 5, mistakes, otherwise)
    flipped = np.array([1, -1, -1])
    pair = read_tuple(ask(radius_and_margin, w, x, flipped), 2, "radius_and_margin(w, x, y)")
    margin = read_number(pair[1], "the margin")
    mistakes = [
        (
            11 / 5,
            "the margin hides a mistake: an example on the wrong side has a negative distance, so no absolute values",
        ),
        (0.0, "the margin hides a mistake: with an example on the wrong side it is negative, not zero"),
    ]
    compare(
        margin,
        -14 / 5,
        mistakes,
        f"the margin is not right when an example is on the wrong side: -2.8 here, yours is {margin:g}",
    )

    got = read_number(ask(bound, w, x, y), "mistake_bound(w, x, y)", finite=False)
    right = (10 / 2.2) ** 2
    mistakes = [
        (
            10 / 2.2**2,
            "the bound is (R / margin) squared. R / margin ** 2 squares only the margin: measure all lengths in "
            "another unit and it changes, though the perceptron makes the same mistakes",
        ),
        (10 / 2.2, "the bound is (R / margin) squared: the square is missing"),
        (100 / 2.2, "the bound squares both: R squared over margin squared"),
        ((2.2 / 10) ** 2, "the bound is upside down: a larger margin means fewer mistakes"),
        (100 / 121, "the bound uses a margin that is not divided by the length of w"),
        (np.inf, "mistake_bound says inf although w separates these examples"),
        (np.floor(right), "the bound is the number itself: do not round it"),
    ]
    compare(got, right, mistakes, f"the bound is not right: (10 / 2.2) squared is {right:.4g}, yours is {got:.4g}")
    got = read_number(ask(bound, w, x, flipped), "mistake_bound(w, x, y)", finite=False)
    if got != np.inf:
        raise Wrong(
            f"mistake_bound promises at most {got:.4g} mistakes from a w that does not separate the examples: "
            "squaring hides the sign of the margin. Return np.inf when the margin is not above zero"
        )
    passed(3, "Count the examples all you like: the bound knows two lengths only.")

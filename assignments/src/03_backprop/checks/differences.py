"""Exercise 3: the gradient check."""

import numpy as np

from course_utils.grading.answers import Wrong, ask, compare, passed, read_array, read_number


def gradient_check(numerical_gradient, relative_error) -> None:
    """Exercise 3."""
    cube = [["mul", 0, 0], ["mul", 2, 0], ["mul", 3, 1]]  # x^3 y
    inputs = np.array([2.0, -3.0])  # the step 0.25: neither h nor 2 h is 1, and one slope is negative
    got = read_array(ask(numerical_gradient, cube, inputs, 0.25), (2,), "numerical_gradient(ops, inputs, h)")
    sides = "numerical_gradient moves to one side: evaluate at x + h and at x - h, to both sides"
    if np.allclose(got, [-36, 8], rtol=1e-3):  # a step of its own, which may be so small that rounding shows
        raise Wrong(
            "numerical_gradient ignores h: with h = 0.25 the slope of x^3 y along x is a little off, -36.1875, "
            f"yours is {got[0]:g}"
        )
    mistakes = [
        ([-40.6875, 8], sides),
        ([-31.6875, 8], sides),
        ([-72.375, 16], "numerical_gradient divides by h: the two places are 2 h apart"),
        ([-18.09375, 4], "numerical_gradient does not divide by the distance of the two places, 2 h"),
        ([-2.26171875, 0.5], "numerical_gradient multiplies by h: a / 2 * h means (a / 2) * h, write a / (2 * h)"),
        ([36.1875, 8], "numerical_gradient loses the sign: a slope may be negative, so no absolute value"),
        ([-27.8125, -27.8125], "numerical_gradient moves all inputs together: one input at a time"),
        ([-36.1875, 5.359375], "numerical_gradient never moves back: put input 0 where it was before you move input 1"),
        (
            [-36.046875, 8],
            "numerical_gradient moves by h / 2 to each side: move by h, then the two places are 2 h apart",
        ),
        ([36.1875, -8], "numerical_gradient has the sign the wrong way round: f(x + h) minus f(x - h)"),
    ]
    otherwise = (
        "numerical_gradient is not right: for x^3 y at (2, -3) with h = 0.25 the slope along x is "
        f"(2.25^3 - 1.75^3) * (-3) / 0.5 = -36.1875 and along y it is 8; yours are {got[0]:g} and {got[1]:g}"
    )
    compare(got, [-36.1875, 8], mistakes, otherwise)

    a, b = np.array([5.0, 12.0]), np.array([14.0, 0.0])  # lengths 13 and 14, difference of length 15
    got = read_number(ask(relative_error, a, b), "relative_error(a, b)")
    mistakes = [
        (15, "relative_error is absolute: divide by the sum of the lengths, or large gradients always look wrong"),
        (15 / 13, "relative_error divides by the length of one of them: take the sum of the lengths, 13 + 14"),
        (15 / 14, "relative_error divides by the length of one of them: take the sum of the lengths, 13 + 14"),
        (15 / 505**0.5, "relative_error divides by the length of the sum: take the sum of the lengths, 13 + 14"),
        (30 / 27, "relative_error divides by the mean of the lengths: take their sum, 13 + 14"),
        (21 / 31, "relative_error adds up entries: take lengths, the root of the sum of squares"),
        (12 / 26, "relative_error looks at the largest entries: take lengths, the root of the sum of squares"),
        (225 / 365, "relative_error forgets the roots: a length is the root of the sum of squares"),
        (1 / 27, "relative_error subtracts the lengths: take the length of the difference, 15 here"),
        ((9 / 19 + 1) / 2, "relative_error goes number by number: compare the lengths of whole gradients"),
        (1, "relative_error goes number by number: compare the lengths of whole gradients"),
        (-3 / 31, "relative_error adds up entries with their signs: take lengths, the root of the sum of squares"),
        (3 / 31, "relative_error adds up entries with their signs: take lengths, the root of the sum of squares"),
    ]
    compare(got, 5 / 9, mistakes, f"relative_error is not right: 15 / (13 + 14) here, yours is {got:g}")
    square_a, square_b = np.array([[5.0, 0.0], [0.0, 12.0]]), np.array([[14.0, 0.0], [0.0, 0.0]])
    value = ask(relative_error, square_a, square_b)
    got = read_number(value, "relative_error of two matrices, such as gradients of weights,")
    otherwise = (
        f"relative_error is not right for matrices, such as gradients of weights: 5/9 here as well, yours is {got:g}. A "
        "length is the root of the sum of the squares of all numbers"
    )
    compare(got, 5 / 9, otherwise=otherwise)
    got = read_number(ask(relative_error, a / 1e6, b / 1e6), "relative_error of two small gradients")
    otherwise = (
        f"relative_error is not right for small gradients: divided by a million it is 5/9 still, yours is {got:g}. What "
        "guards against 0 / 0 must not reach them: ask whether the sum of the lengths is 0"
    )
    compare(got, 5 / 9, otherwise=otherwise)
    got = read_number(ask(relative_error, a, -a), "relative_error(a, b)", finite=False)
    otherwise = "relative_error of opposite gradients is not 1: their difference is twice as long as each of them"
    compare(got, 1, otherwise=otherwise)
    for pair in ((a, 0 * a), (0 * a, a)):
        got = read_number(ask(relative_error, *pair), "relative_error of zeros and another gradient", finite=False)
        otherwise = "relative_error where one of the two is all zeros is not 1: only two gradients of zeros agree"
        compare(got, 1, otherwise=otherwise)
    values = ask(relative_error, np.zeros(3), np.zeros(3))
    try:
        zero = float(np.asarray(values))
    except (TypeError, ValueError):
        zero = read_number(values, "relative_error of two gradients that are all zeros")
    compare(zero, 0, otherwise="relative_error of two gradients that are all zeros is not 0: they agree")
    passed(3, "Now you can check whatever you build from here on.")

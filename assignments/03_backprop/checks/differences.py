# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Exercise 3: the gradient check."""

import numpy as np

from .answers import ask, compare, passed, read_array, read_number


def gradient_check(numerical_gradient, relative_error) -> None:
    """Exercise 3."""
    cube = [["mul", 0, 0], ["mul", 2, 0], ["mul", 3, 1]]  # x^3 y
    inputs = np.array([2.0, 3.0])
    got = read_array(ask(numerical_gradient, cube, inputs, 0.5), (2,), "numerical_gradient(ops, inputs, h)")
    mistakes = [
        ([45.75, 8], "numerical_gradient moves to one side: evaluate at x + h and at x - h, to both sides"),
        ([73.5, 16], "numerical_gradient divides by h: the two places are 2 h apart"),
        ([46.25, 46.25], "numerical_gradient moves all inputs together: one input at a time"),
        ([36.75, 3.375], "numerical_gradient never moves back: put input 0 where it was before you move input 1"),
        ([36, 8], "numerical_gradient ignores h: with h = 0.5 the slope of x^3 y along x is a little off, 36.75"),
        ([-36.75, -8], "numerical_gradient has the sign the wrong way round: f(x + h) minus f(x - h)"),
    ]
    otherwise = (
        "numerical_gradient is not right: for x^3 y at (2, 3) with h = 0.5 the slope along x is "
        f"(2.5^3 - 1.5^3) * 3 / 1 = 36.75 and along y it is 8; yours are {got[0]:g} and {got[1]:g}"
    )
    compare(got, [36.75, 8], mistakes, otherwise)

    a, b = np.array([3.0, 4.0]), np.array([6.0, 8.0])  # lengths 5 and 10, difference of length 5
    got = read_number(ask(relative_error, a, b), "relative_error(a, b)")
    mistakes = [
        (5, "relative_error is absolute: divide by the sum of the lengths, or large gradients always look wrong"),
        (0.5, "relative_error divides by the length of one of them: take the sum of the lengths, 5 + 10"),
        (1, "relative_error divides by the length of one of them: take the sum of the lengths, 5 + 10"),
        (7 / 21, "relative_error adds up entries: take lengths, the root of the sum of squares"),
    ]
    compare(got, 1 / 3, mistakes, f"relative_error is not right: 5 / (5 + 10) here, yours is {got:g}")
    got = read_number(ask(relative_error, a, -a), "relative_error(a, b)", finite=False)
    mistakes = [
        (0, "relative_error of opposite gradients is 0: divide by the sum of the lengths, not by the length of the sum")
    ]
    otherwise = (
        "relative_error of opposite gradients is not 1: divide by the sum of the lengths, not by the length of the sum"
    )
    compare(got, 1, mistakes, otherwise)
    values = ask(relative_error, np.zeros(3), np.zeros(3))
    try:
        zero = float(np.asarray(values))
    except (TypeError, ValueError):
        zero = read_number(values, "relative_error of two gradients that are all zeros")
    compare(zero, 0, otherwise="relative_error of two gradients that are all zeros is not 0: they agree")
    passed(3, "Now you can check whatever you build from here on.")

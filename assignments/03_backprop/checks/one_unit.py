# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Exercise 1: one unit."""

import math

from .answers import ask, compare, passed, read_number, read_tuple


def unit(function) -> None:
    """Exercise 1."""
    z = 0.4621171573  # tanh(0.5)
    e = z + 0.5
    slope = 1 - z**2
    found = read_tuple(ask(function, 2.0, 0.75, -1.0, -0.5), 4, "unit(x, w, b, y)")
    loss, dw, db, dx = (read_number(v, name) for v, name in zip(found, ("the loss", "dw", "db", "dx")))
    mistakes = [
        (e**2, "the loss lacks the half: L = e * e / 2"),
        (abs(e), "the loss is the error itself: L = e * e / 2"),
    ]
    compare(loss, e**2 / 2, mistakes, f"the loss is not right: a = 0.5, z = {z:.4f}, e = {e:.4f}, L = {e**2 / 2:.4f}")
    mistakes = [
        (2 * e, "dw lacks the slope of tanh: between z and a lies the factor 1 - z^2"),
        (2 * e * z * (1 - z), "dw has the slope z (1 - z), which is that of the sigmoid: tanh has 1 - z^2"),
        (2 * e * 0.8135416952, "dw takes the slope of tanh at z instead of a: it is 1 - z^2, with z = tanh(a)"),
        (-2 * e * slope, "dw has the sign the wrong way round: e = z - y, so a larger z means a larger loss here"),
        (0.75 * e * slope, "dw and dx are exchanged: the gradient of w contains x"),
        (4 * e * slope, "dw is twice as large as it should be: the half in the loss takes the 2 away"),
        (e * slope, "dw is half as large as it should be: it lacks the factor x, or takes the half of the loss along"),
        (2 * slope, "dw lacks the error: the first slope on the way back is dL/de = e"),
        (e**2 * slope, "dw begins with the loss itself: the first slope on the way back is dL/de = e"),
        (2 * e * 0.75, "dw takes the slope of tanh as 1 - a^2: it is 1 - z^2, with z = tanh(a)"),
        (2 * e * (1 - z), "dw takes the slope of tanh as 1 - z: it is 1 - z^2"),
    ]
    compare(
        dw,
        2 * e * slope,
        mistakes,
        f"dw is not right: it is e (1 - z^2) x = {2 * e * slope:.4f} here, yours is {dw:.4f}",
    )
    mistakes = [
        (1.0, "the gradient of b is not 1: that is only the local slope of a with b; multiply by dL/da"),
        (0.75 * e * slope, "the gradient of b should be the third value: return loss, dw, db, dx in this order"),
        (e, "the gradient of b lacks the slope of tanh: between z and a lies the factor 1 - z^2"),
    ]
    compare(
        db,
        e * slope,
        mistakes,
        f"the gradient of b is not right: e (1 - z^2) = {e * slope:.4f} here, yours is {db:.4f}",
    )
    mistakes = [
        (2 * e * slope, "dx and dw are the same: the gradient of x contains w"),
        (e * slope, "dx lacks the factor w: it is how much a grows with x"),
        (0.75, "dx is not w: that is only the local slope of a with x; multiply by dL/da"),
        (0.75 * e, "dx lacks the slope of tanh: between z and a lies the factor 1 - z^2"),
    ]
    compare(
        dx,
        0.75 * e * slope,
        mistakes,
        f"dx is not right: e (1 - z^2) w = {0.75 * e * slope:.4f} here, yours is {dx:.4f}",
    )
    passed(
        1,
        f"The prediction: small. At a = 10 the slope 1 - z^2 is {1 - math.tanh(10) ** 2:.0e}, and every gradient is "
        "multiplied by it: the unit is badly wrong and hardly learns.",
    )

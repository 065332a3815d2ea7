"""Functions of one number built by hand from one hidden layer: plateaus from sigmoids, polylines from ReLUs.

Taught in chapter 02_mlp. Source: the idea behind G. Cybenko, Approximation by superpositions of a sigmoidal
function (1989), in one dimension, where every weight can be written down.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_int, check_number, check_shape
from course_utils.scratch.networks.activations import sigmoid
from course_utils.scratch.networks.mlp import MLP

Array = NDArray[np.float64]
Function = Callable[[Array], Array]


def bump(x: ArrayLike, left: float, right: float, steepness: float) -> Array:
    """Return ``sigmoid(s (x - left)) - sigmoid(s (x - right))``: about 1 inside, about 0 outside.

    Args:
        x: any shape.
        left: where it rises.
        right: where it falls, above ``left``.
        steepness: ``s``, above 0.
    """
    check_number("right", right, above=left)
    check_number("steepness", steepness, above=0)
    x = np.asarray(x, dtype=np.float64)
    return sigmoid(steepness * (x - left)) - sigmoid(steepness * (x - right))


def bump_network(function: Function, low: float, high: float, bumps: int, steepness: float | None = None) -> MLP:
    """Approximate a function by bumps side by side, each as high as the function at its middle.

    Args:
        function: maps an array to an array of the same shape.
        low: left end of the interval.
        high: right end, above ``low``.
        bumps: how many, at least 1; the network has two hidden units for each.
        steepness: of the sigmoids; by default 20 over the width of a bump.

    Returns:
        A network ``1 -> 2 * bumps -> 1`` of sigmoid units, no number of it learned.
    """
    check_int("bumps", bumps, minimum=1)
    check_number("high", high, above=low)
    edges = np.linspace(low, high, bumps + 1)
    width = (high - low) / bumps
    s = 20 / width if steepness is None else check_number("steepness", steepness, above=0)
    heights = np.asarray(function((edges[:-1] + edges[1:]) / 2), dtype=np.float64)
    # the outer walls move one width out, or the ends of the interval would be only half as high
    left, right = edges[:-1].copy(), edges[1:].copy()
    left[0], right[-1] = low - width, high + width
    places = np.stack([left, right], axis=1).ravel()
    signs = np.stack([heights, -heights], axis=1).ravel()
    return MLP([np.full((2 * bumps, 1), s), signs[None]], [-s * places, np.zeros(1)], "sigmoid")


def hinge_network(function: Function, low: float, high: float, pieces: int) -> MLP:
    """Join the function's values at equally spaced knots by straight lines, one ReLU unit a piece.

    Args:
        function: maps an array to an array of the same shape.
        low: left end of the interval.
        high: right end, above ``low``.
        pieces: number of straight pieces, at least 1.

    Returns:
        A network ``1 -> pieces -> 1`` of ReLU units that equals the polyline on ``[low, high]``. If the second
        derivative is at most C in size, its error is at most ``C (high - low)^2 / (8 pieces^2)``.
    """
    check_int("pieces", pieces, minimum=1)
    check_number("high", high, above=low)
    knots = np.linspace(low, high, pieces + 1)
    values = np.asarray(function(knots), dtype=np.float64)
    slopes = np.diff(values) / np.diff(knots)
    turns = np.diff(slopes, prepend=0.0)  # each unit adds the change of slope at its knot
    return MLP([np.ones((pieces, 1)), turns[None]], [-knots[:-1], values[:1]], "relu")


def uniform_error(model: Function, function: Function, low: float, high: float, points: int = 2001) -> float:
    """Return the largest ``|model - function|`` on a fine grid: the error in the sup norm.

    Args:
        model: maps shape ``(N, 1)`` to ``(N, 1)`` or ``(N,)``.
        function: maps shape ``(N,)`` to ``(N,)``.
        low: left end of the interval.
        high: right end, above ``low``.
        points: size of the grid, at least 2.
    """
    check_int("points", points, minimum=2)
    grid = np.linspace(low, high, points)
    return float(np.abs(np.ravel(model(grid[:, None])) - function(grid)).max())


def best_polynomial(x: ArrayLike, y: ArrayLike, degree: int) -> tuple[Array, float]:
    """Return the polynomial whose largest error on the given points is smallest, by a linear program.

    Args:
        x: points, shape ``(N,)``.
        y: values, shape ``(N,)``.
        degree: at least 0.

    Returns:
        Coefficients from the constant up, shape ``(degree + 1,)``, and that largest error: no polynomial of this
        degree does better on these points.
    """
    from scipy.optimize import linprog

    x = check_shape("x", np.asarray(x, dtype=np.float64), (None,))
    y = check_shape("y", np.asarray(y, dtype=np.float64), x.shape)
    powers = np.vander(x, check_int("degree", degree, minimum=0) + 1, increasing=True)
    ones = np.ones((len(x), 1))
    answer = linprog(
        np.append(np.zeros(degree + 1), 1.0),
        A_ub=np.block([[powers, -ones], [-powers, -ones]]),
        b_ub=np.concatenate([y, -y]),
        bounds=(None, None),
    )
    return answer.x[:-1], float(answer.x[-1])

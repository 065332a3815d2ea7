"""Gradient checking: the slope measured with two function values, against the slope that a formula gives.

Chapter 03 builds it, and shows where it fails: steps too small, numbers of 32 bits, kinks.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_choice, check_int, check_number

__all__ = ["directional_error", "errors_by_step", "numerical_gradient", "relative_error"]


def numerical_gradient(
    function: Callable[[NDArray[np.float64]], float], x: ArrayLike, step: float = 1e-6
) -> NDArray[np.float64]:
    """Return the gradient of ``function`` at ``x`` by central differences, two calls for each number in ``x``.

    Args:
        function: takes an array shaped like ``x``, returns one number; it must not keep or change its argument.
        x: where to measure, any shape; taken as float64.
        step: distance h to both sides, above 0.

    Returns:
        (f(x + h e) - f(x - h e)) / 2h for each entry, shaped like ``x``.

    Raises:
        ValueError: if ``step`` is not above 0 or ``function`` returns more than one number.

    Source: the central difference; its error falls as h^2 until rounding, which grows as 1/h, takes over.
    """
    check_number("step", step, above=0)
    point = np.array(x, dtype=np.float64)  # a copy: the caller's array stays as it is
    slopes = np.empty_like(point)
    for index in np.ndindex(point.shape):
        here = point[index]
        values = []
        for moved in (here + step, here - step):
            point[index] = moved
            values.append(_one_number(function(point.copy())))
        point[index] = here
        slopes[index] = (values[0] - values[1]) / (2 * step)
    return slopes


def relative_error(a: ArrayLike, b: ArrayLike) -> float:
    """Return the length of the difference over the sum of the lengths: 0 for equal, at most 1.

    Two gradients that are both exactly zero are equal: 0. NaN in either gives NaN, which no threshold accepts.

    Args:
        a: a gradient, any shape.
        b: the other one, same shape.

    Raises:
        ValueError: if the shapes differ.
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError(f"both gradients must have the same shape, got {first.shape} and {second.shape}")
    size = float(np.linalg.norm(first) + np.linalg.norm(second))
    return float(np.linalg.norm(first - second)) / size if size != 0 else 0.0


def directional_error(
    function: Callable[[NDArray[np.float64]], float],
    gradient: ArrayLike,
    x: ArrayLike,
    *,
    directions: int = 8,
    step: float = 1e-6,
    seed: int = 0,
) -> float:
    """Return the largest relative error of the slope along random directions: cheap when ``x`` is large.

    Along a unit vector v the slope must be gradient . v. A wrong entry shows in almost every direction, so a
    handful of them does what a difference for every single entry does.

    Args:
        function: takes an array shaped like ``x``, returns one number.
        gradient: the gradient to test, shaped like ``x``.
        x: where.
        directions: how many random directions, at least 1.
        step: distance to both sides, above 0.
        seed: of the directions.

    Raises:
        ValueError: if ``gradient`` and ``x`` differ in shape or a number is out of range.
    """
    check_int("directions", directions, minimum=1)
    point, claimed = np.asarray(x, dtype=np.float64), np.asarray(gradient, dtype=np.float64)
    if point.shape != claimed.shape:
        raise ValueError(f"gradient must have the shape of x, {point.shape}, got {claimed.shape}")
    rng = np.random.default_rng(seed)
    worst = 0.0
    for _ in range(directions):
        v = rng.normal(size=point.shape)
        v /= np.linalg.norm(v)
        measured = numerical_gradient(lambda t, v=v: function(point + t * v), 0.0, step)  # type: ignore[misc]
        worst = max(worst, relative_error(measured, np.sum(claimed * v)))
    return worst


def errors_by_step(
    function: Callable[[NDArray[np.floating]], float],
    gradient: ArrayLike,
    x: ArrayLike,
    steps: ArrayLike,
    *,
    difference: str = "central",
    dtype: str = "float64",
) -> NDArray[np.float64]:
    """Return the relative error of a difference quotient for each step: the U-shaped curve.

    Args:
        function: takes an array of ``dtype`` shaped like ``x``; computes in that type.
        gradient: the right gradient, in float64.
        x: where.
        steps: the distances to try, each above 0.
        difference: "central", or "forward": (f(x + h e) - f(x)) / h.
        dtype: "float64" or "float32", the type in which ``function`` computes.

    Returns:
        One relative error a step.
    """
    check_choice("difference", difference, ("central", "forward"))
    check_choice("dtype", dtype, ("float64", "float32"))
    exact, errors = np.asarray(gradient, dtype=np.float64), []
    for step in np.asarray(steps, dtype=np.float64).ravel():
        check_number("step", float(step), above=0)
        point = np.array(x, dtype=dtype)
        slopes = np.empty(point.shape)
        for index in np.ndindex(point.shape):
            ahead, behind = point.copy(), point.copy()
            ahead[index] += point.dtype.type(step)
            if difference == "central":
                behind[index] -= point.dtype.type(step)
            width = step * (2 if difference == "central" else 1)
            slopes[index] = (float(function(ahead)) - float(function(behind))) / width
        errors.append(relative_error(slopes, exact))
    return np.array(errors)


def _one_number(value: object) -> float:
    array = np.asarray(value)
    if array.size != 1:
        raise ValueError(f"function must return one number, got an array of shape {array.shape}")
    return float(array.reshape(()))

"""Validation of arguments with one wording: what came, the rule, and where it helps the remedy.

Every function returns the value it was given, so a check can stand where the value is used::

    stride = check_int("stride", stride, minimum=1)

Source: the wording follows the errors of PyTorch's own operators, made uniform.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Collection, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

__all__ = ["check_choice", "check_int", "check_number", "check_same_length", "check_shape"]


def check_int(name: str, value: Any, minimum: int | None = None, maximum: int | None = None) -> int:
    """Return ``value`` as an ``int`` that lies in ``[minimum, maximum]``.

    Args:
        name: how the caller names the argument, for the message.
        value: a Python or NumPy integer; ``True`` and ``2.0`` are refused.
        minimum: smallest allowed value, inclusive.
        maximum: largest allowed value, inclusive.

    Raises:
        TypeError: if ``value`` is no integer.
        ValueError: if it lies outside the range.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be an integer, got {_show(value)}")
    return int(_in_range(name, int(value), minimum, maximum))


def check_number(
    name: str,
    value: Any,
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> float:
    """Return ``value`` as a finite ``float`` inside the given bounds.

    Args:
        name: how the caller names the argument.
        value: a real number; NaN and infinities are refused.
        minimum: smallest allowed value, inclusive.
        maximum: largest allowed value, inclusive.
        above: bound that ``value`` must exceed.
        below: bound that ``value`` must stay under.

    Raises:
        TypeError: if ``value`` is no real number.
        ValueError: if it is not finite or lies outside the bounds.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number, got {_show(value)}")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite, got {number}")
    _in_range(name, value, minimum, maximum)
    if above is not None and not number > above:
        raise ValueError(f"{name} must be greater than {above}, got {value}")
    if below is not None and not number < below:
        raise ValueError(f"{name} must be less than {below}, got {value}")
    return number


def check_choice(name: str, value: T, choices: Collection[T]) -> T:
    """Return ``value`` if it is one of ``choices``.

    Raises:
        ValueError: if it is not; the message lists the choices and the nearest one.
    """
    import difflib

    if value not in choices:
        listed = ", ".join(repr(choice) for choice in choices)
        near = difflib.get_close_matches(str(value), [str(choice) for choice in choices], n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{name} must be one of {listed}, got {value!r}{hint}")
    return value


def check_shape(name: str, array: T, shape: Sequence[int | None]) -> T:
    """Return ``array`` if its shape matches ``shape``.

    Args:
        name: how the caller names the argument.
        array: anything with a ``shape``: a NumPy array or a tensor.
        shape: expected sizes; ``None`` stands for any size.

    Raises:
        TypeError: if ``array`` has no shape.
        ValueError: if number of dimensions or a size differs.
    """
    if not hasattr(array, "shape"):
        raise TypeError(f"{name} must be an array or tensor, got {_show(array)}")
    actual = tuple(array.shape)
    fits = len(actual) == len(shape) and all(e is None or e == a for e, a in zip(shape, actual))
    if not fits:
        wanted = "(" + ", ".join("any" if size is None else str(size) for size in shape) + ")"
        raise ValueError(f"{name} must have shape {wanted}, got {actual}")
    return array


def check_same_length(name_a: str, a: Any, name_b: str, b: Any) -> int:
    """Return the common length of ``a`` and ``b``.

    Raises:
        ValueError: if the lengths differ.
    """
    if len(a) != len(b):
        raise ValueError(f"{name_a} and {name_b} must have the same length, got {len(a)} and {len(b)}")
    return len(a)


def _in_range(name: str, value: Any, minimum: float | None, maximum: float | None) -> Any:
    if minimum is not None and value < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {value}")
    if maximum is not None and value > maximum:
        raise ValueError(f"{name} must be at most {maximum}, got {value}")
    return value


def _show(value: Any) -> str:
    text = repr(value)
    return f"{text if len(text) <= 40 else text[:37] + '...'} ({type(value).__name__})"

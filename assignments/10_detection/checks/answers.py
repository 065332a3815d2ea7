# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Reading an answer with care, and saying what is wrong with it in a sentence a student can use.

Visible checks and hidden tests share this module. It needs numpy alone, because a copy of it travels in every
student pack. Nothing in here knows a right answer.
"""

import copy
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

TOLERANCE = 1e-5
"""How far a right answer may be off, relative and absolute: right work in 32 bits, as torch computes, comes closer."""


class Wrong(AssertionError):
    """An answer that is not right; its text is the sentence that the student reads."""

    def _render_traceback_(self) -> list[str]:
        """Show the sentence alone in a notebook: the traceback would only lead into the checks."""
        return [f"Not yet: {self}"]


class NotWritten(Wrong):
    """The stub is still there."""


def ask(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a student's function on copies of the arguments and hand back what it returns.

    Args:
        function: the student's function.
        arguments: what to pass; each call gets its own copy.

    Returns:
        Whatever the function returned; read it with one of the ``read_*`` functions.

    Raises:
        NotWritten: if the function still raises NotImplementedError.
        Wrong: if it is no function, raises, changes an argument in place, or answers differently the second time.
    """
    name = getattr(function, "__name__", "the answer")
    if not callable(function):
        raise Wrong(f"expected a function, got {_kind(function)}: run the cell with `def ...` again")
    given = copy.deepcopy(arguments)
    first = _call(function, name, given)
    for position, (before, after) in enumerate(zip(arguments, given), start=1):
        if not same(before, after):
            raise Wrong(
                f"{name} changes its argument number {position} in place, so the caller's data is different "
                "afterwards. Make a copy first (`w = w.copy()`, of a tensor `w.clone()`), or write `w = w + ...` "
                "instead of `w += ...`"
            )
    if not same(first, _call(function, name, copy.deepcopy(arguments))):
        raise Wrong(
            f"{name} returns different results for the same arguments. It must depend on its arguments alone: "
            "no random numbers, and nothing remembered from the call before"
        )
    return first


def _call(function: Callable[..., Any], name: str, arguments: Sequence[Any]) -> Any:
    try:
        return function(*arguments)
    except NotImplementedError:
        raise NotWritten(
            f"{name} is not written yet. Replace `raise NotImplementedError()` with your code, "
            "run that cell, then run this one again"
        ) from None
    except Exception as error:
        # The student's own line says more than the depth of a library in which it ended.
        frames = [f for f in traceback.extract_tb(error.__traceback__)[1:] if "site-packages" not in f.filename]
        place = ""
        if frames and frames[-1].line:
            place = f" (in {frames[-1].name}, line {frames[-1].lineno}: `{frames[-1].line}`)"
        raise Wrong(f"{name} stops with {type(error).__name__}: {str(error)[:200]}{place}") from None


def read_array(value: Any, shape: tuple[int, ...], name: str, *, finite: bool = True) -> np.ndarray:
    """Read a value as an array of real numbers in float64.

    Args:
        value: what the student's function returned: an array, a nested list, a tensor.
        shape: the shape it must have.
        name: what to call it in a message.
        finite: refuse infinities as well as NaN.

    Returns:
        A new float64 array of that shape.

    Raises:
        Wrong: if it is something else.
    """
    if value is None:
        raise Wrong(f"{name} is None: a function without `return` hands back nothing")
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
    else:
        try:
            array = np.asarray(_without_gradient(value))
        except Exception:
            raise Wrong(f"{name} should be an array of shape {shape}, got {_kind(value)}") from None
    if array.dtype.kind not in "biuf":
        raise Wrong(f"{name} should be an array of numbers, got {_kind(value)}")
    if array.shape != shape:
        hint = ""
        if array.size == int(np.prod(shape)) and array.ndim > len(shape):
            hint = ". The numbers are as many as wanted: "
            hint += "an axis of length one is too much" if 1 in array.shape else "reshape them"
        raise Wrong(f"{name} should have shape {shape}, got {array.shape}{hint}")
    array = array.astype(np.float64)
    if np.isnan(array).any():
        raise Wrong(f"{name} contains NaN (not a number): look for 0/0, inf - inf or the log of a negative number")
    if finite and np.isinf(array).any():
        raise Wrong(f"{name} contains an infinity: look for a division by zero or an exponential that overflows")
    return array


def _is_tensor(value: Any) -> bool:
    """Whether it is a torch tensor, without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def _without_gradient(value: Any) -> Any:
    """The numbers of a torch tensor, in a precision that numpy has; any other value as it is."""
    if not _is_tensor(value):
        return value
    value = value.detach().cpu()
    return value.double().numpy() if value.is_floating_point() else value.numpy()


def read_number(value: Any, name: str, *, finite: bool = True) -> float:
    """Read a value as one real number: a Python number or an array without axes.

    Raises:
        Wrong: if it is something else.
    """
    if (isinstance(value, np.ndarray) or _is_tensor(value)) and value.shape != ():
        raise Wrong(f"{name} should be one number, got an array of shape {tuple(value.shape)}")
    return float(read_array(value, (), name, finite=finite))


def read_numbers(value: Any, name: str) -> np.ndarray:
    """Read a list, or an array with one axis, of numbers whose length the student's code decides.

    Raises:
        Wrong: if it is something else.
    """
    if isinstance(value, list | tuple):
        return read_array(value, (len(value),), name)
    if (isinstance(value, np.ndarray) or _is_tensor(value)) and value.ndim == 1:
        return read_array(value, tuple(value.shape), name)
    if value is None:
        return read_array(value, (0,), name)
    raise Wrong(f"{name} should be a list of numbers, got {_kind(value)}")


def read_tuple(value: Any, length: int, name: str) -> tuple[Any, ...]:
    """Read a value as that many results, as `return a, b` makes them.

    Raises:
        Wrong: if it is something else.
    """
    if value is None:
        raise Wrong(f"{name} returns None: a function without `return` hands back nothing")
    if not isinstance(value, tuple | list):
        raise Wrong(f"{name} should return {length} values (`return a, b`), got {_kind(value)}")
    if len(value) != length:
        raise Wrong(f"{name} should return {length} values, got {len(value)}")
    return tuple(value)


def close(a: Any, b: Any, tolerance: float = TOLERANCE) -> bool:
    """Whether two arrays have one shape and agree up to a tolerance, relative and absolute."""
    a, b = (np.asarray(_without_gradient(value), dtype=np.float64) for value in (a, b))
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=tolerance, atol=tolerance))


def compare(
    got: Any,
    want: Any,
    mistakes: Iterable[tuple[Any, str]] = (),
    otherwise: str = "the result is not right",
    tolerance: float = TOLERANCE,
) -> None:
    """Accept the right answer, and name the misconception behind a wrong one.

    Args:
        got: the student's answer, read already.
        want: the right answer.
        mistakes: pairs of a wrong answer and the sentence for whoever gives it; the first that fits is used.
        otherwise: the sentence for any other wrong answer.
        tolerance: relative and absolute.

    Raises:
        Wrong: with one of the sentences.
    """
    if close(got, want, tolerance):
        return
    for value, sentence in mistakes:
        if close(got, value, tolerance) and not close(want, value, tolerance):
            raise Wrong(sentence)
    raise Wrong(otherwise)


def passed(number: int, sentence: str) -> None:
    """Say that an exercise's checks are passed."""
    print(f"Exercise {number}: all checks passed. {sentence}")


def same(a: Any, b: Any) -> bool:
    """Whether two values are the same to the letter: type of container, shape, every number; NaN equals NaN."""
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return type(a) is type(b) and len(a) == len(b) and all(same(p, q) for p, q in zip(a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    try:
        left, right = np.asarray(a), np.asarray(b)
        if left.dtype.kind in "biufc" and right.dtype.kind in "biufc":
            return left.dtype == right.dtype and np.array_equal(left, right, equal_nan=True)
        return bool(a is b or a == b)
    except Exception:
        return False


def _kind(value: Any) -> str:
    """Name a value's type the way a student would."""
    if value is None:
        return "None"
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} with shape {value.shape}"
    name = type(value).__name__
    article = "an" if name[:1].lower() in "aeiou" else "a"
    return f"{article} {name}"

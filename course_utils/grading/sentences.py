"""What a student reads when code gives no value: fixed sentences, into which nothing of the student's own text gets.

A process answers with words of its own; they choose among the sentences here and are never repeated.
"""

import re
from collections.abc import Mapping
from typing import Any

NOT_WRITTEN = "is not written yet"

KNOWN_ERRORS = frozenset(
    name
    for name, thing in vars(__import__("builtins")).items()
    if isinstance(thing, type) and issubclass(thing, BaseException)
) | {"LinAlgError", "AxisError", "UFuncTypeError", "Wrong", "NotWritten"}
"""Exception names that may appear in feedback: any other name is the student's own text."""

UNSENDABLE = {
    "class": "a class: make an object of it and return that",
    "function": "a function: call it and return what it gives",
    "generator": "a generator: collect its values in a list (`return list(...)`)",
    "module": "a network or layer where numbers are wanted: call it and return its output",
    "set": "a set, which has no order: return a list",
    "keys": "a dict whose keys are no strings",
    "dtype": "numbers of a kind that is not compared here (complex, text, bytes, objects): return real numbers",
    "depth": "lists nested too deeply, or a list that contains itself",
    "size": "far more numbers than asked for",
    "object": "an object that is not numbers, lists or arrays",
}
"""By `Refused.kind`: what a function handed back, alone or inside a list, and what to do about it."""

ANSWERED = ("not_written", "absent", "unsendable")
"""What a process may say of a call besides ok and raised; what became of the process, only the grader knows."""

_CELL = re.compile(r"cell [0-9]{1,4}")


class CallFailed(Exception):
    """A student's function gave no value.

    Attributes:
        status: not_written, absent, raised, timeout, died or unsendable.
        sentence: what the student may read.
    """

    def __init__(self, status: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


def failure(status: Any, what: str, seconds: float = 0.0, reply: Mapping[str, Any] | None = None) -> CallFailed:
    """Say why a function gave no value.

    Args:
        status: what the process answered (see `ANSWERED`), or what became of it; an unknown word counts as raised.
        what: how to name what was called.
        seconds: the time limit, for a timeout.
        reply: the envelope of the process's answer.
    """
    reply = reply or {}
    if status == "not_written":
        return CallFailed("not_written", f"{what} {NOT_WRITTEN}")
    if status == "absent":
        if "." in what or "(" in what:
            return CallFailed("absent", f"there is no {what}: is it spelled as the exercise asks?")
        sort = "class" if what[:1].isupper() else "function"
        return CallFailed("absent", f"there is no {sort} {what} after running the notebook's cells")
    if status == "timeout":
        return CallFailed("timeout", f"{what} did not finish within {seconds:g} seconds: does its loop end?")
    if status == "total":
        spent = f"all cells and calls together took more than {seconds:g} seconds"
        return CallFailed("timeout", f"{what} was not called any more: {spent}; look at what is slow or never ends")
    if status == "idle":
        spent = f"all cells and calls together did nothing but wait for more than {seconds:g} seconds"
        return CallFailed("timeout", f"{what} was not called any more: {spent}; look at what sleeps")
    if status == "died":
        return CallFailed("died", f"{what} ended the Python process instead of returning")
    if status == "unsendable":
        kind = reply.get("kind")
        came = UNSENDABLE.get(kind if isinstance(kind, str) else "", UNSENDABLE["object"])
        return CallFailed("unsendable", f"{what} returned {came}")
    return CallFailed("raised", f"{what} stops with {_error(reply)}")


def of_cell(status: str, label: str, seconds: float = 0.0) -> str:
    """Say what became of a cell that gave no answer."""
    return {
        "long": f"{label} is too long to be run",
        "timeout": f"{label} did not finish within {seconds:g} seconds and was left out",
        "total": f"{label} was left out: all cells and calls together took more than {seconds:g} seconds",
        "idle": f"{label} was left out: the cells before it did nothing but wait for more than {seconds:g} seconds",
        "clock": f"{label} was left out: the cells before it took more than {seconds:g} seconds on the clock",
        "lost": f"{label} was left out: too many cells before it never ended, or ended the Python process",
        "died": f"{label} ends the Python process and was left out",
    }[status]


def of_reply(reply: Mapping[str, Any], label: str) -> tuple[str, str, str]:
    """Status, sentence and the exception's name of a cell that answered."""
    if reply.get("status") == "ok":
        return "ok", "", ""
    status = "not_written" if reply.get("status") == "not_written" else "raised"
    return status, f"{label} stops with {_error(reply)}", _known(reply.get("error"))


def _known(name: Any) -> str:
    return name if isinstance(name, str) and name in KNOWN_ERRORS else ""


def _error(reply: Mapping[str, Any]) -> str:
    """Name an exception without repeating any text that student code could have chosen."""
    line, label = reply.get("line"), reply.get("label")
    text = _known(reply.get("error")) or "an exception of its own"
    if type(line) is int and 0 < line < 10_000 and isinstance(label, str) and _CELL.fullmatch(label):
        text += f" (line {line} of {label})"
    return text

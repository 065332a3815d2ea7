"""Formulas as text, cut into single steps by a parser of our own: nothing a reader types is ever executed."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from course_utils.scratch.autograd.value import FUNCTIONS

__all__ = ["MAX_LETTERS", "MAX_NAMES", "MAX_NODES", "Node", "parse"]

Node = Mapping[str, Any]

MAX_LETTERS, MAX_NODES, MAX_NAMES = 160, 40, 8

_TOKEN = re.compile(
    r"\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|([A-Za-z_]\w*)|(\*\*|[-+*/()]))", re.ASCII
)


class _Problem(Exception):
    """Why a text is no formula, in words for the reader."""


class _Parser:
    """One pass over the tokens: sums of products of powers, as in Python."""

    def __init__(self, text: str) -> None:
        self.text, self.tokens, self.at = text, self._split(text), 0

    @staticmethod
    def _split(text: str) -> list[tuple[str, str, int, int]]:
        tokens, place = [], 0
        while text[place:].strip(" \t"):
            found = _TOKEN.match(text, place)
            if not found or text[place : found.start(found.lastindex or 0)].strip(" \t"):
                while text[place] in " \t":
                    place += 1
                wrong = text[place]
                remedy = ": write ** for a power" if wrong == "^" else ""
                raise _Problem(f"the character {wrong} at place {place + 1} has no meaning here{remedy}")
            kind = ("number", "name", "sign")[(found.lastindex or 1) - 1]
            tokens.append((kind, found[found.lastindex or 0], found.start(found.lastindex or 0), found.end()))
            place = found.end()
        return tokens

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def take(self) -> tuple[str, str, int, int]:
        self.at += 1
        return self.tokens[self.at - 1]

    def whole(self) -> dict[str, Any]:
        if not self.tokens:
            raise _Problem("the formula is empty: type one, for example w * x + b")
        tree = self.sum()
        if self.at < len(self.tokens):
            before, here = self.tokens[self.at - 1][1], self.peek()
            if here == ")":
                raise _Problem("a closing parenthesis has no partner")
            raise _Problem(f"an operator is missing between {before} and {here}: write {before} * {here}")
        return tree

    def chain(self, below: Any, signs: tuple[str, ...]) -> dict[str, Any]:
        left = below()
        while self.peek() in signs:
            kind = self.take()[1]
            right = below()
            left = {"kind": kind, "parts": [left, right], "from": left["from"], "to": right["to"]}
        return left

    def sum(self) -> dict[str, Any]:
        return self.chain(self.product, ("+", "-"))

    def product(self) -> dict[str, Any]:
        return self.chain(self.signed, ("*", "/"))

    def signed(self) -> dict[str, Any]:
        if self.peek() == "-":
            start = self.take()[2]
            inner = self.signed()
            if inner["kind"] == "number":
                return {"kind": "number", "number": -inner["number"], "parts": [], "from": start, "to": inner["to"]}
            return {"kind": "neg", "parts": [inner], "from": start, "to": inner["to"]}
        return self.power()

    def power(self) -> dict[str, Any]:
        base = self.atom()
        if self.peek() != "**":
            return base
        self.take()
        exponent = self.signed()
        whole = {"from": base["from"], "to": exponent["to"]}
        if exponent["kind"] == "number":  # a constant: no slope in it, and the base may be negative
            return {"kind": "power", "number": exponent["number"], "parts": [base], **whole}
        return {"kind": "**", "parts": [base, exponent], **whole}

    def atom(self) -> dict[str, Any]:
        if self.at == len(self.tokens):
            raise _Problem("the formula ends too early: something is missing at its end")
        kind, word, start, end = self.take()
        if kind == "number":
            number = float(word)
            if not math.isfinite(number):
                raise _Problem(f"the number {word} is too large")
            return {"kind": "number", "number": number, "parts": [], "from": start, "to": end}
        if word == "(":
            inner = self.sum()
            return {**inner, "from": start, "to": self.close()}
        if kind == "name" and self.peek() == "(":
            if word not in FUNCTIONS:
                raise _Problem(f"there is no function {word}: there are {', '.join(FUNCTIONS)}")
            self.take()
            inner = self.sum()
            return {"kind": word, "parts": [inner], "from": start, "to": self.close()}
        if kind == "name":
            if word in FUNCTIONS:
                raise _Problem(f"{word} is a function: write {word}(...) with something in the parentheses")
            return {"kind": "name", "parts": [], "from": start, "to": end, "name": word}
        raise _Problem(f"a number, a name or a parenthesis is missing before {word}")

    def close(self) -> int:
        if self.peek() != ")":
            raise _Problem("a closing parenthesis is missing")
        return self.take()[3]


def parse(text: str) -> dict[str, Any]:
    """Cut a formula into single steps.

    The grammar: ``+ - * / **``, unary minus, parentheses, numbers, names, and the functions relu, tanh, sigmoid,
    exp, log; precedence as in Python. One node a name however often it is used, one a number and one an operation.

    Returns:
        ``nodes``, each after its parents: ``kind`` (``name``, ``number``, ``power`` for a constant exponent, or the
        operation), ``text`` (its part of the formula), ``parents`` (indices), ``number`` (a number's value, a constant
        exponent, else 0); and ``error``, ``None`` or what is wrong, with no nodes then.
    """
    try:
        if len(text) > MAX_LETTERS:
            raise _Problem(f"the formula may have {MAX_LETTERS} characters")
        tree = _Parser(text).whole()
        nodes: list[dict[str, Any]] = []
        names: dict[str, int] = {}

        def build(part: dict[str, Any]) -> int:
            parents = [build(one) for one in part["parts"]]
            if part["kind"] == "name" and part["name"] in names:
                return names[part["name"]]
            written = part["name"] if part["kind"] == "name" else text[part["from"] : part["to"]]
            nodes.append({"kind": part["kind"], "text": written, "parents": parents, "number": part.get("number", 0)})
            if part["kind"] == "name":
                names[part["name"]] = len(nodes) - 1
            return len(nodes) - 1

        build(tree)
        if len(nodes) > MAX_NODES:
            raise _Problem(f"the formula may have {MAX_NODES} steps, numbers and names, this one has {len(nodes)}")
        if len(names) > MAX_NAMES:
            raise _Problem(f"the formula may have {MAX_NAMES} names, this one has {len(names)}")
    except _Problem as problem:
        return {"nodes": [], "error": str(problem)}
    return {"nodes": nodes, "error": None}

"""Made-up work of students, from nothing but an assignment's own model solutions, right variants and mutants."""

import ast
import json
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_utils.grading.assignment import Assignment, functions_in, nbgrader_of
from course_utils.grading.mutants import Mutant, load_mutants

NEVER_ENDS = ("trains until it is clean",)
"""Mutants that run into a time limit: they are not among the everyday mistakes."""
_CELL = re.compile(r"^# %%.*\"grade_id\": \"(?P<name>[^\"]+)\"")
_MARKER = re.compile(r" *(?:# )?### (?:BEGIN|END) SOLUTION\n?")


@dataclass(frozen=True)
class Recipes:
    """What students of an assignment may write.

    Attributes:
        handed_out: the notebook as students receive it.
        solutions: the model solution of each cell that they fill in, by the cell's grade id.
        right: other right solutions by exercise.
        wrong: wrong ones by exercise.
    """

    handed_out: dict[str, Any]
    solutions: Mapping[str, str]
    right: Mapping[str, list[Mutant]]
    wrong: Mapping[str, list[Mutant]]

    @classmethod
    def of(cls, assignment: Assignment) -> "Recipes":
        """Read them from an assignment's folders.

        Raises:
            FileNotFoundError: if it has no solution source or no mutants.
        """
        mutants = load_mutants(assignment.source / "mutants.py")
        names = [exercise.name for exercise in assignment.exercises if not exercise.manual]
        handed_out = json.loads(assignment.notebook.read_bytes())
        to_fill = {nbgrader_of(c)["grade_id"] for c in handed_out["cells"] if nbgrader_of(c).get("solution")}
        sources = _sources(assignment.source / f"{assignment.name}.py")
        return cls(
            handed_out,
            {name: text for name, text in sources.items() if name in to_fill},
            {name: [m for m in mutants if m.exercise == name and m.right] for name in names},
            {name: [m for m in mutants if m.exercise == name and not m.right] for name in names},
        )

    def exercises(self) -> list[str]:
        """Those with code."""
        return list(self.wrong)

    def notebook(self, answers: Mapping[str, str]) -> bytes:
        """The notebook with cells filled in, as Jupyter saves it."""
        cells = []
        for cell in self.handed_out["cells"]:
            name = str(nbgrader_of(cell).get("grade_id"))
            cells.append({**cell, "source": answers[name].splitlines(keepends=True)} if name in answers else cell)
        return (json.dumps({**self.handed_out, "cells": cells}, indent=1, ensure_ascii=False) + "\n").encode()

    def answers(self, rng: random.Random, mistakes: int) -> dict[str, str]:
        """A student's cells.

        Args:
            rng: decides everything.
            mistakes: in how many exercises the student is wrong; the others are right in one way or another.
        """
        wrong = set(rng.sample(self.exercises(), min(mistakes, len(self.exercises()))))
        found = {}
        for name, text in self.solutions.items():
            exercise = name.removesuffix("_code")
            if exercise not in self.wrong:
                if half := rng.choice([1, 1, 2, 0]):  # a written answer: whole, half, or none
                    found[name] = text if half == 1 else text.split("\n\n")[0]
                continue
            some = [m for m in self.wrong[exercise] if m.name not in NEVER_ENDS] if exercise in wrong else []
            choice = rng.choice(some or [None, None, *self.right[exercise]])
            found[name] = changed(text, choice) if choice else text
        return found

    def endless(self) -> dict[str, str]:
        """Cells of a student whose code never ends; those of a right one where no mutant is like that."""
        found = dict(self.solutions)
        for exercise, mutants in self.wrong.items():
            for mutant in mutants:
                if mutant.name in NEVER_ENDS:
                    found[f"{exercise}_code"] = changed(self.solutions[f"{exercise}_code"], mutant)
        return found


def changed(solution: str, mutant: Mutant) -> str:
    """A model solution in which functions are replaced by a mutant's."""
    replaced = functions_in(mutant.code)
    lines = solution.splitlines()
    for node in reversed(ast.parse(solution).body):
        if isinstance(node, ast.FunctionDef) and node.name in replaced:
            del lines[node.lineno - 1 : node.end_lineno]
    rest = "\n".join(lines).strip()
    return f"{rest}\n\n\n{mutant.code}".strip() + "\n"


def _sources(path: Path) -> dict[str, str]:
    """The cells of a notebook's source in percent format, by grade id, without the marks around the solution."""
    found: dict[str, list[str]] = {}
    own: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("# %%"):
            match = _CELL.match(line)
            own = found.setdefault(match["name"], []) if match else []
            if match and line.startswith("# %% [markdown]"):
                own.append("")  # marks a text cell, whose lines are comments
        else:
            own.append(line)
    return {name: _text(lines) for name, lines in found.items()}


def _text(lines: list[str]) -> str:
    if lines[:1] == [""] and all(line in ("", "#") or line.startswith("# ") for line in lines):
        lines = [line.removeprefix("#").removeprefix(" ") for line in lines]
    return _MARKER.sub("", "\n".join(lines).strip() + "\n").strip()

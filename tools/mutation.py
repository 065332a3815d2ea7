"""How well an assignment's tests tell wrong from right: every mutant against the visible checks and the hidden tests.

The model solution and the mutants are the author's own code, so the visible checks run them right here; the hidden
tests reach them through a student process, as they reach a student's.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

import numpy as np

from course_utils.grading.assignment import load_assignment
from course_utils.grading.grade import seed_of
from course_utils.grading.hidden import TestResult, about, run_tests
from course_utils.grading.mutants import Mutant, load_mutants
from course_utils.grading.sandbox.plain import PlainRunner
from course_utils.grading.session import Cell, StudentSession
from tools.assignments import ASSIGNMENTS, SOURCES, solution_notebook

WIDTH = 80  # of a terminal
STUDENTS = ("s001", "s002", "s003")
"""Made-up students, each with inputs of their own."""


def seeds(name: str, students: Sequence[str] = STUDENTS) -> list[int]:
    """The seeds of an assignment's hidden tests for some students of class 0."""
    return [seed_of(0, student, name) for student in students]


def mutants(name: str) -> list[Mutant]:
    """The wrong and right solutions of an assignment."""
    return load_mutants(SOURCES / name / "mutants.py")


@dataclass(frozen=True)
class Verdict:
    """What the tests say about one mutant.

    Attributes:
        mutant: the solution.
        visible: the visible check's sentence; None if it accepts.
        hidden: results of the exercise's hidden tests, for each seed.
    """

    mutant: Mutant
    visible: str | None
    hidden: tuple[tuple[TestResult, ...], ...]

    @property
    def visible_trouble(self) -> str:
        """What is wrong with the visible check's verdict; empty if nothing."""
        if self.mutant.right:
            return f"rejected: {self.visible}" if self.visible is not None else ""
        if not self.mutant.visible:
            return ""
        if self.visible is None:
            return "accepted"
        return "" if self.mutant.says in self.visible else f"rejected with other words: {self.visible}"

    @property
    def hidden_trouble(self) -> str:
        """What is wrong with the hidden tests' verdict for any seed; empty if nothing.

        One wrong idea must lead to one sentence, and cost everybody the same points.
        """
        first = [r.status for r in self.hidden[0]]
        for results in self.hidden:
            failed = [r for r in results if r.status != "passed"]
            sentences = list(dict.fromkeys(r.sentence for r in failed))
            broken = [f"{r.test} stops: {r.detail}" for r in results if r.status == "ungraded"]
            if broken:
                return "; ".join(broken)
            if self.mutant.right and failed:
                return "rejected: " + "; ".join(f"{r.test}: {r.sentence} {r.detail}" for r in failed)
            if not self.mutant.right and not failed:
                return "accepted"
            if not self.mutant.right and not any(self.mutant.hidden_says in r.sentence for r in failed):
                return f"rejected with other words: {'; '.join(sentences)}"
            if len(sentences) > 1:
                return f"one idea, {len(sentences)} sentences (name causes with `after`): {'; '.join(sentences)}"
            if [r.status for r in results] != first:
                return "costs different points with the inputs of different students"
        return ""


class Judge:
    """Runs solutions of one assignment against its tests; a context manager, one student process for all.

    Args:
        name: the assignment's.
    """

    def __init__(self, name: str) -> None:
        self.assignment = load_assignment(name, ASSIGNMENTS)
        cells = [c for c in solution_notebook(name).cells if c.cell_type == "code"]
        marks = [(c.metadata.nbgrader, c.source) for c in cells]
        self.setup = "\n".join(source for mark, source in marks if mark.grade_id == "setup")
        self.model = "\n".join(source for mark, source in marks if mark.solution)
        self.calls = {mark.grade_id: source for mark, source in marks if mark.grade}
        self.session = StudentSession(
            PlainRunner(),
            [],
            files=self.assignment.files(),
            withheld=self.assignment.withheld,
            limits=self.assignment.limits,
            tensors=self.assignment.tensors,
        )
        self.hidden = functools.cache(self._hidden)
        self.visible = functools.cache(self._visible)

    def __enter__(self) -> Judge:
        sys.path.insert(0, str(self.assignment.folder))
        _forget_checks()
        self.checks = importlib.import_module("checks")
        self.modules = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "checks"}
        self.session.load()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session.close()
        sys.path.remove(str(self.assignment.folder))
        _forget_checks()

    def _visible(self, exercise: str, code: str = "") -> str | None:
        """Run an exercise's check on the model solution with some definitions replaced: its sentence, or None."""
        namespace = {"checks": self.checks}
        _forget_checks()  # another assignment's may be there: they have the same name
        sys.modules.update(self.modules)
        with contextlib.redirect_stdout(io.StringIO()) as out, np.errstate(all="ignore"):
            exec(f"{self.setup}\n{self.model}\n{code}", namespace)
            try:
                exec(self.calls[exercise], namespace)
            except self.checks.answers.Wrong as wrong:
                return str(wrong)
        assert "all checks passed" in out.getvalue(), out.getvalue()
        return None

    def _hidden(self, exercise: str, code: str = "", seed: int = 0) -> tuple[TestResult, ...]:
        """Run an exercise's hidden tests on the model solution with some definitions replaced."""
        self.session.replace([Cell("cell 1", f"{self.setup}\n{self.model}\n{code}")])
        tests = [t for t in self.assignment.tests if about(t).exercise == exercise]
        return tuple(run_tests(tests, self.session, seed))

    def verdict(self, mutant: Mutant) -> Verdict:
        """Both verdicts on a mutant, the hidden one for several students."""
        found = [self.hidden(mutant.exercise, mutant.code, seed) for seed in seeds(self.assignment.name)]
        # a visible check has no time limit: what it cannot find may hang in it
        visible = self.visible(mutant.exercise, mutant.code) if mutant.visible else None
        return Verdict(mutant, visible, tuple(found))


def table(verdicts: Sequence[Verdict]) -> str:
    """The mutation score as text, one line an exercise; mutants that a test fails to judge are listed below."""
    rows = [("exercise", "wrong: hidden", "wrong: visible", "right: hidden", "right: visible")]
    exercises = list(dict.fromkeys(v.mutant.exercise for v in verdicts))
    for name in [*exercises, ""]:
        own = [v for v in verdicts if name in ("", v.mutant.exercise)]
        wrong, right = [v for v in own if not v.mutant.right], [v for v in own if v.mutant.right]
        marked = [v for v in wrong if v.mutant.visible]
        rows.append(
            (
                name or "together",
                _share([not v.hidden_trouble for v in wrong]),
                _share([not v.visible_trouble for v in marked]),
                _share([not v.hidden_trouble for v in right]),
                _share([not v.visible_trouble for v in right]),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows]
    for v in verdicts:
        for kind, trouble in (("hidden", v.hidden_trouble), ("visible", v.visible_trouble)):
            if trouble:
                word = "right" if v.mutant.right else "wrong"
                text = f"{v.mutant.exercise}: {word} solution {v.mutant.name!r}, {kind}: {trouble}"
                lines += ["", *textwrap.wrap(text, WIDTH, subsequent_indent="    ")]
    unseen = [v.mutant for v in verdicts if not v.mutant.right and not v.mutant.visible]
    if unseen:
        names = ", ".join(f"{m.exercise}: {m.name}" for m in unseen)
        lines += ["", *textwrap.wrap(f"Not for the visible checks to find: {names}", WIDTH)]
    return "\n".join(lines)


def _share(good: Sequence[bool]) -> str:
    return f"{sum(good)} of {len(good)}"


def _forget_checks() -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "checks"]:
        del sys.modules[name]

"""One submission's grade: from files to points, whatever is in the files.

A grade names no student and no day: the same files, assignment and seed give an equal grade. What the student's cells
printed and the versions they ran with are kept beside it and are no part of the comparison.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from course_utils.grading.assignment import Assignment, Exercise, normalised
from course_utils.grading.challenge.kind import Challenge
from course_utils.grading.files import SubmittedFiles
from course_utils.grading.hidden import TestResult, earned, run_tests
from course_utils.grading.outputs import CellOutput, plain_text
from course_utils.grading.sandbox.runner import Runner
from course_utils.grading.session import StudentSession, Ungraded
from course_utils.grading.submission import NeedsHuman, Submission, Unreadable, read_submission

GRADED, REJECTED, HUMAN = "graded", "rejected", "needs a human"


@dataclass(frozen=True)
class ExerciseResult:
    """One exercise of one submission.

    Attributes:
        status: passed, partly, failed, not attempted, needs a human.
        points: what it earned; None as long as nobody knows.
        possible: what it can earn.
        manual: whether a person marks it.
        sentences: what the student may read, each once.
        tests: every hidden test's outcome, for the instructor.
        answer: text of a written answer, as the student wrote it (untrusted); None where its cell is gone.
    """

    status: str
    points: float | None
    possible: float
    manual: bool = False
    sentences: tuple[str, ...] = ()
    tests: tuple[TestResult, ...] = ()
    answer: str | None = None

    @property
    def answer_sha256(self) -> str:
        """Hash of the written answer: a person's mark belongs to exactly this text. Empty if there is none."""
        return "" if self.answer is None else hashlib.sha256(self.answer.encode()).hexdigest()

    def record(self) -> dict[str, Any]:
        """The result as plain JSON data."""
        return {
            **asdict(self),
            "sentences": list(self.sentences),
            "tests": [asdict(test) for test in self.tests],
            "answer_sha256": self.answer_sha256,
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "ExerciseResult":
        """Read what `record` wrote."""
        fields = {key: record[key] for key in ("status", "points", "possible", "manual", "answer")}
        tests = tuple(TestResult(**test) for test in record["tests"])
        return cls(**fields, sentences=tuple(record["sentences"]), tests=tests)


@dataclass(frozen=True)
class Grade:
    """One submission's result. Points are None, never 0, where nothing was graded.

    Attributes:
        status: graded, rejected (with the reason) or needs a human.
        reason: why it is not graded, as a sentence that says what to do.
        exercises: results by exercise.
        cells: a sentence for every cell that did not end well.
        outputs: what the student's own cells printed and drew.
        notes: what the instructor should know about the files.
        environment: versions of what the student's code ran with.
    """

    status: str
    reason: str = ""
    exercises: dict[str, ExerciseResult] = field(default_factory=dict)
    cells: tuple[str, ...] = ()
    outputs: tuple[CellOutput, ...] = field(default=(), compare=False)
    notes: tuple[str, ...] = ()
    environment: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def points(self) -> float | None:
        """Points of the automatic exercises together; None if there are none or any of them has none."""
        known = [e.points for e in self.exercises.values() if not e.manual]
        return sum((p for p in known if p is not None), 0.0) if known and None not in known else None

    @property
    def to_mark(self) -> tuple[str, ...]:
        """Exercises that wait for a person."""
        return tuple(name for name, e in self.exercises.items() if e.points is None)

    @property
    def sentences(self) -> tuple[str, ...]:
        """Every misconception met, each once."""
        return tuple(dict.fromkeys(s for e in self.exercises.values() for s in e.sentences))

    def record(self) -> dict[str, Any]:
        """The grade as plain JSON data; `from_record` reads it back to an equal grade."""
        return {
            "status": self.status,
            "reason": self.reason,
            "exercises": {name: exercise.record() for name, exercise in self.exercises.items()},
            "cells": list(self.cells),
            "outputs": [{**asdict(output), "images": list(output.images)} for output in self.outputs],
            "notes": list(self.notes),
            "environment": self.environment,
            "points": self.points,
            "to_mark": list(self.to_mark),
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Grade":
        """Read what `record` wrote."""
        return cls(
            status=record["status"],
            reason=record["reason"],
            exercises={name: ExerciseResult.from_record(one) for name, one in record["exercises"].items()},
            cells=tuple(record["cells"]),
            outputs=tuple(CellOutput(**{**one, "images": tuple(one["images"])}) for one in record["outputs"]),
            notes=tuple(record["notes"]),
            environment=record["environment"],
        )


def seed_of(class_seed: int, student: str, assignment: str) -> int:
    """The seed of one student's work: hidden tests draw their inputs from it and the test's name."""
    digest = hashlib.sha256(json.dumps([class_seed, student, assignment]).encode()).digest()
    return int.from_bytes(digest[:6], "little")  # small enough for every JSON reader


def grade_files(assignment: Assignment, files: SubmittedFiles, runner: Runner, seed: int) -> Grade:
    """Grade one submission; whatever happens, a grade comes back.

    Args:
        assignment: what to grade against.
        files: what was handed in.
        runner: where student code runs.
        seed: of the hidden tests' random inputs (see `seed_of`).
    """
    if isinstance(assignment, Challenge):
        from course_utils.grading.challenge.scoring import grade_predictions  # it makes a grade as this module does

        return grade_predictions(assignment, files)
    try:
        submission = read_submission(files, assignment)
    except Unreadable as reason:
        return Grade(REJECTED, _clean(str(reason)))
    except NeedsHuman as reason:
        return Grade(HUMAN, _clean(str(reason)))
    except Exception as trouble:  # a reader that stumbles is the grader's mistake
        return Grade(HUMAN, _trouble(trouble))
    session = StudentSession(
        runner,
        submission.cells,
        files=assignment.files(),
        helpers=submission.helpers,
        withheld=assignment.withheld,
        limits=assignment.limits,
        tensors=assignment.tensors,
    )
    notes = tuple(map(_clean, submission.notes))
    try:
        with session:
            session.load()
            results = run_tests(assignment.tests, session, seed)
    except Exception as trouble:  # one submission must never stop the batch
        return Grade(HUMAN, _trouble(trouble), notes=notes)
    exercises = {e.name: _exercise(e, submission, results, session) for e in assignment.exercises}
    broken = [name for name, e in exercises.items() if e.points is None and not e.manual]
    return Grade(
        status=HUMAN if broken else GRADED,
        reason=f"could not be graded: {', '.join(broken)}" if broken else "",
        exercises=exercises,
        cells=tuple(r.sentence for r in session.reports.values() if r.status != "ok"),
        outputs=tuple(session.outputs.by_cell.values()),
        notes=notes + tuple(f"{label} needs a later cell and was run again after it" for label in session.reordered),
        environment=session.environment,
    )


def _trouble(error: Exception) -> str:
    kind = "" if isinstance(error, Ungraded) else f"{type(error).__name__}: "
    return _clean(f"the grader had trouble: {kind}{error}")


def _clean(text: str) -> str:
    return plain_text(text, 500, lines=False)


def _exercise(
    exercise: Exercise, submission: Submission, results: Sequence[TestResult], session: StudentSession
) -> ExerciseResult:
    if exercise.manual:
        answer = submission.answers[exercise.name]
        if answer is not None and normalised(answer) in ("", exercise.stub):
            return ExerciseResult("not attempted", 0.0, exercise.points, True, answer=answer)
        return ExerciseResult(HUMAN, None, exercise.points, True, answer=answer)
    own = tuple(r for r in results if r.exercise == exercise.name)
    points = earned(own)
    sentences = tuple(dict.fromkeys(r.sentence for r in own if r.sentence))
    if any(r.status == "absent" for r in own):  # the cell that should have defined the function says why
        ended = {cell: r.sentence for cell, r in session.reports.items() if r.status in ("raised", "timeout", "died")}
        its_own = [ended[c.label] for c in submission.cells if c.exercise == exercise.name and c.label in ended]
        sentences += tuple(its_own or ended.values())
    if points is None:
        status = HUMAN
    elif all(r.status == "passed" for r in own):
        status = "passed"
    elif points > 0:
        status = "partly"
    elif exercise.name not in submission.changed:
        status = "not attempted"
    else:
        status = "failed"
    return ExerciseResult(status, points, exercise.points, False, tuple(dict.fromkeys(sentences)), own)

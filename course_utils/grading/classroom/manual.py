"""Marks that a person gave: kept for ever, counted only while the answer they were given for is unchanged."""

import json
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from course_utils.grading.classroom.durable import write_whole
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.grade import ExerciseResult


class DamagedMark(ValueError):
    """A file of a mark by hand that cannot be read; the text names it and says what to do."""


@dataclass(frozen=True)
class ManualMark:
    """One mark given by a person.

    Attributes:
        student: the id in the roster.
        assignment: its name.
        exercise: the exercise's name.
        answer_sha256: hash of the answer that was read (`answer_hash`).
        points: what it earned; None takes an earlier mark back, or leaves the points to the tests.
        comment: what the student may read, with or without points.
        marked_at: when, ISO 8601 with zone.
        source: "formgrader", "terminal" or "table".
    """

    student: str
    assignment: str
    exercise: str
    answer_sha256: str
    points: float | None
    comment: str
    marked_at: str
    source: str


def now() -> str:
    """This moment as marks keep it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def answer_hash(exercise: ExerciseResult, submission: str) -> str:
    """The hash by which a mark knows what it was given for.

    Args:
        exercise: what the grader found.
        submission: hash of the files.

    Returns:
        The hash of the written answer; where there is none, the mark holds for exactly these files.
    """
    return exercise.answer_sha256 or submission


class ManualMarks:
    """All marks by hand of a class: each a file that is never changed; the last one given counts.

    Args:
        classroom: the class.
    """

    def __init__(self, classroom: ClassFolder) -> None:
        self.folder = classroom.ledger / "manual"

    def add(self, mark: ManualMark) -> None:
        """Keep a mark. Needs no lock: two that come at the same moment get names of their own."""
        home = self.folder / mark.assignment / mark.student
        number = max((int(path.stem.partition("-")[0]) for path in home.glob("[0-9]*.json")), default=0) + 1
        text = json.dumps(asdict(mark), indent=1, sort_keys=True) + "\n"
        write_whole(home / f"{number:05d}-{secrets.token_hex(4)}.json", text.encode())

    def history(self, assignment: str, student: str) -> list[ManualMark]:
        """All marks of a student, the oldest first.

        Raises:
            DamagedMark: if a file among them is damaged: it is named, and must be repaired or removed by hand.
        """
        home = self.folder / assignment / student
        return [_read(path) for path in sorted(home.glob("[0-9]*.json"))]

    def find(self, assignment: str, student: str, exercise: str, answer_sha256: str) -> ManualMark | None:
        """The mark that counts for an answer as it is now, or None."""
        mark = self.last(assignment, student, exercise, answer_sha256)
        return mark if mark is not None and mark.points is not None else None

    def last(self, assignment: str, student: str, exercise: str, answer_sha256: str) -> ManualMark | None:
        """What a person last said about an answer as it is now, with points or without; None if nothing."""
        for mark in reversed(self.history(assignment, student)):
            if mark.exercise == exercise and mark.answer_sha256 == answer_sha256:
                return mark
        return None


def _read(path: Path) -> ManualMark:
    try:
        return ManualMark(**json.loads(path.read_bytes()))
    except (ValueError, TypeError) as error:
        raise DamagedMark(f"{path} is damaged ({error}): repair it or remove it, then mark that answer again") from None

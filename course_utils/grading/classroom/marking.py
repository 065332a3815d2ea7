"""Answers that a person marks: which there are, in an order that does not tell whose they are, and a mark's bounds."""

import hashlib
import json
import re
from collections.abc import Collection
from dataclasses import dataclass

from course_utils.grading.assignment import Assignment, Exercise
from course_utils.grading.classroom import receipts
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.manual import ManualMark, ManualMarks, answer_hash, now
from course_utils.grading.classroom.marking_page import Work, read_work
from course_utils.grading.classroom.standing import Standing, each_standing
from course_utils.grading.classroom.student_markdown import visible

_NUMBER = re.compile(r"\d{1,4}([.,]\d{1,2})?|[.,]\d{1,2}")


class BadPoints(ValueError):
    """What was given is no mark for this exercise; the text says why."""


@dataclass(frozen=True)
class Answer:
    """One student's answer to one exercise.

    Attributes:
        row: where the student's work stands.
        exercise: what was asked.
        answer_sha256: of the answer as it is now; a mark belongs to exactly this.
        last: what a person last said about this answer, with points or without.
        earlier: what people said about the student's earlier answers, the oldest first.
    """

    row: Standing
    exercise: Exercise
    answer_sha256: str
    last: ManualMark | None
    earlier: tuple[ManualMark, ...]

    @property
    def student(self) -> str:
        """The id in the roster."""
        return self.row.student.id

    @property
    def points(self) -> float | None:
        """What it earns as things stand, by tests or by hand."""
        return self.row.points_of(self.exercise.name)

    @property
    def key(self) -> str:
        """Names this answer without naming the student; another answer of theirs has another key."""
        parts = json.dumps([self.row.student.id, self.exercise.name, self.answer_sha256])
        return f"a-{hashlib.sha256(parts.encode()).hexdigest()[:20]}"


def answers(
    classroom: ClassFolder,
    assignment: Assignment,
    *,
    students: Collection[str] = (),
    exercises: Collection[str] = (),
    marked: bool = False,
    graded: bool = False,
) -> list[Answer]:
    """List answers by exercise, those of one exercise shuffled by the class's seed: the same order each time.

    Args:
        classroom: the class.
        assignment: which.
        students: only theirs; everybody's if empty, without work of which nothing could be graded (`unread`): that is
            better handed in again than marked piece by piece.
        exercises: only these; all if empty.
        marked: also those that have a mark by hand.
        graded: also those that tests or an empty cell have settled.
    """
    marks, found = ManualMarks(classroom), []
    for row in each_standing(classroom, assignment.name):
        if row.grade is None or row.receipt is None or (students and row.student.id not in students):
            continue
        if row.unread and not students and not row.manual:
            continue
        history = marks.history(assignment.name, row.student.id)
        for exercise in assignment.exercises:
            result = row.grade.exercises.get(exercise.name)
            if result is None or (exercises and exercise.name not in exercises):
                continue
            settled = result.points is not None
            if (exercise.name in row.manual and not marked) or (
                settled and not graded and exercise.name not in row.manual
            ):
                continue
            sha256 = answer_hash(result, row.receipt.sha256)
            own = [mark for mark in history if mark.exercise == exercise.name]
            last = next((mark for mark in reversed(own) if mark.answer_sha256 == sha256), None)
            earlier = tuple(mark for mark in own if mark.answer_sha256 != sha256)
            found.append(Answer(row, exercise, sha256, last, earlier))
    order = {exercise.name: number for number, exercise in enumerate(assignment.exercises)}
    seed = classroom.config.seed

    def shuffled(answer: Answer) -> tuple[int, str]:
        parts = json.dumps([seed, assignment.name, answer.exercise.name, answer.student])
        return order[answer.exercise.name], hashlib.sha256(parts.encode()).hexdigest()

    return sorted(found, key=shuffled)


def unread(classroom: ClassFolder, assignment: Assignment) -> list[Standing]:
    """Whose work could not be graded at all; `answers` leaves it out unless it is asked for by name."""
    return [row for row in each_standing(classroom, assignment.name) if row.unread]


def text_of_answer(classroom: ClassFolder, assignment: Assignment, answer: Answer) -> str:
    """What the student wrote, fit for a terminal: the written answer, or the code of the exercise."""
    assert answer.row.receipt is not None
    try:
        work = read_work(assignment, receipts.files_of(classroom, answer.row.receipt))
    except (OSError, ValueError) as trouble:
        work = Work(notes=(str(trouble),))
    notes = [f"[{visible(note)}]" for note in work.notes]
    if answer.exercise.manual:
        written = (work.answers or {}).get(answer.exercise.name)
        shown = "[there is no answer in the notebook]" if written is None else visible(written)
        if (work.pictures or {}).get(answer.exercise.name):
            notes.append("[pictures are attached: the formgrader shows them]")
    else:
        cells = [visible(cell.source) for cell in work.cells if cell.exercise == answer.exercise.name]
        shown = "\n\n".join(cells) or "[there is no code of this exercise in the notebook]"
    return "\n".join([shown, *notes])


def points_from(text: str, possible: float) -> float:
    """Read points as people write them: ``3``, ``2.5``, ``2,5``.

    Raises:
        BadPoints: if it is no number, or out of bounds.
    """
    rule = f"points must be 0 to {possible:g}, such as {possible / 2:g}"
    if not _NUMBER.fullmatch(text.strip()):
        raise BadPoints(f"{rule}, got {visible(text.strip())[:40]!r}")
    points = float(text.strip().replace(",", "."))
    if points > possible:
        raise BadPoints(f"{rule}, got {points:g}")
    return points


def give(classroom: ClassFolder, answer: Answer, points: float | None, comment: str, source: str) -> None:
    """Keep a mark for an answer, at once and for good.

    Raises:
        BadPoints: if the points are out of bounds.
    """
    if points is not None and not 0 <= points <= answer.exercise.points:
        raise BadPoints(f"points must be 0 to {answer.exercise.points:g}, got {points:g}")
    about = (answer.student, answer.row.receipt.assignment if answer.row.receipt else "", answer.exercise.name)
    mark = ManualMark(*about, answer.answer_sha256, points, comment.strip(), now(), source)
    ManualMarks(classroom).add(mark)

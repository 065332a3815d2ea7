"""Marks of an exam that was written on paper: ``exam.csv`` in the class folder, with the columns id and mark."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from course_utils.grading.classroom.roster import Student

ABSENT = "missing"
"""What stands in place of a mark for who did not come."""


class BadExam(ValueError):
    """The exam's marks cannot be used; the text says which line and why."""


@dataclass(frozen=True)
class ExamMarks:
    """The exam's marks.

    Attributes:
        marks: 0 to 100 by student id; None for who did not come. Who is not in it has no mark yet.
        strangers: ids that are not on the roster: left out of everything, and worth a look.
    """

    marks: Mapping[str, Fraction | None] = field(default_factory=dict)
    strangers: tuple[str, ...] = ()


def read_exam(path: Path, roster: Sequence[Student]) -> ExamMarks | None:
    """Read the marks of an exam.

    Args:
        path: a CSV file with a header and the columns ``id`` and ``mark``: 0 to 100, with a point or a comma;
            ``missing`` for who did not come; empty as long as there is no mark. Other columns are left alone.
        roster: the enrolled students.

    Returns:
        The marks; None if there is no such file.

    Raises:
        BadExam: if a column is missing, a mark is none, or a student is there twice.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise BadExam(f"{path.name} is not UTF-8: save it as CSV in UTF-8") from None
    first = text.partition("\n")[0]
    table = csv.DictReader(io.StringIO(text, newline=""), delimiter=";" if first.count(";") > first.count(",") else ",")
    names = {(name or "").strip().lower(): name for name in table.fieldnames or ()}
    if lacking := [column for column in ("id", "mark") if column not in names]:
        raise BadExam(f"{path.name} needs a column {lacking[0]!r}; its first line has: {', '.join(names) or 'nothing'}")
    enrolled = {student.id for student in roster}
    marks: dict[str, Fraction | None] = {}
    seen: dict[str, int] = {}
    for row in table:
        student, mark = ((row.get(names[column]) or "").strip() for column in ("id", "mark"))
        if not student and not mark:
            continue
        place = f"{path.name}, line {table.line_num}"
        if student in seen:
            raise BadExam(f"{place}: {student!r} is already in line {seen[student]}; one student has one mark")
        seen[student] = table.line_num
        if mark:
            marks[student] = None if mark.lower() == ABSENT else _mark(place, mark)
    known = {student: mark for student, mark in marks.items() if student in enrolled}
    return ExamMarks(known, tuple(student for student in seen if student not in enrolled))


def _mark(place: str, text: str) -> Fraction:
    try:
        mark = Fraction(text.replace(",", "."))
    except (ValueError, ZeroDivisionError):
        raise BadExam(f"{place}: mark must be 0 to 100, {ABSENT!r} or empty, got {text!r}") from None
    if "/" in text or not 0 <= mark <= 100:
        raise BadExam(f"{place}: mark must be 0 to 100, {ABSENT!r} or empty, got {text!r}")
    return mark

"""A table of answers for people who mark in a spreadsheet: written, filled in, read back.

No cell that a student wrote can become a formula, and a row counts only for the answer that it showed.
"""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from course_utils.grading.assignment import Assignment
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.marking import Answer, BadPoints, answers, give, points_from, text_of_answer
from course_utils.grading.classroom.student_markdown import visible
from course_utils.grading.classroom.tables import as_csv, is_formula, key, label

SOURCE = "table"
COLUMNS = ("key", "assignment", "exercise", "student", "name", "possible", "points", "comment", "answer", "earlier")
NEEDED = frozenset({"key", "points", "comment"})
MAX_CELL = 30_000
"""A spreadsheet cell holds 32,767 characters; what is longer is cut, and says so."""

MAX_BYTES = 100_000_000


class BadTable(ValueError):
    """The file is no table of marks; the text says why."""


@dataclass(frozen=True)
class RefusedRow:
    """A row that was not taken: where it stands, about whose answer to what, and why."""

    line: int
    about: str
    reason: str


@dataclass(frozen=True)
class Taken:
    """What was read from a table.

    Attributes:
        taken: how many marks and comments went into the ledger.
        unchanged: rows that say what the ledger says, or nothing.
        refused: the rows that were not taken.
    """

    taken: int
    unchanged: int
    refused: tuple[RefusedRow, ...]


def table_of(classroom: ClassFolder, assignment: Assignment, found: Iterable[Answer], *, blind: bool = False) -> bytes:
    """Write answers as CSV, a row each, for a spreadsheet.

    Args:
        classroom: the class.
        assignment: whose answers.
        found: which.
        blind: leave out who wrote them.
    """
    rows: list[tuple[str, ...]] = [COLUMNS]
    for answer in found:
        points = "" if answer.last is None or answer.last.points is None else f"{answer.last.points:g}"
        who = ("", "") if blind else (key(answer.student), label(answer.row.student.name))
        earlier = "\n".join(
            f"{mark.marked_at[:10]}: {'no points' if mark.points is None else f'{mark.points:g} points'} {mark.comment}"
            for mark in answer.earlier
        )
        rows.append(
            (
                answer.key,
                assignment.name,
                answer.exercise.name,
                *who,
                f"{answer.exercise.points:g}",
                points,
                _cell(answer.last.comment if answer.last else ""),
                _cell(text_of_answer(classroom, assignment, answer)),
                _cell(earlier),
            )
        )
    return as_csv(rows, for_people=True)


def take_table(classroom: ClassFolder, assignment: Assignment, content: bytes) -> Taken:
    """Read a table back: good rows are taken, the others refused with the reason.

    Args:
        classroom: the class.
        assignment: whose answers.
        content: of the file.

    Raises:
        BadTable: if it is no such table; nothing is taken then.
    """
    rows = _rows(content)
    now_there = {answer.key: answer for answer in answers(classroom, assignment, marked=True, graded=True)}
    taken = unchanged = 0
    refused: list[RefusedRow] = []
    seen: dict[str, int] = {}
    for line, row in rows:
        points, comment = (row.get("points") or "").strip(), _comment(row.get("comment") or "")
        name = (row.get("key") or "").strip()
        answer = now_there.get(name)
        about = _about(row, answer)
        if not points and not comment and (answer is None or answer.last is None):
            unchanged += 1
            continue
        if answer is None:
            refused.append(RefusedRow(line, about, _why_unknown(row, now_there.values())))
            continue
        if name in seen:
            refused.append(RefusedRow(line, about, f"this answer is already in line {seen[name]}"))
            continue
        seen[name] = line
        before = answer.last.points if answer.last else None
        try:
            given = points_from(points, answer.exercise.points) if points else before
        except BadPoints as reason:
            refused.append(RefusedRow(line, about, str(reason)))
            continue
        if (given, comment) == (before, answer.last.comment if answer.last else ""):
            unchanged += 1
            continue
        give(classroom, answer, given, comment, SOURCE)
        taken += 1
    return Taken(taken, unchanged, tuple(refused))


def _rows(content: bytes) -> list[tuple[int, dict[str, Any]]]:
    if len(content) > MAX_BYTES:
        raise BadTable(f"the table has {len(content)} bytes, at most {MAX_BYTES} are read")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadTable("the table is not in UTF-8: save it as 'CSV UTF-8'") from None
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    table = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        if missing := sorted(NEEDED - set(table.fieldnames or ())):
            raise BadTable(f"the table has no column {', '.join(missing)}: write one with --export and fill that in")
        return [(table.line_num, row) for row in table if any(row.values())]
    except csv.Error as error:
        raise BadTable(f"the table cannot be read ({error}): save it as 'CSV UTF-8'") from None


def _about(row: dict[str, Any], answer: Answer | None) -> str:
    """Whose answer to what a row is about: as the class knows it, or else as the row says."""
    if answer is not None and (row.get("student") or "").strip():  # a blind table stays blind
        return f"{answer.student}, {answer.exercise.name}"
    told = [visible((row.get(column) or "").strip())[:60] for column in ("student", "exercise")]
    return ", ".join(filter(None, told)) or "a row that names nobody"


def _why_unknown(row: dict[str, Any], there: Iterable[Answer]) -> str:
    who, exercise = (row.get("student") or "").strip(), (row.get("exercise") or "").strip()
    if any((answer.student, answer.exercise.name) == (who, exercise) for answer in there):
        return f"{key(who)} has handed in another answer to {visible(exercise)[:60]} since the table was written"
    return "there is no such answer now: it was replaced by another one, or the key was changed"


def _cell(text: str) -> str:
    """A text of several lines that no spreadsheet takes for a formula."""
    shown = visible(text)
    cut = shown if len(shown) <= MAX_CELL else shown[:MAX_CELL] + "\n[cut off: the whole text is in the notebook]"
    return f"'{cut}" if is_formula(cut) else cut


def _comment(text: str) -> str:
    """A comment as it was meant: without the apostrophe that `_cell` put in front."""
    stripped = text.strip()
    return stripped[1:] if stripped.startswith("'") and is_formula(stripped[1:]) else stripped

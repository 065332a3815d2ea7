"""Moodle's tables and names: the grading worksheet of an assignment, and feedback files that find their students.

Moodle knows a participant of an assignment by a number that is in no profile, only in what it writes itself: in the
names of a download of submissions (kept in the receipts) and in the worksheet (``Identifier``: ``Participant 123``).
Its importer (``mod/assign/feedback/offline``) needs the columns ``Identifier``, ``Grade`` and ``Last modified
(grade)`` and skips an empty grade; comments are HTML. Its gradebook imports the same table by address or id number.
Feedback files (``mod/assign/feedback/file``) are recognised by ``Name_123_assignsubmission_file_`` before their name.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from course_utils.grading.assignment import Assignment
from course_utils.grading.classroom.matching import Matcher, Who
from course_utils.grading.classroom.roster import delimiter_of
from course_utils.grading.classroom.safe_html import text
from course_utils.grading.classroom.standing import MISSING, WAITING, Standing
from course_utils.grading.classroom.tables import as_csv, key, label
from course_utils.grading.classroom.wording import name_of, one_line
from course_utils.grading.marks import written

COLUMNS = (
    "Identifier",
    "Full name",
    "ID number",
    "Email address",
    "Status",
    "Grade",
    "Maximum Grade",
    "Last modified (grade)",
    "Feedback comments",
)
NEEDED = ("Identifier", "Grade")
MOST_COMMENT = 4_000
_IDENTIFIER = re.compile(r"\D*([0-9]+)")  # "Participant 123", in any language
_DOWNLOADED = re.compile(r".*_([0-9]+)")


class BadWorksheet(ValueError):
    """A file that is not the grading worksheet that Moodle writes; the text says why."""


@dataclass(frozen=True)
class Worksheet:
    """A grading worksheet as it was downloaded.

    Attributes:
        delimiter: what separates its columns.
        head: names of the columns.
        rows: cells.
        students: the student id of each row; None where nobody on the roster fits.
    """

    delimiter: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    students: tuple[str | None, ...]

    @property
    def participants(self) -> dict[str, str]:
        """Moodle's number by student id."""
        place = self.head.index("Identifier")
        found = {}
        for student, row in zip(self.students, self.rows):
            match = _IDENTIFIER.fullmatch(row[place].strip())
            if student is not None and match is not None:
                found[student] = match[1]
        return found


def read_worksheet(path: Path, standings: Sequence[Standing]) -> Worksheet:
    """Read a worksheet and find out whose row is whose.

    Args:
        path: what "Download grading worksheet" wrote.
        standings: of the assignment; where a submission came from Moodle its number is known.

    Raises:
        BadWorksheet: if it cannot be read, lacks a column, or two rows fit one student.
    """
    try:
        content = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise BadWorksheet(f"no worksheet at {path}") from None
    except (OSError, UnicodeDecodeError):
        raise BadWorksheet(f"{path} cannot be read as UTF-8: download the grading worksheet once more") from None
    delimiter = delimiter_of(content)
    table = [row for row in csv.reader(io.StringIO(content, newline=""), delimiter=delimiter) if any(row)]
    head = tuple(table[0]) if table else ()
    if lacking := [name for name in NEEDED if name not in head]:
        raise BadWorksheet(
            f"{path.name} has no column {lacking[0]!r}: it should be what 'Download grading worksheet' writes, "
            "in English"
        )
    rows = tuple(tuple([*row, *[""] * len(head)][: len(head)]) for row in table[1:])
    numbers = {number: student for student, number in participants(standings).items()}
    matcher = Matcher(row.student for row in standings)
    students = tuple(_whose(dict(zip(head, row)), numbers, matcher) for row in rows)
    twice = {student for student in students if student is not None and students.count(student) > 1}
    if twice:
        raise BadWorksheet(f"{path.name}: two rows fit {min(twice)}: correct the address or the name in the roster")
    return Worksheet(delimiter, head, rows, students)


def _whose(cells: Mapping[str, str], numbers: Mapping[str, str], matcher: Matcher) -> str | None:
    """The student of a row: by Moodle's number, else by what the row says about the person."""
    match = _IDENTIFIER.fullmatch(cells["Identifier"].strip())
    if match is not None and match[1] in numbers:
        return numbers[match[1]]
    who = Who(
        word=cells.get("ID number", "").strip(),
        email=cells.get("Email address", "").strip(),
        name=cells.get("Full name", "").strip(),
    )
    student, _ = matcher.find(who)
    return student.id if student is not None else None


def participants(standings: Sequence[Standing]) -> dict[str, str]:
    """Moodle's number of a participant by student id, where a submission brought it along."""
    found = {}
    for row in standings:
        if row.receipt is not None and row.receipt.origin == "moodle":
            match = _DOWNLOADED.fullmatch(row.receipt.original_name)
            if match is not None:
                found[row.student.id] = match[1]
    return found


def filled(worksheet: Worksheet, standings: Sequence[Standing], assignment: Assignment) -> bytes:
    """The worksheet with grades and comments; every other cell, and rows of people not enrolled here, as they were."""
    by_id = {row.student.id: row for row in standings}
    grade = worksheet.head.index("Grade")
    comments = worksheet.head.index("Feedback comments") if "Feedback comments" in worksheet.head else None
    rows = [worksheet.head]
    for student, row in zip(worksheet.students, worksheet.rows):
        cells = list(row)
        if student is not None:
            cells[grade] = written(by_id[student].points)
            said = comment(by_id[student], assignment)
            if comments is not None and said:
                cells[comments] = said
        rows.append(tuple(cells))
    return as_csv(rows, delimiter=worksheet.delimiter)


def table(standings: Sequence[Standing], assignment: Assignment) -> bytes:
    """A worksheet made from the roster, for an import by number, address or id number."""
    numbers = participants(standings)
    rows = [COLUMNS]
    for row in standings:
        number = numbers.get(row.student.id)
        rows.append(
            (
                f"Participant {number}" if number else "",
                label(name_of(row)),
                key(row.student.moodle_id),
                key(row.student.email),
                row.status,
                written(row.points),
                written(row.possible),
                "",
                comment(row, assignment),
            )
        )
    return as_csv(rows)


def comment(row: Standing, assignment: Assignment) -> str:
    """What Moodle shows beside the grade: HTML in one line, without anything that only the instructor may read."""
    if row.status in (MISSING, WAITING):
        return ""
    from course_utils.grading.classroom.feedback_page import in_words

    headline, rest, _ = in_words(row, assignment)
    lines = [headline, *rest]
    found = row.grade.exercises if row.grade is not None else {}
    for exercise in assignment.exercises:
        if exercise.name in found:
            said = [*found[exercise.name].sentences, *filter(None, [row.comments.get(exercise.name, "").strip()])]
            lines += [f"{exercise.title}: {sentence}" for sentence in said]
    shown, length = [], 0
    for line in lines:
        escaped = text(one_line(line))
        length += len(escaped)
        if length > MOST_COMMENT:
            shown.append("The feedback page says more.")
            break
        shown.append(escaped)
    return "<br>".join(shown)  # begins with a headline of ours: no formula


def file_name(row: Standing, number: str, name: str) -> str:
    """The name by which Moodle gives a feedback file to a participant."""
    person = re.sub(r"[^\w ()'.-]|_", " ", name_of(row)).strip(" .~") or row.student.id.replace("_", " ")
    return f"{' '.join(person.split())[:100]}_{number}_assignsubmission_file_feedback-{name}.html"


def numbers_of(standings: Sequence[Standing], worksheet: Worksheet | None) -> Mapping[str, str]:
    """Moodle's numbers from a worksheet where there is one, else from the receipts."""
    return {**participants(standings), **(worksheet.participants if worksheet else {})}

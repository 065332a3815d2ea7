"""Who is enrolled: ``roster.csv``, one row a student."""

import csv
import io
import re
from dataclasses import dataclass, fields
from pathlib import Path

from course_utils.grading.classroom.durable import write_whole

STUDENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")


class BadRoster(ValueError):
    """The roster cannot be used; the text says which line and why."""


@dataclass(frozen=True)
class Student:
    """One enrolled student.

    Attributes:
        id: names the student's folders and rows: letters, digits and ``. _ @ + -``, at most 64, unique also when
            upper and lower case are not told apart (some file systems do not).
        name: as people write it.
        email: used to match Moodle's export.
        canvas_id: the number in Canvas' file names and in its ``ID`` column.
        sis_id: Canvas' ``SIS User ID``.
        login: Canvas' ``SIS Login ID``, or the account on a JupyterHub.
        moodle_id: Moodle's ID number.
    """

    id: str
    name: str = ""
    email: str = ""
    canvas_id: str = ""
    sis_id: str = ""
    login: str = ""
    moodle_id: str = ""


COLUMNS = tuple(f.name for f in fields(Student))


def read_roster(path: Path) -> list[Student]:
    """Read a roster, in the order of its lines.

    Args:
        path: a CSV file with a header; the column ``id`` is needed, the other columns of `Student` are used when
            there, any further column is left alone.

    Returns:
        The students.

    Raises:
        BadRoster: if the file cannot be read, has no column ``id``, an id is missing, malformed or there twice.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise BadRoster(f"no roster at {path}: write one with the columns {', '.join(COLUMNS)}") from None
    except UnicodeDecodeError:
        raise BadRoster(f"{path} is not UTF-8: save the roster as CSV in UTF-8") from None
    except OSError as error:
        raise BadRoster(f"{path} cannot be read: {error.strerror}") from None
    try:
        return _students(path, text)
    except csv.Error as error:
        raise BadRoster(f"{path} is no table that can be read ({error}): save the roster as CSV") from None


def delimiter_of(text: str) -> str:
    """What separates the columns of a CSV file: by its first line, comma, semicolon or tabulator."""
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)


def _students(path: Path, text: str) -> list[Student]:
    table = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter_of(text))
    names = {(name or "").strip().lower(): name for name in table.fieldnames or ()}
    if "id" not in names:
        raise BadRoster(
            f"{path} needs a column 'id'; its first line has: {', '.join(filter(None, names)) or 'nothing'}"
        )
    students: list[Student] = []
    seen: dict[str, int] = {}
    for row in table:
        values = {column: (row.get(names[column]) or "").strip() for column in COLUMNS if column in names}
        if not any(values.values()):
            continue
        line, student = table.line_num, Student(**values)
        if not STUDENT_ID.fullmatch(student.id):
            raise BadRoster(
                f"{path.name}, line {line}: id {student.id!r} must be 1 to 64 letters, digits or . _ @ + -, "
                "beginning with a letter or digit"
            )
        if student.id.lower() in seen:
            raise BadRoster(
                f"{path.name}, line {line}: id {student.id!r} is already in line {seen[student.id.lower()]}"
            )
        seen[student.id.lower()] = line
        students.append(student)
    return students


def write_roster(path: Path, students: list[Student]) -> None:
    """Write a roster with all columns, whole or not at all."""
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows([getattr(student, column) for column in COLUMNS] for student in students)
    write_whole(path, stream.getvalue().encode())

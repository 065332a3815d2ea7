"""Rosters of other systems: Canvas' gradebook export and Moodle's table of participants, known by their columns."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from course_utils.grading.classroom.file_names import shown
from course_utils.grading.classroom.roster import STUDENT_ID, BadRoster, Student, delimiter_of, read_roster

CANVAS, MOODLE, OWN = "canvas", "moodle", "own"
_FIRST, _LAST = ("first name", "firstname"), ("last name", "lastname", "surname")
_EMAIL, _NUMBER = ("email address", "email", "e-mail"), ("id number", "idnumber")


@dataclass(frozen=True)
class Imported:
    """A roster that was read.

    Attributes:
        students: in the order of the table.
        kind: what wrote it: "canvas", "moodle", or "own" for a table with a column ``id``.
        id_from: the column that became the id.
        left_out: rows that are no students.
    """

    students: list[Student]
    kind: str
    id_from: str = "id"
    left_out: tuple[str, ...] = ()


def import_roster(path: Path) -> Imported:
    """Read a roster as a person, Canvas or Moodle wrote it.

    The id is the first of Canvas' login, SIS id and number (Moodle: user name, ID number, address) that every student
    has, that no two students share, and that can be an id.

    Raises:
        BadRoster: if it is none of them, or a row cannot be used.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        table = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter_of(text))
        names = {(name or "").strip().lower(): name for name in table.fieldnames or ()}
        rows = [(table.line_num, {low: (row.get(name) or "").strip() for low, name in names.items()}) for row in table]
    except FileNotFoundError:
        raise BadRoster(f"there is no roster at {path}: give a CSV file") from None
    except OSError as error:
        raise BadRoster(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadRoster(f"{path.name} is not UTF-8: save the table as CSV in UTF-8") from None
    except csv.Error as error:
        raise BadRoster(f"{path.name} is no table that can be read ({error}): save the roster as CSV") from None
    if {"id", "sis login id"} <= set(names) and ("student" in names or "lastname" in names):
        return _imported(path, CANVAS, *_canvas(path, rows), ("login", "sis_id", "canvas_id"))
    if any(name in names for name in _FIRST) and any(name in names for name in _LAST):
        return _imported(path, MOODLE, *_moodle(rows), ("login", "moodle_id", "email"))
    if "id" in names:
        return Imported(read_roster(path), OWN)
    raise BadRoster(
        f"{path.name} is no roster: it needs a column 'id', or those of Canvas' gradebook export (Student, ID, "
        "SIS Login ID), or those of Moodle's participants (First name, Last name, Email address) in English; "
        f"its first line has: {shown(', '.join(filter(None, names)), 200) or 'nothing'}"
    )


def _canvas(path: Path, rows: list[tuple[int, dict[str, str]]]) -> tuple[list[Student], tuple[str, ...]]:
    students, left_out = [], []
    for line, row in rows:
        name = row.get("student") or ", ".join(filter(None, (row.get("lastname"), row.get("firstname"))))
        number = row["id"]
        if not number and (not name or name.lower().startswith("points possible")):
            continue  # the rows that say what is hidden and how many points there are
        if name.lower() in ("student, test", "test student") and not row.get("sis user id"):
            left_out.append(f"{name} (Canvas' own test student)")
            continue
        if not number.isdigit():
            raise BadRoster(f"{path.name}, line {line}: {shown(name)} has no number in the column ID")
        last, comma, first = name.partition(",")
        students.append(
            Student(
                id="",
                name=f"{first.strip()} {last.strip()}" if comma else name,
                email=row.get("email", ""),
                canvas_id=number,
                sis_id=row.get("sis user id", ""),
                login=row["sis login id"],
            )
        )
    return students, tuple(left_out)


def _moodle(rows: list[tuple[int, dict[str, str]]]) -> tuple[list[Student], tuple[str, ...]]:
    students = []
    for _, row in rows:
        if any(row.values()):
            name = f"{_of(row, _FIRST)} {_of(row, _LAST)}".strip()
            number, login = _of(row, _NUMBER), row.get("username", "")
            students.append(Student("", name, _of(row, _EMAIL), moodle_id=number, login=login))
    return students, ()


def _of(row: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((row[name] for name in names if row.get(name)), "")


def _imported(
    path: Path, kind: str, students: list[Student], left_out: tuple[str, ...], fields: tuple[str, ...]
) -> Imported:
    if not students:
        raise BadRoster(f"{path.name} has the columns of {kind.title()}, but no student")
    for field in fields:
        ids = [getattr(student, field) for student in students]
        if all(STUDENT_ID.fullmatch(one) for one in ids) and len({one.lower() for one in ids}) == len(ids):
            return Imported([replace(s, id=i) for s, i in zip(students, ids)], kind, field, left_out)
    raise BadRoster(
        f"{path.name} names no id that every student has and no two share: tried {', '.join(fields)}. "
        "Add a column 'id' (letters, digits, . _ @ + -) with one for each"
    )

"""Tables for people, Canvas and Moodle, and the final marks. The same state of the class gives the same bytes.

Every enrolled student has one row in each table. A mark is a number with at most two decimals, halves rounded up; no
mark is an empty cell, whatever the reason, and the tables that may have more columns say the reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from course_utils.grading.assignment import Assignment
from course_utils.grading.classroom import canvas, moodle
from course_utils.grading.classroom.durable import write_whole
from course_utils.grading.classroom.final_marks import FinalMark, exam_of, final_marks, work_of
from course_utils.grading.classroom.folder import PARTS, ClassFolder
from course_utils.grading.classroom.standing import Standing
from course_utils.grading.classroom.tables import as_csv, key, label
from course_utils.grading.classroom.wording import late_by, listed, name_of, received
from course_utils.grading.marks import written

CANVAS, MOODLE, CSV, ALL = "canvas", "moodle", "csv", "all"
FORMATS = (CANVAS, MOODLE, CSV, ALL)
FINAL = "_final.csv"  # no assignment's name begins with an underscore


@dataclass
class Exported:
    """What was written.

    Attributes:
        files: the tables.
        remarks: what the instructor should know, as sentences.
    """

    files: list[Path] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def export(
    classroom: ClassFolder, wanted: str = ALL, name: str | None = None, worksheet: Path | None = None
) -> Exported:
    """Write tables. The class's lock must be held.

    Args:
        classroom: the class.
        wanted: one of `FORMATS`.
        name: one assignment; all of them, and the final marks, if left out.
        worksheet: Moodle's grading worksheet of that one assignment, to be filled in.

    Raises:
        BadWorksheet: if the worksheet cannot be used.
        BadExam: if the exam's marks cannot be used.
    """
    done = Exported()
    formats = (CANVAS, MOODLE, CSV) if wanted == ALL else (wanted,)
    if name is not None:
        rows = standings_of(classroom, name)
        if isinstance(rows, str):
            raise FileNotFoundError(rows)
        _export(classroom, name, rows, formats, worksheet, done)
        return done
    work = work_of(classroom)
    exam = exam_of(classroom, classroom.roster())
    for one, rows in work.items():
        if isinstance(rows, str):
            done.remarks.append(f"left out: {rows}")
        else:
            _export(classroom, one, rows, formats, None, done)
    if exam is not None and exam.strangers:
        done.remarks.append(f"exam.csv has marks of ids that are not on the roster: {listed(exam.strangers)}")
    if CSV in formats:
        finals = final_marks(classroom, work, exam)
        _write(classroom.exports / FINAL, final_table(finals), done)
        open_ones = sum(final.mark is None for final in finals)
        if open_ones:
            done.remarks.append(f"{open_ones} of {len(finals)} have no final mark yet: {FINAL} says why")
    return done


def standings_of(classroom: ClassFolder, name: str) -> Sequence[Standing] | str:
    """The standings of one assignment, or why there are none."""
    classroom.planned(name)
    return work_of(classroom, (name,))[name]


def class_table(standings: Sequence[Standing], assignment: Assignment, classroom: ClassFolder) -> bytes:
    """The whole picture of one assignment as a table for people."""
    exercises = [exercise.name for exercise in assignment.exercises]
    head = ("id", "name", "status", "reason", "points", "possible", "late", "late_by", "late_by_seconds", "received")
    rows: list[tuple[str, ...]] = [(*head, *exercises)]
    for row in standings:
        seconds = row.receipt.late_by_seconds if row.receipt is not None else None
        rows.append(
            (
                key(row.student.id),
                label(name_of(row)),
                row.status,
                label(row.reason),
                written(row.points),
                written(row.possible),
                "yes" if row.late else "no" if row.receipt is not None else "",
                late_by(row),
                "" if seconds is None else str(seconds),
                received(row, classroom.config.zone),
                *(written(row.points_of(exercise)) for exercise in exercises),
            )
        )
    return as_csv(rows, for_people=True)


def final_table(finals: Sequence[FinalMark]) -> bytes:
    """The final marks: the parts as far as they are known, the mark where all of them are, else the reason."""
    rows: list[tuple[str, ...]] = [("id", "name", *PARTS, "final", "reason")]
    for final in finals:
        parts = [written(final.parts[part].mark) for part in PARTS]
        name = label(final.student.name or final.student.id)
        rows.append((key(final.student.id), name, *parts, written(final.mark), label(final.reason)))
    return as_csv(rows, for_people=True)


def _export(
    classroom: ClassFolder,
    name: str,
    rows: Sequence[Standing],
    formats: Sequence[str],
    worksheet: Path | None,
    done: Exported,
) -> None:
    assignment = classroom.assignment(name)
    possible = sum(exercise.points for exercise in assignment.exercises)
    if CSV in formats:
        _write(classroom.exports / f"{name}.csv", class_table(rows, assignment, classroom), done)
    if CANVAS in formats:
        _write(classroom.exports / f"{name}.canvas.csv", canvas.table(rows, name, possible), done)
        if len(formats) == 1 and (empty := sum(row.points is None for row in rows)):
            done.remarks.append(
                f"{name}.canvas.csv: {empty} without a mark; where Canvas has one, it says so and takes it away"
            )
        unknown = canvas.unknown(rows)
        if unknown and (len(formats) == 1 or len(unknown) < len(rows)):
            done.remarks.append(
                f"{name}.canvas.csv: {len(unknown)} have no canvas_id, sis_id or login; Canvas knows them "
                "by their names alone"
            )
    if MOODLE not in formats:
        return
    if worksheet is None:
        _write(classroom.exports / f"{name}.moodle.csv", moodle.table(rows, assignment), done)
        numbers = moodle.participants(rows)
        nameless = sum(row.student.id not in numbers for row in rows)
        if nameless and (len(formats) == 1 or numbers):
            done.remarks.append(
                f"{name}.moodle.csv: {nameless} have no Identifier, which Moodle's worksheet needs; import by address "
                "or id number in the gradebook, or fill a downloaded worksheet (--moodle-worksheet)"
            )
        return
    sheet = moodle.read_worksheet(worksheet, rows)
    _write(classroom.exports / f"{name}.moodle.csv", moodle.filled(sheet, rows, assignment), done)
    if lost := [row.student.id for row in rows if row.student.id not in sheet.students]:
        done.remarks.append(f"{name}.moodle.csv: not in the worksheet: {', '.join(lost)}")
    if strangers := sheet.students.count(None):
        done.remarks.append(f"{name}.moodle.csv: rows of the worksheet that fit nobody on the roster: {strangers}")


def _write(path: Path, content: bytes, done: Exported) -> None:
    if not path.is_file() or path.read_bytes() != content:
        write_whole(path, content)
    done.files.append(path)

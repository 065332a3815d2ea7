"""Final marks: the parts of the course, weighed by ``class.yml``; a mark only where every part is known.

Within a part the points of all its assignments are added and divided by the points that could be earned, so an
assignment weighs as much as it has points. Work that was not handed in counts as 0 only if ``class.yml`` says
``missing_counts_as_zero: true``; work that waits, was rejected or needs a human never does: it leaves the mark open.
Late work counts in full.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from course_utils.grading.classroom.exam import BadExam, ExamMarks, read_exam
from course_utils.grading.classroom.folder import PARTS, ClassFolder
from course_utils.grading.classroom.lean import lean_standings
from course_utils.grading.classroom.roster import Student
from course_utils.grading.classroom.standing import MISSING, Standing
from course_utils.grading.marks import part_mark, weigh

EXAM = "exam"
EXAM_FILE = "exam.csv"

Work = Mapping[str, Sequence[Standing] | str]
"""The standings of each planned assignment, or why there are none."""


@dataclass(frozen=True)
class PartMark:
    """The mark of one part.

    Attributes:
        mark: 0 to 100; None as long as it is not known.
        reason: why it is not known.
    """

    mark: Fraction | None = None
    reason: str = ""


@dataclass(frozen=True)
class FinalMark:
    """One student's final mark.

    Attributes:
        student: who.
        parts: the mark of each part.
        mark: 0 to 100; None as long as a part that counts is not known.
        reason: why there is none.
    """

    student: Student
    parts: Mapping[str, PartMark]
    mark: Fraction | None = None
    reason: str = ""


def work_of(classroom: ClassFolder, names: Iterable[str] | None = None) -> Work:
    """Say where everybody stands in every planned assignment, or in some of them."""
    found: dict[str, Sequence[Standing] | str] = {}
    for name in classroom.config.assignments if names is None else names:
        try:
            found[name] = lean_standings(classroom, name)
        except FileNotFoundError:
            found[name] = f"{name}: its files are not in the class folder"
        except ValueError as trouble:  # one assignment that cannot be read must not hide the others
            found[name] = f"{name}: {trouble}"
    return found


def exam_of(classroom: ClassFolder, roster: Sequence[Student]) -> ExamMarks | None:
    """The marks of an exam on paper, or None if there is no file.

    Raises:
        BadExam: if the file cannot be used, or assignments are planned as exam as well.
    """
    exam = read_exam(classroom.path / EXAM_FILE, roster)
    planned = [name for name, plan in classroom.config.assignments.items() if plan.part == EXAM]
    if exam is not None and planned:
        raise BadExam(
            f"the exam's marks are in {EXAM_FILE}, and class.yml plans {planned[0]} as exam too: keep one of the two"
        )
    return exam


def final_marks(classroom: ClassFolder, work: Work, exam: ExamMarks | None) -> list[FinalMark]:
    """Work out the final mark of every enrolled student.

    Args:
        classroom: the class.
        work: see `work_of`.
        exam: see `exam_of`.

    Returns:
        One for each student, in the order of the roster.
    """
    by_student = {
        name: {row.student.id: row for row in rows} if not isinstance(rows, str) else rows
        for name, rows in work.items()
    }
    return [_final(classroom, student, by_student, exam) for student in classroom.roster()]


def _final(
    classroom: ClassFolder, student: Student, work: Mapping[str, Mapping[str, Standing] | str], exam: ExamMarks | None
) -> FinalMark:
    zero = classroom.config.missing_counts_as_zero
    parts = {}
    for part in PARTS:
        names = [name for name, plan in classroom.config.assignments.items() if plan.part == part]
        if part == EXAM and exam is not None:
            parts[part] = _exam(student, exam, zero)
        else:
            parts[part] = _part(part, {name: work[name] for name in names}, student, zero)
    weights = {part: weight for part, weight in classroom.config.weights.items() if weight}
    known = {part: mark for part in weights if (mark := parts[part].mark) is not None}
    if len(known) == len(weights):
        return FinalMark(student, parts, weigh(known, weights))
    reasons = [parts[part].reason for part in weights if part not in known]
    return FinalMark(student, parts, None, "; ".join(reasons))


def _exam(student: Student, exam: ExamMarks, zero: bool) -> PartMark:
    if student.id not in exam.marks:
        return PartMark(None, f"no mark in {EXAM_FILE}")
    mark = exam.marks[student.id]
    if mark is None:
        return PartMark(Fraction(0)) if zero else PartMark(None, "exam: missing")
    return PartMark(mark)


def _part(part: str, work: Mapping[str, Mapping[str, Standing] | str], student: Student, zero: bool) -> PartMark:
    if not work:
        remedy = f" and there is no {EXAM_FILE}" if part == EXAM else ""
        return PartMark(None, f"no assignment is planned as {part}{remedy}")
    points, possible, open_ones = [], [], []
    for name, rows in work.items():
        if isinstance(rows, str):
            open_ones.append(rows)
            continue
        row = rows[student.id]
        earned = 0.0 if row.status == MISSING and zero else row.points
        if earned is None:
            open_ones.append(f"{name}: {row.status}")
        else:
            points.append(earned)
            possible.append(row.possible)
    if open_ones:
        return PartMark(None, ", ".join(open_ones))
    mark = part_mark(points, possible)
    return PartMark(mark, "" if mark is not None else f"nothing can be earned in {part}")

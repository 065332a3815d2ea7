"""Grades for what made-up students handed in, entered into the ledger without running anything."""

from collections.abc import Mapping

from course_utils.grading.assignment import Assignment
from course_utils.grading.classroom import receipts
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.ledger import Entry, Ledger
from course_utils.grading.classroom.manual import ManualMark, ManualMarks, answer_hash
from course_utils.grading.classroom.standing import Standing, standings
from course_utils.grading.files import SubmittedFiles
from course_utils.grading.grade import GRADED, HUMAN, REJECTED, ExerciseResult, Grade, seed_of
from course_utils.grading.outputs import CellOutput
from course_utils.grading.submission import NeedsHuman, Unreadable, read_submission

NAME = "small"


def enter(
    classroom: ClassFolder,
    *students: str,
    name: str = NAME,
    points: Mapping[str, float | None] | None = None,
    outputs: tuple[CellOutput, ...] = (),
    trouble: str = "",
) -> None:
    """Enter a grade for the attempt that counts of some students, or of all.

    Args:
        classroom: the class.
        students: whose; of everybody who handed in if none is named.
        name: of the assignment.
        points: of automatic exercises; all they can earn where nothing is said, None for what tests could not grade.
        outputs: what the student's cells are said to have printed.
        trouble: enter that the grader failed, for this reason.
    """
    assignment = classroom.assignment(name)
    for student, receipt in receipts.latest(classroom, name).items():
        if receipt.rejected or (students and student not in students):
            continue
        files = receipts.files_of(classroom, receipt)
        grade = Grade(HUMAN, trouble) if trouble else _grade(assignment, files, points or {}, outputs)
        seed, version = seed_of(classroom.config.seed, student, name), assignment.version
        entry = Entry(student, name, version, receipt.sha256, seed, True, grade.record(), settled=not trouble)
        Ledger(classroom).replace(entry)


def _grade(
    assignment: Assignment, files: SubmittedFiles, points: Mapping[str, float | None], outputs: tuple[CellOutput, ...]
) -> Grade:
    try:
        answers = read_submission(files, assignment).answers
    except Unreadable as reason:
        return Grade(REJECTED, str(reason))
    except NeedsHuman as reason:
        return Grade(HUMAN, str(reason))
    exercises = {}
    for e in assignment.exercises:
        earned = None if e.manual else points.get(e.name, e.points)
        status = HUMAN if earned is None else "passed"
        exercises[e.name] = ExerciseResult(status, earned, e.points, e.manual, answer=answers.get(e.name))
    broken = [n for n, e in exercises.items() if e.points is None and not e.manual]
    reason_text = f"could not be graded: {', '.join(broken)}" if broken else ""
    return Grade(HUMAN if broken else GRADED, reason_text, exercises, outputs=outputs)


def mark(
    classroom: ClassFolder,
    student: str,
    points: float | None,
    comment: str = "",
    *,
    exercise: str = "why",
    name: str = NAME,
    source: str = "terminal",
    at: str = "2020-03-02T10:00:00+00:00",
) -> None:
    """Give a mark by hand for the answer as it is now."""
    row = standing(classroom, student, name)
    answer = answer_hash(row.grade.exercises[exercise], row.receipt.sha256)
    ManualMarks(classroom).add(ManualMark(student, name, exercise, answer, points, comment, at, source))


def standing(classroom: ClassFolder, student: str, name: str = NAME) -> Standing:
    """Where one student stands."""
    return next(row for row in standings(classroom, name) if row.student.id == student)

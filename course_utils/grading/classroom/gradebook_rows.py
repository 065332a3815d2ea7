"""What nbgrader's gradebook should hold of one assignment, as rows: computed from standings, the same each time.

Every row's key is computed from what the row stands for. A student's new work, or a new answer, therefore gets rows of
its own, and a page that still shows the old ones cannot write into the new ones.

Who has rows: students whose work carries marks or waits for a person. Work that is missing, rejected or not graded yet
has none, because nbgrader counts whatever has a row and no score as 0.
"""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from course_utils.grading.assignment import Assignment, grade_id_of, nbgrader_of
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.manual import answer_hash
from course_utils.grading.classroom.roster import Student
from course_utils.grading.classroom.standing import Standing

COURSE = "course"
"""nbgrader's name for the class: a gradebook holds one."""

TABLES = (
    "assignment",
    "notebook",
    "base_cell",
    "grade_cells",
    "solution_cells",
    "submitted_assignment",
    "submitted_notebook",
    "grade",
    "comment",
    "course_shown",
)
"""In an order in which rows can be inserted; they are deleted in the opposite one."""

Rows = dict[str, dict[str, dict[str, Any]]]
"""Table, key, columns."""


def key(*parts: object) -> str:
    """The key of a row, from what it stands for."""
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True).encode()).hexdigest()[:32]


def shown_key(kind: str, student: str, assignment: str, exercise: str, submission: str, answer_sha256: str) -> str:
    """The key of a mark or a comment (`kind`: "grade" or "comment") on one answer."""
    return key(kind, student, assignment, exercise, submission, answer_sha256)


def page_key(seed: int, student: str, assignment: str, submission: str) -> str:
    """The key of a submitted notebook: the formgrader sorts by it, so it must not follow the roster."""
    return key("page", seed, student, assignment, submission)


def has_rows(row: Standing) -> bool:
    """Whether a student's work appears in the gradebook."""
    return row.grade is not None and bool(row.grade.exercises)


def solution_cells(assignment: Assignment) -> dict[str, str]:
    """Names of the cells that students fill in, by exercise: where a comment can be written."""
    names = {exercise.name for exercise in assignment.exercises}
    found: dict[str, str] = {}
    for cell in json.loads(assignment.notebook.read_bytes())["cells"]:
        name = grade_id_of(cell)
        exercise = name if name in names else name.removesuffix("_code")
        if nbgrader_of(cell).get("solution") and exercise in names:
            found.setdefault(exercise, name)
    return found


def student_row(student: Student) -> dict[str, Any]:
    """A student as nbgrader keeps one. Its pages put names into HTML as they are, so none may hold a tag."""
    name = student.name.replace("<", "‹").replace(">", "›")
    last, comma, first = name.partition(", ")
    if not comma:
        first, _, last = name.rpartition(" ")
    return {
        "id": student.id,
        "first_name": first[:128],
        "last_name": last[:128],
        "email": student.email[:128],
        "lms_user_id": student.canvas_id[:128] or None,
    }


def assignment_rows(classroom: ClassFolder, assignment: Assignment) -> Rows:
    """The rows of the assignment itself: its due time, its notebook, its cells with their points."""
    rows: Rows = {table: {} for table in TABLES}
    name, due = assignment.name, classroom.planned(assignment.name).due
    home, notebook = key("assignment", name), key("notebook", name)
    rows["assignment"][home] = {
        "name": name,
        "duedate": due.astimezone(UTC).replace(tzinfo=None) if due else None,
        "course_id": COURSE,
    }
    rows["notebook"][notebook] = {"name": name, "assignment_id": home, "kernelspec": None}
    for exercise in assignment.exercises:
        cell = key("GradeCell", name, exercise.name)
        rows["base_cell"][cell] = {"name": exercise.name, "notebook_id": notebook, "type": "GradeCell"}
        kind = "markdown" if exercise.manual else "code"
        rows["grade_cells"][cell] = {"max_score": exercise.points, "cell_type": kind}
    for solution in solution_cells(assignment).values():
        cell = key("SolutionCell", name, solution)
        rows["base_cell"][cell] = {"name": solution, "notebook_id": notebook, "type": "SolutionCell"}
        rows["solution_cells"][cell] = {}
    return rows


def submission_rows(classroom: ClassFolder, assignment: Assignment, standings: Iterable[Standing]) -> Rows:
    """The rows of what was handed in: its time, points, marks by hand, comments, and the answer each belongs to."""
    rows: Rows = {table: {} for table in TABLES}
    solutions = solution_cells(assignment)
    for row in standings:
        if row.grade is None or row.receipt is None or not has_rows(row):
            continue
        student, files = row.student.id, row.receipt.sha256
        submitted = key("submitted", student, assignment.name)
        page = page_key(classroom.config.seed, student, assignment.name, files)
        rows["submitted_assignment"][submitted] = {
            "assignment_id": key("assignment", assignment.name),
            "student_id": student,
            "timestamp": utc(row.receipt.received),
            "extension": None,
        }
        rows["submitted_notebook"][page] = {
            "assignment_id": submitted,
            "notebook_id": key("notebook", assignment.name),
            "late_submission_penalty": None,
        }
        for exercise in assignment.exercises:
            result, mark = row.grade.exercises.get(exercise.name), row.manual.get(exercise.name)
            if result is None:
                continue
            about = (student, assignment.name, exercise.name, files, answer_hash(result, files))
            grade = shown_key("grade", *about)
            rows["grade"][grade] = {
                "notebook_id": page,
                "cell_id": key("GradeCell", assignment.name, exercise.name),
                "auto_score": result.points,
                "manual_score": mark.points if mark else None,
                "extra_credit": None,
                "needs_manual_grade": result.points is None and mark is None,
            }
            rows["course_shown"][grade] = _shown("grade", *about)
            if exercise.name in solutions:
                comment = shown_key("comment", *about)
                rows["comment"][comment] = {
                    "notebook_id": page,
                    "cell_id": key("SolutionCell", assignment.name, solutions[exercise.name]),
                    "auto_comment": "\n".join(result.sentences) or None,
                    "manual_comment": row.comments.get(exercise.name),
                }
                rows["course_shown"][comment] = _shown("comment", *about)
    return rows


def _shown(
    kind: str, student: str, assignment: str, exercise: str, submission: str, answer_sha256: str
) -> dict[str, Any]:
    return {
        "kind": kind,
        "student": student,
        "assignment": assignment,
        "exercise": exercise,
        "submission": submission,
        "answer_sha256": answer_sha256,
    }


def utc(when: str | None) -> datetime | None:
    """A time of a receipt as nbgrader keeps one: in UTC, without saying so."""
    return datetime.fromisoformat(when).astimezone(UTC).replace(tzinfo=None) if when else None

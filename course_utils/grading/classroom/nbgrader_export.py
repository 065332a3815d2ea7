"""``nbgrader export`` without invented zeros: a mark that does not exist is an empty field.

nbgrader's own export writes 0.0 for a student without a submission and for one whose work waits for a person. The
class folder's ``nbgrader_config.py`` names this plug-in in its place; ``course grade export`` is the fuller one.
"""

import csv
from typing import Any

from nbgrader.api import MissingEntry
from nbgrader.plugins.export import ExportPlugin

from course_utils.grading.classroom.tables import key, label

COLUMNS = ("assignment", "student_id", "last_name", "first_name", "email", "timestamp", "status", "score", "max_score")


class StatusExport(ExportPlugin):
    """Writes a row for every student and assignment, with a status, and a score only where everything is marked."""

    def export(self, gradebook: Any) -> None:
        """Write the table to ``--to``, by default ``grades.csv``."""
        with open(self.to or "grades.csv", "w", encoding="utf-8", newline="") as stream:
            table = csv.writer(stream)
            table.writerow(COLUMNS)
            for assignment in gradebook.assignments:
                if self.assignment and assignment.name not in self.assignment:
                    continue
                for student in gradebook.students:
                    if not self.student or student.id in [str(name) for name in self.student]:
                        table.writerow(_row(gradebook, assignment, student))


def _row(gradebook: Any, assignment: Any, student: Any) -> list[Any]:
    who = [key(student.id), label(student.last_name or ""), label(student.first_name or ""), key(student.email or "")]
    try:
        submission = gradebook.find_submission(assignment.name, student.id)
    except MissingEntry:
        return [assignment.name, *who, "", "no mark", "", assignment.max_score]
    done = not submission.needs_manual_grade
    status, score = ("marked", submission.score) if done else ("needs a human", "")
    return [assignment.name, *who, submission.timestamp, status, score, assignment.max_score]

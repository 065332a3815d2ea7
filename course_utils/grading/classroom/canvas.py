"""Canvas' gradebook table: one column for the assignment, found by its title; students found by Canvas' own numbers.

As Canvas' importer (``lib/gradebook_importer.rb``) reads it: the first columns are fixed, every further column is an
assignment (so there is none for a status: Canvas would make an assignment of it), a row whose first cell says "Points
Possible" belongs to nobody, a student is found by ``ID``, then ``SIS User ID``, then ``SIS Login ID``, then the name.
An empty cell means no grade: where Canvas has one, it shows the change and takes the grade away.
"""

import re
from collections.abc import Sequence

from course_utils.grading.classroom.standing import Standing
from course_utils.grading.classroom.tables import as_csv, key, label
from course_utils.grading.classroom.wording import name_of
from course_utils.grading.marks import Number, written

HEAD = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
POSSIBLE = "    Points Possible"


def table(standings: Sequence[Standing], title: str, possible: Number) -> bytes:
    """The table of one assignment.

    Args:
        standings: every enrolled student once.
        title: what the assignment is called in Canvas; Canvas asks where it knows no such title.
        possible: the points that can be earned.
    """
    rows: list[tuple[str, ...]] = [(*HEAD, title), (POSSIBLE, "", "", "", "", written(possible))]
    for row in standings:
        student = row.student
        keys = (key(student.canvas_id), key(student.sis_id), key(student.login))
        rows.append((_name(row), *keys, "", written(row.points)))
    return as_csv(rows)


def unknown(standings: Sequence[Standing]) -> list[Standing]:
    """Students whom Canvas can only find by their name, because the roster has none of its numbers."""
    return [row for row in standings if not (row.student.canvas_id or row.student.sis_id or row.student.login)]


def _name(row: Standing) -> str:
    """The name; one that Canvas would take for the row of points is written otherwise."""
    return label(re.sub("points possible", "Points-Possible", name_of(row), flags=re.IGNORECASE))

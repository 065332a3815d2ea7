"""Standings of a large class in little memory: without what students wrote, printed and drew.

One submission may carry megabytes of pictures; tables and reports need none of them.
"""

from dataclasses import replace

from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.standing import Standing, each_standing


def lean_standings(classroom: ClassFolder, name: str) -> list[Standing]:
    """Where everybody stands, in the order of the roster, without outputs and answers."""
    return [lean(row) for row in each_standing(classroom, name)]


def lean(row: Standing) -> Standing:
    """A standing without outputs and answers; its marks stay as they are."""
    if row.grade is None or row.entry is None:
        return row
    exercises = {name: replace(exercise, answer=None) for name, exercise in row.grade.exercises.items()}
    grade = replace(row.grade, exercises=exercises, outputs=())
    return replace(row, grade=grade, entry=replace(row.entry, grade={}))

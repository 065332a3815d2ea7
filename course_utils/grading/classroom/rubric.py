"""The rubric of an assignment: what a person looks for in an answer. It stays with the instructor."""

import re

from course_utils.grading.assignment import Assignment

_HEADING = re.compile(r"^##\s+(\S+).*$", flags=re.MULTILINE)


def rubric_of(assignment: Assignment, exercise: str) -> str:
    """The part of ``rubric.md`` about one exercise: what stands below a heading ``## EXERCISE ...``.

    Returns:
        Markdown without the heading; empty if nothing is written about the exercise.
    """
    path = assignment.source / "rubric.md"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    headings = list(_HEADING.finditer(text))
    for heading, after in zip(headings, [*headings[1:], None]):
        if heading.group(1).strip("`:,") == exercise:
            return text[heading.end() : after.start() if after else None].strip()
    return ""

"""The page on which one student's work is marked: nbgrader's page, with rubric and earlier marks, and a strict policy.

Rubric and history are put in while the page is shown, so they are in no file that nbgrader could hand on.
"""

import base64
import hashlib
import re
from html import escape
from typing import Any

from course_utils.grading.assignment import Assignment
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.formgrader_folders import page_of, page_path
from course_utils.grading.classroom.manual import ManualMarks
from course_utils.grading.classroom.rubric import rubric_of

_INLINE = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", flags=re.DOTALL)
_HANDLER = re.compile(r"""\son[a-z]+="([^"]*)\"""")


def show_page(handler: Any, classroom: ClassFolder, submission_id: str) -> None:
    """Answer with one student's page."""
    import nbformat
    from nbgrader.api import MissingEntry
    from tornado import web

    try:
        submission = handler.gradebook.find_submission_notebook_by_id(submission_id)
    except MissingEntry:
        raise web.HTTPError(404, "this work was replaced by newer one: go back to the list") from None
    if not handler.request.path.endswith("/"):
        query = f"?{handler.request.query}" if handler.request.query else ""
        handler.redirect(f"{handler.request.path}/{query}", permanent=True)
        return
    name, student = submission.assignment.assignment.name, submission.student
    path = page_path(classroom, student.id, name)
    if page_of(path) != submission_id:
        raise web.HTTPError(503, "this page is being written anew: end the command and start it again")
    indices = handler.api.get_notebook_submission_indices(name, name)
    resources = {
        "assignment_id": name,
        "notebook_id": name,
        "submission_id": submission_id,
        "index": indices.get(submission_id, -2),
        "total": len(indices),
        "base_url": handler.base_url,
        "student": student.id,
        "last_name": student.last_name,
        "first_name": student.first_name,
        "notebook_path": "",
    }
    notebook = nbformat.read(path, 4)
    frame, _ = handler.exporter.from_notebook_node(nbformat.v4.new_notebook(), resources=dict(resources))
    notebook.cells = _for_marker(classroom, classroom.assignment(name), student.id, notebook.cells)
    html, _ = handler.exporter.from_notebook_node(notebook, resources=dict(resources))
    handler.set_header("Content-Security-Policy", content_policy(frame))
    handler.set_header("Referrer-Policy", "no-referrer")
    handler.write(html)


def content_policy(frame: str) -> str:
    """Allow the scripts of a page without any work in it, each by its hash, and nothing else that acts."""

    def hashes(found: list[str]) -> str:
        digests = dict.fromkeys(base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in found)
        return " ".join(f"'sha256-{digest}'" for digest in digests)

    scripts = f"'self' 'unsafe-hashes' {hashes(_INLINE.findall(frame))} {hashes(_HANDLER.findall(frame))}"
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
    )


def _for_marker(classroom: ClassFolder, assignment: Assignment, student: str, cells: list[Any]) -> list[Any]:
    """Put the rubric and earlier marks in front of what they are about. They are in no file of the page."""
    from nbformat.v4 import new_markdown_cell

    history = ManualMarks(classroom).history(assignment.name, student)
    found = []
    for cell in cells:
        mark = cell.metadata.get("nbgrader", {})
        exercise = mark.get("grade_id", "") if mark.get("grade") else ""
        rubric = rubric_of(assignment, exercise) if exercise else ""
        if rubric:
            found.append(new_markdown_cell(_aside("Rubric", rubric)))
        earlier = [f"<li>{escape(line)}</li>" for line in earlier_marks(history, exercise)]
        if earlier:
            found.append(new_markdown_cell(_aside("Marks by hand so far", f"<ul>{''.join(earlier)}</ul>")))
        found.append(cell)
    return found


def _aside(title: str, markdown: str) -> str:
    return f'<details open class="for-marker"><summary>{title}</summary>\n\n{markdown}\n\n</details>'


def earlier_marks(history: list[Any], exercise: str) -> list[str]:
    """What people said about an exercise before, for this answer or an earlier one, the oldest first."""
    versions = list(dict.fromkeys(mark.answer_sha256 for mark in history if mark.exercise == exercise))
    lines = []
    for mark in (mark for mark in history if mark.exercise == exercise):
        points = "no points" if mark.points is None else f"{mark.points:g} points"
        version = f", answer {versions.index(mark.answer_sha256) + 1}" if len(versions) > 1 else ""
        comment = f": {' '.join(mark.comment.split())}" if mark.comment else ""
        lines.append(f"{mark.marked_at[:16].replace('T', ' ')}, {mark.source}{version}: {points}{comment}")
    return lines

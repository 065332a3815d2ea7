"""The notebook that a marker reads: the handed-out cells with one student's work in them, and nothing that acts.

It is built here, cell by cell. Of the student's file only sources are taken: code stays code, which pages show as text,
and written text is made harmless. Outputs come from grading, where they were bounded and cleaned. There is no hidden
test in it and no rubric, so nothing leaks if somebody makes nbgrader's own feedback from it.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from course_utils.grading.assignment import Assignment, grade_id_of, nbgrader_of, normalised, text_of
from course_utils.grading.challenge.kind import Challenge
from course_utils.grading.classroom.gradebook_rows import solution_cells
from course_utils.grading.classroom.standing import Standing
from course_utils.grading.classroom.student_markdown import harmless, visible
from course_utils.grading.classroom.wording import one_line
from course_utils.grading.files import SubmittedFiles
from course_utils.grading.grade import ExerciseResult
from course_utils.grading.outputs import CellOutput, NoPicture, clean_png
from course_utils.grading.session import Cell
from course_utils.grading.submission import NeedsHuman, Submission, Unreadable, read_submission

FORMAT = 1
"""Counts up when pages look different, so that they are written anew."""

MAX_OWN_TEXTS = 50


@dataclass(frozen=True)
class Work:
    """What a page takes from a student's files.

    Attributes:
        cells: the student's code, in order.
        answers: written answers by exercise; None where there is none.
        texts: written text in cells of the student's own.
        pictures: PNG files as base64 that were attached to an answer, by exercise.
        notes: what else the marker should know.
    """

    cells: tuple[Cell, ...] = ()
    answers: dict[str, str | None] | None = None
    texts: tuple[str, ...] = ()
    pictures: dict[str, tuple[str, ...]] | None = None
    notes: tuple[str, ...] = ()


def read_work(assignment: Assignment, files: SubmittedFiles) -> Work:
    """Read what a student handed in, for showing it; what cannot be read is said in the notes."""
    if isinstance(assignment, Challenge):
        return Work(notes=(f"handed in: {', '.join(files.content) or 'nothing'}",))
    try:
        submission = read_submission(files, assignment)
    except (Unreadable, NeedsHuman) as reason:
        return Work(notes=(str(reason),))
    own = tuple(cell for cell in submission.cells if cell.label != "cell 0")
    raw = _raw_cells(files, submission)
    given = assignment.handed_out
    exercises = {exercise.name for exercise in assignment.exercises}
    texts = [
        text_of(cell)
        for cell in raw
        if cell.get("cell_type") in ("markdown", "raw")
        and grade_id_of(cell) not in exercises
        and normalised(text_of(cell))
        and normalised(text_of(cell)) not in given.markdown
    ]
    pictures, notes = {}, []
    for exercise in (e.name for e in assignment.exercises if e.manual):
        attached = [cell.get("attachments") for cell in raw if grade_id_of(cell) == exercise]
        pictures[exercise], unshown = _pictures(attached)
        if unshown:
            notes.append(f"{exercise}: {unshown} attached pictures are not shown here: open the notebook to see them")
    if len(texts) > MAX_OWN_TEXTS:
        notes.append(f"{len(texts) - MAX_OWN_TEXTS} more text cells of the student's own are not shown")
    return Work(own, submission.answers, tuple(texts[:MAX_OWN_TEXTS]), pictures, tuple(notes))


def _raw_cells(files: SubmittedFiles, submission: Submission) -> list[dict[str, Any]]:
    """The cells of the notebook that counts; `read_submission` has checked its size and shape."""
    notebook = json.loads(files.content[submission.notebook].decode("utf-8-sig"))
    return [cell for cell in notebook["cells"] if isinstance(cell, dict)]


def _pictures(attached: Sequence[Any]) -> tuple[tuple[str, ...], int]:
    """The PNG files among a cell's attachments, rebuilt, and the number of what cannot be shown."""
    found, unshown = [], 0
    for bundle in (b for bundles in attached if isinstance(bundles, dict) for b in bundles.values()):
        data = bundle.get("image/png") if isinstance(bundle, dict) else None
        try:
            png = clean_png(base64.b64decode("".join(data) if isinstance(data, list) else data or ""))
            found.append(base64.b64encode(png).decode())
        except (NoPicture, ValueError, TypeError):
            unshown += 1
    return tuple(found[:4]), unshown + len(found[4:])


def marking_page(assignment: Assignment, row: Standing, work: Work, place: str, page: str, stamp: str) -> bytes:
    """Build the notebook.

    Args:
        assignment: what was handed out.
        row: where the student's work stands.
        work: what the student wrote.
        place: where the files lie, for a marker who wants to see them.
        page: the key of the submitted notebook in the gradebook: page and gradebook must agree.
        stamp: changes whenever the page must be written anew; the last thing in the file (see `has_stamp`).
    """
    assert row.grade is not None
    outputs = {output.label: output for output in row.grade.outputs}
    solutions = {cell: exercise for exercise, cell in solution_cells(assignment).items()}
    cells = [_text(_about(row, work, place))]
    for given in json.loads(assignment.notebook.read_bytes())["cells"]:
        name = grade_id_of(given)
        result = row.grade.exercises.get(name)
        if result is not None and result.manual:
            cells.append(_answer(given, work, row.reason))
        elif name in solutions:
            own = [cell for cell in work.cells if cell.exercise == solutions[name]]
            cells.append(_code("\n\n".join(_labelled(cell, own) for cell in own), _outputs(own, outputs), given))
        elif result is not None:
            cells.append(_code(text_of(given), [_earned(result)], given))
        elif given.get("cell_type") == "code":
            cells.append(_code(text_of(given), []))
        else:
            cells.append(_text(text_of(given)))
    there = {cell["metadata"].get("nbgrader", {}).get("grade_id") for cell in cells}
    for name, result in row.grade.exercises.items():
        if name not in there:  # the points go to no cell of the notebook, so they get one here
            mark = {"grade_id": name, "grade": True, "solution": False, "locked": True, "task": False}
            given = {"metadata": {"nbgrader": {**mark, "points": result.possible, "schema_version": 3}}}
            cells.append(_code(f"# {name}", [_earned(result)], given))
    placed = set(solutions.values())
    others = [cell for cell in work.cells if cell.exercise not in placed]
    if others or work.texts:
        cells.append(_text("## Other cells of the student"))
    cells += [_text(harmless(text)) for text in work.texts]
    cells += [_code(f"# {cell.label}\n{cell.source}", _outputs([cell], outputs)) for cell in others]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "course": {"page": page, "stamp": stamp},
    }
    notebook = {"cells": cells, "nbformat": 4, "nbformat_minor": 5, "metadata": metadata}
    return (json.dumps(notebook, ensure_ascii=True) + "\n").encode()


def has_stamp(content: bytes, stamp: str) -> bool:
    """Whether a page that was written earlier is still the right one."""
    return content.endswith(f'"stamp": "{stamp}"}}}}}}\n'.encode())


def _about(row: Standing, work: Work, place: str) -> str:
    """The first cell: what the marker should know before reading."""
    lines = [row.reason, *(row.grade.notes if row.grade else ()), *work.notes]
    items = "".join(f"<li>{escape(one_line(line))}</li>" for line in dict.fromkeys(filter(None, lines)))
    return f'<ul>{items}<li class="name-shown">files: {escape(place)}</li></ul>'  # shown and hidden with the name


def _answer(given: dict[str, Any], work: Work, reason: str) -> dict[str, Any]:
    name = grade_id_of(given)
    answer = (work.answers or {}).get(name)
    if answer is None:
        why = reason if work.answers is None else "the cell of this answer is not in the notebook"
        shown = f"<p><em>No answer to show: {escape(one_line(why))}</em></p>"
    else:
        shown = harmless(answer)
    for picture in (work.pictures or {}).get(name, ()):
        shown += f'<p><img alt="attached by the student" src="data:image/png;base64,{picture}"/></p>'
    return _text(shown, given)


def _labelled(cell: Cell, among: Sequence[Cell]) -> str:
    return cell.source if len(among) == 1 else f"# {cell.label}\n{cell.source}"


def _outputs(cells: Sequence[Cell], outputs: dict[str, CellOutput]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for output in (outputs[cell.label] for cell in cells if cell.label in outputs):
        if output.text or output.cut:
            found.append(_stream(output.text + ("\n[more was printed]" if output.cut else "")))
        found += [{"output_type": "display_data", "metadata": {}, "data": {"image/png": i}} for i in output.images]
    return found


def _earned(result: ExerciseResult) -> dict[str, Any]:
    earned = "nobody knows yet" if result.points is None else f"{result.points:g} of {result.possible:g} points"
    return _stream("\n".join((f"Tests: {earned}", *result.sentences)))


def _stream(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": visible(text)}


def _code(source: str, outputs: list[dict[str, Any]], given: dict[str, Any] | None = None) -> dict[str, Any]:
    shown = visible(source) or "# there is no code of this exercise"
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": _marks(given),
        "outputs": outputs,
        "source": shown,
    }


def _text(source: str, given: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": _marks(given), "source": source}


def _marks(given: dict[str, Any] | None) -> dict[str, Any]:
    """What tells nbgrader's pages that points or a comment go to a cell."""
    return {"nbgrader": nbgrader_of(given)} if given is not None else {}

"""Reading what a student handed in: an untrusted file from which only the sources of cells are taken.

Metadata decides nothing. Cells that are still as they were handed out are skipped (checks) or taken from the grader's
own copy (setup); every other code cell is the student's and runs in the notebook's order, as it would for the student.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from course_utils.grading.assignment import Assignment, functions_in, nbgrader_of, normalised, text_of
from course_utils.grading.files import SubmittedFiles
from course_utils.grading.session import Cell

MAX_BYTES = 20_000_000
MAX_CELLS = 1_000
MAX_CODE = 500_000


class Unreadable(Exception):
    """The files cannot be graded; the text says why and what to do. No mark follows from it."""


class NeedsHuman(Exception):
    """Only a person can decide what counts; the text says between what."""


@dataclass(frozen=True)
class Submission:
    """A notebook that was handed in, and the files beside it.

    Attributes:
        notebook: the path of the notebook that counts.
        helpers: the other files by path relative to the notebook's folder; student code finds them where it runs.
        cells: the code that runs, setup first.
        changed: exercises whose stub the student touched.
        answers: text of the written answers by exercise; None where the cell is gone.
        notes: what the instructor should know about the file.
    """

    notebook: str
    helpers: Mapping[str, bytes]
    cells: tuple[Cell, ...]
    changed: frozenset[str]
    answers: dict[str, str | None]
    notes: tuple[str, ...]


def read_submission(files: SubmittedFiles, assignment: Assignment) -> Submission:
    """Read what a student handed in.

    Raises:
        Unreadable: if there is no notebook of this assignment in it.
        NeedsHuman: if there are several and none carries the assignment's name.
    """
    notebook = _choose(files, assignment)
    cells = _cells(_checked(files.content[notebook]))
    given = assignment.handed_out
    code = [
        (number, text_of(cell), nbgrader_of(cell).get("grade_id"))
        for number, cell in enumerate(cells, start=1)
        if cell.get("cell_type") == "code"
    ]
    own = [entry for entry in code if normalised(entry[1]) and normalised(entry[1]) not in given.locked]
    if sum(len(text) for _, text, _ in own) > MAX_CODE:
        raise Unreadable(f"more than {MAX_CODE} characters of code")
    defined = {name for _, text, _ in own for name in functions_in(text)}
    wanted = {name for exercise in assignment.exercises for name in exercise.functions}
    ids = [str(nbgrader_of(cell).get("grade_id")) for cell in cells]
    if not defined & wanted and not given.grade_ids & set(ids):
        raise Unreadable(f"a notebook, but not one of {assignment.name}: none of its functions or cells are there")
    setup = [Cell("cell 0", text) for text in given.setup]
    run = [Cell(f"cell {number}", _plain_python(text)) for number, text, _ in own]
    stubs = {normalised(text) for _, text, _ in own}
    changed = frozenset(e.name for e in assignment.exercises if not e.manual and e.stub not in stubs)
    answers = {e.name: _answer(e.name, cells) for e in assignment.exercises if e.manual}
    notes = _notes(assignment, ids, own)
    helpers = _helpers(files, notebook)
    return Submission(notebook, helpers, (*setup, *run), changed, answers, tuple(notes))


def _choose(files: SubmittedFiles, assignment: Assignment) -> str:
    """The notebook that counts: the one with the assignment's name, else the only one."""
    notebooks = [path for path in files.content if path.lower().endswith(".ipynb")]
    named = [path for path in notebooks if path.rpartition("/")[2] == f"{assignment.name}.ipynb"]
    for found in (named, notebooks):
        if len(found) == 1:
            return found[0]
    wanted = f"hand in {assignment.name}.ipynb"
    if notebooks:
        raise NeedsHuman(f"{len(notebooks)} notebooks, and it is not clear which one counts: {_listed(notebooks)}")
    if files.content:
        raise Unreadable(f"there is no notebook, but other files: {_listed(list(files.content))}; {wanted}")
    raise Unreadable(f"there is no file; {wanted}")


def _listed(paths: list[str]) -> str:
    return ", ".join(paths[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")


def _helpers(files: SubmittedFiles, notebook: str) -> dict[str, bytes]:
    """Files in the notebook's folder and below, by their path from there."""
    folder = notebook.rpartition("/")[0]
    prefix = f"{folder}/" if folder else ""
    return {
        path.removeprefix(prefix): data
        for path, data in files.content.items()
        if path.startswith(prefix) and not path.lower().endswith(".ipynb")
    }


def _checked(raw: bytes) -> bytes:
    if not raw:
        raise Unreadable("the file is empty")
    if len(raw) > MAX_BYTES:
        raise Unreadable(f"the file has {len(raw)} bytes, at most {MAX_BYTES} are read: clear its outputs")
    return raw


def _cells(raw: bytes) -> list[dict[str, Any]]:
    try:
        notebook = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise Unreadable("not text in UTF-8") from None
    except (ValueError, RecursionError):
        raise Unreadable("not a notebook: the file is damaged or cut off") from None
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise Unreadable("not a notebook of format 4: it has no list of cells")
    cells = [cell for cell in notebook["cells"] if isinstance(cell, dict)]
    if len(cells) > MAX_CELLS:
        raise Unreadable(f"{len(cells)} cells, at most {MAX_CELLS} are read")
    return cells


def _answer(exercise: str, cells: list[dict[str, Any]]) -> str | None:
    """The written answer: the text of its cell, of all of them if it was duplicated."""
    texts = [text_of(cell) for cell in cells if nbgrader_of(cell).get("grade_id") == exercise]
    return "\n\n".join(texts) if texts else None


def _notes(assignment: Assignment, ids: list[str], own: list[tuple[int, str, Any]]) -> list[str]:
    notes = []
    counts = Counter(ids)
    for exercise in assignment.exercises:
        for cell in dict.fromkeys((exercise.name, f"{exercise.name}_code")):
            if counts[cell] > 1:
                notes.append(
                    f"the cell {cell} is there {counts[cell]} times; code runs in order, so the last one counts"
                )
            if cell in assignment.handed_out.grade_ids and not counts[cell]:
                notes.append(f"the cell {cell} is missing")
    checks = {e.name for e in assignment.exercises if not e.manual}
    notes += [f"the check {grade_id} was edited (cell {number})" for number, _, grade_id in own if grade_id in checks]
    return notes


def _plain_python(source: str) -> str:
    """Turn magics and shell lines into calls of a shell that the student process stubs out."""
    lines = source.splitlines()
    if not any(line.lstrip()[:1] in ("%", "!", "?") or line.rstrip().endswith("?") for line in lines):
        return source
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        return str(TransformerManager().transform_cell(source))
    except Exception:  # code that does not parse fails where it runs, with its own message
        return source

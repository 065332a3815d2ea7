"""Reading what a student handed in: untrusted files from which only the sources of a notebook's cells are taken.

Metadata decides nothing. Cells that are still as they were handed out are skipped (checks) or taken from the grader's
own copy (setup); every other code cell is the student's and runs in the notebook's order, as it would for the student.
No code is parsed here: a few patterns find the names that it defines.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from course_utils.grading.assignment import Assignment, Exercise, defined_in, grade_id_of, normalised, text_of
from course_utils.grading.files import SubmittedFiles
from course_utils.grading.session import Cell

MAX_BYTES = 20_000_000
MAX_BRACKETS = 1_000_000  # lists and dicts in the file: what they take in memory is many times what they take here
MAX_CELLS = 1_000
MAX_CODE = 500_000
MAX_ANSWER = 100_000
MAX_HELPERS = 8_000_000
MAX_NAMES = 300_000  # characters of their paths together, as JSON writes them

ELSEWHERE = "[Nothing is written in the answer's own cell. This stands in other cells of the notebook:]"
CLEAR = "choose Edit > Clear Outputs of All Cells in JupyterLab, save, and hand it in again"
AGAIN = "open it in JupyterLab, save it, and hand in the file with the ending .ipynb"


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
        notes: what the instructor should know about the files.
    """

    notebook: str
    helpers: Mapping[str, bytes]
    cells: tuple[Cell, ...]
    changed: frozenset[str]
    answers: dict[str, str | None]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Code:
    """A code cell: its place in the notebook, its source, the grade id it claims."""

    number: int
    source: str
    grade_id: str


def read_submission(files: SubmittedFiles, assignment: Assignment) -> Submission:
    """Read what a student handed in.

    Raises:
        Unreadable: if there is no notebook of this assignment in it.
        NeedsHuman: if there are several notebooks and it is not clear which one counts.
    """
    path, notes = _choose(files, assignment)
    cells = _cells(files.content[path])
    given = assignment.handed_out
    code = [
        _Code(number, text_of(cell), grade_id_of(cell))
        for number, cell in enumerate(cells, start=1)
        if cell.get("cell_type") == "code"
    ]
    own = [c for c in code if normalised(c.source) and normalised(c.source) not in given.locked]
    size = sum(len(c.source) for c in own)
    if size > MAX_CODE:
        raise Unreadable(
            f"the notebook holds {size} characters of code, at most {MAX_CODE} are read: "
            "load data from a file instead of writing it into a cell, and hand in the notebook again"
        )
    by_name = {name: exercise.name for exercise in assignment.exercises for name in exercise.functions}
    exercise_of = {c.number: _exercise_of(c.source, by_name) for c in own}
    ids = [grade_id_of(cell) for cell in cells]
    if not any(exercise_of.values()) and not given.grade_ids & set(ids):
        raise Unreadable(
            f"{path} is a notebook, but not the one of {assignment.name}: none of its functions or cells are there; "
            f"hand in {assignment.name}.ipynb"
        )
    helpers, left_out = _helpers(files, path, assignment)
    stubs = {normalised(c.source) for c in own}
    return Submission(
        notebook=path,
        helpers=helpers,
        cells=(
            *(Cell("cell 0", text) for text in given.setup),
            *(Cell(f"cell {c.number}", c.source, exercise_of[c.number]) for c in own),
        ),
        changed=frozenset(e.name for e in assignment.exercises if not e.manual and e.stub not in stubs),
        answers={e.name: _answer(e, cells, assignment) for e in assignment.exercises if e.manual},
        notes=(*notes, *left_out, *_notes(assignment, ids, own)),
    )


def _choose(files: SubmittedFiles, assignment: Assignment) -> tuple[str, list[str]]:
    """The notebook that counts, and notes about the choice: the one with the assignment's name, else the only one."""
    wanted = f"{assignment.name}.ipynb"
    notebooks = [path for path in files.content if path.lower().endswith(".ipynb") and not _is_debris(path)]
    named = [path for path in notebooks if path.rpartition("/")[2] == wanted]
    for found in (named, notebooks):
        if found and len({files.content[path] for path in found}) == 1:
            path = min(found, key=lambda p: (p.count("/"), p))
            notes = [] if path in named else [f"the notebook is called {path} and not {wanted}"]
            if len(notebooks) > len(found):
                notes.append(f"other notebooks were not looked at: {_listed([p for p in notebooks if p not in found])}")
            return path, notes
    if notebooks:
        among = _listed(named or notebooks)
        raise NeedsHuman(
            f"{len(named or notebooks)} different notebooks, and it is not clear which one counts: {among}; hand in one"
        )
    if files.content:
        raise Unreadable(f"there is no notebook, but other files: {_listed(list(files.content))}; hand in {wanted}")
    raise Unreadable(f"there is no file; hand in {wanted}")


def _is_debris(path: str) -> bool:
    """Copies that systems and editors leave behind."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.split("/"))


def _listed(paths: list[str]) -> str:
    return ", ".join(paths[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")


def _helpers(files: SubmittedFiles, notebook: str, assignment: Assignment) -> tuple[dict[str, bytes], list[str]]:
    """Files in the notebook's folder and below, by their path from there, and notes about what was left out.

    The folders that the assignment brings are the grader's own: a student's copy of them does not count.
    """
    folder = notebook.rpartition("/")[0]
    prefix = f"{folder}/" if folder else ""
    given = assignment.files()
    reserved = {path.split("/")[0].casefold() for path in given}
    found: dict[str, bytes] = {}
    edited = []
    for path, data in files.content.items():
        own = path.removeprefix(prefix)
        if not path.startswith(prefix) or path.lower().endswith(".ipynb") or _is_debris(own):
            continue
        if own.split("/")[0].casefold() in reserved:
            edited += [own] if own in given and given[own] != data and not own.endswith(".pyc") else []
        else:
            found[own] = data
    notes = [f"edited, and replaced by the grader's own copy: {_listed(edited)}"] if edited else []
    while sum(map(len, found.values())) > MAX_HELPERS:
        largest = max(found, key=lambda p: len(found[p]))
        notes.append(f"{largest} was left out: files beside the notebook may take {MAX_HELPERS} bytes together")
        del found[largest]
    names = {path: len(json.dumps(path)) for path in found}
    room, long = MAX_NAMES, 0
    for path in sorted(names, key=lambda p: names[p]):
        room -= names[path]
        if room < 0:
            long += 1
            del found[path]
    if long:
        notes.append(f"{long} files beside the notebook were left out: their names are too long together")
    return found, notes


def _cells(raw: bytes) -> list[dict[str, Any]]:
    """The cells of a notebook of format 4."""
    if not raw:
        raise Unreadable(f"the notebook is an empty file: {AGAIN}")
    if len(raw) > MAX_BYTES:
        raise Unreadable(f"the notebook has {len(raw)} bytes, at most {MAX_BYTES} are read: {CLEAR}")
    if raw.count(b"{") + raw.count(b"[") > MAX_BRACKETS:
        raise Unreadable(f"the notebook holds more than {MAX_BRACKETS} lists and tables: {CLEAR}")
    try:
        notebook = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise Unreadable(f"the file is not text in UTF-8, so it is no notebook: {AGAIN}") from None
    except (ValueError, RecursionError):
        raise Unreadable(f"the notebook is damaged or cut off: {AGAIN}") from None
    if isinstance(notebook, dict) and isinstance(notebook.get("worksheets"), list):
        raise Unreadable(f"the notebook is written in format 3, which is no longer read: {AGAIN}")
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise Unreadable(f"the file is no notebook of format 4, it has no list of cells: {AGAIN}")
    if len(notebook["cells"]) > MAX_CELLS:
        raise Unreadable(
            f"the notebook has {len(notebook['cells'])} cells, at most {MAX_CELLS} are read: "
            "delete those that are not part of your work, and hand it in again"
        )
    return [cell for cell in notebook["cells"] if isinstance(cell, dict)]


def _exercise_of(source: str, by_name: Mapping[str, str]) -> str:
    """The exercise that a cell belongs to: the first one of which it defines something."""
    return next((by_name[name] for name in defined_in(source) if name in by_name), "")


def _answer(exercise: Exercise, cells: list[dict[str, Any]], assignment: Assignment) -> str | None:
    """The written answer: the text of its cell, of all of them if it was duplicated; bounded, and sure to be text.

    Where nothing was written into it, text that the student wrote into other cells stands in: a person must see it
    before anybody calls the answer missing.
    """
    texts = [text_of(cell) for cell in cells if grade_id_of(cell) == exercise.name]
    if all(normalised(text) in ("", exercise.stub) for text in texts):
        answers = {e.name for e in assignment.exercises if e.manual}
        prose = [cell for cell in cells if cell.get("cell_type") in ("markdown", "raw")]
        others = [text_of(cell) for cell in prose if grade_id_of(cell) not in answers]
        elsewhere = [text for text in others if normalised(text) not in ("", *assignment.handed_out.markdown)]
        if elsewhere:
            texts = [ELSEWHERE, *elsewhere]
    if not texts:
        return None
    whole = "\n\n".join(texts).encode("utf-8", "replace").decode()
    return whole if len(whole) <= MAX_ANSWER else whole[:MAX_ANSWER] + "\n\n[cut off here]"


def _notes(assignment: Assignment, ids: list[str], own: list[_Code]) -> list[str]:
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
    return notes + [f"the check {c.grade_id} was edited (cell {c.number})" for c in own if c.grade_id in checks]

"""An assignment as the grader sees it: the notebook handed out, its exercises, and the hidden tests."""

import ast
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_utils.grading.hidden import HiddenTest, about, hidden_tests, load_hidden
from course_utils.runtime import repo_root


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes:
        name: the grade id of the cell that carries its points.
        title: its heading.
        points: the most it can earn.
        manual: whether a person marks it.
        functions: what the student defines.
        stub: the text handed out in the cell that the student fills in.
    """

    name: str
    title: str
    points: float
    manual: bool
    functions: tuple[str, ...]
    stub: str


@dataclass(frozen=True)
class HandedOut:
    """The notebook that students received.

    Attributes:
        grade_ids: of all its cells.
        setup: code cells that run before the student's: locked, without points.
        locked: sources of all locked code cells, normalised.
        markdown: sources of all text cells, normalised.
    """

    grade_ids: frozenset[str]
    setup: tuple[str, ...]
    locked: frozenset[str]
    markdown: frozenset[str]


@dataclass(frozen=True)
class Assignment:
    """Everything needed to grade one assignment.

    Attributes:
        name: such as ``01_perceptron``.
        source: the instructor's folder, with hidden tests and mutants.
        folder: the student's folder, with the notebook and its checks.
        exercises: in order.
        handed_out: the notebook as students received it.
        tests: the hidden tests.
        withheld: modules that student code cannot import.
        version: a hash of the notebook and the hidden tests.
    """

    name: str
    source: Path
    folder: Path
    exercises: tuple[Exercise, ...]
    handed_out: HandedOut
    tests: tuple[HiddenTest, ...]
    withheld: tuple[str, ...]
    version: str

    @property
    def notebook(self) -> Path:
        """The student's notebook."""
        return self.folder / f"{self.name}.ipynb"

    def files(self) -> dict[str, bytes]:
        """What lies beside the notebook where it runs (its checks), by relative path; the grader's own copies."""
        found = sorted(p for p in self.folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
        beside = [p for p in found if p.suffix != ".ipynb" and ".ipynb_checkpoints" not in p.parts]
        return {p.relative_to(self.folder).as_posix(): p.read_bytes() for p in beside}


def load_assignment(name: str, root: Path | None = None) -> Assignment:
    """Read an assignment.

    Args:
        name: folder name below ``assignments/``.
        root: the ``assignments`` folder; by default the one of this repository.

    Raises:
        FileNotFoundError: if there is no such assignment, with those that there are.
        ValueError: if the hidden tests' points do not sum to the exercises' points.
    """
    root = root or repo_root() / "assignments"
    source, folder = root / "src" / name, root / name
    if (source / "challenge.yml").is_file():
        from course_utils.grading.challenge.kind import load_challenge  # a kind of assignment, built on this module

        return load_challenge(name, source, folder)
    if not (source / "hidden.py").is_file() or not (folder / f"{name}.ipynb").is_file():
        known = sorted(
            {p.parent.name for kind in ("hidden.py", "challenge.yml") for p in (root / "src").glob(f"*/{kind}")}
        )
        raise FileNotFoundError(f"no assignment {name!r} in {root}; there are: {', '.join(known) or 'none'}")
    raw = (folder / f"{name}.ipynb").read_bytes()
    cells = json.loads(raw)["cells"]
    module = load_hidden(source / "hidden.py")
    tests = hidden_tests(module)
    exercises = _exercises(cells)
    for exercise in exercises:
        total = sum(about(t).points for t in tests if about(t).exercise == exercise.name)
        if total != (0 if exercise.manual else exercise.points):
            raise ValueError(f"{exercise.name} is worth {exercise.points} points, its hidden tests sum to {total}")
    strangers = {about(t).exercise for t in tests} - {e.name for e in exercises}
    if strangers:
        raise ValueError(f"hidden tests for exercises that do not exist: {', '.join(sorted(strangers))}")
    version = hashlib.sha256(raw + (source / "hidden.py").read_bytes()).hexdigest()
    withheld = tuple(getattr(module, "WITHHELD", ()))
    return Assignment(name, source, folder, exercises, _handed_out(cells), tuple(tests), withheld, version)


def text_of(cell: Any) -> str:
    """A cell's source as one string; notebooks store lists of lines as well."""
    source = cell.get("source", "") if isinstance(cell, dict) else ""
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    return source if isinstance(source, str) else ""


def normalised(text: str) -> str:
    """Text without what editors change on their own: line ends, space at ends of lines, empty lines around."""
    return "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").split("\n")).strip()


def nbgrader_of(cell: Any) -> dict[str, Any]:
    """A cell's nbgrader metadata, empty if there is none that makes sense."""
    metadata = cell.get("metadata") if isinstance(cell, dict) else None
    found = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return found if isinstance(found, dict) else {}


def functions_in(source: str) -> tuple[str, ...]:
    """Names of the functions that a cell defines at its top level; none if it does not parse."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    return tuple(node.name for node in body if isinstance(node, ast.FunctionDef))


def _exercises(cells: list[Any]) -> tuple[Exercise, ...]:
    by_id = {nbgrader_of(cell).get("grade_id"): text_of(cell) for cell in cells}
    found = []
    for cell in cells:
        mark = nbgrader_of(cell)
        if not mark.get("grade"):
            continue
        name, manual = mark["grade_id"], cell["cell_type"] == "markdown"
        heading = re.match(r"#+ (.+)", by_id.get(f"{name}_text", ""))
        code = text_of(cell) if manual else by_id.get(f"{name}_code", "")
        title = heading.group(1) if heading else name
        functions = () if manual else functions_in(code)
        found.append(Exercise(name, title, float(mark["points"]), manual, functions, normalised(code)))
    return tuple(found)


def _handed_out(cells: list[Any]) -> HandedOut:
    code = [(nbgrader_of(c), text_of(c)) for c in cells if c["cell_type"] == "code"]
    return HandedOut(
        grade_ids=frozenset(str(nbgrader_of(c).get("grade_id")) for c in cells),
        setup=tuple(text for mark, text in code if mark.get("grade_id") == "setup"),
        locked=frozenset(normalised(text) for mark, text in code if not mark.get("solution")),
        markdown=frozenset(normalised(text_of(c)) for c in cells if c["cell_type"] == "markdown"),
    )

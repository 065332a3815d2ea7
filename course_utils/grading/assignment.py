"""An assignment as the grader sees it: the notebook handed out, its exercises, and the hidden tests."""

import hashlib
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from course_utils.check import check_number
from course_utils.grading.hidden import HiddenTest, about, hidden_tests, load_hidden
from course_utils.grading.sandbox.runner import TimeLimit
from course_utils.grading.session import Limits
from course_utils.runtime import repo_root

_DEFINITION = re.compile(r"^(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)", flags=re.MULTILINE)
_ASSIGNMENT = re.compile(r"^(\w+)[ \t]*(?::[^=\n]*)?=(?!=)", flags=re.MULTILINE)


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes:
        name: the grade id of the cell that carries its points.
        title: its heading.
        points: the most it can earn.
        manual: whether a person marks it.
        functions: functions and classes that the student defines.
        stub: the text handed out in the cell that the student fills in.
    """

    name: str
    title: str
    points: float
    manual: bool
    functions: tuple[str, ...]
    stub: str = field(repr=False)


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
        version: a hash of all that decides a mark: the notebook, the files beside it, the hidden tests.
        tensors: whether the hidden tests speak torch.
        limits: how long student code may take.
    """

    name: str
    source: Path
    folder: Path
    exercises: tuple[Exercise, ...]
    handed_out: HandedOut = field(repr=False)
    tests: tuple[HiddenTest, ...] = field(repr=False)
    withheld: tuple[str, ...]
    version: str
    tensors: bool = field(default=False, kw_only=True)
    limits: Limits = field(default_factory=Limits, kw_only=True)

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
        ValueError: if the hidden tests do not fit the notebook; the text says which line and what to do.
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
    _check_points(tests, exercises)
    found = Assignment(
        name=name,
        source=source,
        folder=folder,
        exercises=exercises,
        handed_out=_handed_out(cells),
        tests=tuple(tests),
        withheld=tuple(getattr(module, "WITHHELD", ())),
        version="",
        tensors=any(getattr(thing, "__name__", "").split(".")[0] == "torch" for thing in _modules(module)),
        limits=_limits(getattr(module, "SECONDS", {})),
    )
    return replace(found, version=_version(found))


def _modules(module: ModuleType) -> list[ModuleType]:
    return [thing for thing in vars(module).values() if isinstance(thing, ModuleType)]


def _check_points(tests: Sequence[HiddenTest], exercises: Sequence[Exercise]) -> None:
    """Hold the hidden tests against the notebook's exercises."""
    names = [e.name for e in exercises]
    for test in tests:
        if about(test).exercise not in names:
            raise ValueError(
                f"hidden.py, line {test.__code__.co_firstlineno}: {test.__name__} belongs to "
                f"{about(test).exercise!r}, and there is no such exercise; there are: {', '.join(names)}"
            )
    for exercise in exercises:
        own = [about(t).points for t in tests if about(t).exercise == exercise.name]
        if exercise.manual and own:
            raise ValueError(f"{exercise.name} is marked by a person: take its hidden tests away, or make it code")
        if not exercise.manual and not math.isclose(sum(own), exercise.points, abs_tol=1e-9):
            shares = " + ".join(f"{points:g}" for points in own) or "nothing"
            raise ValueError(
                f"{exercise.name} is worth {exercise.points:g} points in the notebook, its hidden tests sum to "
                f"{sum(own):g} ({shares}): change one or the other"
            )


def _limits(seconds: Any) -> Limits:
    """Read the module constant SECONDS; the clock has five times what the processor has, for busy machines."""
    known = ("call", "cell", "total")
    if not isinstance(seconds, dict) or not set(seconds) <= set(known):
        raise ValueError(f"SECONDS in hidden.py must be a dict with some of {', '.join(known)}, got {seconds!r}")
    limits = {}
    for name, value in seconds.items():
        check_number(f'SECONDS["{name}"]', value, minimum=0.1, maximum=600)
        limits[name] = TimeLimit(processor=float(value), clock=5.0 * value)
    return Limits(**limits)


def _version(assignment: Assignment) -> str:
    files = assignment.files() | {
        "notebook": assignment.notebook.read_bytes(),
        "hidden tests": (assignment.source / "hidden.py").read_bytes(),
    }
    digest = hashlib.sha256()
    for path, data in sorted(files.items()):
        digest.update(f"{path}\n{len(data)}\n".encode() + data)
    return digest.hexdigest()


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


def grade_id_of(cell: Any) -> str:
    """The name that a cell carries for nbgrader; empty if it has none."""
    found = nbgrader_of(cell).get("grade_id")
    return found if isinstance(found, str) else ""


def functions_in(source: str) -> tuple[str, ...]:
    """Names of the functions and classes that a cell defines at its left margin; the code is not parsed."""
    return tuple(dict.fromkeys(_DEFINITION.findall(source)))


def defined_in(source: str) -> tuple[str, ...]:
    """The same, and names that a line at the left margin assigns to."""
    return tuple(dict.fromkeys(functions_in(source) + tuple(_ASSIGNMENT.findall(source))))


def _exercises(cells: list[Any]) -> tuple[Exercise, ...]:
    by_id = {grade_id_of(cell): text_of(cell) for cell in cells}
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
        grade_ids=frozenset(grade_id_of(c) for c in cells) - {""},
        setup=tuple(text for mark, text in code if mark.get("grade_id") == "setup"),
        locked=frozenset(normalised(text) for mark, text in code if not mark.get("solution")),
        markdown=frozenset(normalised(text_of(c)) for c in cells if c["cell_type"] == "markdown"),
    )

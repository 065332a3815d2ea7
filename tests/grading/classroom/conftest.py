"""Made-up classes: a small assignment that is graded in a fraction of a second, and submissions to it."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from course_utils.grading.classroom import receipts
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.roster import Student, write_roster
from course_utils.grading.files import SubmittedFiles
from course_utils.runtime import repo_root

SMALL = "small"
HIDDEN = '''"""Hidden tests of the small assignment."""

import numpy as np

from course_utils.grading.answers import read_number
from course_utils.grading.hidden import hidden, says


@hidden("double", points=1)
def test_double_of_a_number(student, rng):
    x = float(rng.normal())
    assert read_number(student.double(x), "double(x)") == 2 * x, says("double does not double")


@hidden("double", points=1)
def test_double_of_an_array(student, rng):
    x = rng.normal(size=5)
    assert np.allclose(student.double(x), 2 * x), says("double does not double arrays")


@hidden("area", points=1)
def test_area_of_a_rectangle(student, rng):
    a, b = rng.integers(2, 9, size=2)
    assert read_number(student.area(int(a), int(b)), "area(a, b)") == a * b, says("area adds its sides")
'''
STUBS = {
    "double": "def double(x):\n    raise NotImplementedError()",
    "area": "def area(a, b):\n    raise NotImplementedError()",
}
RIGHT = {"double": "def double(x):\n    return 2 * x", "area": "def area(a, b):\n    return a * b"}
SOLUTIONS: dict[str, tuple[dict[str, str], float | None]] = {
    "right": (RIGHT, 3.0),
    "half": ({**RIGHT, "area": "def area(a, b):\n    return a + b"}, 2.0),
    "wrong": ({"double": "def double(x):\n    return x", "area": "def area(a, b):\n    return a + b"}, 0.0),
    "raises": ({**RIGHT, "double": "def double(x):\n    raise ValueError(x)"}, 1.0),
    "exits": ({**RIGHT, "area": "import os\ndef area(a, b):\n    os._exit(3)"}, 2.0),
    "untouched": (STUBS, 0.0),
    "broken": ({}, None),
}
"""What students hand in, by kind, and the points it is worth; None for what is rejected."""
KINDS = tuple(SOLUTIONS)


def small_notebook(sources: dict[str, str] | None = None, *, written: str | None = None, mark: str = "") -> bytes:
    """The small assignment's notebook.

    Args:
        sources: code of the exercises ``double`` and ``area``; what is handed out by default.
        written: the written answer; None leaves that exercise out of the notebook.
        mark: a text in a cell of its own, so that equal work of two students is not the same file.
    """
    code = {**STUBS, **(sources or {})}
    cells = [_cell("markdown", "title", "# A small assignment"), _cell("code", "setup", "import numpy as np")]
    for name, points in (("double", 2), ("area", 1)):
        cells += [
            _cell("markdown", f"{name}_text", f"## Write {name}"),
            _cell("code", f"{name}_code", code[name], locked=False, solution=True),
            _cell("code", name, f"assert {name} is not None", grade=True, points=points),
        ]
    if written is not None:
        cells += [
            _cell("markdown", "why_text", "## Why?"),
            _cell("markdown", "why", written, locked=False, solution=True, grade=True, points=2),
        ]
    if mark:
        cells.append({"cell_type": "markdown", "metadata": {}, "source": mark, "id": "mark"})
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, indent=1).encode()


def _cell(kind: str, name: str, source: str, **marks: object) -> dict[str, object]:
    about = {"grade": False, "locked": True, "solution": False, "task": False, "schema_version": 3, **marks}
    cell = {"cell_type": kind, "id": name, "source": source, "metadata": {"nbgrader": {"grade_id": name, **about}}}
    return cell | ({"outputs": [], "execution_count": None} if kind == "code" else {})


def write_small_assignment(root: Path, name: str = SMALL, *, written: bool = False, hidden: str = HIDDEN) -> None:
    """Write the small assignment below an ``assignments`` folder, as a class keeps it."""
    (root / name).mkdir(parents=True, exist_ok=True)
    (root / "src" / name).mkdir(parents=True, exist_ok=True)
    notebook = small_notebook(written="YOUR ANSWER HERE" if written else None)
    (root / name / f"{name}.ipynb").write_bytes(notebook)
    (root / "src" / name / "hidden.py").write_text(hidden)


def small_files(
    kind: str = "right", *, student: str = "", written: str | None = None, name: str = SMALL
) -> SubmittedFiles:
    """What a student hands in: one of `KINDS`."""
    notebook = small_notebook(SOLUTIONS[kind][0], written=written, mark=f"by {student}" if student else "")
    return SubmittedFiles({f"{name}.ipynb": notebook[:300] if kind == "broken" else notebook})


def make_class(
    path: Path,
    students: int = 6,
    *,
    name: str = SMALL,
    due: datetime | None = None,
    part: str = "homework",
    written: bool = False,
    seed: int = 7,
) -> ClassFolder:
    """Make a class folder with students ``s001``, ``s002``, ... and one assignment, and nothing handed in.

    Args:
        path: the folder to make.
        students: how many are enrolled.
        name: of the assignment: the small one, or one of this repository.
        due: when it is due.
        part: the part of the final mark it counts to.
        written: whether the small assignment has a written exercise ``why`` worth 2 points as well.
        seed: of the class.
    """
    path.mkdir(parents=True, exist_ok=True)
    plan = f"due: {due.isoformat() if due else 'null'}, part: {part}"
    text = f"title: A made-up class\nseed: {seed}\ntimezone: UTC\nassignments:\n  {name}: {{{plan}}}\n"
    (path / "class.yml").write_text(text)
    ids = [f"s{n:03d}" for n in range(1, students + 1)]
    write_roster(path / "roster.csv", [Student(i, f"Student {i[1:]}", f"{i}@example.org") for i in ids])
    real = repo_root() / "assignments"
    if (real / "src" / name).is_dir():
        for part_of in (name, f"src/{name}"):
            shutil.copytree(
                real / part_of, path / "assignments" / part_of, ignore=shutil.ignore_patterns("__pycache__", ".ipynb*")
            )
    else:
        write_small_assignment(path / "assignments", name, written=written)
    return ClassFolder(path)


def hand_in(
    classroom: ClassFolder,
    student: str,
    kind: str | SubmittedFiles = "right",
    *,
    name: str = SMALL,
    written: str | None = None,
    received: datetime | None = datetime(2027, 3, 1, 12, tzinfo=UTC),
    **details: object,
) -> receipts.Receipt:
    """Let a student hand something in: one of `KINDS` of the small assignment, or files of any assignment."""
    files = small_files(kind, student=student, written=written, name=name) if isinstance(kind, str) else kind
    receipt, _ = receipts.add(classroom, student, name, files, received=received, **details)
    return receipt


@pytest.fixture
def new_class(tmp_path):
    """Make class folders below the test's own folder: ``new_class(students=6, ...)``; see `make_class`."""
    made = []

    def one(students: int = 6, **options: object) -> ClassFolder:
        made.append(make_class(tmp_path / f"class{len(made) + 1}", students, **options))
        return made[-1]

    return one


@pytest.fixture(name="hand_in")
def hand_in_fixture():
    """``hand_in(classroom, student, kind)``; see the function of that name."""
    return hand_in


@pytest.fixture(name="small_files")
def small_files_fixture():
    """``small_files(kind, student=..., written=...)``; see the function of that name."""
    return small_files


@pytest.fixture
def solutions():
    """The kinds of work that `hand_in` knows, with the points each is worth (None: rejected)."""
    return {kind: points for kind, (_, points) in SOLUTIONS.items()}


@pytest.fixture
def full_class(new_class):
    """A class of nine: one student of each kind (s001 to s007), s008 late, s009 with nothing handed in."""
    classroom = new_class(9, due=datetime(2027, 3, 2, tzinfo=UTC))
    for number, kind in enumerate(KINDS, start=1):
        hand_in(classroom, f"s{number:03d}", kind)
    hand_in(classroom, "s008", "right", received=datetime(2027, 3, 2, 0, 5, tzinfo=UTC))
    return classroom


@pytest.fixture(scope="session")
def making():
    """What makes classes and work, for fixtures that live longer than a test."""
    return SimpleNamespace(
        make_class=make_class,
        hand_in=hand_in,
        files=SubmittedFiles,
        small_notebook=small_notebook,
        small_files=small_files,
        solutions=SOLUTIONS,
    )

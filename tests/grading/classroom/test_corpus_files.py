"""Faulty and hostile files, collected and graded as a class: each has its status and its reason, and nobody is lost."""

import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from course_utils.grading.classroom.standing import standings
from course_utils.runtime import repo_root

NAME = "small"
FILE = f"{NAME}.ipynb"
CANARY = "the-neighbour-keeps-this"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs Linux")


@dataclass(frozen=True)
class Case:
    """What lies in a student's folder, and what becomes of it."""

    write: Callable[[Path, bytes], object]
    status: str
    points: float | None = None
    reason: str = ""


def edited(change: Callable[[dict], object], name: str = FILE) -> Callable[[Path, bytes], object]:
    """A right solution with its notebook changed."""

    def write(folder: Path, right: bytes) -> None:
        notebook = json.loads(right)
        change(notebook)
        (folder / name).write_text(json.dumps(notebook), encoding="utf-8", errors="surrogatepass")

    return write


def raw(content: bytes, name: str = FILE) -> Callable[[Path, bytes], object]:
    return lambda folder, right: (folder / name).write_bytes(content)


def cell(notebook: dict, grade_id: str) -> dict:
    return next(c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == grade_id)


def without_tests(notebook: dict) -> None:
    notebook["cells"] = [c for c in notebook["cells"] if not c["metadata"].get("nbgrader", {}).get("grade")]


def doubled_tests(notebook: dict) -> None:
    notebook["cells"] += [cell(notebook, "double"), cell(notebook, "area"), cell(notebook, "double")]


def zipped(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def archive(make: Callable[[bytes], bytes], name: str = "work.zip") -> Callable[[Path, bytes], object]:
    return lambda folder, right: (folder / name).write_bytes(make(right))


def tar_with_a_link(right: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as made:
        link = tarfile.TarInfo(FILE)
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        made.addfile(link)
    return stream.getvalue()


def link_to(target: str) -> Callable[[Path, bytes], object]:
    return lambda folder, right: (folder / FILE).symlink_to(target)


def bomb(right: bytes) -> bytes:
    return zipped(**{f"{n}.bin": b"\0" * 30_000_000 for n in range(8)}, **{FILE: right})


def nested(right: bytes) -> bytes:
    for _ in range(12):
        right = zipped(**{"inner.zip": right})
    return right


def set_points(n: dict) -> None:
    for c in n["cells"]:
        if "nbgrader" in c["metadata"]:
            c["metadata"]["nbgrader"]["points"] = 1000
            c["metadata"]["nbgrader"]["grade"] = True


def scripts(n: dict) -> None:
    evil = "<script>window.owned=1</script><img src=x onerror=alert(1)>"
    output = {"output_type": "display_data", "metadata": {}, "data": {"text/html": evil, "image/svg+xml": evil}}
    for c in n["cells"]:
        c["outputs"] = [output]
    n["cells"].append({"cell_type": "markdown", "id": "evil", "metadata": {}, "source": evil})
    n["metadata"]["title"] = evil


CASES: dict[str, Case] = {
    "right": Case(edited(lambda n: None), "graded", 3),
    "test_cells_deleted": Case(edited(without_tests), "graded", 3),
    "test_cells_edited": Case(edited(lambda n: cell(n, "double").update(source="assert True")), "graded", 3),
    "test_cells_doubled": Case(edited(doubled_tests), "graded", 3),
    "points_inflated": Case(edited(set_points), "graded", 3),
    "no_metadata": Case(edited(lambda n: [c.update(metadata={}) for c in n["cells"]]), "graded", 3),
    "no_work_and_no_tests": Case(
        edited(lambda n: (without_tests(n), [cell(n, f"{e}_code").update(source="") for e in ("double", "area")])),
        "graded",
        0,
    ),
    "misnamed": Case(edited(lambda n: None, "Untitled (2).ipynb"), "graded", 3),
    "no_extension": Case(edited(lambda n: None, "small"), "rejected"),
    "empty": Case(raw(b""), "rejected", reason="empty"),
    "cut_off": Case(lambda folder, right: (folder / FILE).write_bytes(right[: len(right) // 2]), "rejected"),
    "huge": Case(lambda folder, right: (folder / FILE).write_bytes(right + b" " * 30_000_000), "rejected"),
    "deeply_nested": Case(raw(b'{"cells":' + b"[" * 200_000 + b"]" * 200_000 + b"}"), "rejected"),
    "nested_dicts": Case(raw(b'{"a":' * 50_000 + b"1" + b"}" * 50_000), "rejected"),
    "no_utf8": Case(raw(b'\xff\xfe{"cells": []}'), "rejected"),
    "latin1": Case(raw('{"cells": [{"source": "é"}]}'.encode("latin-1")), "rejected"),
    "utf8_with_mark": Case(lambda folder, right: (folder / FILE).write_bytes(b"\xef\xbb\xbf" + right), "graded", 3),
    "other_json": Case(raw(b"[1, 2, 3]"), "rejected"),
    "other_notebook": Case(raw(json.dumps({"cells": [], "nbformat": 4, "metadata": {}}).encode()), "rejected"),
    "cells_are_numbers": Case(raw(b'{"cells": [1, null, "x", {}], "nbformat": 4}'), "rejected"),
    "old_format": Case(raw(b'{"worksheets": [{"cells": []}], "nbformat": 3}'), "rejected"),
    "a_million_cells": Case(raw(b'{"cells": [' + b"{}," * 1_000_000 + b"{}]}"), "rejected"),
    "lone_surrogate": Case(
        edited(lambda n: cell(n, "double_code").update(source="def double(x):\n    return 2 * x  # \ud800")), "graded"
    ),
    "scripts_in_outputs": Case(edited(scripts), "graded", 3),
    "a_link": Case(link_to("/etc/passwd"), "rejected"),
    "a_link_to_a_neighbour": Case(link_to(f"../right/{FILE}"), "rejected"),
    "a_link_to_nowhere": Case(link_to("/nowhere"), "rejected"),
    "a_pipe": Case(lambda folder, right: os.mkfifo(folder / FILE), "rejected"),
    "a_folder_of_that_name": Case(lambda folder, right: (folder / FILE).mkdir(), "missing"),
    "two_notebooks": Case(
        lambda folder, right: [(folder / f"{n}.ipynb").write_bytes(right + b" " * n) for n in (1, 2)], "needs a human"
    ),
    "two_copies": Case(
        lambda folder, right: [(folder / f"{n}.ipynb").write_bytes(right) for n in ("one", "two")], "graded", 3
    ),
    "zip": Case(archive(lambda right: zipped(**{FILE: right})), "graded", 3),
    "zip_in_folders": Case(archive(lambda right: zipped(**{f"a/b/{FILE}": right})), "graded", 3),
    "zip_climbs_out": Case(archive(lambda right: zipped(**{f"../../{FILE}": right})), "rejected"),
    "zip_absolute": Case(archive(lambda right: zipped(**{"/etc/cron.d/x": right})), "rejected"),
    "zip_bomb": Case(archive(bomb), "rejected"),
    "zip_in_zip": Case(archive(nested), "rejected"),
    "zip_broken": Case(archive(lambda right: zipped(**{FILE: right})[:-30]), "rejected"),
    "tar_with_a_link": Case(archive(tar_with_a_link, "work.tar.gz"), "rejected"),
    "pdf_only": Case(raw(b"%PDF-1.4", "answers.pdf"), "rejected"),
    "empty_folder": Case(lambda folder, right: None, "missing"),
    "helper_module": Case(
        lambda folder, right: (
            (folder / "mine.py").write_text("def twice(x):\n    return 2 * x\n"),
            edited(
                lambda n: cell(n, "double_code").update(source="import mine\ndef double(x):\n    return mine.twice(x)")
            )(folder, right),
        ),
        "graded",
        3,
    ),
    "helper_named_numpy": Case(
        lambda folder, right: (
            (folder / "numpy.py").write_text("raise SystemExit"),
            edited(lambda n: None)(folder, right),
        ),
        "graded",
    ),
}


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "course_utils.cli", "grade", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=repo_root())


@pytest.fixture(scope="module")
def graded(making, tmp_path_factory):
    """The files in a folder, a sub-folder a student; collected, graded, with feedback."""
    home = tmp_path_factory.mktemp("files")
    classroom = making.make_class(home / "class", len(CASES))
    students = dict(zip(CASES, (student.id for student in classroom.roster())))
    source = home / "handed-in"
    for name, case in CASES.items():
        folder = source / students[name]
        folder.mkdir(parents=True)
        right = making.small_notebook(making.solutions["right"][0], mark=name)
        if name == "a_link_to_a_neighbour":
            (folder / FILE).symlink_to(source / students["right"] / FILE)
        else:
            case.write(folder, right)
    (home / "neighbour.txt").write_text(CANARY)
    commands = [
        run("collect", str(classroom.path), NAME, str(source)),
        run("run", str(classroom.path), NAME, "--workers", "2"),
        run("feedback", str(classroom.path), NAME),
    ]
    rows = {row.student.id: row for row in standings(classroom, NAME)}
    return SimpleNamespace(
        home=home, classroom=classroom, commands=commands, rows={n: rows[s] for n, s in students.items()}
    )


def test_every_command_works_through_it(graded):
    for command in graded.commands:
        assert command.returncode in (0, 1), command.stderr[-3000:]
        assert "Traceback" not in command.stderr, command.stderr[-3000:]


@pytest.mark.parametrize("name", CASES)
def test_status_and_mark(graded, name):
    case, row = CASES[name], graded.rows[name]
    assert row.status == case.status, (row.status, row.reason, row.points)
    if case.points is not None:
        assert row.points == case.points, row.grade and row.grade.cells
    if case.status != "graded":
        assert row.points is None
        assert len(row.reason) > 10, "a status without a mark says why"
    assert case.reason in row.reason


def test_nothing_outside_was_touched(graded):
    assert (graded.home / "neighbour.txt").read_text() == CANARY
    assert sorted(path.name for path in graded.home.iterdir()) == ["class", "handed-in", "neighbour.txt"]
    passwd = Path("/etc/passwd").read_bytes()
    for path in graded.classroom.path.rglob("*"):
        assert not path.is_symlink(), path
        if path.is_file():
            assert passwd not in path.read_bytes(), path


def test_every_student_has_a_page(graded):
    pages = list((graded.classroom.feedback / NAME).glob("*.html"))
    assert len(pages) == len(CASES)
    for page in pages:
        assert "<script" not in page.read_text()

"""The student pack holds what a student needs and nothing that an instructor keeps."""

import io
import subprocess
import sys
import zipfile
from dataclasses import replace

import nbformat
import pytest

from course_utils.cli import main
from course_utils.grading.pack import Leak, leaks, pack, pack_files, secrets

NAME = "01_perceptron"


@pytest.fixture(scope="module")
def files(assignment):
    with zipfile.ZipFile(io.BytesIO(pack(assignment))) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_the_pack_holds_the_notebook_its_checks_and_how_to_start(files):
    assert {f"{NAME}/{n}" for n in (f"{NAME}.ipynb", "README.txt", "requirements.txt", "checks/__init__.py")} <= set(
        files
    )
    assert not [name for name in files if "hidden" in name or "mutant" in name or "rubric" in name or "src" in name]


def test_no_line_of_solution_hidden_test_mutant_or_rubric_is_in_it(files, assignment):
    lines = secrets(assignment.source)
    assert len(lines) > 150
    assert leaks(files, lines) == []
    notebook = nbformat.reads(files[f"{NAME}/{NAME}.ipynb"], 4)
    code = [c.source for c in notebook.cells if c.cell_type == "code" and c.metadata.nbgrader.solution]
    assert len(code) == 6
    assert all(
        "raise NotImplementedError()" in source and "return " not in _without_docstrings(source) for source in code
    )


def _without_docstrings(source):
    return "".join(source.split('"""')[::2])


@pytest.mark.parametrize(
    "planted",
    [
        "w = w + eta * y * x  ### BEGIN SOLUTION",
        "def test_margin(student, rng): ...",
        "    return (x @ w + b > 0).astype(int)",
        "# wrong perceptron_rule: strict inequality",
        r"does not: the squared length grows by at most $\lVert x \rVert^2 \le M^2$, not by $M$. "
        "With $M^2$ in its place",
        "Do not subtract for length, spelling or notation.",
    ],
)
def test_the_search_finds_what_is_planted(assignment, tmp_path, planted):
    folder = tmp_path / NAME
    (folder / "checks").mkdir(parents=True)
    (folder / f"{NAME}.ipynb").write_bytes(assignment.notebook.read_bytes())
    (folder / "checks" / "__init__.py").write_text(planted)
    spoiled = replace(assignment, folder=folder)
    assert "checks/__init__.py" in pack_files(spoiled)
    with pytest.raises(Leak, match="would hand out"):
        pack(spoiled)


def test_the_same_content_gives_the_same_bytes(assignment):
    assert pack(assignment) == pack(assignment)


def test_the_command_writes_the_file_and_refuses_what_it_does_not_know(tmp_path, capsys):
    assert main(["pack", NAME, "--out", str(tmp_path / "new" / "pack.zip")]) == 0
    assert zipfile.is_zipfile(tmp_path / "new" / "pack.zip")
    assert main(["pack", "99_none"]) == 2
    assert "there are: 01_perceptron" in capsys.readouterr().err


def test_the_checks_run_from_the_unpacked_folder_with_numpy_alone(files, tmp_path):
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    script = (
        "import sys; sys.path.insert(0, '.'); sys.modules['course_utils'] = sys.modules['torch'] = None\n"
        "import checks\n"
        "try: checks.threshold_unit(lambda x, w, b: None, None)\n"
        "except AssertionError as wrong: print(wrong)\n"
        "assert 'matplotlib' not in sys.modules\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=tmp_path / NAME, capture_output=True, text=True, check=True)
    assert "is None: a function without `return`" in done.stdout

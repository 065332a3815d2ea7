"""The student pack holds what a student needs and nothing that an instructor keeps."""

import base64
import gzip
import io
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace

import nbformat
import pytest

from course_utils.cli import main
from course_utils.grading.assignment import load_assignment
from course_utils.grading.pack import Leak, answers, pack, pack_files, secrets, zipped
from course_utils.grading.pack_search import search

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
    assert len(secrets(assignment.source)) > 150
    assert len(answers(assignment.source)) > 500
    assert search(pack(assignment), secrets(assignment.source) | answers(assignment.source)) == []
    notebook = nbformat.reads(files[f"{NAME}/{NAME}.ipynb"], 4)
    code = [c.source for c in notebook.cells if c.cell_type == "code" and c.metadata.nbgrader.solution]
    assert len(code) == 6
    assert all(
        "raise NotImplementedError()" in source and "return " not in _without_docstrings(source) for source in code
    )


def _without_docstrings(source):
    return "".join(source.split('"""')[::2])


def test_a_pack_asks_for_torch_where_the_assignment_speaks_it(assignment):
    wanted = {line.split(">=")[0] for line in pack_files(assignment)["requirements.txt"].splitlines()}
    assert wanted == {"jupyterlab", "matplotlib", "numpy"}
    other = load_assignment("06_architectures")
    for line in pack_files(other)["requirements.txt"].splitlines():
        assert line.split(">=")[0] in wanted | {"torch"}
    assert "torch" in pack_files(other)["requirements.txt"]


SECRETS = {
    "a line of a solution": "    return (x @ w + b > 0).astype(int)",
    "a solution marker": "w = w + eta * y * x  ### BEGIN SOLUTION",
    "a hidden test": "def test_margin(student, rng): ...",
    "a line of a hidden test": "        x, y, _, counts, _ = training_set(rng, n, d)",
    "a sentence of a hidden test": "the radius is the norm of one input, not of the whole table",
    "a mutant's name": "# wrong perceptron_rule: strict inequality",
    "a mutant's belief": "# thinks: the bias is the threshold",
    "a mutant's line": "    return w - eta * y * x if y * (w @ x) <= 0 else w.copy()",
    "a model answer": "does not: the squared length grows by at most $\\lVert x \\rVert^2 \\le M^2$, not by $M$. "
    "With $M^2$ in its place",
    "the rubric": "Do not subtract for length, spelling or notation.",
}


def packed(text):
    return base64.b64encode(text.encode()).decode()


def as_output(notebook, text):
    code = next(c for c in notebook.cells if c.cell_type == "code")
    code.outputs = [nbformat.v4.new_output("stream", text=f"before\n{text}\nafter")]


def as_picture(notebook, text):
    code = next(c for c in notebook.cells if c.cell_type == "code")
    png = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"x" * 40 + text.encode() * 9).decode()
    code.outputs = [nbformat.v4.new_output("display_data", data={"image/png": png, "text/plain": ""})]


PLACES = {
    "a line of code": lambda notebook, text: notebook.cells.append(nbformat.v4.new_code_cell(text)),
    "a text cell": lambda notebook, text: notebook.cells.append(nbformat.v4.new_markdown_cell(f"> {text}")),
    "wrapped lines": lambda notebook, text: notebook.cells.append(
        nbformat.v4.new_markdown_cell(text.replace(" ", "\n"))
    ),
    "other spaces": lambda notebook, text: notebook.cells.append(nbformat.v4.new_code_cell(text.replace(" ", "  "))),
    "an output": as_output,
    "a picture's bytes": as_picture,
    "metadata of the notebook": lambda notebook, text: notebook.metadata.update(note={"deep": [text]}),
    "a key of the metadata": lambda notebook, text: notebook.metadata.update({text: 1}),
    "metadata of a cell": lambda notebook, text: notebook.cells[0].metadata.update(note=text),
    "an attachment": lambda notebook, text: notebook.cells[0].update(attachments={"a.txt": {"text/plain": text}}),
    "base64": lambda notebook, text: notebook.metadata.update(note=packed(f"x = 1\n{text}\n")),
    "base64 of base64": lambda notebook, text: notebook.metadata.update(note=packed(packed(text + " " * 30))),
    "base64 of gzip": lambda notebook, text: notebook.metadata.update(
        note=base64.b64encode(gzip.compress(text.encode() * 3)).decode()
    ),
}


@pytest.fixture
def spoil(assignment, tmp_path):
    """The assignment with its student's folder changed by `change(notebook)` and with other files in checks/."""

    def one(change=lambda notebook: None, **checks):
        folder = tmp_path / NAME
        shutil.copytree(assignment.folder, folder, ignore=shutil.ignore_patterns("__pycache__"))
        notebook = nbformat.read(assignment.notebook, 4)
        change(notebook)
        (folder / f"{NAME}.ipynb").write_text(nbformat.writes(notebook))
        for name, text in checks.items():
            (folder / "checks" / name).write_text(text)
        return replace(assignment, folder=folder)

    return one


def check_that_all_are_found(spoiled):
    """Every secret is found by itself, so that no one hides behind another; and nothing is packed."""
    found = [line for _, line in search(zipped(NAME, pack_files(spoiled)), secrets_of(spoiled))]
    for name, secret in SECRETS.items():
        assert any("".join(line.split()) in "".join(secret.split()) for line in found), name
    with pytest.raises(Leak, match="would hand out"):
        pack(spoiled)


def secrets_of(assignment):
    return secrets(assignment.source) | answers(assignment.source)


@pytest.mark.parametrize("place", PLACES)
def test_whatever_is_planted_wherever_in_the_notebook_is_found(spoil, place):
    def plant(notebook):
        for secret in SECRETS.values():
            one = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("")])
            PLACES[place](one, secret)
            notebook.cells += one.cells
            notebook.metadata.setdefault("more", []).append(one.metadata)

    check_that_all_are_found(spoil(plant))


def test_whatever_is_planted_in_a_check_is_found(spoil):
    check_that_all_are_found(spoil(**{"__init__.py": "".join(f"# {secret}\n" for secret in SECRETS.values())}))


def test_a_secret_as_a_files_name_is_found(spoil):
    with pytest.raises(Leak, match="the name of"):
        pack(spoil(**{"wrong perceptron_rule: strict inequality.py": ""}))


def test_the_untouched_folder_is_packed(spoil):
    assert zipfile.is_zipfile(io.BytesIO(pack(spoil())))


def test_the_zips_own_notes_are_searched():
    line = "the bias is the threshold"
    for place in ("comment", "entry", "inner"):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            entry = zipfile.ZipInfo("a.txt")
            if place == "comment":
                archive.comment = line.encode()
            if place == "entry":
                entry.comment = line.encode()
            inner = io.BytesIO()
            with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as other:
                other.writestr("b.txt", line * 3 if place == "inner" else "nothing")
            archive.writestr(entry, inner.getvalue())
        assert [found for _, found in search(stream.getvalue(), {line, "another line"})] == [line], place
        assert search(stream.getvalue(), {"another line"}) == []


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

"""`course grade` on a class: every student once, with a status; no mark where nothing was graded; nothing leaks."""

import csv
import json
import re
import shutil

import pytest

from course_utils.cli import main
from course_utils.grading.batch import Found, Grade, find_submissions, grade_one
from course_utils.grading.results import as_table
from course_utils.grading.sandbox.plain import PlainRunner
from course_utils.grading.sandbox.runner import Unavailable

NAME = "01_perceptron"


def strict(cells, notebook):
    cells["perceptron_rule_code"].source = cells["perceptron_rule_code"].source.replace("<= 0", "< 0")


def nasty(cells, notebook):
    cells["mistake_bound_code"].source = (
        "import os\ndef radius_and_margin(w, x, y):\n    raise ValueError(str(x))\n"
        "def mistake_bound(w, x, y):\n    os._exit(0)\n"
    )
    cells["judge"].source = "YOUR ANSWER HERE"


def syntax(cells, notebook):
    cells["threshold_unit_code"].source = "def threshold_unit(x, w, b)\n    return 1"


def exits(cells, notebook):
    cells["kernel_code"].source = "import sys\nsys.exit()\n" + cells["kernel_code"].source


def loud(cells, notebook):
    cells["multiclass_code"].source += "\nimport warnings\nwarnings.warn('x')\nprint('y' * 1_000_000)"


@pytest.fixture(scope="module")
def graded(tmp_path_factory, assignment, solved):
    """A class of twelve, graded once."""
    import copy

    import nbformat

    root = tmp_path_factory.mktemp("class")
    folder = root / "submissions"
    changes = {"anna": None, "cleo": strict, "dora": nasty, "gus": syntax, "ida": exits, "jo": loud, "=kim <b>": None}
    for student, change in changes.items():
        notebook = copy.deepcopy(solved)
        if change:
            change({cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells}, notebook)
        path = folder / student / "work" / f"{NAME}.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(notebook, path)
    shutil.copy(assignment.notebook, folder / "ben.ipynb")
    (folder / "emil.ipynb").write_bytes(assignment.notebook.read_bytes()[:5_000])
    (folder / "fay").mkdir()
    (folder / "hal").mkdir()
    (folder / "hal" / "homework.pdf").write_bytes(b"%PDF")
    (folder / ".DS_Store").touch()
    (folder / "lea").symlink_to(folder / "anna")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert main(["grade", str(folder), "--assignment", NAME, "--out", str(root / "out"), "--seed", "3"]) == 0
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return root


@pytest.fixture(scope="module")
def grades(graded):
    record = json.loads((graded / "out" / "results.json").read_text())
    return {grade["student"]: grade for grade in record["grades"]}


@pytest.fixture(scope="module")
def rows(graded):
    return {row["student"]: row for row in csv.DictReader((graded / "out" / "results.csv").open())}


def test_every_student_appears_once_with_a_status(grades, rows):
    expected = {
        "anna": "graded", "ben": "graded", "cleo": "graded", "dora": "graded", "gus": "graded", "ida": "graded",
        "jo": "graded", "=kim <b>": "graded", "emil": "unreadable", "hal": "unreadable", "lea": "unreadable",
        "fay": "missing",
    }  # fmt: skip
    assert {student: grade["status"] for student, grade in grades.items()} == expected
    assert len(rows) == len(expected)


def test_points_are_what_the_work_deserves(grades):
    points = {student: grade["points"] for student, grade in grades.items()}
    assert points["anna"] == points["jo"] == points["=kim <b>"] == 26
    assert points["ben"] == 0
    assert points["gus"] == 23
    assert points["ida"] == 22, "sys.exit() ends its cell before the functions, for the student too"
    assert points["dora"] == 22
    assert 20 <= points["cleo"] < 26


def test_no_mark_is_an_empty_cell_and_never_a_zero(grades, rows):
    for student in ("emil", "fay", "hal", "lea"):
        assert grades[student]["points"] is None
        assert rows[student]["points"] == rows[student]["kernel"] == ""
        assert rows[student]["note"]
    assert rows["ben"]["points"] == rows["ben"]["kernel"] == "0"


def test_the_written_answer_waits_for_a_person_unless_it_is_blank(grades, rows):
    assert grades["anna"]["exercises"]["judge"] | {"tests": 0, "sentences": 0} == {
        "status": "needs a human", "points": None, "possible": 4.0, "tests": 0, "sentences": 0,
    }  # fmt: skip
    assert rows["anna"]["to_mark_by_hand"] == "judge"
    assert grades["ben"]["exercises"]["judge"]["points"] == 0
    assert grades["dora"]["exercises"]["judge"]["status"] == "not attempted"


def test_misconceptions_are_named(grades, rows):
    assert "never updates at w = 0" in rows["cleo"]["misconceptions"]
    assert "there is no function threshold_unit" in rows["gus"]["misconceptions"]
    assert "SyntaxError" in rows["gus"]["misconceptions"]
    assert grades["ben"]["exercises"]["kernel"]["status"] == "not attempted"


def test_feedback_holds_nothing_of_a_hidden_test(graded, assignment, grades):
    pages = {path.stem: path.read_text() for path in (graded / "out" / "feedback").glob("*.html")}
    assert len(pages) == len(grades)
    hidden = (assignment.source / "hidden.py").read_text()
    names = set(re.findall(r"def (test_\w+|reference_\w+)", hidden))
    assert len(names) > 15
    lines = {line.strip() for line in hidden.splitlines() if len(line.strip()) > 30}
    for page in pages.values():
        assert not any(name in page for name in names)
        assert not any(line in page for line in lines)
        assert "array(" not in page
        assert "[[" not in page, "an exception's text could carry the hidden inputs out"
    assert "never updates at w = 0" in pages["cleo"]
    assert "not a mark of zero" in pages["emil"]
    assert "Together" not in pages["emil"]
    assert "Together: 26 of 30 points so far, with something still to be marked." in pages["anna"]
    assert "waits to be marked</td><td class=n>– of 4<" in pages["anna"], "no mark yet is not a zero"
    assert "Together: 22 of 30 points.<" in pages["dora"]
    assert "<b>" not in "".join(pages.values())


def test_a_spreadsheet_cannot_be_made_to_run_a_name(graded):
    assert "\n'=kim" in (graded / "out" / "results.csv").read_text()


def test_the_table_in_the_terminal_shows_no_zero_for_no_mark(assignment):
    head, row = as_table(assignment, [Grade("emil", "missing", "the folder is empty")]).splitlines()
    assert "kernel" in head
    assert row.split() == ["emil", "missing", "the", "folder", "is", "empty"]


def test_grading_again_changes_no_byte_and_removes_stale_feedback(graded, tmp_path):
    out = graded / "out"
    before = {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    (out / "feedback" / "gone.html").write_text("old")
    command = ["grade", str(graded / "submissions"), "--assignment", NAME, "--out", str(out), "--seed", "3"]
    assert main([*command, "--workers", "1"]) == 0
    assert before == {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_the_command_says_loudly_that_it_is_no_sandbox(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    assert main(["grade", str(tmp_path / "in"), "--assignment", NAME]) == 0
    out = capsys.readouterr().out
    assert out.count("NOT SANDBOXED YET") == 2
    assert json.loads((tmp_path / "in-graded" / "results.json").read_text())["sandboxed"] is False


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["nowhere", "--assignment", NAME], "no folder nowhere"),
        (["IN", "--assignment", "99_none"], "there are: 01_perceptron"),
        (["IN", "--assignment", NAME, "--out", "IN/out"], "must not lie among the submissions"),
        (["IN", "--assignment", NAME, "--workers", "0"], "workers must be at least 1"),
    ],
)
def test_wrong_arguments_are_refused_with_the_remedy(tmp_path, capsys, arguments, why):
    assert main(["grade", *(a.replace("IN", str(tmp_path)) for a in arguments)]) == 2
    assert why in capsys.readouterr().err


def test_several_notebooks_and_equal_names_need_a_human(tmp_path):
    (tmp_path / "anna").mkdir()
    for name in ("a", "b"):
        (tmp_path / "anna" / f"{name}.ipynb").touch()
    (tmp_path / "ben").mkdir()
    (tmp_path / "ben.ipynb").touch()
    found = find_submissions(tmp_path, NAME)
    assert [(f.student, f.status) for f in found] == [(s, "needs a human") for s in ("anna", "ben", "ben")]
    (tmp_path / "anna" / f"{NAME}.ipynb").touch()
    assert find_submissions(tmp_path, NAME)[0].path.name == f"{NAME}.ipynb"


def test_trouble_of_the_grader_is_no_zero(assignment, write):
    class Broken:
        name, sandboxed = "broken", False

        def open(self, folder):
            raise Unavailable("no process could be started")

    grade = grade_one(assignment, Found("anna", write("anna")), Broken(), 0)
    assert grade.status == "grader error"
    assert grade.points is None


def test_a_hidden_test_that_breaks_leaves_the_exercise_to_a_human(assignment, write):
    from dataclasses import replace

    from course_utils.grading.hidden import hidden

    @hidden("kernel", points=1)
    def breaks(student, rng):
        raise ZeroDivisionError

    tests = (*[t for t in assignment.tests if t.about.exercise == "threshold_unit"], breaks)
    grade = grade_one(replace(assignment, tests=tests), Found("anna", write("anna")), PlainRunner(), 0)
    assert grade.status == "needs a human"
    assert grade.points is None
    assert grade.exercises["threshold_unit"].points == 3
    assert grade.exercises["kernel"].points is None

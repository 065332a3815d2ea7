"""Assignment 1: the files belong together, the tests reject what is wrong, accept what is right, and say why."""

import contextlib
import copy
import functools
import importlib
import io
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from nbgrader.nbgraderformat import MetadataValidator
from nbgrader.preprocessors import CheckCellMetadata, ClearSolutions

from course_utils.grading.assignment import load_assignment
from course_utils.grading.hidden import about, earned, run_tests
from course_utils.grading.mutants import load_mutants
from course_utils.grading.sandbox.plain import PlainRunner
from course_utils.grading.sandbox.runner import TimeLimit
from course_utils.grading.session import Cell, StudentSession
from course_utils.runtime import repo_root

NAME = "01_perceptron"
SEEDS = (0, 1)
MUTANTS = load_mutants(repo_root() / "assignments" / "src" / NAME / "mutants.py")
AUTOMATIC = ("threshold_unit", "perceptron_rule", "mistake_bound", "surrogate_losses", "multiclass", "kernel")


@pytest.fixture(scope="module")
def build():
    sys.path.insert(0, str(repo_root()))
    yield importlib.import_module("tools.assignments")
    sys.path.remove(str(repo_root()))


@pytest.fixture(scope="module")
def source(build):
    return build.solution_notebook(NAME)


@pytest.fixture(scope="module")
def assignment():
    return load_assignment(NAME)


@pytest.fixture(scope="module")
def model(source):
    """The model solution's code."""
    return "\n".join(c.source for c in source.cells if c.cell_type == "code" and c.metadata.nbgrader.solution)


@pytest.fixture(scope="module")
def checks(assignment):
    """The visible checks, as they lie beside the student's notebook."""
    sys.path.insert(0, str(assignment.folder))
    yield importlib.import_module("checks")
    sys.path.remove(str(assignment.folder))
    for name in [name for name in sys.modules if name.split(".")[0] == "checks"]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def visible(source, model, checks):
    """Run an exercise's visible check on the model solution with some functions replaced; the sentence, or None."""
    calls = {c.metadata.nbgrader.grade_id: c.source for c in source.cells if c.metadata.nbgrader.grade}

    @functools.cache
    def run(exercise, code):
        namespace = {"checks": checks, "np": np}
        with contextlib.redirect_stdout(io.StringIO()) as out, np.errstate(all="ignore"):
            exec(model + "\n" + code, namespace)
            try:
                exec(calls[exercise], namespace)
            except checks.answers.Wrong as wrong:
                return str(wrong)
        assert "all checks passed" in out.getvalue()
        return None

    return run


@pytest.fixture(scope="module")
def grade(assignment, model):
    """Run an exercise's hidden tests on the model solution with some functions replaced."""
    first = Cell("cell 1", "pass")
    limit = TimeLimit(processor=1.0, clock=10.0)
    with StudentSession(PlainRunner(), [first], withheld=assignment.withheld, call_limit=limit) as session:
        session.load()

        @functools.cache
        def run(exercise, code, seed=0):
            session.replace([Cell("cell 1", f"import numpy as np\n{model}\n{code}")])
            return run_tests([t for t in assignment.tests if about(t).exercise == exercise], session, seed)

        yield run


# ---- the files ----


def test_the_committed_files_are_what_the_source_builds(build):
    assert build.differences(NAME) == []


def test_a_changed_file_a_missing_one_and_a_stale_one_are_noticed(build, tmp_path, monkeypatch):
    monkeypatch.setattr(build, "ASSIGNMENTS", tmp_path)
    build.build(NAME)
    assert build.differences(NAME) == []
    folder = tmp_path / NAME
    (folder / "checks" / "units.py").write_text("")
    (folder / "checks" / "rule.py").unlink()
    (folder / "checks" / "old.py").write_text("")
    assert build.differences(NAME) == ["checks/old.py", "checks/rule.py", "checks/units.py"]
    build.build(NAME)
    assert build.differences(NAME) == []


def test_nbgrader_accepts_source_and_student_notebook(source, assignment):
    student = nbformat.read(assignment.notebook, 4)
    for notebook in (copy.deepcopy(source), student):
        MetadataValidator().validate_nb(notebook)
        CheckCellMetadata().preprocess(notebook, {})
        nbformat.validate(notebook)
    cleared, _ = ClearSolutions().preprocess(copy.deepcopy(source), {"language": "python"})
    assert [c.source for c in cleared.cells] == [c.source for c in student.cells]


def test_points_sum_to_thirty_and_the_first_page_says_so(assignment, source):
    assert sum(e.points for e in assignment.exercises) == 30
    rows = re.findall(r"^\| (\d) \|.*\| (\d) \|$", source.cells[0].source, flags=re.MULTILINE)
    assert [float(points) for _, points in rows] == [e.points for e in assignment.exercises]
    assert [e.name for e in assignment.exercises] == [*AUTOMATIC, "judge"]


def test_the_rubric_has_a_point_for_each_point(assignment):
    rubric = (assignment.source / "rubric.md").read_text()
    for exercise in assignment.exercises:
        if exercise.manual:
            section = rubric.split(f"## {exercise.name} ({exercise.points:g} points)")[1].split("\n## ")[0]
            assert len(re.findall(r"^\d\. \*\*", section, flags=re.MULTILINE)) == exercise.points


def test_the_claim_to_be_judged_is_false_in_numbers():
    x, radius, margin = 2.0, 2.0, 2.0
    mistakes = int(x * 0.0 <= 0)  # the first look, at w = 0
    mistakes += int(x * (0.0 + x) <= 0)
    assert mistakes == 1
    assert radius / margin**2 == 0.5 < mistakes <= (radius / margin) ** 2


# ---- the mutants ----


def test_every_exercise_has_six_wrong_and_two_right_solutions():
    wrong = Counter(m.exercise for m in MUTANTS if not m.right)
    right = Counter(m.exercise for m in MUTANTS if m.right)
    assert all(wrong[name] >= 6 for name in AUTOMATIC), wrong
    assert all(right[name] >= 2 for name in AUTOMATIC), right
    assert set(wrong) | set(right) == set(AUTOMATIC)
    assert len({(m.exercise, m.name) for m in MUTANTS}) == len(MUTANTS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.exercise}: {m.name}")
def test_hidden_tests_reject_wrong_and_accept_right_solutions(grade, mutant):
    for seed in SEEDS:
        results = grade(mutant.exercise, mutant.code, seed)
        failed = [r for r in results if r.status != "passed"]
        assert not [r for r in results if r.status == "ungraded"], results
        if mutant.right:
            assert not failed
        else:
            assert failed, f"{mutant.thinks}: no hidden test noticed with seed {seed}"
            assert any(mutant.hidden_says in r.sentence for r in failed), [r.sentence for r in failed]


@pytest.mark.parametrize("mutant", [m for m in MUTANTS if m.visible], ids=lambda m: f"{m.exercise}: {m.name}")
def test_visible_checks_reject_wrong_and_accept_right_solutions(visible, mutant):
    sentence = visible(mutant.exercise, mutant.code)
    if mutant.right:
        assert sentence is None
    else:
        assert sentence is not None, f"{mutant.thinks}: the check accepts it"
        assert mutant.says in sentence


def test_mutation_score(grade, visible, capsys):
    wrong = [m for m in MUTANTS if not m.right]
    hidden_found = sum(any(r.status != "passed" for r in grade(m.exercise, m.code, SEEDS[0])) for m in wrong)
    visible_found = sum(visible(m.exercise, m.code) is not None for m in wrong if m.visible)
    with capsys.disabled():
        print(f"\n{NAME}: mutation score: hidden {hidden_found}/{len(wrong)}, visible {visible_found}/{len(wrong)}")
    assert hidden_found == len(wrong)
    assert visible_found == sum(m.visible for m in wrong)


@pytest.mark.parametrize("seed", range(12))
def test_the_model_solution_passes_with_every_seed(grade, seed):
    for exercise in AUTOMATIC:
        assert [r for r in grade(exercise, "", seed) if r.status != "passed"] == []


STRANGE = {
    "nothing": "None",
    "its first argument": "a[0]",
    "zeros like its first argument": "np.zeros_like(a[0], dtype=float)",
    "a number": "0.0",
    "infinity": "np.inf",
    "NaN": "np.full(3, np.nan)",
    "text": "'text'",
    "a list of text": "['a', 'b']",
    "a dict": "{'w': 1}",
    "an empty pair": "([], [])",
    "a pair of Nones": "(None, None)",
    "a pair of zeros": "(0.0, 0.0)",
    "a ragged list": "[[1], [1, 2]]",
    "four axes": "np.zeros((1, 1, 1, 1))",
}


@pytest.mark.parametrize("answer", STRANGE.values(), ids=STRANGE)
@pytest.mark.parametrize("exercise", AUTOMATIC)
def test_an_answer_without_work_earns_nothing_and_breaks_no_test(assignment, grade, visible, exercise, answer):
    functions = next(e.functions for e in assignment.exercises if e.name == exercise)
    code = "".join(f"def {name}(*a):\n    return {answer}\n" for name in functions)
    results = grade(exercise, code)
    assert not [r for r in results if r.status == "ungraded"], results
    assert earned(results) == 0, [r.test for r in results if r.status == "passed"]
    assert visible(exercise, code) is not None


@pytest.mark.parametrize("exercise", AUTOMATIC)
def test_a_check_survives_exceptions_stubs_and_names_that_are_no_functions(assignment, checks, source, exercise):
    functions = next(e.functions for e in assignment.exercises if e.name == exercise)

    def raises(*arguments):
        raise KeyError("no such thing")

    def stub(*arguments):
        raise NotImplementedError

    check = getattr(checks, exercise)
    with pytest.raises(checks.answers.Wrong, match=r"stops with KeyError: .*no such thing"):
        check(*[raises] * len(functions))
    with pytest.raises(checks.answers.NotWritten, match="not written yet"):
        check(*[stub] * len(functions))
    with pytest.raises(checks.answers.Wrong, match="expected a function"):
        check(*[3] * len(functions))


# ---- the notebooks ----


def executed(notebook, folder):
    place = {"metadata": {"path": folder}}
    return NotebookClient(copy.deepcopy(notebook), timeout=120, allow_errors=True, resources=place).execute()


def errors(notebook):
    return {
        c.metadata.nbgrader.grade_id: [o for o in c.outputs if o.output_type == "error"]
        for c in notebook.cells
        if c.cell_type == "code" and any(o.output_type == "error" for o in c.outputs)
    }


@pytest.mark.notebook
def test_the_solution_passes_everything(source, assignment):
    done = executed(source, str(assignment.folder))
    assert errors(done) == {}
    outputs = {c.metadata.nbgrader.grade_id: c.outputs for c in done.cells if c.cell_type == "code"}
    for number, name in enumerate(AUTOMATIC, start=1):
        assert outputs[name][0].text.startswith(f"Exercise {number}: all checks passed.")
    for picture in ("perceptron_picture", "kernel_picture"):
        assert any("image/png" in o.get("data", {}) for o in outputs[picture])


@pytest.mark.notebook
def test_the_students_notebook_fails_exactly_where_work_is_missing_and_shows_no_traceback(assignment):
    found = errors(executed(nbformat.read(assignment.notebook, 4), str(assignment.folder)))
    assert set(found) == set(AUTOMATIC)
    for name, (error,) in found.items():
        first = next(e.functions[0] for e in assignment.exercises if e.name == name)
        assert error.ename == "NotWritten"
        assert error.traceback == [
            f"Not yet: {first} is not written yet. Replace `raise NotImplementedError()` with "
            "your code, run that cell, then run this one again"
        ]


@pytest.mark.notebook
def test_nbval_agrees(source, assignment, tmp_path):
    folder = tmp_path / NAME
    (folder / "checks").mkdir(parents=True)
    for path in (assignment.folder / "checks").glob("*.py"):
        (folder / "checks" / path.name).write_bytes(path.read_bytes())
    nbformat.write(source, folder / "solution.ipynb")
    (folder / "student.ipynb").write_bytes(assignment.notebook.read_bytes())

    command = [sys.executable, "-m", "pytest", "--nbval-lax", "-q", "-rf", "-c", "/dev/null"]
    plugins = ["-p", "no:cacheprovider", "-p", "no:randomly"]
    files = ["solution.ipynb", "student.ipynb"]
    done = subprocess.run([*command, *plugins, *files], cwd=folder, capture_output=True, text=True)
    failed = re.findall(r"^FAILED (?:\S+/)?(\w+)\.ipynb::Cell (\d+)", done.stdout, flags=re.MULTILINE)
    cells = [c for c in nbformat.read(assignment.notebook, 4).cells if c.cell_type == "code"]
    wanted = [("student", str(n)) for n, c in enumerate(cells) if c.metadata.nbgrader.grade_id in AUTOMATIC]
    assert failed == wanted, done.stdout
    assert f"{len(wanted)} failed, {2 * len(cells) - len(wanted)} passed" in done.stdout


def test_the_build_command_reports_stale_files(build, capsys, tmp_path, monkeypatch):
    assert build.main(["check", NAME]) == 0
    monkeypatch.setattr(build, "ASSIGNMENTS", tmp_path)
    assert build.main(["check"]) == 1
    assert f"python -m tools.assignments build {NAME}" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        build.main(["build", "99_none"])
    assert not Path(tmp_path / "99_none").exists()

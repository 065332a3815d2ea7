"""Assignment 1: the files belong together, the tests reject what is wrong, accept what is right, and say why."""

import copy
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbgrader.nbgraderformat import MetadataValidator
from nbgrader.preprocessors import CheckCellMetadata, ClearSolutions

from course_utils.grading.assignment import load_assignment
from course_utils.grading.hidden import earned
from tools import assignments as build_tool
from tools import mutation

NAME = "01_perceptron"
MUTANTS = mutation.mutants(NAME)
AUTOMATIC = ("threshold_unit", "perceptron_rule", "mistake_bound", "surrogate_losses", "multiclass", "kernel")


@pytest.fixture(scope="module")
def build():
    return build_tool


@pytest.fixture(scope="module")
def source(build):
    return build.solution_notebook(NAME)


@pytest.fixture(scope="module")
def assignment():
    return load_assignment(NAME)


@pytest.fixture(scope="module")
def judge():
    """Solutions against the visible checks and the hidden tests."""
    with mutation.Judge(NAME) as running:
        yield running


@pytest.fixture(scope="module")
def checks(judge):
    """The visible checks, as they lie beside the student's notebook."""
    return judge.checks


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


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.exercise}: {m.name}")
def test_wrong_solutions_are_rejected_with_their_own_message_and_right_ones_accepted(judge, mutant):
    verdict = judge.verdict(mutant)
    assert verdict.hidden_trouble == ""
    assert verdict.visible_trouble == ""


def test_mutation_score(judge, capsys):
    verdicts = [judge.verdict(mutant) for mutant in MUTANTS]
    with capsys.disabled():
        print(f"\n{mutation.table(verdicts)}")
    wrong = sum(not m.right for m in MUTANTS)
    assert f"together          {wrong} of {wrong}" in mutation.table(verdicts)


@pytest.mark.parametrize("seed", range(12))
def test_the_model_solution_passes_with_every_seed(judge, seed):
    for exercise in AUTOMATIC:
        assert [r for r in judge.hidden(exercise, "", seed) if r.status != "passed"] == []


@pytest.mark.slow
@pytest.mark.parametrize("exercise", AUTOMATIC)
def test_equal_work_earns_equal_points_with_the_inputs_of_eight_students(judge, exercise):
    seeds = mutation.seeds(NAME, [f"x{n:03d}" for n in range(8)])
    for mutant in MUTANTS:
        if mutant.exercise == exercise and mutant.hidden_says != "did not finish":
            outcomes = {tuple(r.status for r in judge.hidden(exercise, mutant.code, seed)) for seed in seeds}
            assert len(outcomes) == 1, mutant.name


IN_32_BITS = """
def _short(v):
    return v.astype(np.float32) if isinstance(v, np.ndarray) and v.dtype.kind == "f" else v

def _in_32_bits(function):
    def same(*arguments):
        result = function(*map(_short, arguments))
        return tuple(map(_short, result)) if isinstance(result, tuple) else _short(result)
    same.__name__ = function.__name__
    return same

"""


@pytest.mark.parametrize("exercise", AUTOMATIC)
def test_right_work_in_numbers_of_32_bits_is_right(assignment, judge, exercise):
    functions = next(e.functions for e in assignment.exercises if e.name == exercise)
    code = IN_32_BITS + "".join(f"{name} = _in_32_bits({name})\n" for name in functions)
    assert judge.visible(exercise, code) is None
    for seed in mutation.seeds(NAME):
        assert [r for r in judge.hidden(exercise, code, seed) if r.status != "passed"] == []


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
def test_an_answer_without_work_earns_nothing_and_breaks_no_test(assignment, judge, exercise, answer):
    functions = next(e.functions for e in assignment.exercises if e.name == exercise)
    code = "".join(f"def {name}(*a):\n    return {answer}\n" for name in functions)
    results = judge.hidden(exercise, code)
    assert not [r for r in results if r.status == "ungraded"], results
    assert earned(results) == 0, [r.test for r in results if r.status == "passed"]
    assert judge.visible(exercise, code) is not None


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


def stub(*arguments):
    raise NotImplementedError


@pytest.mark.parametrize(
    ("train", "words"),
    [
        (stub, "Nothing to draw yet: this picture needs train_perceptron. Write the code"),
        (lambda x, y, eta, epochs: None, "Nothing to draw: train_perceptron returns None: a function without"),
        (lambda x, y, eta, epochs: 3, "should return 2 values"),
        (lambda x, y, eta, epochs: (x, [0]), r"should have shape \(3,\), got \(40, 3\)"),
        (lambda x, y, eta, epochs: (x[0], None), "the list of mistakes is None"),
        (lambda x, y, eta, epochs: (x[0], []), "the list of mistakes is empty"),
        (lambda x, y, eta, epochs: x[99], "stops with IndexError"),
    ],
)
def test_the_picture_cells_say_why_nothing_is_drawn(checks, capsys, train, words):
    checks.pictures.training(train)
    assert re.search(words, capsys.readouterr().out)
    checks.pictures.xor(lambda a, b, degree: (1 + a @ b.T) ** degree, lambda k, y, epochs: train(k, y, 1, epochs))
    assert "Nothing to draw" in capsys.readouterr().out


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


TWO = """
def radius_and_margin(w, x, y):
    return 1.0, 2.0
"""


def test_the_mutants_command_prints_the_score_and_fails_when_a_test_is_blind(build, capsys, monkeypatch):
    few = [m for m in MUTANTS if m.exercise == "mistake_bound"][:4]
    monkeypatch.setattr(mutation, "mutants", lambda name: few)
    assert build.main(["mutants", NAME]) == 0
    assert "mistake_bound 2 of 2 2 of 2 2 of 2 2 of 2" in " ".join(capsys.readouterr().out.split())
    blind = replace(few[-1], name="a blind spot", code="")
    reworded = replace(few[-1], name="other words", says="no such words", hidden_says="no such words")
    double = replace(few[-1], name="two ideas", hidden_says="the radius", code=TWO)
    monkeypatch.setattr(mutation, "mutants", lambda name: [*few, blind, reworded, double])
    assert build.main(["mutants", NAME]) == 1
    out = capsys.readouterr().out
    words = " ".join(out.split())
    assert "mistake_bound 2 of 5 2 of 5 2 of 2 2 of 2" in words
    assert "wrong solution 'a blind spot', hidden: accepted" in words
    assert "wrong solution 'a blind spot', visible: accepted" in words
    assert "wrong solution 'other words', hidden: rejected with other words" in words
    assert "wrong solution 'two ideas', hidden: one idea, 2 sentences" in words
    assert all(len(line) <= 80 for line in out.splitlines()[1:])

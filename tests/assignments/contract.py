"""What holds for every assignment: files that belong together, tests that tell wrong from right and say why.

A module of this folder inherits `AssignmentContract` and names the assignment; what is special to it stands there.
"""

import copy
import re
import subprocess
import sys
from collections import Counter
from typing import ClassVar

import nbformat
import pytest
from nbclient import NotebookClient
from nbgrader.nbgraderformat import MetadataValidator
from nbgrader.preprocessors import CheckCellMetadata, ClearSolutions

from course_utils.grading.assignment import load_assignment
from course_utils.grading.hidden import earned
from tools import assignments as build
from tools import mutation

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


def automatic(name: str) -> list[str]:
    """The exercises that tests grade, in order."""
    return [exercise.name for exercise in load_assignment(name).exercises if not exercise.manual]


class AssignmentContract:
    """Tests of one assignment; parameters come from its files (see ``conftest.py``).

    Attributes:
        NAME: the assignment.
        PICTURES: grade ids of cells that draw a picture.
        IN_64_BITS: exercises in which 32 bits are too few by nature, such as a gradient check.
    """

    NAME: ClassVar[str]
    PICTURES: ClassVar[tuple[str, ...]] = ()
    IN_64_BITS: ClassVar[tuple[str, ...]] = ()

    # ---- the files ----

    def test_the_committed_files_are_what_the_source_builds(self):
        assert build.differences(self.NAME) == []

    def test_nbgrader_accepts_source_and_student_notebook(self, source, assignment):
        student = nbformat.read(assignment.notebook, 4)
        for notebook in (copy.deepcopy(source), student):
            MetadataValidator().validate_nb(notebook)
            CheckCellMetadata().preprocess(notebook, {})
            nbformat.validate(notebook)
        cleared, _ = ClearSolutions().preprocess(copy.deepcopy(source), {"language": "python"})
        assert [c.source for c in cleared.cells] == [c.source for c in student.cells]

    def test_points_sum_to_thirty_and_the_first_page_says_so(self, assignment, source):
        assert sum(e.points for e in assignment.exercises) == 30
        rows = re.findall(r"^\| (\d) \|.*\| (\d) \|$", source.cells[0].source, flags=re.MULTILINE)
        assert [float(points) for _, points in rows] == [e.points for e in assignment.exercises]

    def test_the_rubric_has_a_point_for_each_point(self, assignment):
        rubric = (assignment.source / "rubric.md").read_text()
        written = [exercise for exercise in assignment.exercises if exercise.manual]
        assert written, "every assignment has a written question"
        for exercise in written:
            section = rubric.split(f"## {exercise.name} ({exercise.points:g} points)")[1].split("\n## ")[0]
            assert len(re.findall(r"^\d\. \*\*", section, flags=re.MULTILINE)) == exercise.points

    # ---- the mutants ----

    def test_every_exercise_has_six_wrong_and_two_right_solutions(self):
        mutants, names = mutation.mutants(self.NAME), automatic(self.NAME)
        wrong = Counter(m.exercise for m in mutants if not m.right)
        right = Counter(m.exercise for m in mutants if m.right)
        assert all(wrong[name] >= 6 for name in names), wrong
        assert all(right[name] >= 2 for name in names), right
        assert set(wrong) | set(right) == set(names)

    def test_wrong_solutions_are_rejected_with_their_own_message_and_right_ones_accepted(self, judge, mutant):
        verdict = judge.verdict(mutant)
        assert verdict.hidden_trouble == ""
        assert verdict.visible_trouble == ""

    def test_mutation_score(self, judge, capsys):
        mutants = mutation.mutants(self.NAME)
        table = mutation.table([judge.verdict(mutant) for mutant in mutants])
        with capsys.disabled():
            print(f"\n{table}")
        wrong = sum(not m.right for m in mutants)
        assert re.search(rf"^together +{wrong} of {wrong} ", table, flags=re.MULTILINE)

    @pytest.mark.parametrize("seed", range(12))
    def test_the_model_solution_passes_with_every_seed(self, judge, seed):
        for exercise in automatic(self.NAME):
            assert [r for r in judge.hidden(exercise, "", seed) if r.status != "passed"] == []

    @pytest.mark.slow
    def test_equal_work_earns_equal_points_with_the_inputs_of_eight_students(self, judge, exercise):
        seeds = mutation.seeds(self.NAME, [f"x{n:03d}" for n in range(8)])
        for mutant in mutation.mutants(self.NAME):
            if mutant.exercise == exercise and mutant.hidden_says != "did not finish":
                outcomes = {tuple(r.status for r in judge.hidden(exercise, mutant.code, seed)) for seed in seeds}
                assert len(outcomes) == 1, mutant.name

    def test_right_work_in_numbers_of_32_bits_is_right(self, assignment, judge, exercise):
        if exercise in self.IN_64_BITS:
            return
        functions = next(e.functions for e in assignment.exercises if e.name == exercise)
        code = IN_32_BITS + "".join(f"{name} = _in_32_bits({name})\n" for name in functions)
        assert judge.visible(exercise, code) is None
        for seed in mutation.seeds(self.NAME):
            assert [r for r in judge.hidden(exercise, code, seed) if r.status != "passed"] == []

    @pytest.mark.parametrize("answer", STRANGE.values(), ids=STRANGE)
    def test_an_answer_without_work_earns_nothing_and_breaks_no_test(self, assignment, judge, exercise, answer):
        functions = next(e.functions for e in assignment.exercises if e.name == exercise)
        code = "".join(f"def {name}(*a):\n    return {answer}\n" for name in functions)
        results = judge.hidden(exercise, code)
        assert not [r for r in results if r.status == "ungraded"], results
        assert earned(results) == 0, [r.test for r in results if r.status == "passed"]
        assert judge.visible(exercise, code) is not None

    def test_a_check_survives_exceptions_stubs_and_names_that_are_no_functions(self, assignment, judge, exercise):
        functions = next(e.functions for e in assignment.exercises if e.name == exercise)
        check, answers = getattr(judge.checks, exercise), judge.checks.answers

        def raises(*arguments):
            raise KeyError("no such thing")

        def stub(*arguments):
            raise NotImplementedError

        with pytest.raises(answers.Wrong, match=r"stops with KeyError: .*no such thing"):
            check(*[raises] * len(functions))
        with pytest.raises(answers.NotWritten, match="not written yet"):
            check(*[stub] * len(functions))
        with pytest.raises(answers.Wrong, match="expected a function"):
            check(*[3] * len(functions))

    # ---- the notebooks ----

    @pytest.mark.notebook
    def test_the_solution_passes_everything(self, source, assignment):
        done = executed(source, str(assignment.folder))
        assert errors(done) == {}
        outputs = {c.metadata.nbgrader.grade_id: c.outputs for c in done.cells if c.cell_type == "code"}
        for number, name in enumerate(automatic(self.NAME), start=1):
            assert outputs[name][0].text.startswith(f"Exercise {number}: all checks passed.")
        for picture in self.PICTURES:
            assert any("image/png" in o.get("data", {}) for o in outputs[picture])

    @pytest.mark.notebook
    def test_the_students_notebook_fails_exactly_where_work_is_missing_and_shows_no_traceback(self, assignment):
        found = errors(executed(nbformat.read(assignment.notebook, 4), str(assignment.folder)))
        assert set(found) == set(automatic(self.NAME))
        for name, (error,) in found.items():
            first = next(e.functions[0] for e in assignment.exercises if e.name == name)
            assert error.ename == "NotWritten"
            assert error.traceback == [
                f"Not yet: {first} is not written yet. Replace `raise NotImplementedError()` with "
                "your code, run that cell, then run this one again"
            ]

    @pytest.mark.notebook
    def test_nbval_agrees(self, source, assignment, tmp_path):
        folder = tmp_path / self.NAME
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
        names = automatic(self.NAME)
        wanted = [("student", str(n)) for n, c in enumerate(cells) if c.metadata.nbgrader.grade_id in names]
        assert failed == wanted, done.stdout
        assert f"{len(wanted)} failed, {2 * len(cells) - len(wanted)} passed" in done.stdout


def executed(notebook, folder):
    """Run a copy of a notebook to its end, whatever its cells raise."""
    place = {"metadata": {"path": folder}}
    return NotebookClient(copy.deepcopy(notebook), timeout=120, allow_errors=True, resources=place).execute()


def errors(notebook):
    """The errors of a notebook that has run, by grade id."""
    return {
        c.metadata.nbgrader.grade_id: [o for o in c.outputs if o.output_type == "error"]
        for c in notebook.cells
        if c.cell_type == "code" and any(o.output_type == "error" for o in c.outputs)
    }

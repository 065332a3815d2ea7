"""One submission's grade: what the work deserves, whatever else the files hold, and the same every time."""

import base64
import json
import random
from dataclasses import replace

import nbformat
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.grading.files import SubmittedFiles
from course_utils.grading.grade import GRADED, HUMAN, REJECTED, Grade, grade_files, seed_of
from course_utils.grading.hidden import hidden
from course_utils.grading.sandbox.bubblewrap import BubblewrapRunner
from course_utils.grading.sandbox.plain import PlainRunner
from course_utils.grading.sandbox.runner import NoSandbox, TimeLimit, Unavailable
from course_utils.grading.session import Limits

NAME = "01_perceptron"
SEED = seed_of(1, "s001", NAME)


@pytest.fixture(scope="session")
def grade(assignment, notebook):
    """Grade the solved notebook, changed by `change(cells by grade id, notebook)`, with other files beside it."""

    def one(change=lambda cells, notebook: None, seed=SEED, assignment=assignment, runner=None, **others) -> Grade:
        files = SubmittedFiles({f"{NAME}.ipynb": notebook(change), **others})
        return grade_files(assignment, files, runner or PlainRunner(), seed)

    return one


@pytest.fixture(scope="module")
def solved_grade(grade):
    return grade()


def adding(exercise, before="", after=""):
    """Write code before and after the student's own in one cell."""

    def change(cells, notebook):
        cells[f"{exercise}_code"].source = f"{before}\n{cells[f'{exercise}_code'].source}\n{after}"

    return change


NO_KERNEL = ["there is no function polynomial_kernel", "there is no function train_kernel_perceptron"]


def marks(grade):
    return {name: (e.status, e.points) for name, e in grade.exercises.items()}


# ---- what the work deserves ----


def test_solved_work_earns_everything_and_waits_for_a_person(solved_grade):
    assert (solved_grade.status, solved_grade.reason, solved_grade.points) == (GRADED, "", 26.0)
    assert solved_grade.to_mark == ("judge",)
    assert solved_grade.exercises["judge"].points is None
    assert solved_grade.exercises["judge"].answer_sha256
    assert solved_grade.notes == solved_grade.cells == solved_grade.sentences == ()


def test_untouched_work_is_not_attempted_and_earns_a_zero_that_is_one(assignment):
    files = SubmittedFiles({f"{NAME}.ipynb": assignment.notebook.read_bytes()})
    found = grade_files(assignment, files, PlainRunner(), SEED)
    assert (found.status, found.points, found.to_mark) == (GRADED, 0.0, ())
    assert {e.status for e in found.exercises.values()} == {"not attempted"}


def strict(cells, notebook):
    cells["perceptron_rule_code"].source = cells["perceptron_rule_code"].source.replace("<= 0", "< 0")


def syntax(cells, notebook):
    cells["threshold_unit_code"].source = "def threshold_unit(x, w, b)\n    return 1"


@pytest.mark.parametrize(
    ("change", "points", "sentences"),
    [
        (strict, 21.5, ["Your rule never updates at w = 0"]),
        (syntax, 23.0, ["there is no function threshold_unit", "there is no function gate", "SyntaxError (line 1 of"]),
        (adding("kernel", before="import sys\nsys.exit()"), 22.0, [*NO_KERNEL, "SystemExit"]),
        (adding("kernel", before="import os\nos._exit(3)"), 22.0, [*NO_KERNEL, "ends the Python"]),
        (adding("multiclass", before="raise type('Secret', (Exception,), {})('canary')"), 21.0,
         ["no function predict_class", "no function multiclass_step", "an exception of its own (line 1 of cell"]),
    ],
    ids=["strict inequality", "syntax error", "sys.exit", "os._exit", "own exception"],
)  # fmt: skip
def test_a_mistake_costs_its_exercise_and_is_named(grade, change, points, sentences):
    found = grade(change)
    assert found.points == points
    assert len(found.sentences) == len(sentences)
    assert all(words in sentence for words, sentence in zip(sentences, found.sentences)), found.sentences
    assert "canary" not in json.dumps(found.record())


def test_a_missing_function_is_explained_by_its_own_cell_and_not_by_others(grade):
    def two(cells, notebook):
        cells["threshold_unit_code"].source = "def threshold_unit(x, w, b)\n    return 1"
        notebook.cells.insert(0, nbformat.v4.new_code_cell("1 / 0"))

    found = grade(two)
    assert [sentence for sentence in found.sentences if "ZeroDivisionError" in sentence] == []
    assert sum("SyntaxError" in sentence for sentence in found.sentences) == 1
    assert [sentence for sentence in found.cells if "ZeroDivisionError" in sentence]


def test_an_answer_in_another_cell_is_seen_by_a_person(grade, assignment):
    """Written below the answer's own cell, it must not earn a silent zero."""
    stub = next(e.stub for e in assignment.exercises if e.name == "judge")

    def below(cells, notebook):
        cells["judge"].source = stub
        notebook.cells.append(nbformat.v4.new_markdown_cell("The claim is false: take x = 2."))

    def in_the_question(cells, notebook):
        cells["judge"].source = stub
        cells["judge_text"].source += "\n\nThe claim is false: take x = 2."

    for change in (below, in_the_question):
        judge = grade(change).exercises["judge"]
        assert (judge.status, judge.points) == (HUMAN, None)
        assert "take x = 2" in judge.answer
        assert "other cells" in judge.answer


def test_a_blank_answer_is_a_zero_a_lost_one_needs_a_person(grade):
    def blank(cells, notebook):
        cells["judge"].source = " YOUR ANSWER HERE \n"

    def gone(cells, notebook):
        notebook.cells.remove(cells["judge"])

    assert grade(blank).exercises["judge"].points == 0
    lost = grade(gone)
    assert lost.exercises["judge"].points is None
    assert lost.exercises["judge"].answer_sha256 == ""
    assert "the cell judge is missing" in lost.notes


# ---- what must not matter ----

NOISE = """
import sys, os, warnings, logging, subprocess, random
import numpy as np
print("x" * 100_000_000)
for _ in range(1_000):
    print("y" * 1_000)
sys.stderr.write("z" * 1_000_000)
os.write(1, b"NCG1" * 100)
sys.__stdout__.write("raw")
warnings.warn("loud")
warnings.simplefilter("error")
logging.warning("louder")
subprocess.run(["echo", "child"])
np.seterr(all="raise")
np.random.seed(None)
random.seed()
np.set_printoptions(threshold=10**9)
print("\\x1b[2J\\ud800", end="\\r")
sys.stdout.buffer.write(b"\\xff" * 1_000_000)
"""


def test_noise_of_every_kind_changes_no_mark(grade, solved_grade):
    found = grade(adding("threshold_unit", before=NOISE, after="print('w' * 100_000_000)"))
    assert marks(found) == marks(solved_grade)
    (output,) = found.outputs
    assert output.exercise == "threshold_unit"
    assert output.cut
    assert set(output.text) == {"x"}
    assert len(json.dumps(found.record())) < 100_000


LOUD = """
_unit = threshold_unit
def threshold_unit(x, w, b):
    print("canary", x, "q" * 10**7)
    return _unit(x, w, b)
"""


def test_a_function_that_prints_at_every_call_changes_nothing_and_shows_no_input(grade, solved_grade):
    found = grade(adding("threshold_unit", after=LOUD))
    assert found == solved_grade
    assert "canary" not in json.dumps(found.record())


def test_the_order_of_cells_does_not_matter(grade, solved_grade):
    def shuffled(cells, notebook):
        random.Random(3).shuffle(notebook.cells)

    def scattered(cells, notebook):
        constant = nbformat.v4.new_code_cell("ABOVE = 0\ndef is_mistake(score):\n    return score <= ABOVE")
        cells["perceptron_rule_code"].source = (
            cells["perceptron_rule_code"].source.replace("y * (w @ x) <= 0", "is_mistake(y * (w @ x))")
            + "\nprint(ABOVE)"
        )
        notebook.cells.append(constant)

    assert marks(grade(shuffled)) == marks(solved_grade)
    found = grade(scattered)
    assert marks(found) == marks(solved_grade)
    assert [note for note in found.notes if "needs a later cell" in note]


def test_a_cell_that_runs_again_only_adds_names(grade, solved_grade):
    def old_version(cells, notebook):
        scratch = "def threshold_unit(x, w, b):\n    return 'old'\nprint(LATER)"
        notebook.cells.insert(0, nbformat.v4.new_code_cell(scratch))
        notebook.cells.append(nbformat.v4.new_code_cell("LATER = 1"))

    assert marks(grade(old_version)) == marks(solved_grade)


def test_helper_files_magics_and_checks_of_ones_own(grade, solved, solved_grade):
    sources = {cell.metadata.nbgrader.grade_id: cell.source for cell in solved.cells}

    def imports(cells, notebook):
        cells["kernel_code"].source = "from mine.kernels import *"
        cells["multiclass_code"].source = (
            "import numpy as np\n%matplotlib inline\n%time 1 + 1\n" + cells["multiclass_code"].source
        )

    found = grade(imports, **{"mine/kernels.py": f"import numpy as np\n{sources['kernel_code']}".encode()})
    assert marks(found) == marks(solved_grade)
    cheat = b"def threshold_unit(*a): pass\nimport sys\nsys.modules['numpy'] = None\n"
    cheated = grade(**{"checks/__init__.py": cheat, "course_utils/__init__.py": cheat, "random.py": b"seed = None"})
    assert marks(cheated) == marks(solved_grade)
    assert cheated.notes == ("edited, and replaced by the grader's own copy: checks/__init__.py",)


STATE = """
import time, datetime, locale, random, sys
import numpy as np
def look():
    words = {"one", "two", "three", "four", "five"}
    clock = [time.strftime("%Y-%m-%d %Z"), time.localtime().tm_year]
    drawn = [random.random(), float(np.random.rand()), float(np.random.default_rng().random())]
    return [list(words), clock, drawn, locale.setlocale(locale.LC_ALL), sys.flags.hash_randomization]
SEEN = look()
"""


def test_the_day_the_locale_and_the_order_of_sets_are_the_same_for_every_process(session, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    monkeypatch.setenv("PYTHONHASHSEED", "77")
    first, second = (
        session(STATE + f"def seen():\n    return SEEN, {n}\n").call("seen", []).value[0] for n in range(2)
    )
    assert first == second
    assert first[1] == ["2026-01-01 UTC", 2026]


def test_other_submissions_and_workers_do_not_matter(grade, solved_grade):
    from concurrent.futures import ThreadPoolExecutor

    changes = [strict, lambda cells, notebook: None, syntax, adding("kernel", after="import time\ntime.sleep(0.3)")]
    alone = [grade(change) for change in changes]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(grade, changes))
    assert together == alone
    assert together[1] == solved_grade


# ---- seeds ----


def test_every_student_class_and_assignment_has_other_inputs():
    seeds = {seed_of(c, s, a) for c in (0, 1) for s in ("s001", "s002", "1", "11") for a in ("01", "1", NAME)}
    assert len(seeds) == 24
    assert seed_of(1, "s001", NAME) == seed_of(1, "s001", NAME) < 2**48
    assert json.loads(json.dumps(SEED)) == SEED


def test_inputs_differ_between_students_and_the_marks_do_not(grade):
    first, second = (grade(strict, seed=seed_of(1, student, NAME)) for student in ("s001", "s002"))
    assert marks(first) == marks(second)
    assert first.sentences == second.sentences


# ---- a grade is the same every time, everywhere ----


def test_grading_again_gives_an_equal_grade(grade):
    for change in (strict, adding("kernel", after="import time\nprint(time.time(), id(time))")):
        assert grade(change) == grade(change)


def test_a_sandbox_gives_the_grade_that_a_plain_process_gives(grade):
    try:
        runner = BubblewrapRunner()
    except NoSandbox as missing:
        pytest.skip(f"no bubblewrap here: {missing}")
    with runner:
        for change in (strict, nasty, adding("kernel", before="import numpy as np\nnp.random.rand(3)", after="1 / 0")):
            assert grade(change, runner=runner) == grade(change)


def nasty(cells, notebook):
    cells["mistake_bound_code"].source = (
        "import os\ndef radius_and_margin(w, x, y):\n    raise ValueError(str(x))\n"
        "def mistake_bound(w, x, y):\n    os._exit(0)\n"
    )


def test_a_record_reads_back_to_an_equal_grade(grade):
    drawing = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nprint('drawn')"
    for found in (grade(adding("kernel", after=drawing)), grade(nasty), Grade(REJECTED, "why"), Grade(HUMAN)):
        record = json.loads(json.dumps(found.record()))
        again = Grade.from_record(record)
        assert again == found
        assert (again.outputs, again.environment) == (found.outputs, found.environment)
        assert again.record() == record


# ---- time ----


HANGS = """
def train_perceptron(x, y, eta, epochs):
    while True: pass
"""


def test_a_function_that_hangs_twice_is_not_waited_for_again_and_sound_calls_still_count(grade, assignment):
    short = replace(assignment, limits=Limits(call=TimeLimit(0.8, 8.0), cell=TimeLimit(3.0, 20.0)))
    found = grade(adding("perceptron_rule", after=HANGS), assignment=short)
    results = {t.test: t for t in found.exercises["perceptron_rule"].tests}
    training = {name: t.status for name, t in results.items() if "training" in name}
    assert training == dict.fromkeys(training, "timeout")
    assert len(training) == 3
    assert found.exercises["perceptron_rule"].points == 2.5, "the step is sound, and its calls came in time"
    assert found.sentences == ("train_perceptron did not finish within 0.8 seconds: does its loop end?",)
    assert found.exercises["kernel"].points == 4


SLOW = """
def predict_class(w, x):
    import time
    end = time.process_time() + 0.7
    while time.process_time() < end: pass
    raise ValueError
"""


def test_a_submission_has_a_budget_and_says_when_it_is_used_up(grade, assignment):
    limits = Limits(call=TimeLimit(2.0, 20.0), cell=TimeLimit(3.0, 20.0), total=TimeLimit(0.5, 100.0))
    found = grade(adding("multiclass", after=SLOW), assignment=replace(assignment, limits=limits))
    assert found.exercises["surrogate_losses"].status == "passed", "what was called before the budget ran out counts"
    assert found.exercises["kernel"].points == 0
    assert "all cells and calls together took more than 0.5 seconds" in found.exercises["kernel"].sentences[0]
    clock = Limits(total=TimeLimit(100.0, 0.0))
    waiting = grade(assignment=replace(assignment, limits=clock))
    assert (waiting.status, waiting.points) == (HUMAN, None), "the clock may be a busy machine's: no mark follows"


# ---- outputs ----


DRAWING = """
import matplotlib.pyplot as plt
print("hello \\x1b[31mred\\x1b[0m <b>")
for n in range(9):
    plt.figure()
    plt.plot([n, 1])
plt.figure(figsize=(500, 500))
plt.show()
[1, 2, 3]
"""


def test_outputs_are_kept_by_cell_cleaned_and_bounded(grade):
    found = grade(adding("kernel", after=DRAWING))
    (output,) = found.outputs
    assert output.text == "hello red <b>\n[1, 2, 3]\n"
    assert output.exercise == "kernel"
    assert len(output.images) == 4
    assert all(png.startswith(b"\x89PNG") for png in output.png())
    assert all(b"tEXt" not in png for png in output.png())


FORGED = """
import matplotlib.pyplot as plt
plt.plot([1])
import course_utils.grading.student_code as inside
def draw(most):
    return [b"<svg onload=alert(1)>", b"\\x89PNG\\r\\n\\x1a\\n" + b"A" * 100, b"x" * 1_000_000]
inside.draw = draw
"""


def test_a_forged_picture_is_left_out_and_costs_nothing(grade, solved_grade):
    found = grade(adding("kernel", after=FORGED))
    assert found == solved_grade
    assert not any(output.images for output in found.outputs)


def test_drawing_that_hangs_or_dies_costs_the_pictures_alone(grade, solved_grade, monkeypatch):
    from course_utils.grading import session

    monkeypatch.setattr(session, "DRAW_LIMIT", TimeLimit(0.5, 5.0))
    for end in ("while True: pass", "import os; os._exit(1)"):
        evil = f"def savefig(*a, **k):\n    {end}\nplt.figure().savefig = savefig\nprint('kept')"
        found = grade(adding("kernel", before="import matplotlib.pyplot as plt", after=evil))
        assert found == solved_grade
        assert [output.text for output in found.outputs] == ["kept\n"]


def test_a_repr_that_raises_costs_nothing(grade, solved_grade):
    evil = "class E:\n    def __repr__(self):\n        raise SystemError('no')\nE()"
    assert grade(adding("kernel", after=evil)) == solved_grade


# ---- the grader's own trouble is nobody's zero ----


def test_a_runner_that_cannot_start_needs_a_person(grade):
    class Broken(PlainRunner):
        def open(self):
            raise Unavailable("no process could be started")

    found = grade(runner=Broken())
    assert (found.status, found.points, found.exercises) == (HUMAN, None, {})
    assert "no process could be started" in found.reason


def test_a_hidden_test_that_breaks_leaves_its_exercise_to_a_person(grade, assignment):
    @hidden("kernel", points=1)
    def breaks(student, rng):
        raise ZeroDivisionError

    tests = (*[t for t in assignment.tests if t.about.exercise == "threshold_unit"], breaks)
    found = grade(assignment=replace(assignment, tests=tests))
    assert (found.status, found.points) == (HUMAN, None)
    assert found.reason == "could not be graded: kernel"
    assert found.exercises["threshold_unit"].points == 3
    assert found.exercises["kernel"].points is None


def test_an_exception_nobody_thought_of_needs_a_person(grade, monkeypatch):
    from course_utils.grading import grade as grading

    def stumble(*arguments):
        raise IndexError("canary\x1b[2J")

    for name in ("read_submission", "run_tests"):
        with monkeypatch.context() as patched:
            patched.setattr(grading, name, stumble)
            found = grade()
        assert found.status == HUMAN
        assert found.points is None
        assert "IndexError: canary" in found.reason
        assert "\x1b" not in found.reason


def test_what_is_rejected_has_a_reason_and_no_points(assignment):
    found = grade_files(assignment, SubmittedFiles({"a.pdf": b"%PDF"}), PlainRunner(), SEED)
    assert (found.status, found.points, found.exercises) == (REJECTED, None, {})
    assert found.reason == f"there is no notebook, but other files: a.pdf; hand in {NAME}.ipynb"
    other = notebook_of("x = 1")
    found = grade_files(assignment, SubmittedFiles({"a.ipynb": other, "b.ipynb": b"{}"}), PlainRunner(), SEED)
    assert (found.status, found.points) == (HUMAN, None)
    assert "a.ipynb, b.ipynb" in found.reason


def notebook_of(*sources):
    return nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])).encode()


@given(st.binary(max_size=60))
def test_whatever_the_bytes_a_grade_comes_back(assignment, raw):
    class Never(PlainRunner):
        def open(self):
            raise AssertionError("nothing in here is worth a process")

    found = grade_files(assignment, SubmittedFiles({"a.ipynb": raw}), Never(), SEED)
    assert found.status == REJECTED
    assert Grade.from_record(json.loads(json.dumps(found.record()))) == found


def test_images_are_bytes_again(grade):
    found = grade(adding("kernel", after="import matplotlib.pyplot as plt\nplt.plot([1]);"))
    image = found.outputs[0].images[0]
    assert base64.b64decode(image) == found.outputs[0].png()[0]
    assert np.frombuffer(found.outputs[0].png()[0], np.uint8).size > 1_000

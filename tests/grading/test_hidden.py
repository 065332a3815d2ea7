"""Hidden tests: what a student may read, what stays with the instructor, and what is nobody's zero."""

import pytest

from course_utils.grading.assignment import load_assignment
from course_utils.grading.hidden import UNNAMED, earned, generator, hidden, hidden_tests, load_hidden, run_tests, says
from course_utils.grading.sandbox.runner import TimeLimit
from course_utils.grading.session import Limits

# pytest rewrites the asserts of its own modules, so the tests under test are written to a file of their own
TESTS = """
import numpy as np

from course_utils.grading.hidden import hidden, says


@hidden("one", points=1)
def passes(student, rng):
    assert student.double(3) == 6


@hidden("one", points=2)
def named(student, rng):
    assert student.double(3) == 7, says("you double")


@hidden("one", points=2)
def private(student, rng):
    assert student.double(3) == 8, "expected 8 for input 3"


@hidden("one", points=1)
def broken(student, rng):
    assert student.double(3) + None


@hidden("one", points=1)
def hangs(student, rng):
    student.hang()


@hidden("one", points=1)
def changes(student, rng):
    assert student.double.changes_its_arguments(np.ones(2)) is False
    assert student.spoil.changes_its_arguments(np.ones(2)) is True
"""

CODE = (
    "def double(x):\n    return 2 * x\ndef hang():\n    while True: pass\ndef spoil(x):\n    x[0] = 9\n    return 1\n"
)


@pytest.fixture
def tests(tmp_path):
    """The hidden tests by name."""
    (tmp_path / "hidden.py").write_text(TESTS)
    return {test.__name__: test for test in hidden_tests(load_hidden(tmp_path / "hidden.py"))}


@pytest.fixture
def run(session, tests):
    """Run some of them."""
    return lambda *names: {r.test: r for r in run_tests([tests[name] for name in names], session(CODE), seed=0)}


def test_each_outcome_has_its_status_and_no_outcome_touches_the_next(run):
    results = run("named", "hangs", "private", "broken", "changes", "passes")
    assert [r.status for r in results.values()] == ["failed", "timeout", "failed", "ungraded", "passed", "passed"]


def test_only_sentences_meant_for_students_are_sentences(run):
    results = run("named", "private", "broken")
    assert results["named"].sentence == "you double"
    assert results["private"].sentence == UNNAMED
    assert "expected 8" in results["private"].detail
    assert results["broken"].sentence == ""
    assert "TypeError" in results["broken"].detail


def test_points_add_up_and_a_test_that_broke_leaves_no_mark(run):
    assert earned(list(run("passes", "named", "changes").values())) == 2
    assert earned(list(run("passes", "broken").values())) is None
    assert earned(list(run("named").values())) == 0


def test_a_generator_depends_on_seed_and_test_alone(tests):
    passes, named = tests["passes"], tests["named"]
    first = generator(5, passes).random()
    assert first == generator(5, passes).random()
    assert first != generator(6, passes).random()
    assert first != generator(5, named).random()


def test_a_module_lists_its_tests_in_the_order_they_are_written(tmp_path):
    path = tmp_path / "hidden.py"
    path.write_text(
        "from course_utils.grading.hidden import hidden\n"
        "@hidden('b', points=1)\ndef test_z(student, rng): pass\n"
        "def test_unmarked(student, rng): pass\n"
        "@hidden('a', points=1)\ndef test_a(student, rng): pass\n"
    )
    assert [t.__name__ for t in hidden_tests(load_hidden(path))] == ["test_z", "test_a"]


def test_negative_points_are_refused():
    with pytest.raises(ValueError, match="points"):
        hidden("one", points=-1)


# ---- causes and consequences ----

CHAIN = """
from course_utils.grading.hidden import hidden, says


@hidden("one", points=1)
def cause(student, rng):
    assert student.f(1) == 2, says("f is wrong")


@hidden("one", points=1, after="cause")
def consequence(student, rng):
    assert student.g(1) == 2, says("g is wrong")


@hidden("one", points=1, after=("cause", "consequence"))
def consequence_of_both(student, rng):
    assert student.h(1) == 2, says("h is wrong")
"""


@pytest.mark.parametrize(
    ("code", "sentences", "points"),
    [
        ("f = g = h = lambda x: 3", ["f is wrong"] * 3, 0),
        ("f = lambda x: 2\ng = h = lambda x: 3", ["", "g is wrong", "g is wrong"], 1),
        ("f = lambda x: 3\ng = h = lambda x: 2", ["f is wrong", "", ""], 2),
        ("f = g = lambda x: 2\nh = lambda x: 3", ["", "", "h is wrong"], 2),
        ("def f(x): raise KeyError\ng = h = f", ["f stops with KeyError (line 1 of cell 1)"] * 3, 0),
    ],
)
def test_a_consequence_costs_its_points_and_repeats_the_sentence_of_its_cause(
    tmp_path, session, code, sentences, points
):
    (tmp_path / "hidden.py").write_text(CHAIN)
    results = run_tests(hidden_tests(load_hidden(tmp_path / "hidden.py")), session(code), seed=0)
    assert [r.sentence for r in results] == sentences
    assert earned(results) == points
    own = ["f", "g", "h"]
    for name, r in zip(own, results):
        told = r.sentence == "" or r.sentence.startswith(name)
        assert told or r.detail.endswith((f"{name} is wrong", f"{name} stops with KeyError (line 1 of cell 1)")), r


def test_what_a_student_reads_holds_no_control_characters(session):
    @hidden("one", points=1)
    def shows(student, rng):
        raise says(f"you returned {student.f(1)}")

    (result,) = run_tests([shows], session("f = lambda x: '\\x1b[2J<b>\\ud800\\n' * 10_000"), seed=0)
    assert result.sentence.startswith("you returned <b>\ufffd <b>")
    assert len(result.sentence) <= 1_000


# ---- mistakes of the author ----


def write(tmp_path, text):
    """An assignment with one exercise of two points and these hidden tests."""
    import nbformat

    marks = {"grade": True, "grade_id": "one", "points": 2, "locked": True, "solution": False, "schema_version": 3}
    cell = nbformat.v4.new_code_cell("check()", metadata={"nbgrader": marks})
    (tmp_path / "src" / "a").mkdir(parents=True)
    (tmp_path / "a").mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "a" / "a.ipynb")
    (tmp_path / "src" / "a" / "hidden.py").write_text(
        f"import numpy as np\nfrom course_utils.grading.hidden import hidden\n{text}"
    )
    return tmp_path


GOOD = "@hidden('one', points=2)\ndef test_a(student, rng): pass\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", r"one is worth 2 points in the notebook, its hidden tests sum to 0 \(nothing\)"),
        (GOOD.replace("2", "1.5"), r"its hidden tests sum to 1.5 \(1.5\): change one or the other"),
        (GOOD + GOOD, "line 5: test_a is written twice, and Python keeps the second alone: give it another name"),
        (
            GOOD.replace("'one'", "'two'"),
            "line 3: test_a belongs to 'two', and there is no such exercise; there are: one",
        ),
        (
            GOOD.replace("student, rng", "rng, student"),
            r"test_a takes \(rng, student\): a hidden test takes \(student, rng\)",
        ),
        (GOOD.replace(", rng", ""), r"test_a takes \(student\): a hidden test takes"),
        (GOOD.replace("2)", "2, after='test_b')"), "test_a comes after test_b: there is no such hidden test above it"),
        (GOOD.replace("2)", "2, after='test_a')"), "test_a comes after test_a"),
        (GOOD.replace("2)", "-2)"), "points must be at least 0"),
        ("SECONDS = {'cal': 3}\n" + GOOD, "SECONDS in hidden.py must be a dict with some of call, cell, total"),
        ("SECONDS = {'call': 0}\n" + GOOD, r'SECONDS\["call"\] must be at least 0.1'),
    ],
)
def test_mistakes_of_an_author_are_named_when_the_assignment_is_loaded(tmp_path, text, why):
    with pytest.raises(ValueError, match=why):
        load_assignment("a", write(tmp_path, text))


def test_the_modules_constants_are_read(tmp_path):
    text = "SECONDS = {'call': 8, 'total': 300}\nWITHHELD = ['torch']\n" + GOOD
    found = load_assignment("a", write(tmp_path, text))
    assert found.limits == Limits(call=TimeLimit(8.0, 40.0), total=TimeLimit(300.0, 1500.0))
    assert found.withheld == ("torch",)
    assert not found.tensors


def test_the_version_covers_tests_notebook_and_checks_and_nothing_else(tmp_path):
    root = write(tmp_path, GOOD)
    versions = [load_assignment("a", root).version]
    assert load_assignment("a", root).version == versions[0]
    (root / "src" / "a" / "rubric.md").write_text("how to mark")
    assert load_assignment("a", root).version == versions[0]
    (root / "a" / "checks").mkdir()
    for path, text in (("a/checks/__init__.py", ""), ("src/a/hidden.py", GOOD + "# more"), ("a/checks/x.py", "1")):
        head = "from course_utils.grading.hidden import hidden\n" if "hidden" in path else ""
        (root / path).write_text(head + text)
        versions.append(load_assignment("a", root).version)
    assert len(set(versions)) == 4


def test_inputs_are_the_students_own(tests):
    seen = []

    @hidden("one", points=1)
    def looks(student, rng):
        seen.append(rng.random())

    class Nobody:
        def begin(self, seed):
            self.seed = seed

    for seed in (1, 1, 2):
        run_tests([looks], Nobody(), seed)
    assert seen[0] == seen[1] != seen[2]

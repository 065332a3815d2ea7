"""Hidden tests: what a student may read, what stays with the instructor, and what is nobody's zero."""

import pytest

from course_utils.grading.hidden import UNNAMED, earned, generator, hidden, hidden_tests, load_hidden, run_tests

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

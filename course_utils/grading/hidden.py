"""Writing and running hidden tests: plain functions with asserts, in the grader's own process.

A hidden test takes the student's functions and a random generator::

    @hidden("perceptron_step", points=1)
    def test_a_score_of_zero_is_a_mistake(student, rng):
        x = rng.normal(size=3)
        new = read_array(student.perceptron_step(np.zeros(3), x, 1, 1.0), (3,), "perceptron_step(w, x, y, eta)")
        assert np.allclose(new, x), says("Your rule never updates at w = 0: ...")

`says` marks the sentence that a student may read. The text of any other failed assert, and the test itself, stay
with the instructor.
"""

import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from course_utils.check import check_number
from course_utils.grading.answers import Wrong
from course_utils.grading.session import CallFailed, StudentSession, Ungraded

HiddenTest = Callable[["Student", np.random.Generator], None]

UNNAMED = "a hidden test found a wrong result"


@dataclass(frozen=True)
class About:
    """What a hidden test belongs to: the exercise, and its points."""

    exercise: str
    points: float


@dataclass(frozen=True)
class TestResult:
    """The outcome of one hidden test.

    Attributes:
        test: the test's name, for the instructor.
        exercise: the exercise it belongs to.
        points: what it is worth.
        status: passed, failed, not_written, absent, raised, timeout, died, unsendable; or ungraded when the
            grader itself failed, which says nothing about the student.
        sentence: what the student may read; empty when passed.
        detail: what only the instructor may read.
    """

    __test__ = False  # pytest: not a test class

    test: str
    exercise: str
    points: float
    status: str
    sentence: str = ""
    detail: str = ""


class Student:
    """The student's functions, by name: ``student.margin(w, x, y)`` passes and returns plain values only."""

    def __init__(self, session: StudentSession) -> None:
        self._session = session

    def __getattr__(self, name: str) -> "RemoteFunction":
        if name.startswith("_"):
            raise AttributeError(name)
        return RemoteFunction(self._session, name)


@dataclass(frozen=True)
class RemoteFunction:
    """One function of the student's, living in another process."""

    session: StudentSession
    name: str

    def __call__(self, *arguments: Any) -> Any:
        """Call it; raises `CallFailed` if it gives no value."""
        return self.session.call(self.name, arguments)[0]

    def changes_its_arguments(self, *arguments: Any) -> bool:
        """Call it and say whether it wrote into its arguments."""
        return self.session.call(self.name, arguments)[1]


def hidden(exercise: str, points: float) -> Callable[[HiddenTest], HiddenTest]:
    """Mark a function as a hidden test.

    Args:
        exercise: the grade id of the exercise's check cell.
        points: what passing is worth; those of an exercise sum to its points.
    """
    check_number("points", points, minimum=0)

    def mark(test: HiddenTest) -> HiddenTest:
        test.about = About(exercise, points)  # type: ignore[attr-defined]
        return test

    return mark


def says(sentence: str) -> Wrong:
    """Make a sentence that the student may read: ``assert ok, says("...")``."""
    return Wrong(sentence)


def load_hidden(path: Path) -> ModuleType:
    """Import a module of hidden tests from its file.

    Raises:
        RuntimeError: if Python runs with -O, which strips the asserts that the tests consist of.
    """
    if not __debug__:
        raise RuntimeError("hidden tests are asserts: run the grader without python -O and PYTHONOPTIMIZE")
    spec = importlib.util.spec_from_file_location(f"hidden_tests_{path.parent.name}", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"no hidden tests at {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def hidden_tests(module: ModuleType) -> list[HiddenTest]:
    """List a module's hidden tests in the order they are written."""
    found = [f for f in vars(module).values() if inspect.isfunction(f) and hasattr(f, "about")]
    return sorted(found, key=lambda f: f.__code__.co_firstlineno)


def about(test: HiddenTest) -> About:
    """What `hidden` noted on a test."""
    return test.about  # type: ignore[attr-defined]


def generator(seed: int, test: HiddenTest) -> np.random.Generator:
    """The random generator of one test: the same for every student of a class, whatever ran before."""
    digest = hashlib.sha256(f"{seed}:{test.__name__}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def run_tests(tests: Iterable[HiddenTest], session: StudentSession, seed: int) -> list[TestResult]:
    """Run hidden tests against a session; no outcome of one changes another."""
    return [_run(test, session, seed) for test in tests]


def _run(test: HiddenTest, session: StudentSession, seed: int) -> TestResult:
    what = about(test)

    def result(status: str, sentence: str = "", detail: str = "") -> TestResult:
        return TestResult(test.__name__, what.exercise, what.points, status, sentence, detail)

    try:
        with np.errstate(all="ignore"):
            test(Student(session), generator(seed, test))
    except CallFailed as failure:
        return result(failure.status, failure.sentence)
    except AssertionError as failure:
        sentence = _sentence(failure)
        return result("failed", sentence or UNNAMED, "" if sentence else str(failure)[:300])
    except Ungraded as trouble:
        return result("ungraded", detail=str(trouble)[:300])
    except Exception as trouble:  # the test's own mistake must cost no student a mark
        return result("ungraded", detail=f"the test itself stops with {type(trouble).__name__}: {str(trouble)[:200]}")
    return result("passed")


def _sentence(failure: AssertionError) -> str:
    if isinstance(failure, Wrong):
        return str(failure)
    if failure.args and isinstance(failure.args[0], Wrong):
        return str(failure.args[0])
    return ""


def earned(results: Sequence[TestResult]) -> float | None:
    """Points earned in one exercise.

    Args:
        results: of all its tests.

    Returns:
        The points of the passed tests; None if any test could not be graded.
    """
    if any(r.status == "ungraded" for r in results):
        return None
    return sum((r.points for r in results if r.status == "passed"), 0.0)

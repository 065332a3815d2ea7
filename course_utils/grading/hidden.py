"""Writing and running hidden tests: plain functions with asserts, in the grader's own process.

``assignments/src/NAME/hidden.py`` holds them. A hidden test takes the student's functions and a random generator::

    import numpy as np

    from course_utils.grading.answers import compare, read_array
    from course_utils.grading.hidden import hidden, says

    @hidden("perceptron_step", points=1)
    def test_a_score_of_zero_is_a_mistake(student, rng):
        x = rng.normal(size=3)
        new = read_array(student.perceptron_step(np.zeros(3), x, 1, 1.0), (3,), "perceptron_step(w, x, y, eta)")
        assert np.allclose(new, x), says("Your rule never updates at w = 0: ...")

    @hidden("perceptron_step", points=2, after="test_a_score_of_zero_is_a_mistake")
    def test_training_finds_a_separating_line(student, rng):
        ...

- ``student`` reaches functions, classes, objects and networks in the student's process: see `remote`. What it
  returns is untrusted: read it with one of the ``read_*`` functions of `answers` before you compute with it.
- ``rng`` depends on the class, the student and the test's name: use it for all inputs, and judge by properties
  or by an independent way to compute the answer, never by stored results.
- `says` marks the sentence that a student may read. The text of any other failed assert, and the test itself, stay
  with the instructor. ``compare`` of `answers` picks the sentence of the misconception that fits.
- ``after`` names tests that check what this one builds on. If one of them failed too, this one costs its points,
  but its sentence is the other's: the student reads about the cause once, and not about its consequences.
- An exception that is no assert is the test's own mistake: the exercise is left to a person, nobody loses a point.

Module constants: ``WITHHELD = ("course_utils.scratch",)`` names modules that student code cannot import,
``SECONDS = {"call": 4, "cell": 20, "total": 120}`` limits processor time. A module that imports torch is handed
tensors as tensors. Mistakes in the module (names, points, signatures) are reported when the assignment is loaded.
"""

import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import numpy as np

from course_utils.check import check_number
from course_utils.grading.answers import Wrong
from course_utils.grading.outputs import plain_text
from course_utils.grading.remote import Student
from course_utils.grading.sentences import CallFailed
from course_utils.grading.session import KILLS, Interrupted, StudentSession, Ungraded

HiddenTest = Callable[[Student, np.random.Generator], None]

UNNAMED = "a hidden test found a wrong result"
REGISTER = "_hidden_tests"
SIGNATURE = ("student", "rng")


@dataclass(frozen=True)
class About:
    """What a hidden test belongs to: the exercise, its points, and the tests it builds on."""

    exercise: str
    points: float
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class TestResult:
    """The outcome of one hidden test.

    Attributes:
        test: the test's name, for the instructor.
        exercise: the exercise it belongs to.
        points: what it is worth.
        status: passed, failed, not_written, absent, raised, timeout, died, unsendable; or ungraded when the
            grader itself failed, which says nothing about the student.
        sentence: what the student may read; empty when passed. For a consequence, the sentence of its cause.
        detail: what only the instructor may read.
    """

    __test__ = False  # pytest: not a test class

    test: str
    exercise: str
    points: float
    status: str
    sentence: str = ""
    detail: str = ""


def hidden(exercise: str, points: float, after: str | Sequence[str] = ()) -> Callable[[HiddenTest], HiddenTest]:
    """Mark a function as a hidden test.

    Args:
        exercise: the grade id of the exercise's check cell.
        points: what passing is worth; those of an exercise sum to its points.
        after: names of tests, written above, whose failure explains a failure of this one.
    """
    check_number("points", points, minimum=0)

    def mark(test: HiddenTest) -> HiddenTest:
        about = About(exercise, points, (after,) if isinstance(after, str) else tuple(after))
        test.about = about  # type: ignore[attr-defined]
        test.__globals__.setdefault(REGISTER, []).append(test)
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
    """List a module's hidden tests in the order they are written.

    Raises:
        ValueError: if two have one name, one takes other arguments than (student, rng), or `after` names no test
            above it.
    """
    found: dict[str, HiddenTest] = {}
    for test in getattr(module, REGISTER, []):
        name = test.__name__
        place = f"{Path(str(module.__file__)).name}, line {test.__code__.co_firstlineno}: {name}"
        if name in found:
            raise ValueError(f"{place} is written twice, and Python keeps the second alone: give it another name")
        arguments = tuple(inspect.signature(test).parameters)
        if arguments != SIGNATURE:
            raise ValueError(f"{place} takes ({', '.join(arguments)}): a hidden test takes (student, rng)")
        unknown = [other for other in about(test).after if other not in found]
        if unknown:
            raise ValueError(f"{place} comes after {', '.join(unknown)}: there is no such hidden test above it")
        found[name] = test
    return list(found.values())


def about(test: HiddenTest) -> About:
    """What `hidden` noted on a test."""
    return test.about  # type: ignore[attr-defined]


def generator(seed: int, test: HiddenTest) -> np.random.Generator:
    """The random generator of one test: the seed and the test's name decide it, whatever ran before."""
    return np.random.default_rng(_number(str(seed), test))


def run_tests(tests: Iterable[HiddenTest], session: StudentSession, seed: int) -> list[TestResult]:
    """Run hidden tests against a session; no outcome of one changes another's points.

    Args:
        tests: in the order in which they are written.
        session: the student's code.
        seed: of the inputs.
    """
    results: dict[str, TestResult] = {}
    for test in tests:
        result = _run(test, session, seed)
        causes = [results[name] for name in about(test).after if name in results]
        cause = next((c for c in causes if c.sentence), None)
        if cause is not None and result.sentence and result.sentence != cause.sentence:
            result = replace(result, sentence=cause.sentence, detail=f"after {cause.test}: {result.sentence}")
        results[result.test] = result
    return list(results.values())


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


def _run(test: HiddenTest, session: StudentSession, seed: int) -> TestResult:
    what = about(test)

    def result(status: str, sentence: str = "", detail: str = "") -> TestResult:
        sentence, detail = plain_text(sentence, 1_000, lines=False), plain_text(detail, 300, lines=False)
        return TestResult(test.__name__, what.exercise, what.points, status, sentence, detail)

    for _ in range(KILLS):
        session.begin(_number(f"{seed}, for the student's own code", test) % 2**32)  # it tells nothing of the inputs
        try:
            with np.errstate(all="ignore"):
                test(Student(session), generator(seed, test))
        except CallFailed as failure:
            return result(failure.status, failure.sentence)
        except AssertionError as failure:
            sentence = _sentence(failure)
            return result("failed", sentence or UNNAMED, "" if sentence else str(failure))
        except Interrupted:
            continue
        except Ungraded as trouble:
            return result("ungraded", detail=str(trouble))
        except Exception as trouble:  # the test's own mistake must cost no student a mark
            return result("ungraded", detail=f"the test itself stops with {type(trouble).__name__}: {trouble}")
        return result("passed")
    return result("ungraded", detail=f"the process was killed from outside {KILLS} times")


def _number(seed: str, test: HiddenTest) -> int:
    digest = hashlib.sha256(f"{seed}:{test.__name__}".encode()).digest()
    return int.from_bytes(digest[:8], "little")


def _sentence(failure: AssertionError) -> str:
    if isinstance(failure, Wrong):
        return str(failure)
    if failure.args and isinstance(failure.args[0], Wrong):
        return str(failure.args[0])
    return ""

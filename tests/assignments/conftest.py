"""What the tests in `AssignmentContract` need: an assignment's files, its judge, its exercises and mutants."""

import pytest

from course_utils.grading.assignment import load_assignment
from tools import assignments as build
from tools import mutation

pytest.register_assert_rewrite("tests.assignments.contract")


def pytest_generate_tests(metafunc):
    from tests.assignments.contract import automatic

    name = getattr(metafunc.cls, "NAME", None)
    if name is None:
        return
    if "mutant" in metafunc.fixturenames:
        metafunc.parametrize("mutant", mutation.mutants(name), ids=lambda m: f"{m.exercise}: {m.name}")
    if "exercise" in metafunc.fixturenames:
        metafunc.parametrize("exercise", automatic(name))


@pytest.fixture(scope="class")
def assignment(request):
    """The assignment that the class is about."""
    return load_assignment(request.cls.NAME)


@pytest.fixture(scope="class")
def source(request):
    """Its notebook with the solutions."""
    return build.solution_notebook(request.cls.NAME)


@pytest.fixture(scope="class")
def judge(request):
    """Solutions against its visible checks and hidden tests."""
    with mutation.Judge(request.cls.NAME) as running:
        yield running

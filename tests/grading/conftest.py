"""Made-up submissions to assignment 1, and the processes that grade them."""

import copy
import re
import sys

import nbformat
import pytest
from hypothesis import settings

from course_utils.grading.assignment import Assignment, load_assignment
from course_utils.grading.sandbox.plain import PlainRunner
from course_utils.grading.sandbox.runner import TimeLimit
from course_utils.grading.session import Cell, Limits, StudentSession
from course_utils.runtime import repo_root

settings.register_profile("untimed", deadline=None)  # seconds on a shared machine decide no test
settings.load_profile("untimed")

NAME = "01_perceptron"
SHORT = Limits(call=TimeLimit(processor=1.0, clock=6.0), cell=TimeLimit(processor=2.0, clock=6.0))


@pytest.fixture(scope="session")
def assignment() -> Assignment:
    return load_assignment(NAME)


@pytest.fixture(scope="session")
def handed_out(assignment):
    """The student's notebook as it is handed out."""
    return nbformat.read(assignment.notebook, 4)


@pytest.fixture(scope="session")
def solved(handed_out):
    """The student's notebook with every stub replaced by the model solution."""
    if str(repo_root()) not in sys.path:
        sys.path.insert(0, str(repo_root()))
    from tools.assignments import solution_notebook

    sources = {cell.metadata.nbgrader.grade_id: cell.source for cell in solution_notebook(NAME).cells}
    notebook = copy.deepcopy(handed_out)
    for cell in notebook.cells:
        if cell.metadata.nbgrader.solution:
            cell.source = re.sub(r" *### (BEGIN|END) SOLUTION\n?", "", sources[cell.metadata.nbgrader.grade_id])
    return notebook


@pytest.fixture(scope="session")
def notebook(solved):
    """A student's notebook as bytes: the solved one, changed by `change(cells by grade id, notebook)`."""

    def one(change=lambda cells, notebook: None) -> bytes:
        notebook = copy.deepcopy(solved)
        change({cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells}, notebook)
        return nbformat.writes(notebook).encode()

    return one


@pytest.fixture
def session():
    """Start sessions for pieces of code; they end with the test."""
    opened = []

    def start(*sources: str, **options) -> StudentSession:
        options.setdefault("limits", SHORT)
        cells = [Cell(f"cell {n}", source) for n, source in enumerate(sources, start=1)]
        opened.append(StudentSession(PlainRunner(), cells, **options))
        return opened[-1]

    yield start
    for one in opened:
        one.close()

"""Sandboxes to attack, in both ways of keeping them warm."""

import contextlib

import pytest

from course_utils.grading.sandbox.bubblewrap import BubblewrapRunner
from course_utils.grading.sandbox.conversation import Conversation
from course_utils.grading.sandbox.limits import Limits
from course_utils.grading.sandbox.remedy import what_is_missing
from course_utils.grading.sandbox.runner import TimeLimit

LIMITS = Limits(memory_bytes=300_000_000, processes=20, disk_bytes=5_000_000, files=200, total_seconds=60.0)
MISSING = what_is_missing()
WAYS = {
    "fork": {"warm": "fork"},
    "single": {"warm": "single"},
    "fork without control groups": {"warm": "fork", "control_groups": False},
    "single without control groups": {"warm": "single", "control_groups": False},
}


@pytest.fixture(scope="module", params=WAYS)
def runner(request):
    """A runner of each kind, shared by the tests of a module: one more way to see whether state passes on."""
    if MISSING is not None:
        pytest.skip(MISSING)
    with BubblewrapRunner(LIMITS, ["numpy"], **WAYS[request.param]) as one:
        yield one


@pytest.fixture
def start():
    """Start runners that end with the test."""
    if MISSING is not None:
        pytest.skip(MISSING)
    with contextlib.ExitStack() as stack:

        def one(warm="fork", limits=LIMITS, preload=("numpy",), **options):
            return stack.enter_context(BubblewrapRunner(limits, preload, warm, **options))

        yield one


@pytest.fixture
def talk(runner):
    """Start student processes in which some code has run; they end with the test."""
    with contextlib.ExitStack() as stack:

        def one(source="", limit=None):
            student = stack.enter_context(Conversation(runner.open(), limit or TimeLimit(10.0, 30.0)))
            student.run(source)
            return student

        yield one

"""How processes end: by the student's doing, by an operator's, with the grader; what is left then, and what is said."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from course_utils.grading.sandbox import inmate, process_tree
from course_utils.grading.sandbox.conversation import Conversation
from course_utils.grading.sandbox.inmate import LockedInmate
from course_utils.grading.sandbox.process_tree import running_with
from course_utils.grading.sandbox.runner import Died, NoSandbox, Unavailable

from .conftest import WAYS

ENDINGS = """
import ctypes, os, resource, signal, sys, time

def number(status):
    os._exit(status)

def abort():
    os.abort()

def crash():
    ctypes.string_at(0)

def limit_own_time():
    resource.setrlimit(resource.RLIMIT_CPU, (1, 1))
    while True:
        pass

def kill_itself():
    for attempt in (lambda: os.kill(os.getpid(), 9), lambda: os.kill(0, 9), lambda: os.killpg(0, 9),
                    lambda: os.kill(-1, 9), lambda: signal.raise_signal(9)):
        try:
            attempt()
        except ProcessLookupError:
            pass
    return "alive"

def close_pipes():
    os.close(3)
    os.close(4)
    time.sleep(60)

def child_dies():
    child = os.fork()
    if child == 0:
        time.sleep(60)
    os.kill(child, 9)
    return os.waitpid(child, 0)[1]

def wait():
    time.sleep(60)
"""


@pytest.mark.parametrize(
    ("function", "arguments", "why"),
    [
        ("number", [0], "status 0"),
        ("number", [3], "status 3"),
        ("number", [137], "signal 31"),  # it would look like a kill from outside
        ("number", [9 + 256], "status 9"),
        ("abort", [], "signal"),
        ("crash", [], "signal 11"),
        ("close_pipes", [], "lives on"),
    ],
)
def test_an_ending_of_its_own_is_the_students(talk, function, arguments, why):
    with pytest.raises(Died, match=why) as death:
        talk(ENDINGS).call(function, *arguments)
    assert not death.value.killed


def test_an_ending_that_takes_its_time_is_waited_for(talk, monkeypatch):
    monkeypatch.setattr(inmate, "SECONDS_TO_END", 0.0)
    with pytest.raises(Died, match="status 3"):
        talk(ENDINGS).call("number", 3)


def test_student_code_cannot_pass_for_killed_from_outside(talk):
    beside, student = talk(ENDINGS), talk(ENDINGS)
    outside = student.channel.inmate.sandbox.process
    assert student.call("kill_itself") == "alive"
    time.sleep(0.1)
    assert outside.poll() is None  # a group can reach over the edge of a process namespace
    assert beside.call("child_dies") == 9
    with pytest.raises(RuntimeError, match=r"ValueError|PermissionError"):
        student.call("limit_own_time")
    assert student.call("child_dies") == 9


@pytest.mark.parametrize("victim", ["student", "sandbox"])
def test_a_kill_by_an_operator_is_told_apart(talk, victim):
    student = talk(ENDINGS)
    held = student.channel.inmate
    pid = held.pid if victim == "student" else held.sandbox.process.pid
    timer = threading.Timer(0.3, os.kill, (pid, signal.SIGKILL))
    timer.start()
    with pytest.raises(Died, match="killed") as death:
        student.call("wait")
    assert death.value.killed
    timer.join()
    assert talk("def f():\n    return 2\n").call("f") == 2  # and the next one is there


def test_a_killed_zygote_is_replaced(start):
    runner = start("fork", ahead=3)
    for _ in range(2):
        runner.open().close()
        _until(lambda: all(one.done() for one in runner._pool._ready), "nothing was made ahead", 30)
        first = runner.zygote_pid()
        python = process_tree.tree(first)[2]  # bubblewrap outside, bubblewrap inside, Python
        os.kill(python, signal.SIGKILL)
        _until(lambda pid=first: not _lives(pid), "bubblewrap outlived what it holds", 5)
        with Conversation(runner.open()) as student:
            student.run("x = 1")
        assert runner.zygote_pid() != first


def test_killed_again_and_again_is_no_endless_loop(start, monkeypatch):
    runner = start("fork")
    runner.open().close()
    monkeypatch.setattr(LockedInmate, "alive", lambda inmate: False)
    with pytest.raises(Unavailable, match="one sandbox after the other was killed"):
        runner.open()


SLEEPER = """
import os, signal, sys, time

def leave(mark):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(600)", mark])
        os._exit(0)
    while True:
        try:
            time.sleep(600)
        except BaseException:
            pass
"""


@pytest.mark.parametrize("way", WAYS)
def test_nothing_outlives_a_grader_that_is_killed(start, tmp_path, way):
    start().close()  # skips where there is no sandbox
    mark = f"outlives-{os.getpid()}-{time.monotonic_ns()}"
    script = tmp_path / "grader.py"
    script.write_text(
        "import sys\n"
        "from course_utils.grading.sandbox.bubblewrap import BubblewrapRunner\n"
        "from course_utils.grading.sandbox.conversation import Conversation\n"
        f"runner = BubblewrapRunner(preload=['numpy'], **{WAYS[way]!r})\n"
        "student = Conversation(runner.open())\n"
        f"student.run({SLEEPER!r})\n"
        f"student.call('leave', {mark!r})\n"
    )
    grader = subprocess.Popen([sys.executable, str(script)], cwd=Path(__file__).parents[3])
    _until(lambda: running_with(mark), "the student's process never started", 60)
    tree = [pid for pid in process_tree.tree(grader.pid) if pid != grader.pid]
    assert len(tree) >= 3
    grader.kill()
    grader.wait()
    _until(lambda: not running_with(mark) and not any(map(_lives, tree)), "something outlived the grader", 5)


def test_nothing_is_left_when_a_runner_is_closed(start):
    runner = start("fork", ahead=2)
    student = Conversation(runner.open())
    student.run("import os\nos.fork()\n")
    tree = process_tree.tree(runner.zygote_pid())
    assert len(tree) >= 5
    groups = None if runner._groups is None else list(runner._groups.parents.values())
    runner.close()
    assert [Path(f"/proc/{pid}/cmdline").read_text() for pid in tree if _lives(pid)] == []
    assert not any(folder.exists() for folder in groups or ())
    with pytest.raises(RuntimeError, match="closed"):
        runner.open()


@pytest.mark.parametrize("way", WAYS)
def test_a_sandbox_outlives_the_thread_that_opened_it(start, way):
    runner = start(**WAYS[way])
    opened = []
    thread = threading.Thread(target=lambda: opened.append(Conversation(runner.open())))
    thread.start()
    thread.join()
    time.sleep(0.3)
    opened[0].run("x = 1")
    opened[0].close()


def test_many_submissions_leave_no_descriptor_and_no_group(start):
    runner = start("fork")

    def one():
        with Conversation(runner.open()) as student:
            student.run("x = 1")

    for _ in range(3):
        one()
    descriptors, children = len(os.listdir("/proc/self/fd")), len(process_tree.tree(os.getpid()))
    for _ in range(12):
        one()
    runner.open().close()
    time.sleep(0.2)
    assert len(os.listdir("/proc/self/fd")) <= descriptors + 2  # one may be in the making
    assert len(process_tree.tree(os.getpid())) <= children + 2
    if runner._groups is not None:
        for parent in runner._groups.parents.values():
            assert len([entry for entry in parent.iterdir() if entry.is_dir()]) <= 2


def test_several_threads_may_open_at_once(start):
    runner = start("fork", ahead=2)
    found = []

    def work(number):
        for turn in range(3):
            with Conversation(runner.open()) as student:
                student.run(f"def f():\n    return {number * 10 + turn}\n")
                found.append(student.call("f"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(10 * number + turn for number in range(4) for turn in range(3))


def test_a_module_that_starts_threads_is_not_forked(start, monkeypatch):
    from course_utils.grading.sandbox import bubblewrap

    class Threaded(bubblewrap.Sandbox):
        threads = property(lambda self: 7, lambda self, value: None)

    monkeypatch.setattr(bubblewrap, "Sandbox", Threaded)
    with pytest.raises(NoSandbox, match="start threads"):
        start("fork").open()
    auto = start("auto")
    with Conversation(auto.open()) as student:
        student.run("x = 1")
    assert auto.mode == "single"


def test_what_cannot_be_imported_ahead_is_passed_over(start):
    with Conversation(start(preload=("numpy", "no_such_module")).open()) as student:
        student.run("import numpy")


def test_a_sandbox_that_does_not_start_says_why(start, monkeypatch):
    from course_utils.grading.sandbox import locked

    command = locked.bubblewrap_command
    monkeypatch.setattr(locked, "bubblewrap_command", lambda *a: [*command(*a), "--no-such-option"])
    with pytest.raises(NoSandbox, match="no-such-option"):
        start().open()


def _lives(pid):
    fields = process_tree.stat_fields(pid)
    return fields is not None and fields[0] not in "ZX"


def _until(holds, otherwise, seconds):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.05)

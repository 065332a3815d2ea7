"""The plain process: no sandbox, but it ends what it starts as far as it can, and says what it is."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from course_utils.grading.sandbox import plain, process_tree
from course_utils.grading.sandbox.conversation import Conversation
from course_utils.grading.sandbox.limits import Limits
from course_utils.grading.sandbox.plain import PlainRunner
from course_utils.grading.sandbox.process_tree import running_with
from course_utils.grading.sandbox.runner import Died, TimeLimit, Timeout, Unavailable

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who descends from whom")
ORPHAN = """
import os, sys, time

def leave(mark):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(600)", mark])
        os._exit(0)
    time.sleep(0.5)

def end(status):
    os._exit(status)

def wait():
    time.sleep(600)
"""


@pytest.fixture
def student():
    with PlainRunner() as runner, Conversation(runner.open()) as one:
        one.run(ORPHAN)
        yield one


@pytest.fixture
def mark():
    return f"plain-{os.getpid()}-{time.monotonic_ns()}"


def gone(mark):
    deadline = time.monotonic() + 30
    while running_with(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not running_with(mark)


@LINUX
def test_what_detached_itself_ends_with_the_channel(student, mark):
    student.call("leave", mark)
    assert running_with(mark)
    student.close()
    assert gone(mark)


@LINUX
def test_what_detached_itself_ends_with_the_process(student, mark):
    student.call("leave", mark)
    with pytest.raises(Died, match="status 7") as death:
        student.call("end", 7)
    assert not death.value.killed
    assert gone(mark)


@LINUX
def test_what_detached_itself_ends_with_the_grader(tmp_path, mark):
    script = tmp_path / "grader.py"
    script.write_text(
        "from course_utils.grading.sandbox.plain import PlainRunner\n"
        "from course_utils.grading.sandbox.conversation import Conversation\n"
        f"student = Conversation(PlainRunner().open())\nstudent.run({ORPHAN!r})\n"
        f"student.call('leave', {mark!r})\nstudent.call('wait')\n"
    )
    grader = subprocess.Popen([sys.executable, str(script)], cwd=plain.PACKAGE_ROOT)
    deadline = time.monotonic() + 30
    while not running_with(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    tree = [pid for pid in process_tree.tree(grader.pid) if pid != grader.pid]
    assert len(tree) >= 2
    time.sleep(1.0)  # by now it waits and reads nothing, so a closed pipe would not end it
    grader.kill()
    grader.wait()
    assert gone(mark)
    deadline = time.monotonic() + 30
    while any(os.path.exists(f"/proc/{pid}") for pid in tree) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(os.path.exists(f"/proc/{pid}") for pid in tree)


def test_a_kill_from_outside_is_told_apart(student):
    student.run("def pid():\n    return os.getpid()\n")
    os.kill(student.call("pid"), signal.SIGKILL)
    with pytest.raises(Died) as death:
        student.call("pid")
    assert death.value.killed


@LINUX
def test_processor_time_of_what_it_started_counts(student):
    student.limit = TimeLimit(processor=0.5, clock=60.0)
    student.run("def burn():\n    if os.fork() == 0:\n        while True:\n            pass\n    os.wait()\n")
    with pytest.raises(Timeout, match="processor time"):
        student.call("burn")


def test_its_folder_is_its_own_and_goes(student):
    student.run("def where():\n    return os.getcwd(), os.listdir(), dict(os.environ)\n")
    folder, files, variables = student.call("where")
    assert files == []
    assert Path(folder).is_dir()
    assert variables["HOME"] == folder
    assert set(variables) <= {*plain.environment("", ""), "PWD", "LC_CTYPE", "__CF_USER_TEXT_ENCODING"}
    student.close()
    assert not Path(folder).exists()


@LINUX
def test_memory_of_one_process_is_bounded():
    with PlainRunner(Limits(memory_bytes=300_000_000)) as runner, Conversation(runner.open()) as student:
        student.run("def take():\n    return len(bytes(400_000_000))\n")
        with pytest.raises(RuntimeError, match="MemoryError"):
            student.call("take")


def test_no_process_no_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(plain.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(plain.sys, "executable", "/nonexistent/python")
    descriptors = len(os.listdir("/dev/fd"))
    with pytest.raises(Unavailable, match="no process could be started"):
        PlainRunner().open()
    assert list(tmp_path.iterdir()) == []
    assert len(os.listdir("/dev/fd")) == descriptors
    monkeypatch.setattr(plain.tempfile, "tempdir", "/nonexistent")
    with pytest.raises(Unavailable, match="no working directory"):
        PlainRunner().open()


def test_it_says_that_it_is_no_sandbox():
    assert PlainRunner.sandboxed is False
    assert PlainRunner.name == "plain process"

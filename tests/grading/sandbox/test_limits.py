"""Bounds of memory, processes, files, time and answers, and what the grader says about those who pass them."""

import os
import selectors
import time

import pytest

from course_utils.grading.sandbox import pipes
from course_utils.grading.sandbox.conversation import Conversation
from course_utils.grading.sandbox.inmate import LockedInmate
from course_utils.grading.sandbox.limits import Limits
from course_utils.grading.sandbox.runner import Died, TimeLimit, Timeout

from .conftest import LIMITS

MAPPED = """
import mmap, os, time

def shared():
    blocks = []
    for number in range(8):
        blocks.append(mmap.mmap(-1, 100_000_000))
        for start in range(0, 100_000_000, 1_000_000):
            blocks[-1][start:start + 1_000_000] = b"x" * 1_000_000
    time.sleep(5)
    return len(blocks)

def unowned():
    import ctypes
    libc = ctypes.CDLL(None)
    return [libc.memfd_create(b"x", 0), libc.shmget(1, 4096, 0o1666), libc.syscall(240, b"x", 0o102, 0o600, None)]

def files():
    blocks = [bytearray(100_000_000) for _ in range(2)]
    with open("f", "wb") as f:
        f.write(b"x" * 4_000_000)
    return len(blocks)
"""


def test_memory_that_no_resource_limit_counts_is_the_students_doing(talk):
    with pytest.raises(Died, match=r"used more than 300 MB of memory") as death:
        talk(MAPPED).call("shared")
    assert not death.value.killed


def test_memory_without_a_process_cannot_be_had(talk):
    assert talk(MAPPED).call("unowned") == [-1, -1, -1]


def test_what_fits_is_left_alone(talk):
    assert talk(MAPPED).call("files") == 2


def test_too_much_at_once_is_an_ordinary_exception(talk):
    student = talk("def take():\n    return len(bytes(400_000_000))\ndef fine():\n    return 3\n")
    with pytest.raises(RuntimeError, match="MemoryError"):
        student.call("take")
    assert student.call("fine") == 3


FORKS = """
import os, time

def bomb():
    count = 0
    while True:
        try:
            if os.fork() == 0:
                while True:
                    try:
                        os.fork()
                    except OSError:
                        time.sleep(0.01)
            count += 1
        except OSError:
            return count
"""


def test_a_fork_bomb_stays_in_its_box_and_goes_with_it(runner, talk):
    student = talk(FORKS)
    assert student.call("bomb") < LIMITS.processes
    beside = talk("def f():\n    return 1\n")
    assert beside.call("f") == 1  # it starves nobody
    start = time.monotonic()
    student.close()
    assert time.monotonic() - start < 20
    assert not student.channel.inmate.alive()


def test_open_files_and_the_size_of_one_are_bounded(talk):
    student = talk(
        "import os\n"
        "def many():\n"
        "    held = []\n"
        "    try:\n"
        "        while True:\n"
        "            held.append(os.open('/dev/null', 0))\n"
        "    except OSError:\n"
        "        return len(held)\n"
        "def large():\n"
        "    import signal\n"
        "    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "    with open('f', 'wb') as f:\n"
        "        f.truncate(2 * 5_000_000)\n"
    )
    assert student.call("many") < LIMITS.open_files
    with pytest.raises(RuntimeError, match="OSError"):
        student.call("large")


def test_limits_cannot_be_raised_again(talk):
    student = talk(
        "import resource\n"
        "def names():\n"
        "    raised = []\n"
        "    for name in ('DATA', 'NPROC', 'NOFILE', 'FSIZE', 'CPU', 'CORE', 'STACK', 'MEMLOCK'):\n"
        "        number = getattr(resource, 'RLIMIT_' + name)\n"
        "        soft, hard = resource.getrlimit(number)\n"
        "        try:\n"
        "            resource.setrlimit(number, (hard + 1, hard + 1))\n"
        "            raised.append(name)\n"
        "        except (ValueError, OSError):\n"
        "            pass\n"
        "    return raised\n"
        "def values():\n"
        "    return [resource.getrlimit(getattr(resource, 'RLIMIT_' + n))[1] for n in ('DATA', 'NPROC', 'CORE')]\n"
    )
    assert student.call("names") == []
    assert student.call("values") == [LIMITS.memory_bytes, LIMITS.processes, 1]


BURN = """
import os, subprocess, sys, threading, time

def child():
    if os.fork() == 0:
        while True:
            pass
    time.sleep(60)

def orphan():
    if os.fork() == 0:
        os.setsid()
        for _ in range(2):
            if os.fork() == 0:
                while True:
                    pass
        os._exit(0)
    time.sleep(60)

def ended_ones():
    while True:
        subprocess.run([sys.executable, "-S", "-c", "for i in range(3_000_000): pass"])

def loop():
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass

def sleep(seconds):
    time.sleep(seconds)
    return 1

def trickle():
    header = b"NCG1" + (10).to_bytes(4, "little") + (1_000_000).to_bytes(8, "little")
    os.write(4, header)
    while True:
        os.write(4, b" ")
        time.sleep(0.02)
"""


@pytest.mark.parametrize("way", ["child", "orphan", "ended_ones", "loop"])
def test_processor_time_counts_wherever_it_is_spent(talk, way):
    with pytest.raises(Timeout, match=r"0\.5 s of processor time"):
        talk(BURN, TimeLimit(processor=0.5, clock=60.0)).call(way)


def test_a_sleeper_meets_the_clock_and_nothing_else(talk):
    student = talk(BURN, TimeLimit(processor=0.4, clock=1.5))
    assert student.call("sleep", 0.8) == 1
    with pytest.raises(Timeout, match=r"1\.5 s on the clock"):
        student.call("sleep", 60)
    with pytest.raises(Died, match="has been ended"):
        student.call("sleep", 0)


def test_an_answer_that_trickles_meets_the_clock_too(talk):
    with pytest.raises(Timeout, match=r"1\.5 s on the clock"):
        talk(BURN, TimeLimit(processor=30.0, clock=1.5)).call("trickle")


def test_the_clock_is_looked_at_even_when_there_is_always_something_to_read():
    class Idle:
        def processor_seconds(self):
            return 0.0

        def runnable(self):
            return True

    reading, writing = os.pipe()
    os.write(writing, b"x")
    clock = pipes._Clock(Idle(), TimeLimit(processor=30.0, clock=0.3), time.monotonic() + 60, 60.0)
    deadline = time.monotonic() + 10

    def read_on():
        while time.monotonic() < deadline:
            clock.wait(reading, selectors.EVENT_READ)

    try:
        with pytest.raises(Timeout, match=r"0\.3 s on the clock"):
            read_on()
    finally:
        os.close(reading)
        os.close(writing)


def test_a_channel_has_a_budget_of_time_in_all(start):
    limits = Limits(memory_bytes=300_000_000, total_seconds=1.0)
    with Conversation(start(limits=limits).open()) as student:
        student.run(BURN)
        assert student.call("sleep", 0.6) == 1
        with pytest.raises(Timeout, match="for 1 s on the clock in all"):
            student.call("sleep", 0.9)


def test_a_request_that_nobody_reads_meets_the_clock(talk):
    student = talk(
        "import os\nkept = os.dup(3)\ndef stop():\n    os.dup2(os.pipe()[0], 3)\n", TimeLimit(processor=30.0, clock=1.5)
    )
    student.call("stop")  # from now on it reads from a pipe of its own
    with pytest.raises(Timeout, match=r"1\.5 s on the clock"):
        student.ask({"op": "run", "label": "cell 1", "source": "#" * 900_000})


def test_many_files_are_named_as_the_reason_where_only_a_watcher_can_count_them(start):
    limits = Limits(memory_bytes=300_000_000, disk_bytes=20_000_000, files=100)
    with Conversation(start("single", limits).open()) as student:
        student.run("import os, time\nfor i in range(300):\n    os.mkdir(f'{i}')\ndef f():\n    time.sleep(20)\n")
        with pytest.raises(Died, match="made more than 100 files") as death:
            student.call("f")
        assert not death.value.killed


def test_the_sum_over_processes_is_what_counts(talk, monkeypatch):
    """Without the sum, a burning child would be found by the clock alone."""
    from course_utils.grading.sandbox import process_tree

    one = process_tree.tree
    monkeypatch.setattr(process_tree, "tree", lambda pid: one(pid)[:1])
    monkeypatch.setattr(LockedInmate, "processor_seconds", lambda i: process_tree.processor_seconds(i.pid))
    with pytest.raises(Timeout, match="2 s on the clock"):
        talk(BURN, TimeLimit(processor=0.5, clock=2.0)).call("child")

"""Student code may print, hang, die, lie or write garbage: it costs that call, never the next one."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from course_utils.grading.files import BadFiles
from course_utils.grading.hidden import hidden, run_tests
from course_utils.grading.sandbox.plain import PlainRunner
from course_utils.grading.sandbox.process_tree import processor_seconds
from course_utils.grading.sandbox.runner import Spent, TimeLimit, Timeout, Unavailable
from course_utils.grading.sentences import CallFailed
from course_utils.grading.session import Cell, Limits, StudentSession, Ungraded
from course_utils.grading.wire import pack, unpack

GOOD = "def double(x):\n    return 2 * x\n"


def failure(session, function, *arguments):
    with pytest.raises(CallFailed) as caught:
        session.call(function, arguments)
    return caught.value


def test_values_go_in_and_come_out_and_arguments_stay_the_graders(session):
    s = session("def both(a, d):\n    a += 1\n    return a.sum(), {'w': a, 'n': len(d)}, [None, True, 'é']\n")
    given = np.zeros((2, 2))
    answer = s.call("both", [given, {"k": 1}])
    (total, table, rest), changed = answer.value, answer.changed
    assert (total, table["n"], rest) == (4.0, 1, [None, True, "é"])
    np.testing.assert_array_equal(table["w"], np.ones((2, 2)))
    assert changed
    assert not given.any()


def test_noise_on_every_channel_breaks_nothing(session):
    noise = (
        "import sys, os, warnings, logging, subprocess\n"
        "def double(x):\n"
        "    print('x' * 100_000); sys.stderr.write('y' * 100_000); sys.stdout.flush()\n"
        "    os.write(1, b'raw'); os.write(2, b'raw'); warnings.warn('loud'); logging.warning('louder')\n"
        "    subprocess.run(['echo', 'child'])\n"
        "    return 2 * x\n"
        "print('while loading')\n"
    )
    s = session(noise)
    assert s.call("double", [21]).value == 42
    assert s.processes == 1


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        ("raise ValueError('secret')", "raised", r"ValueError \(line 2 of cell 1\)"),
        ("raise type('Leak' + str(x), (Exception,), {})()", "raised", "an exception of its own"),
        ("raise SystemExit(0)", "raised", "SystemExit"),
        ("import sys; sys.exit()", "raised", "SystemExit"),
        ("raise KeyboardInterrupt", "raised", "KeyboardInterrupt"),
        ("raise NotImplementedError()", "not_written", "not written yet"),
        ("return f(x)", "raised", "RecursionError"),
        ("import nowhere", "raised", "ModuleNotFoundError"),
        ("import course_utils.scratch.perceptrons.perceptron", "raised", "ModuleNotFoundError"),
        ("return bytearray(10**10)", "raised", "MemoryError"),
        ("import os; os._exit(0)", "died", "ended the Python process"),
        ("import os; os.abort()", "died", "ended the Python process"),
        ("import ctypes; ctypes.string_at(0)", "died", "ended the Python process"),
        ("while True: pass", "timeout", "did not finish"),
        (
            "\n    while True:\n        try:\n            while True: pass\n        except BaseException: pass",
            "timeout",
            "loop",
        ),
        (
            "import signal, time\n    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    time.sleep(600)",
            "timeout",
            "finish",
        ),
        ("return object()", "unsendable", "not numbers, lists or arrays"),
        ("return {1: 2}", "unsendable", "keys are no strings"),
        ("return __import__('numpy').array([None])", "unsendable", "return real numbers"),
        ("return [1j]", "unsendable", "return real numbers"),
        ("return __import__('numpy').zeros(10**7)", "unsendable", "far more numbers"),
        ("return [0] * 10**6", "unsendable", "far more numbers"),
        ("y = []\n    y.append(y)\n    return y", "unsendable", "contains itself"),
        ("return type('L', (list,), {'__iter__': lambda s: 1 / 0})([1])", "unsendable", "not numbers"),
        ("return (n for n in range(3))", "unsendable", "a generator: collect its values in a list"),
        ("return 1, map(abs, [1])", "unsendable", "a generator"),
        ("return dict", "unsendable", "a class: make an object of it"),
        ("return f", "unsendable", "a function: call it"),
        ("return {1, 2}", "unsendable", "a set, which has no order"),
    ],
)
def test_a_bad_call_costs_itself_alone(session, code, status, words):
    limits = Limits(call=TimeLimit(processor=0.4, clock=1.5))
    s = session(f"def f(x):\n    {code}\n", GOOD, withheld=["course_utils.scratch"], limits=limits)
    with pytest.raises(CallFailed, match=words) as caught:
        s.call("f", [1])
    assert caught.value.status == status
    assert "secret" not in caught.value.sentence
    assert s.call("double", [4]).value == 8


@pytest.mark.parametrize(
    "attack",
    [
        "for fd in range(3, 64):\n        try: os.write(fd, b'garbage' * 9)\n        except OSError: pass",
        "data = pack({'id': 999, 'status': 'ok'}, 1)\n"
        "    for fd in range(3, 64):\n        try: os.write(fd, data)\n        except OSError: pass",
        "os.closerange(3, 64)",
        "for fd in range(3, 64):\n        try: os.write(fd, b'NCG1' + b'\\xff' * 12)\n        except OSError: pass",
    ],
    ids=["garbage", "answer to another question", "closed pipes", "endless frame"],
)
def test_writing_into_the_protocol_costs_the_call(session, attack):
    s = session(f"import os\nfrom course_utils.grading.wire import pack\ndef f(x):\n    {attack}\n    return 7\n", GOOD)
    assert failure(s, "f", 1).status == "died"
    assert s.call("double", [4]).value == 8


def test_cells_run_in_order_and_a_bad_one_costs_itself_alone(session):
    s = session(
        "a = 1", "a = a / 0", "def f(", "import os\nos._exit(0)", "while True: pass", "def f():\n    return a + 1"
    )
    assert s.call("f", []).value == 2
    statuses = [report.status for report in s.reports.values()]
    assert statuses == ["ok", "raised", "raised", "died", "timeout", "ok"]
    assert "ZeroDivisionError (line 1 of cell 2)" in s.reports["cell 2"].sentence
    assert "SyntaxError (line 1 of cell 3)" in s.reports["cell 3"].sentence
    assert s.processes == 3


MAGICS = [
    "%matplotlib inline\n!rm -rf x\nlisted = !ls\n%pip install x\nlist?\na = 1",
    "%%time\ndef timed():\n    return 5",
    "%time b = 2\n%timeit c",
    "%%capture out\nd = 4\nprint('hidden')",
    "%%bash\nrm -rf x",
    "%%writefile mine.py\ne = 'written'",
    "import mine\ndef f():\n    return a, timed(), b, d, mine.e, 7 % 4",
    "display(3)\ninput('?')",
    'text = """\n%not a magic\n!nor a command\n"""\ndef g():\n    return text',
]


def test_magics_of_a_notebook_do_what_matters_and_no_harm(session):
    s = session(*MAGICS)
    assert s.call("f", []).value == (1, 5, 2, 4, "written", 3)
    assert s.call("g", []).value == "\n%not a magic\n!nor a command\n"
    assert [report.sentence for report in s.reports.values() if report.status != "ok"] == []


def test_the_place_of_an_error_inside_a_timed_cell_is_its_line(session):
    s = session("%%time\na = 1\nb = a / 0")
    s.load()
    assert s.reports["cell 1"].sentence == "cell 1 stops with ZeroDivisionError (line 3 of cell 1)"


def test_the_value_of_a_last_line_is_shown_as_a_notebook_shows_it(session):
    s = session(
        "1 + 1", "2 + 2;", "x = 3", "'text'", "None", "print('a'); [1]", "from __future__ import annotations\n5"
    )
    s.load()
    assert {cell.label: cell.text for cell in s.outputs.by_cell.values()} == {
        "cell 1": "2\n", "cell 4": "'text'\n", "cell 6": "a\n[1]\n", "cell 7": "5\n",
    }  # fmt: skip


def test_the_process_sees_nothing_of_the_graders_environment(session, monkeypatch):
    monkeypatch.setenv("GRADER_SECRET", "canary")
    s = session("import os, sys\ndef look():\n    return dict(os.environ), sys.argv, os.getcwd()\n")
    environment, arguments, folder = s.call("look", []).value
    assert "canary" not in str(environment) + str(arguments)
    assert {"PATH", "HOME", "OMP_NUM_THREADS"} <= environment.keys()
    assert Path(folder).name.startswith("grading-")
    s.close()
    assert not Path(folder).exists()


def test_replaced_cells_start_from_an_empty_namespace(session):
    s = session("left_over = 1\ndef f():\n    return 1\n")
    assert s.call("f", []).value == 1
    s.replace([Cell("cell 1", "def g():\n    return 'left_over' in globals()\n")])
    assert s.call("g", []).value is False
    assert failure(s, "f").status == "absent"
    assert s.processes == 1


def test_no_process_and_no_folder_outlives_a_session(session):
    s = session(
        "import subprocess, os\nchild = subprocess.Popen(['sleep', '600'])\n"
        "def pids():\n    return os.getpid(), child.pid, os.getcwd()\n"
    )
    *pids, folder = s.call("pids", []).value
    folder = Path(folder)
    assert folder.is_dir()
    s.close()
    deadline = time.monotonic() + 30
    while any(_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_alive(pid) for pid in pids)
    assert not folder.exists()


def _alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_kill_from_outside_is_tried_again_and_is_never_blamed_on_the_student(session, tmp_path):
    flag = str(tmp_path / "flag")
    once = (
        f"import os, pathlib\ndef f():\n    p = pathlib.Path({flag!r})\n    if not p.exists():\n"
        "        p.touch()\n        os.kill(os.getpid(), 9)\n    return 3\n"
    )
    assert session(once).call("f", []).value == 3
    always = session("import os\ndef f():\n    os.kill(os.getpid(), 9)\n")
    with pytest.raises(Ungraded, match="killed from outside"):
        always.call("f", [])
    loading = session("import os\nos.kill(os.getpid(), 9)\n")
    with pytest.raises(Ungraded, match="killed from outside"):
        loading.call("f", [])


@pytest.mark.parametrize(("deaths", "graded"), [(2, True), (3, False)])
def test_a_kill_while_the_process_starts_is_tried_again(deaths, graded):
    class KilledWhileStarting(PlainRunner):
        def open(self):
            channel = super().open()
            nonlocal deaths
            if deaths:
                deaths -= 1
                os.kill(channel.inmate.process.pid, signal.SIGKILL)
            return channel

    with KilledWhileStarting() as runner, StudentSession(runner, [Cell("cell 1", GOOD)]) as session:
        if graded:
            assert session.call("double", [4]).value == 8
        else:
            with pytest.raises(Ungraded, match="killed from outside 3 times"):
                session.call("double", [4])


def test_a_runner_that_cannot_start_is_the_graders_trouble():
    class Broken:
        name, sandboxed = "broken", False

        def open(self):
            raise Unavailable("no process could be started: too many")

    with StudentSession(Broken(), []) as s, pytest.raises(Ungraded, match="does not start"):
        s.call("f", [])


def test_processor_time_decides_and_the_clock_only_stops_sleepers(session):
    limits = Limits(call=TimeLimit(processor=0.3, clock=10))
    s = session("import time\ndef nap():\n    time.sleep(0.8)\n    return 1\n", limits=limits)
    assert s.call("nap", []).value == 1
    assert processor_seconds(os.getpid()) > 0
    assert processor_seconds(2**22 + 1) is None


def test_the_plain_runner_says_that_it_is_no_sandbox():
    assert PlainRunner().sandboxed is False
    assert signal.SIGKILL  # the way every process here ends


# ---- files ----


def test_files_lie_where_the_code_runs_and_the_graders_own_win(session):
    own = {"data/points.csv": b"own", "checks/__init__.py": b"WHOSE = 'own'", "mine.py": b"X = 1"}
    given = {"checks/__init__.py": b"WHOSE = 'given'"}
    code = "import checks, mine\ndef f():\n    return checks.WHOSE, mine.X, open('data/points.csv').read()\n"
    assert session(code, files=given, helpers=own).call("f", []).value == ("given", 1, "own")


@pytest.mark.parametrize("path", ["../up.py", "/tmp/up.py", "a/../../up.py", "a//b", ""])
def test_no_file_leaves_the_working_directory(session, path):
    with pytest.raises(BadFiles):
        session(GOOD, helpers={path: b""}).load()
    from course_utils.grading.student_surroundings import write_files

    with pytest.raises(ValueError, match="leaves the working directory"):
        write_files({path: np.zeros(1, np.uint8)})


def test_a_helper_that_cannot_be_written_is_left_out_and_a_file_of_the_graders_is_trouble(session):
    clash = {"a": b"1", "a/b": b"2"}
    assert session(GOOD, helpers=clash).call("double", [2]).value == 4
    with pytest.raises(Ungraded, match="does not start"):
        session(GOOD, files=clash).call("double", [2])


# ---- time ----


class Slow(PlainRunner):
    """A runner whose functions never answer; notes the limits that it was given."""

    spent = Spent()

    def open(self):
        return self

    def request(self, frame, limit):
        message, _ = unpack(frame)
        if message["op"] == "call":
            self.given.append((message["name"], limit.processor))
            raise Timeout("x")
        return pack({"id": message["id"], "status": "ok", "cpu": 0.25}, {})

    def close(self):
        pass


def test_patience_with_a_function_that_used_up_two_limits_is_short_and_its_sentence_the_same():
    runner = Slow()
    runner.given = []
    s = StudentSession(
        runner, [Cell("cell 1", "")], limits=Limits(call=TimeLimit(4.0, 20.0), total=TimeLimit(14.0, 600.0))
    )
    sentences = [failure(s, "f").sentence for _ in range(4)]
    other = failure(s, "g")
    assert runner.given == [("f", 4.0), ("f", 4.0), ("f", 0.5), ("f", 0.5), ("g", 4.0)]
    assert len(set(sentences)) == 1
    assert other.status == "timeout"
    last = failure(s, "g")
    assert len(runner.given) == 5, "13 s of calls and 6 times 0.25 s of cells: the budget is used up"
    assert "all cells and calls together took more than 14 seconds" in last.sentence


def test_cells_count_against_the_budget_too_and_say_so(session):
    limits = Limits(cell=TimeLimit(0.4, 20.0), total=TimeLimit(0.7, 60.0))
    s = session("while True: pass", "while True: pass", "x = 1", GOOD, limits=limits)
    assert "took more than 0.7 seconds" in failure(s, "double", 1).sentence
    assert [r.status for r in s.reports.values()] == ["timeout"] * 4
    assert "was left out: all cells and calls together" in s.reports["cell 4"].sentence


# ---- kills from outside, and objects ----

ONCE = """
import os, pathlib
class A:
    def f(self):
        p = pathlib.Path({flag!r})
        if not p.exists():
            p.touch()
            os.kill(os.getpid(), 9)
        return 3
    def always(self):
        os.kill(os.getpid(), 9)
"""


def test_a_test_whose_objects_were_killed_from_outside_begins_again(session, tmp_path):
    s = session(ONCE.format(flag=str(tmp_path / "flag")))

    @hidden("one", points=1)
    def once(student, rng):
        a = student.A.new()
        if a.f() != 3:
            raise AssertionError

    @hidden("one", points=1)
    def always(student, rng):
        student.A.new().always()

    first, second = run_tests([once, always], s, 0)
    assert first.status == "passed"
    assert (second.status, second.sentence) == ("ungraded", "")
    assert "killed from outside" in second.detail


# ---- what is printed ----


def test_what_cells_print_when_they_run_again_is_not_shown(session, tmp_path):
    """A function could write down what a hidden test passed, and a cell print it in the next process."""
    note = str(tmp_path / "note")
    s = session(
        f"import os\nif os.path.exists({note!r}):\n    print(open({note!r}).read())\nprint('first')",
        f"def f(x):\n    open({note!r}, 'w').write(str(x))\n    os._exit(1)\n",
    )
    assert failure(s, "f", "HIDDEN").status == "died"
    assert failure(s, "g").status == "absent"
    assert s.processes == 2
    assert [cell.text for cell in s.outputs.by_cell.values()] == ["first\n"]

"""The instructor's check: every probe holds in a sandbox, and sees a wall that is missing."""

import os
import platform
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from course_utils.grading.sandbox import __main__ as check
from course_utils.grading.sandbox import locked, probes
from course_utils.grading.sandbox.conversation import Conversation
from course_utils.grading.sandbox.pipes import PipeChannel
from course_utils.grading.sandbox.plain import PlainRunner
from course_utils.grading.sandbox.probes import PROBE_LIMITS, PROBES, Leak, run_probes
from course_utils.grading.sandbox.seccomp import MACHINES
from course_utils.grading.sandbox.watch import Watch

from .conftest import WAYS


@pytest.mark.parametrize("way", WAYS)
def test_every_probe_holds(start, way):
    runner = start(limits=PROBE_LIMITS, **WAYS[way])
    assert {o.claim: o.found for o in run_probes(runner) if not o.passed} == {}


RIGHTS = """
import ctypes, os

def rights():
    libc = ctypes.CDLL(None, use_errno=True)
    head, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(head, sets) == 0
    bounding = [one for one in range(41) if libc.prctl(23, one, 0, 0, 0) == 1]
    return {"sets": list(sets), "bounding": bounding, "no new": libc.prctl(39, 0, 0, 0, 0),
            "filter": libc.prctl(21, 0, 0, 0, 0), "dumpable": libc.prctl(3, 0, 0, 0, 0), "groups": os.getgroups()}
"""


@pytest.mark.parametrize("way", ["fork", "single"])
def test_nothing_is_left_of_any_right(start, way):
    """Each of the layers alone would hold the rights probe; here they are looked at one by one."""
    with Conversation(start(way).open()) as student:
        student.run(RIGHTS)
        rights = student.call("rights")
    groups = rights.pop("groups")
    assert rights == {
        "sets": [0] * 6,
        "bounding": [],
        "no new": 1,
        "filter": 2 if platform.machine() in MACHINES else 0,
        "dumpable": 0,
    }
    assert set(groups) <= {65534} or os.geteuid() != 0


def without(arguments, *words):
    return [one for one in arguments if one not in words]


def test_the_network_probe_sees_an_open_network(start, monkeypatch):
    command = locked.bubblewrap_command
    monkeypatch.setattr(locked, "bubblewrap_command", lambda *a: without(command(*a), "--unshare-net"))
    with pytest.raises(Leak, match="a server on this machine"):
        probes.network(start("single", PROBE_LIMITS))


def test_the_file_probe_sees_a_folder_that_is_shown(start):
    with pytest.raises(Leak, match="canary"):
        probes.host_files(start("single", PROBE_LIMITS, readable=[Path(tempfile.gettempdir())]))


def test_the_writing_probe_sees_a_tree_that_can_be_written(start, monkeypatch):
    tree = locked.file_tree

    def open_tree(*a):
        arguments = tree(*a)
        at = arguments.index("/course") - 1
        return [*arguments[:at], "--tmpfs", "/course", "--chmod", "0777", "/course", *arguments[at + 2 :]]

    monkeypatch.setattr(locked, "file_tree", open_tree)
    with pytest.raises(Leak, match="/course"):
        probes.writing(start("single", PROBE_LIMITS))


def test_the_rights_probe_sees_the_user_who_grades(start, monkeypatch):
    for name, value in (("FIRST_USER", 0), ("USERS", 1), ("NOBODY", os.geteuid())):
        monkeypatch.setattr(locked, name, value)
    with pytest.raises(Leak, match=f"runs as user {os.geteuid()}"):
        probes.rights(start("single", PROBE_LIMITS))


def test_the_process_probe_sees_the_processes_of_others(start, monkeypatch):
    tree = locked.file_tree
    monkeypatch.setattr(locked, "file_tree", lambda *a: [*tree(*a), "--proc", "/proc"])
    with pytest.raises(Leak, match="found processes"):
        probes.other_processes(start("single", PROBE_LIMITS))


def test_the_orphan_probe_sees_what_is_left(start, monkeypatch):
    runner = start("fork", PROBE_LIMITS)
    with monkeypatch.context() as patch:
        patch.setattr(PipeChannel, "close", lambda channel: None)
        with pytest.raises(Leak, match="lives on"):
            probes.orphans(runner)


def test_the_memory_probe_sees_that_nobody_bounds_the_sum(start, monkeypatch):
    monkeypatch.setattr(Watch, "add", lambda watch, one: None)
    with pytest.raises(Leak, match="it held"):
        probes.memory(start("fork", PROBE_LIMITS, control_groups=False))


@pytest.mark.parametrize(
    ("probe", "limit", "match"),
    [(probes.processes, "processes", "it started"), (probes.disk, "disk_bytes", "MB"), (probes.disk, "files", "files")],
)
def test_the_probes_of_bounds_see_wider_ones(start, probe, limit, match):
    wider = replace(PROBE_LIMITS, **{limit: 3 * getattr(PROBE_LIMITS, limit)})
    with pytest.raises(Leak, match=match):
        probe(start("fork", wider))


def test_the_clock_probe_sees_that_nobody_stops_it(start, monkeypatch):
    monkeypatch.setattr(probes, "SHORT", replace(probes.SHORT, processor=90.0, clock=90.0))
    monkeypatch.setattr(probes, "PROCESSOR", "def burn():\n    pass\n\ndef wait():\n    pass\n")
    with pytest.raises(Leak, match="it went on"):
        probes.processor_time(start("fork", PROBE_LIMITS))


def test_the_last_probe_sees_a_process_that_is_used_twice(start):
    runner = start("fork", PROBE_LIMITS)
    channel = runner.open()

    class Reused:
        def open(self):
            return channel

    channel.close, end = lambda: None, channel.close
    with pytest.raises(Leak, match=r"the next submission found .*patched module, a variable, an import path"):
        probes.the_next_one(Reused())
    end()


def test_a_probe_that_cannot_run_has_not_passed():
    class Broken:
        name, sandboxed = "broken", True

        def open(self):
            raise OSError("out of order")

    outcomes = list(run_probes(Broken()))
    assert len(outcomes) == len(PROBES) >= 10
    assert not any(outcome.passed for outcome in outcomes)
    assert "could not be tried: OSError: out of order" in outcomes[0].found


def test_probes_never_run_without_a_sandbox():
    with pytest.raises(ValueError, match="plain process is none"):
        next(run_probes(PlainRunner()))


def test_the_check_of_a_machine_prints_what_is_there_and_what_held(start, capsys, monkeypatch):
    start().close()  # skips where there is no sandbox
    monkeypatch.setattr(probes, "PROBES", PROBES[:2])
    assert check.main(["--sandbox", "bubblewrap"]) == 0
    text = capsys.readouterr().out
    assert "bubblewrap      works" in text
    assert "held            no network" in text
    assert "2 of 2 held" in text
    assert max(map(len, text.splitlines())) <= 80
    failing = probes.Probe("it cannot hold", lambda runner: probes._expect(False, "it got out"))
    monkeypatch.setattr(probes, "PROBES", (failing,))
    assert check.main([]) == 1
    assert "NOT HELD        it cannot hold: it got out" in capsys.readouterr().out


def test_the_check_of_a_machine_without_a_sandbox_says_so(capsys, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    assert check.main([]) == 2
    text = capsys.readouterr().out
    assert "apt install bubblewrap" in text
    assert "No sandbox" in text
    assert "held." not in text

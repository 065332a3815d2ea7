"""Control groups: found, made, limited and removed; version 1 for real where it is writable, version 2 on paper."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from course_utils.grading.sandbox import cgroup
from course_utils.grading.sandbox.cgroup import Group, find_groups
from course_utils.grading.sandbox.limits import Limits

LIMITS = Limits(memory_bytes=50_000_000, processes=7)
MOUNTS_1 = """\
22 27 0:21 / /proc rw,relatime - proc proc rw
32 31 0:29 / {top}/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / {top}/memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / {top}/pids rw,relatime - cgroup cgroup rw,pids
"""
OWN_1 = "8:pids:/a\n4:memory:/a/b\n2:cpu,cpuacct:/\n0::/\n"
MOUNTS_2 = "35 24 0:30 /{root} {top} rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"


def folder(path, controllers=""):
    """A made-up group of version 2."""
    path.mkdir(parents=True)
    (path / "cgroup.procs").write_text("")
    (path / "cgroup.subtree_control").write_text(controllers)
    return path


@pytest.fixture
def real():
    groups = find_groups(LIMITS)
    if groups is None:
        pytest.skip("no control group can be made on this machine")
    yield groups
    groups.close()


def test_memory_of_a_group_is_bounded_and_the_kill_is_counted(real):
    group = real.make()
    take = "import sys; sys.stdin.read(1); b = b'x' * 200_000_000; print(len(b))"
    process = subprocess.Popen([sys.executable, "-c", take], stdin=subprocess.PIPE)
    group.add(process.pid)
    assert group.memory_kills() == 0
    process.communicate(b"x", timeout=30)
    assert process.returncode == -9
    assert group.memory_kills() >= 1
    assert group.processor_seconds() > 0
    assert group.remove()
    assert not any(path.exists() for path in group.folders.values())


def test_processes_of_a_group_are_bounded(real):
    group = real.make()
    code = (
        "import os, sys, time\nsys.stdin.read(1)\nn = 0\n"
        "while True:\n    try:\n        pid = os.fork()\n    except OSError:\n        break\n"
        "    if pid == 0:\n        time.sleep(20)\n        os._exit(0)\n    n += 1\nprint(n)\nos.killpg(0, 9)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-uc", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    group.add(process.pid)
    said, _ = process.communicate(b"x", timeout=30)
    assert int(said) == LIMITS.processes - 1
    assert group.remove()


def test_a_group_in_use_is_not_removed_and_a_closed_one_leaves_nothing(real):
    group = real.make()
    process = subprocess.Popen(["sleep", "60"])
    group.add(process.pid)
    assert not group.remove(0.05)
    process.kill()
    process.wait()
    assert group.remove()
    other = real.make()
    real.close()
    assert not any(path.exists() for path in (*other.folders.values(), *real.parents.values()))


def test_what_a_killed_grader_left_is_cleared_away(real):
    gone = subprocess.Popen(["true"])
    gone.wait()
    left = [parent.parent / f"{cgroup.PREFIX}{gone.pid}-1-1" for parent in real.parents.values()]
    ours = list(real.parents.values())
    for path in left:
        (path / "00001").mkdir(parents=True)
    again = find_groups(LIMITS)
    again.close()
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in ours)  # a grader that lives keeps its own


def test_version_1_is_found_below_the_own_group(tmp_path):
    for name in ("cpu,cpuacct", "memory/a/b", "pids/a"):
        (tmp_path / name).mkdir(parents=True)
    homes = cgroup._homes(MOUNTS_1.format(top=tmp_path), OWN_1)
    assert homes["memory"][0] == tmp_path / "memory/a/b"
    assert homes["pids"][0] == tmp_path / "pids/a"
    assert homes["cpuacct"][0] == tmp_path / "cpu,cpuacct"


def test_version_2_divides_the_nearest_group_that_may_be_divided(tmp_path, monkeypatch):
    user = folder(tmp_path / "user.slice", "cpu memory pids")
    own = folder(user / "app.slice" / "terminal.scope", "")
    own.parent.joinpath("cgroup.procs").write_text("")
    own.parent.joinpath("cgroup.subtree_control").write_text("memory pids")
    refuse_where_processes_live(monkeypatch, own)
    made_up_files(monkeypatch, "memory.max memory.swap.max memory.oom.group pids.max cgroup.procs")
    text = f"0::/{own.relative_to(tmp_path)}\n"
    groups = find_groups(LIMITS, MOUNTS_2.format(root="", top=tmp_path), text, "mine")
    assert groups.parents == {"unified": own.parent / "mine"}
    assert (own.parent / "mine" / "cgroup.subtree_control").read_text() == "+memory +pids"
    group = groups.make()
    written = {file.name: file.read_text() for file in group.folders["unified"].iterdir()}
    assert written["memory.max"] == "50000000"
    assert written["memory.swap.max"] == "0"
    assert written["memory.oom.group"] == "1"
    assert written["pids.max"] == "7"
    group.add(4711)
    assert (group.folders["unified"] / "cgroup.procs").read_text() == "4711"
    (group.folders["unified"] / "cpu.stat").write_text("usage_usec 2500000\nuser_usec 1\n")
    (group.folders["unified"] / "memory.events").write_text("low 0\noom 3\noom_kill 2\n")
    assert group.processor_seconds() == 2.5
    assert group.memory_kills() == 2


def test_version_2_without_a_group_to_divide_is_none(tmp_path, monkeypatch):
    own = folder(tmp_path / "own", "")
    refuse_where_processes_live(monkeypatch, own)
    assert find_groups(LIMITS, MOUNTS_2.format(root="", top=own), "0::/\n", "mine") is None
    assert [path.name for path in own.iterdir() if path.is_dir()] == []


def test_a_group_without_a_memory_limit_is_of_no_use(tmp_path, monkeypatch):
    """A mounted hierarchy whose controllers are elsewhere has folders but no limits."""
    user = folder(tmp_path / "user", "memory pids")
    made_up_files(monkeypatch, "cgroup.procs")
    assert find_groups(LIMITS, MOUNTS_2.format(root="", top=user), "0::/\n", "mine") is None


def test_no_control_groups_at_all():
    assert find_groups(LIMITS, "22 27 0:21 / /proc rw - proc proc rw\n", "0::/\n") is None


def test_counters_that_cannot_be_read(tmp_path):
    group = Group({"unified": tmp_path / "none"})
    assert group.processor_seconds() is None
    assert group.memory_kills() == 0
    assert group.remove()


def test_the_name_tells_the_grader():
    pid, started, _ = cgroup._own_name().removeprefix(cgroup.PREFIX).split("-")
    assert int(pid) == os.getpid()
    assert started == cgroup._started(os.getpid())


def made_up_files(monkeypatch, names):
    """Let new folders have the files that the kernel puts into a group, and let them be removed with the folder."""
    mkdir, rmdir = Path.mkdir, Path.rmdir

    def make(path, *a, **k):
        mkdir(path, *a, **k)
        for name in (*names.split(), "cgroup.subtree_control"):
            (path / name).write_text("")

    def remove(path):
        for file in path.iterdir():
            if file.is_file():
                file.unlink()
        rmdir(path)

    monkeypatch.setattr(Path, "mkdir", make)
    monkeypatch.setattr(Path, "rmdir", remove)


def refuse_where_processes_live(monkeypatch, own):
    setting = cgroup._set

    def refuse(file, value):
        if file == own / "cgroup.subtree_control":
            raise OSError(16, "Device or resource busy")
        setting(file, value)

    monkeypatch.setattr(cgroup, "_set", refuse)

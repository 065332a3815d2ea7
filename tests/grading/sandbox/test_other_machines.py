"""Graders that are not root, and systems that allow less: made on this machine, as far as root can make them.

An ordinary user: root takes its rights away and shows a Python that everybody may read. A system without namespaces
inside namespaces: a user namespace of root's whose number of further ones is set to zero.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from course_utils.grading.sandbox.remedy import what_is_missing

REPOSITORY = Path(__file__).parents[3]
USER = "1234"
WITHOUT_NAMESPACES = """
import ctypes, os, sys
ready, go = os.pipe(), os.pipe()
child = os.fork()
if child == 0:
    if ctypes.CDLL(None).unshare(0x10000000) != 0:
        os._exit(99)
    os.write(ready[1], b"x")
    os.read(go[0], 1)
    with open("/proc/sys/user/max_user_namespaces", "w") as file:  # of this namespace, not of the machine
        file.write("0")
    os.execvp(sys.argv[1], sys.argv[1:])
os.read(ready[0], 1)
for name in ("uid_map", "gid_map"):
    with open(f"/proc/{child}/{name}", "w") as file:
        file.write("0 0 4294967295")
os.write(go[1], b"x")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(what_is_missing() is not None, reason=what_is_missing() or ""),
    pytest.mark.skipif(
        os.geteuid() != 0, reason="only root can turn into others; as an ordinary user all tests say it"
    ),
]


def as_ordinary_user():
    """The command that runs another one as an ordinary user, with the Python of this one readable for everybody."""
    base = Path(os.path.realpath(sys.base_prefix))
    shown = []
    closed = next((one for one in reversed(base.parents[:-1]) if not one.stat().st_mode & 0o001), None)
    if closed is not None:  # below a closed folder, such as /root: put an open one in its place
        shown = ["--perms", "0755", "--tmpfs", str(closed)]
        for parent in reversed(base.parents):
            if parent != closed and parent.is_relative_to(closed):
                shown += ["--perms", "0755", "--dir", str(parent)]
        shown += ["--ro-bind", str(base), str(base)]
    identity = ["--reuid", USER, "--regid", USER, "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"]
    return ["bwrap", "--bind", "/", "/", *shown, "--dev-bind", "/dev", "/dev", "setpriv", *identity]


def without_namespaces():
    """The command that runs another one where no user namespace can be made."""
    return [sys.executable, "-c", WITHOUT_NAMESPACES]


def run(*command):
    environment = {**os.environ, "HOME": "/tmp", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=240)
    return done.returncode, done.stdout + done.stderr


def check(where, *more):
    return run(*where, sys.executable, "-m", "course_utils.grading.sandbox", *more)


def attack(where, scratch, *more):
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:xdist", f"--basetemp={scratch}"]
    return run(*where, sys.executable, "-m", "pytest", "tests/grading/sandbox", *options, *more)


def test_an_ordinary_user_is_one():
    status, said = run(*as_ordinary_user(), sys.executable, "-c", "import os; print(os.getuid(), os.geteuid())")
    assert (status, said.split()) == (0, [USER, USER])


def test_an_ordinary_user_has_the_same_walls():
    status, said = check(as_ordinary_user())
    assert status == 0, said
    assert "a process forked for each submission" in said
    assert "control groups  none that can be written" in said


def test_the_attacks_fail_for_an_ordinary_user_too():
    some = "(outlives or cannot_pass or operator or no_resource or (every_probe_holds and single)) and without"
    scratch = Path("/tmp") / f"course-grading-tests-{os.getpid()}"
    try:
        status, said = attack(as_ordinary_user(), scratch, "-k", some)
    finally:
        subprocess.run(["rm", "-rf", str(scratch)], check=True)
    assert status == 0, said
    assert "passed" in said
    assert "skipped" not in said


def test_where_namespaces_cannot_be_nested_each_submission_gets_a_sandbox():
    status, said = check(without_namespaces())
    assert status == 0, said
    assert "a sandbox for each submission" in said
    assert "12 of 12 held" in said


def test_whoever_insists_on_forking_is_told_what_is_refused():
    code = (
        "from course_utils.grading.sandbox.bubblewrap import BubblewrapRunner as B\n"
        "with B(preload=['numpy'], warm='fork') as r:\n    r.open()\n"
    )
    status, said = run(*without_namespaces(), sys.executable, "-c", code)
    assert status == 1
    assert "NoSandbox: student processes cannot be closed in: OSError: [Errno 28] unshare" in said


def test_an_ordinary_user_without_namespaces_gets_the_remedy_and_no_grade():
    status, said = check([*without_namespaces(), *as_ordinary_user()])
    assert status == 2, said
    assert "sudo sysctl -w user.max_user_namespaces" in " ".join(said.split())
    assert "No sandbox: nothing is graded on this machine" in said
    assert "held" not in said

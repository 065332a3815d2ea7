"""Which runner is taken, and that none is taken without a sandbox unless somebody says so."""

import re

import pytest

from course_utils.grading.sandbox import choose, remedy
from course_utils.grading.sandbox.bubblewrap import BubblewrapRunner
from course_utils.grading.sandbox.choose import findings, open_runner
from course_utils.grading.sandbox.limits import Limits
from course_utils.grading.sandbox.plain import PlainRunner
from course_utils.grading.sandbox.runner import NoSandbox


@pytest.fixture
def nowhere(monkeypatch):
    """A machine without bubblewrap, podman or docker."""
    monkeypatch.setenv("PATH", "/nonexistent")


def test_a_sandbox_is_taken_wherever_there_is_one(start):
    start().close()  # skips where there is none
    for unsafe in (False, True):
        with open_runner(unsafe=unsafe, preload=["numpy"]) as runner:
            assert isinstance(runner, BubblewrapRunner)
            assert runner.sandboxed
            assert runner.name == "bubblewrap"


def test_without_a_sandbox_nothing_is_opened(nowhere):
    with pytest.raises(NoSandbox) as trouble:
        open_runner()
    text = str(trouble.value)
    assert "nothing is graded" in text
    assert "apt install bubblewrap" in text
    assert "apt install podman" in text
    assert "--unsafe" in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(("kind", "match"), [("bubblewrap", "apt install bubblewrap"), ("container", "podman")])
def test_a_kind_that_is_not_there_is_not_replaced_by_another(nowhere, kind, match):
    for unsafe in (False, True):
        with pytest.raises(NoSandbox, match=match):
            open_runner(kind, unsafe=unsafe)


def test_unsafe_goes_without_where_it_must(nowhere):
    with open_runner(unsafe=True, limits=Limits(memory_bytes=10**9)) as runner:
        assert isinstance(runner, PlainRunner)
        assert not runner.sandboxed
        assert runner.limits.memory_bytes == 10**9


def test_plain_takes_the_word_unsafe():
    with pytest.raises(NoSandbox, match="no sandbox: student code could do whatever you can"):
        open_runner("plain")
    assert isinstance(open_runner("plain", unsafe=True), PlainRunner)


def test_a_kind_that_does_not_exist():
    with pytest.raises(ValueError, match="kind must be one of auto, bubblewrap, container, plain, got 'jail'"):
        open_runner("jail")


def test_containers_come_second(monkeypatch):
    def none(*a, **k):
        raise NoSandbox("not here")

    opened = []
    monkeypatch.setattr(choose, "BubblewrapRunner", none)
    monkeypatch.setattr(choose, "ContainerRunner", lambda image, **k: opened.append((image, k)) or "container")
    assert open_runner(image="course:1", preload=["numpy"]) == "container"
    assert opened == [("course:1", {"limits": None, "preload": ["numpy"]})]


def test_findings_tell_what_is_missing(nowhere):
    found = {finding.name: finding for finding in findings()}
    assert set(found) == {"bubblewrap", "control groups", "system calls", "containers"}
    assert not found["bubblewrap"].there
    assert "apt install bubblewrap" in found["bubblewrap"].text
    assert not found["containers"].there


@pytest.mark.parametrize(
    ("file", "value", "user", "match"),
    [
        ("apparmor_restrict_unprivileged_userns", "1", 1000, "/etc/apparmor.d/bwrap"),
        ("unprivileged_userns_clone", "0", 1000, r"sysctl -w kernel\.unprivileged_userns_clone=1"),
        ("max_user_namespaces", "0", 1000, r"sysctl -w user\.max_user_namespaces"),
        ("none", "", 1000, "--cap-add SYS_ADMIN|Ask whoever runs this machine"),
    ],
)
def test_each_cause_has_its_remedy(monkeypatch, tmp_path, file, value, user, match):
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(remedy, "_setting", lambda path: value if path.endswith(file) else "")
    monkeypatch.setattr(remedy.os, "geteuid", lambda: user)
    missing = remedy.what_is_missing()
    assert missing.startswith("bubblewrap cannot make a sandbox (bwrap: setting up uid map: Permission denied). ")
    assert re.search(match, missing)


def test_root_needs_setpriv(monkeypatch, tmp_path):
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(remedy.os, "geteuid", lambda: 0)
    assert "apt install util-linux" in remedy.what_is_missing()
    monkeypatch.setattr(remedy.os, "geteuid", lambda: 1000)
    assert remedy.what_is_missing() is None


def test_other_systems_and_old_kernels(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(remedy.sys, "platform", "darwin")
        assert "for Linux only" in remedy.what_is_missing()
    with monkeypatch.context() as patch:
        patch.delattr(remedy.os, "pidfd_open")
        assert "os.pidfd_open" in remedy.what_is_missing()

    def refuse(pid):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(remedy.os, "pidfd_open", refuse)
    assert "Linux 5.3 or later" in remedy.what_is_missing()


def test_text_is_fitted_and_configuration_is_not():
    text = (
        "word " * 30 + "\n    kept as it is, however long this line may be, because somebody is going to copy it\nend"
    )
    lines = remedy.wrapped(text, "  a  ", "     ").splitlines()
    assert all(len(line) <= 78 for line in lines if "copy it" not in line)
    assert lines[0].startswith("  a  word")
    assert lines[-2].startswith("         kept as it is")
    assert lines[-1] == "     end"

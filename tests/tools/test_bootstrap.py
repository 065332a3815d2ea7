"""Set-up on machines that lack something: one clear line, the remedy, and the next call repairs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from course_utils.runtime import repo_root
from tools import bootstrap

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that set-up reads, and the module pointed at it."""
    (tmp_path / "tools").mkdir()
    for name in (
        "tools/bootstrap.py",
        "pyproject.toml",
        "requirements.txt",
        "requirements-grade.txt",
        "requirements-dev.txt",
    ):
        shutil.copy(repo_root() / name, tmp_path / name)
    monkeypatch.setattr(bootstrap, "ROOT", str(tmp_path))
    return tmp_path


def pretend_ready(clone: Path) -> None:
    """An environment with a working interpreter and the stamp of the present requirements."""
    target = Path(bootstrap.interpreter(str(clone / ".venv")))
    target.parent.mkdir(parents=True)
    target.symlink_to(sys.executable)
    Path(bootstrap.stamp_path(str(clone / ".venv"), "course")).write_text(bootstrap.fingerprint("course"))


@pytest.mark.skipif(os.name == "nt", reason="symbolic links to the interpreter need a privilege on Windows")
def test_a_second_call_finds_everything_ready_and_changed_requirements_do_not(clone: Path) -> None:
    pretend_ready(clone)
    assert bootstrap.is_ready(str(clone / ".venv"), "course")
    assert not bootstrap.is_ready(str(clone / ".venv"), "dev")
    with (clone / "requirements.txt").open("a") as file:
        file.write("another==1\n")
    assert not bootstrap.is_ready(str(clone / ".venv"), "course")


@pytest.mark.skipif(os.name == "nt", reason="symbolic links to the interpreter need a privilege on Windows")
def test_a_half_made_environment_is_not_ready(clone: Path) -> None:
    pretend_ready(clone)
    Path(bootstrap.interpreter(str(clone / ".venv"))).unlink()
    assert not bootstrap.is_ready(str(clone / ".venv"), "course")


def test_too_old_a_python_gets_one_line(
    clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 9, 2))
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: None)
    assert bootstrap.main(["course"]) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert "this is Python 3.9, and the course needs 3.11, 3.12 or 3.13; install one" in lines[0]


def test_an_old_python_uses_a_newer_one_from_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 9, 2))
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: f"/bin/{name}" if name == "python3.12" else None)
    assert bootstrap.suitable_python() == "/bin/python3.12"


def test_a_full_disk_gets_one_line_before_anything_is_made(
    clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(bootstrap.shutil, "disk_usage", lambda path: Usage(10e9, 9e9, 1e9))
    assert bootstrap.main(["course"]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "the disk has 1.0 GB free and the environment needs 8; free some space" in err
    assert not (clone / ".venv").exists()


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk is full; free 8 GB"),
        ("Failed to establish: NewConnectionError(...)", "cannot be reached and the packages are not in pip's cache"),
        ("ERROR: No matching distribution found for torch==2.14.1", "has no version that fits; check that pip's"),
        ("ERROR: something new\nmore", "pip failed: ERROR: something new; the log is build/setup-course.log"),
    ],
)
def test_pip_failures_become_one_line(output: str, words: str) -> None:
    line = bootstrap.reason(output, "course")
    assert words in line
    assert "\n" not in line


@pytest.mark.slow
def test_no_network_gets_one_line_and_a_half_made_environment_is_repaired(clone: Path) -> None:
    """The real script in a folder with a broken .venv, no network and an empty cache."""
    (clone / ".venv" / "bin").mkdir(parents=True)
    (clone / ".venv" / "bin" / "python").write_text("not an interpreter")
    env = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")}
    env |= {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "1", "PIP_CACHE_DIR": str(clone / "cache")}
    env |= {"PIP_CONFIG_FILE": os.devnull}
    command = [sys.executable, str(clone / "tools" / "bootstrap.py"), "course"]
    run = subprocess.run(command, env=env, capture_output=True, text=True)
    assert run.returncode == 1
    assert ".venv is incomplete or made for another Python: making it anew" in run.stdout
    assert run.stderr.count("\n") == 1, run.stderr
    assert "connect to the network" in run.stderr
    assert bootstrap.interpreter_works(str(clone / ".venv"), "pip")
    again = subprocess.run(command, env=env, capture_output=True, text=True)
    assert "making it anew" not in again.stdout


def test_the_three_lines_of_the_readme_for_windows_name_files_that_exist() -> None:
    readme = (repo_root() / "README.md").read_text(encoding="utf-8")
    assert "py -m venv .venv" in readme
    for line in readme.splitlines():
        if line.startswith(".venv\\Scripts\\"):
            for word in line.split():
                if word.endswith((".txt", ".ipynb")):
                    assert (repo_root() / word.replace("\\", "/")).exists(), word
    requirements = (repo_root() / "requirements.txt").read_text().splitlines()
    assert requirements[-1] == "-e ."
    assert all("==" in line for line in requirements[1:-1])

"""nbgrader as it comes, on the same submissions: a course folder, its command line, its API.

nbgrader runs the notebook's own cells, so it grades with the visible checks alone; it draws no hidden inputs and
needs no sandbox. It does less work than the course's grader.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import nbformat

from benchmarks.made_submissions import NAME
from tools.assignments import ROOT, solution_notebook

QUIET = ["--log-level=ERROR"]
API = """
import json, sys, time
start = time.perf_counter()
from nbgrader.apps import NbGraderAPI
from traitlets.config import Config
config = Config()
config.CourseDirectory.root, config.CourseDirectory.course_id = sys.argv[1], "course"
config.Application.log_level = "ERROR"
api, seconds = NbGraderAPI(config=config), []
ready = time.perf_counter() - start
for student in sys.argv[3:]:
    begin = time.perf_counter()
    done = api.autograde(sys.argv[2], student, force=True)
    seconds.append(time.perf_counter() - begin)
    if not done["success"]:
        raise SystemExit(done.get("error") or done.get("log"))
print(json.dumps({"ready": ready, "seconds": seconds}))
"""


def make_course(folder: Path, submissions: Iterable[tuple[str, bytes]]) -> list[str]:
    """Write a course as an instructor sets one up (source, release, submitted); returns the students' ids."""
    source = folder / "source" / NAME
    source.mkdir(parents=True)
    nbformat.write(solution_notebook(NAME), source / f"{NAME}.ipynb")
    checks = ROOT / "assignments" / NAME / "checks"
    shutil.copytree(checks, source / "checks", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "nbgrader_config.py").write_text('c = get_config()\nc.CourseDirectory.course_id = "course"\n')
    _nbgrader(folder, "generate_assignment", NAME)
    students = []
    for student, notebook in submissions:
        place = folder / "submitted" / student / NAME
        shutil.copytree(checks, place / "checks", ignore=shutil.ignore_patterns("__pycache__"))
        (place / f"{NAME}.ipynb").write_bytes(notebook)
        students.append(student)
    return students


def by_command_line(folder: Path, students: Iterable[str]) -> list[float]:
    """Grade with one ``nbgrader autograde`` a submission; returns the seconds of each."""
    seconds = []
    for student in students:
        start = time.perf_counter()
        _nbgrader(folder, "autograde", NAME, "--student", student, "--force")
        seconds.append(time.perf_counter() - start)
    return seconds


def by_api(folder: Path, students: Iterable[str]) -> dict[str, float | list[float]]:
    """Grade all in one process through nbgrader's API; returns ``ready`` (imports) and ``seconds`` of each."""
    command = [sys.executable, "-c", API, str(folder), NAME, *students]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=_environment())
    if done.returncode:
        raise RuntimeError(f"nbgrader's API stopped: {done.stderr[-2000:]}")
    found: dict[str, float | list[float]] = json.loads(done.stdout.splitlines()[-1])
    return found


def scores(folder: Path) -> dict[str, float]:
    """What nbgrader's gradebook holds, by student: a benchmark that graded nothing would be fast."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as gradebook:
        return {row.student_id: float(row.score) for row in gradebook.assignment_submissions(NAME)}


def _nbgrader(folder: Path, *words: str) -> None:
    command = [sys.executable, "-m", "nbgrader", *words, *QUIET]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=_environment())
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[2:])} stopped: {done.stderr[-2000:]}")


def _environment() -> dict[str, str]:
    folder = Path(sys.executable).parent  # nbgrader calls alembic by its bare name
    return {**os.environ, "OMP_NUM_THREADS": "1", "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}

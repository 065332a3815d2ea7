"""Kill -9 of the coordinator, of workers and of students' processes, at random moments: no mark is lost or changes.

``COURSE_KILL_ROUNDS=100`` repeats it for as long as you like; ``COURSE_KILL_SEED`` begins with another seed.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from course_utils.grading.classroom.ledger import Ledger
from course_utils.grading.classroom.standing import standings
from course_utils.grading.sandbox.process_tree import stat_fields, tree
from course_utils.grading.sandbox.remedy import what_is_missing

STUDENTS = 30
KILLS = 40
ROUNDS = int(os.environ.get("COURSE_KILL_ROUNDS", "1"))
SEED = int(os.environ.get("COURSE_KILL_SEED", "1"))
COMMAND = [sys.executable, "-m", "course_utils.cli", "grade", "run"]


def start(classroom, temporary, sandbox):
    command = [*COMMAND, str(classroom.path), "small", "--workers", "2", "--sandbox", sandbox]
    command += ["--unsafe"] if sandbox == "plain" else []
    environment = {**os.environ, "TMPDIR": str(temporary)}
    log = (temporary.parent / "log").open("ab")
    return subprocess.Popen(command, env=environment, stdout=log, stderr=log)


def settled(classroom):
    """Settled entries as they lie on the disk, by student."""
    ledger = Ledger(classroom)
    found = [entry for entry in ledger.entries("small") if entry.settled]
    assert len({entry.student for entry in found}) == len(found), "counted twice"
    return {entry.student: ledger.path("small", entry.key).read_bytes() for entry in found}


def marks(classroom):
    def result(row):
        return {name: value for name, value in row.entry.grade.items() if name != "environment"} if row.entry else None

    return {row.student.id: (row.status, row.points, result(row)) for row in standings(classroom, "small")}


def identity(pid):
    """A process for good: its id, and when it began; None if it has ended."""
    fields = stat_fields(pid)
    return (pid, fields[19]) if fields is not None and fields[0] != "Z" else None


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, making):
    """A class of thirty, and the marks that a run gives which nobody disturbs."""
    classroom = making.make_class(tmp_path_factory.mktemp("undisturbed"), STUDENTS)
    kinds = list(making.solutions)
    for n in range(1, STUDENTS + 1):
        making.hand_in(classroom, f"s{n:03d}", kinds[n % len(kinds)])
    folder = tmp_path_factory.mktemp("temporary")
    assert start(classroom, folder, "plain").wait(120) == 0
    assert len(settled(classroom)) == STUDENTS
    return classroom


def disturb(process, rng, kills, seen):
    """Kill processes of a run at random moments until it has ended; note all that belonged to it."""
    victims = ["coordinator", "worker", "student"]
    while process.poll() is None:
        time.sleep(rng.uniform(0.0, 0.25))
        kind = rng.choices(victims, [1, 3, 8])[0]
        workers = [pid for pid in tree(process.pid)[1:] if "classroom.worker" in command_line(pid)]
        students = [pid for worker in workers for pid in tree(worker)[1:]]
        seen.update(filter(None, map(identity, [*workers, *students])))
        found = {"coordinator": [process.pid], "worker": workers, "student": students}[kind]
        if found:
            try:
                os.kill(rng.choice(found), signal.SIGKILL)
                kills[kind] += 1
            except ProcessLookupError:
                continue


def command_line(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""


@pytest.mark.slow
@pytest.mark.parametrize("sandbox", ["plain", "bubblewrap"])
@pytest.mark.parametrize("seed", range(SEED, SEED + ROUNDS))
def test_whatever_is_killed_the_marks_are_those_of_an_undisturbed_run(undisturbed, making, tmp_path, seed, sandbox):
    if sandbox == "bubblewrap" and (missing := what_is_missing()):
        pytest.skip(missing)
    rng, kills, runs = random.Random(seed), Counter(), 0
    classroom = making.make_class(tmp_path / "class", STUDENTS)
    shutil.copytree(undisturbed.submissions, classroom.submissions)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    before, seen = {}, set()
    while len(before) < STUDENTS and sum(kills.values()) < KILLS:
        process = start(classroom, temporary, sandbox)
        disturb(process, rng, kills, seen)
        runs += 1
        after = settled(classroom)
        assert before.items() <= after.items(), "a mark was lost or written again"
        assert not Ledger(classroom).damaged()
        before = after
    assert start(classroom, temporary, sandbox).wait(120) == 0, (tmp_path / "log").read_text()[-2_000:]
    assert settled(classroom).items() >= before.items()
    assert marks(classroom) == marks(undisturbed)
    assert sum(kills.values()) >= 10, kills
    deadline = time.monotonic() + 20
    while (left := [one for one in seen if identity(one[0]) == one]) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left, [command_line(pid) for pid, _ in left]
    assert not [path for path in temporary.iterdir() if path.name.startswith("course-grade-")]
    print(f"\n{runs} runs, killed: {dict(kills)}")

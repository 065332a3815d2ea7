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
from course_utils.grading.classroom.worker import descendants

STUDENTS = 30
KILLS = 40
ROUNDS = int(os.environ.get("COURSE_KILL_ROUNDS", "1"))
SEED = int(os.environ.get("COURSE_KILL_SEED", "1"))
COMMAND = [sys.executable, "-m", "course_utils.cli", "grade", "run"]


def start(classroom, temporary, sandbox):
    command = [*COMMAND, str(classroom.path), "small", "--workers", "2", *sandbox]
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


def inhabitants(folder):
    """Processes that work below a folder."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if Path(os.readlink(link)).is_relative_to(folder):
                found.append(int(link.parent.name))
        except OSError:
            continue
    return found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, making):
    """A class of thirty, and the marks that a run gives which nobody disturbs."""
    classroom = making.make_class(tmp_path_factory.mktemp("undisturbed"), STUDENTS)
    kinds = list(making.solutions)
    for n in range(1, STUDENTS + 1):
        making.hand_in(classroom, f"s{n:03d}", kinds[n % len(kinds)])
    folder = tmp_path_factory.mktemp("temporary")
    assert start(classroom, folder, ["--sandbox", "plain", "--unsafe"]).wait(120) == 0
    assert len(settled(classroom)) == STUDENTS
    return classroom


def disturb(classroom, process, rng, kills):
    """Kill processes of a run at random moments until it has ended."""
    victims = ["coordinator", "worker", "student"]
    while process.poll() is None:
        time.sleep(rng.uniform(0.0, 0.25))
        kind = rng.choices(victims, [1, 3, 8])[0]
        workers = [pid for pid in descendants(process.pid) if "classroom.worker" in command_line(pid)]
        students = [pid for worker in workers for pid in descendants(worker)]
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
@pytest.mark.parametrize("seed", range(SEED, SEED + ROUNDS))
def test_whatever_is_killed_the_marks_are_those_of_an_undisturbed_run(undisturbed, making, tmp_path, seed):
    rng, kills, runs = random.Random(seed), Counter(), 0
    classroom = making.make_class(tmp_path / "class", STUDENTS)
    shutil.copytree(undisturbed.submissions, classroom.submissions)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    before, sandbox = {}, ["--sandbox", "plain", "--unsafe"]
    while len(before) < STUDENTS and sum(kills.values()) < KILLS:
        process = start(classroom, temporary, sandbox)
        disturb(classroom, process, rng, kills)
        runs += 1
        after = settled(classroom)
        assert before.items() <= after.items(), "a mark was lost or written again"
        assert not Ledger(classroom).damaged()
        before = after
    assert start(classroom, temporary, sandbox).wait(120) == 0, (tmp_path / "log").read_text()[-2_000:]
    assert settled(classroom).items() >= before.items()
    assert marks(classroom) == marks(undisturbed)
    assert sum(kills.values()) >= 10, kills
    assert not inhabitants(temporary)
    assert not [path for path in temporary.iterdir() if path.name.startswith("course-grade-")]
    print(f"\n{runs} runs, killed: {dict(kills)}")

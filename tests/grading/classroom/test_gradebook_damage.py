"""A gradebook that is damaged, gone, locked or cut short loses nobody a mark, and no damage becomes a mark."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from course_utils.grading.classroom import gradebook_database as database
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.gradebook import sync, take_marks
from course_utils.grading.classroom.gradebook_database import Unusable, gradebook_of
from course_utils.grading.classroom.manual import ManualMarks
from course_utils.grading.classroom.standing import standings
from course_utils.runtime import repo_root
from tests.grading.classroom.made_grades import NAME, enter, mark
from tests.grading.classroom.test_gradebook import enter_in_formgrader, everything, quiet

STUDENTS = 6


@pytest.fixture
def classroom(new_class, hand_in) -> ClassFolder:
    """Six students, graded; three marked in the terminal, one in the formgrader; the gradebook written."""
    made = new_class(STUDENTS, written=True)
    for n in range(1, STUDENTS + 1):
        hand_in(made, f"s{n:03d}", "right", written=f"because of {n}")
    enter(made)
    for n in range(1, 4):
        mark(made, f"s{n:03d}", 0.5 * n, f"comment number {n}")
    sync(made, NAME)
    enter_in_formgrader(made, "s004", 2.0, "entered by hand")
    sync(made, NAME)
    return made


def all_marks(classroom) -> list[object]:
    return [(row.student.id, row.status, row.points, dict(row.comments)) for row in standings(classroom, NAME)]


def history(classroom) -> list[object]:
    ledger = ManualMarks(classroom)
    return [ledger.history(NAME, student.id) for student in classroom.roster()]


def zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def nothing(path: Path) -> None:
    path.write_bytes(b"")


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def noise(path: Path) -> None:
    path.write_bytes(random.Random(5).randbytes(path.stat().st_size))


def no_header(path: Path) -> None:
    path.write_bytes(b"\xff" * 100 + path.read_bytes()[100:])


def no_table(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE comment")


def no_trigger(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TRIGGER course_grade_edited")


def another_program(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE grade (id INTEGER)")


@pytest.mark.parametrize("harm", [zeros, nothing, half, noise, no_header, no_table, no_trigger, another_program])
def test_a_damaged_gradebook_is_kept_aside_said_loudly_and_written_anew(classroom, harm):
    marks, before, right = all_marks(classroom), history(classroom), everything(classroom)
    path = classroom.path / "gradebook.db"
    harm(path)
    broken = path.read_bytes()
    said = []
    sync(classroom, NAME, say=said.append)
    assert len(said) == 1
    assert "GRADEBOOK DAMAGED" in said[0]
    assert "gradebook.db.damaged-1" in said[0]
    assert path.with_name("gradebook.db.damaged-1").read_bytes() == broken
    assert everything(classroom) == right
    assert (all_marks(classroom), history(classroom)) == (marks, before)
    harm(path)
    sync(classroom, NAME, say=quiet)
    assert path.with_name("gradebook.db.damaged-2").exists()


def test_a_gradebook_that_is_gone_is_written_anew(classroom):
    marks, right = all_marks(classroom), everything(classroom)
    (classroom.path / "gradebook.db").unlink()
    (classroom.path / "gradebook.db-journal").write_bytes(b"left by the one that is gone")
    done = sync(classroom, NAME)
    assert (done.notices, everything(classroom), all_marks(classroom)) == ([], right, marks)


def test_pages_that_are_gone_are_written_anew(classroom):
    shutil.rmtree(classroom.path / "autograded")
    shutil.rmtree(classroom.path / ".formgrader")
    (classroom.path / "nbgrader_config.py").unlink()
    assert sync(classroom, NAME).pages == STUDENTS
    assert (classroom.path / "nbgrader_config.py").exists()
    assert (classroom.path / "autograded" / "s001" / NAME / f"{NAME}.ipynb").exists()


def test_what_was_entered_last_is_saved_from_a_damaged_file_where_it_can_be_read(classroom):
    enter_in_formgrader(classroom, "s005", 1.0, "not yet in the ledger")
    path = classroom.path / "gradebook.db"
    no_trigger(path)
    said = []
    sync(classroom, NAME, say=said.append)
    assert "2 marks and comments" in said[1]
    row = standings(classroom, NAME)[4]
    assert (row.manual["why"].points, row.comments["why"]) == (1.0, "not yet in the ledger")


def test_taking_marks_alone_leaves_a_damaged_gradebook_to_the_next_sync(classroom):
    noise(classroom.path / "gradebook.db")
    assert take_marks(classroom) == 0
    assert not (classroom.path / "gradebook.db.damaged-1").exists()


def test_random_damage_never_becomes_a_mark(classroom):
    """Bytes overwritten anywhere: found out or harmless, but no mark and no comment changes."""
    enter_in_formgrader(classroom, "s005", 1.0, "pending when the damage came")
    path = classroom.path / "gradebook.db"
    whole = path.read_bytes()
    marks = {row.student.id: (row.points, dict(row.comments)) for row in standings(classroom, NAME)}
    after = {**marks, "s005": (4.0, {"why": "pending when the damage came"})}
    dice = random.Random(11)
    found_out = 0
    for _ in range(40):
        harmed = bytearray(whole)
        for _ in range(dice.choice([1, 4, 40])):
            at, size = dice.randrange(len(whole)), dice.choice([1, 8, 200])
            harmed[at : at + size] = dice.randbytes(len(harmed[at : at + size]))
        path.write_bytes(harmed)
        done = sync(classroom, NAME, say=quiet)
        found_out += any("GRADEBOOK DAMAGED" in sentence for sentence in done.notices)
        for row in standings(classroom, NAME):
            now = (row.points, dict(row.comments))
            assert now in (marks[row.student.id], after[row.student.id]), row.student.id
        for aside in classroom.path.glob("gradebook.db.damaged-*"):
            aside.unlink()
    assert found_out > 12


@pytest.mark.parametrize("occurrence", [1, 2])
def test_an_entry_that_was_changed_in_one_place_is_not_believed(classroom, occurrence):
    enter_in_formgrader(classroom, "s005", comment="eleven words that somebody wrote")
    path = classroom.path / "gradebook.db"
    pieces = path.read_bytes().split(b"eleven words")
    assert len(pieces) == 3  # the comment, and the note that it was written
    words = [b"eleven words", b"eleven words"]
    words[occurrence - 1] = b"twelve words"
    path.write_bytes(pieces[0] + words[0] + pieces[1] + words[1] + pieces[2])
    done = sync(classroom, NAME, say=quiet)
    assert "GRADEBOOK DAMAGED" in done.notices[0]
    assert standings(classroom, NAME)[4].comments == {}


def test_a_lock_that_nobody_gives_back_does_not_stop_the_class(classroom, monkeypatch):
    right = everything(classroom)
    monkeypatch.setattr(database, "WAIT_SECONDS", 0.2)
    holder = sqlite3.connect(classroom.path / "gradebook.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    said = []
    sync(classroom, NAME, say=said.append)
    assert "locked" in said[0]
    holder.close()
    assert everything(classroom) == right


def test_a_lock_that_is_given_back_in_time_is_waited_for(classroom):
    code = """
        import sqlite3, sys, time
        holder = sqlite3.connect(sys.argv[1], isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
        print("locked", flush=True)
        time.sleep(1)
    """
    path = classroom.path / "gradebook.db"
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(code), str(path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"locked\n"
        assert sync(classroom, NAME).notices == []
        assert holder.wait() == 0


def test_a_full_disk_is_no_damage(classroom, hand_in):
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    def full(connection, _):
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    right, marks = everything(classroom), all_marks(classroom)
    for n in range(1, STUDENTS + 1):  # longer comments need room
        mark(classroom, f"s{n:03d}", 1.0, "a long comment " * 2_000)
    event.listen(Engine, "connect", full)
    try:
        with pytest.raises(Unusable, match=r"disk is full.*make room"):
            sync(classroom, NAME)
    finally:
        event.remove(Engine, "connect", full)
    assert everything(classroom) == right
    assert not list(classroom.path.glob("gradebook.db.damaged-*"))
    assert len(all_marks(classroom)) == len(marks)
    assert sync(classroom, NAME).updated >= STUDENTS


READ_ONLY = """
import os, sys, tomllib
from pathlib import Path
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.gradebook import sync
from course_utils.grading.classroom.gradebook_database import Unusable
sync(ClassFolder(Path(sys.argv[1])), "small")  # import everything while the files can be read
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    sync(ClassFolder(Path(sys.argv[2])), "small")
except Unusable as refusal:
    print(refusal)
"""


@pytest.fixture
def read_only(classroom) -> Iterator[Path]:
    """A copy of the class that everybody may read and nobody write; root leaves its rights behind."""
    mark(classroom, "s006", 1.0, "something to write")
    home = Path(tempfile.mkdtemp(prefix="class-"))  # pytest's own folder lets nobody else in
    copy = home / "class"
    shutil.copytree(classroom.path, copy)
    home.chmod(0o755)
    for path in (*copy.rglob("*"), copy):
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield copy
    for path in (copy, *(path for path in copy.rglob("*") if path.is_dir())):
        path.chmod(0o755)
    shutil.rmtree(home)


@pytest.mark.skipif(os.name != "posix", reason="user ids are POSIX")
@pytest.mark.parametrize("gone", [False, True])
def test_a_folder_that_cannot_be_written_is_said_with_the_remedy(classroom, read_only, gone):
    if gone:
        read_only.chmod(0o755)
        (read_only / "gradebook.db").unlink()
        read_only.chmod(0o555)
    before = {path: path.stat().st_mtime_ns for path in read_only.rglob("*")}
    command = [sys.executable, "-c", READ_ONLY, str(classroom.path), str(read_only)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, cwd=repo_root())
    assert done.returncode == 0, done.stderr
    assert "check who may write there" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in read_only.rglob("*")} == before


HALFWAY = """
import sys
from pathlib import Path
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom import gradebook, gradebook_writing
write = gradebook_writing._write
def stop(book, table, *arguments):
    write(book, table, *arguments)
    if table.name == sys.argv[2]:
        print("written", flush=True)
        sys.stdin.read()
gradebook_writing._write = stop
gradebook.sync(ClassFolder(Path(sys.argv[1])), "small")
"""


@pytest.mark.parametrize("table", ["student", "grade", "course_shown"])
def test_killed_between_two_tables_it_leaves_the_old_rows(classroom, hand_in, table):
    before = everything(classroom)
    hand_in(classroom, "s001", "right", written="something else")
    enter(classroom)
    mark(classroom, "s002", 2.0, "new")
    command = [sys.executable, "-c", HALFWAY, str(classroom.path), table]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=repo_root()) as process:
        assert process.stdout.readline() == b"written\n"
        process.kill()
    assert everything(classroom) == before
    assert sync(classroom, NAME).notices == []
    assert everything(classroom) != before


WRITER = """
import os, random, sys
from pathlib import Path
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.gradebook import sync
import bleach, nbconvert.filters.markdown_mistune, nbgrader.api, alembic.script
print("ready", flush=True)
for line in sys.stdin:
    child = os.fork()
    if not child:
        sync(ClassFolder(Path(sys.argv[1])), "small", say=print)
        os._exit(0)
    print(child, flush=True)
    os.waitpid(child, 0)
    print("ended", flush=True)
"""


def test_killed_at_any_moment_it_loses_nothing_and_counts_nothing_twice(classroom, hand_in):
    """`kill -9` of the process that syncs, forty times, while marks are entered and answers change."""
    dice = random.Random(3)
    path, killed = classroom.path / "gradebook.db", 0
    command = [sys.executable, "-c", WRITER, str(classroom.path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=repo_root(), **pipes) as writer:
        assert writer.stdout.readline() == "ready\n"
        expected = {f"s{n:03d}": row.points for n, row in enumerate(standings(classroom, NAME), start=1)}
        shown = set(expected)  # whose answers in the gradebook are surely those of now
        for turn in range(40):
            student = dice.choice(sorted(expected))
            if dice.random() < 0.2:
                sync(classroom, NAME)
                path.unlink()
            elif dice.random() < 0.6 and student in shown and path.exists():
                points = dice.choice([0.0, 0.5, 1.0, 1.5, 2.0])
                enter_in_formgrader(classroom, student, points, f"turn {turn}")
                expected[student] = 3.0 + points
            else:
                hand_in(classroom, student, "right", written=f"thoughts of turn {turn}")
                enter(classroom, student)
                expected[student] = None
                shown.discard(student)
            writer.stdin.write("\n")
            writer.stdin.flush()
            child = int(writer.stdout.readline())
            time.sleep(dice.uniform(0, 0.12))
            try:
                os.kill(child, signal.SIGKILL)
                killed += 1
            except ProcessLookupError:
                pass
            assert writer.stdout.readline() == "ended\n"
            if dice.random() < 0.5:
                continue  # the next one goes on where this one stopped
            done, shown = sync(classroom, NAME), set(expected)
            assert done.notices == []
            assert {row.student.id: row.points for row in standings(classroom, NAME)} == expected
        writer.stdin.close()
    assert killed > 25
    assert sync(classroom, NAME).notices == []
    assert {row.student.id: row.points for row in standings(classroom, NAME)} == expected
    before = everything(classroom)
    path.unlink()
    sync(classroom, NAME)
    assert everything(classroom) == before  # what grew under the kills is what a new one is
    for marks in history(classroom):
        given = [m for m in marks if m.source == "formgrader"]
        assert len({(m.marked_at, m.points, m.comment) for m in given}) == len(given)
    with gradebook_of(classroom) as book:
        assert book.find_assignment(NAME).num_submissions == STUDENTS

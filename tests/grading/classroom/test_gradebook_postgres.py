"""The gradebook in a real PostgreSQL of the test's own: the same rows and marks, and other databases left alone."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from course_utils.grading.classroom import gradebook_database as database
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.gradebook import sync, take_marks
from course_utils.grading.classroom.gradebook_database import Unusable, gradebook_of
from course_utils.grading.classroom.gradebook_rows import TABLES
from course_utils.grading.classroom.roster import write_roster
from tests.grading.classroom.made_grades import NAME, enter, mark, standing
from tests.grading.classroom.test_gradebook import enter_in_formgrader, grades, quiet

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
INITDB = PROGRAMS[-1] if PROGRAMS else shutil.which("initdb")

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(INITDB is None, reason="no PostgreSQL on this machine: apt install postgresql"),
]


@dataclass
class Cluster:
    """A running PostgreSQL that listens on a socket in its own folder and nowhere else."""

    home: Path
    process: subprocess.Popen[bytes]
    count: int = 0

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://course@/{name}?host={self.home}"

    def new_database(self) -> str:
        """Make an empty database; returns its address."""
        self.count += 1
        name = f"class{self.count}"
        self.execute("postgres", f"CREATE DATABASE {name}")
        return self.url(name)

    def execute(self, name: str, *statements: str) -> None:
        from sqlalchemy import create_engine, text

        engine = create_engine(self.url(name), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    home = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path must be short
    other = {"user": 65534, "group": 65534, "extra_groups": []} if os.getuid() == 0 else {}  # it refuses to run as root
    if other:
        os.chown(home, 65534, 65534)
    programs, options = Path(str(INITDB)).resolve().parent, {"cwd": home, "env": {"LC_ALL": "C.UTF-8"}, **other}
    data = home / "data"
    make = [programs / "initdb", "-D", data, "-U", "course", "-A", "trust", "-E", "UTF8", "--no-sync"]
    done = subprocess.run(make, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr
    start = [programs / "postgres", "-D", data, "-k", home, "-c", "listen_addresses=", "-c", "fsync=off"]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(start, stdout=log, stderr=log, **options)
    running = Cluster(home, process)
    try:
        for _ in range(300):
            try:
                running.execute("postgres", "SELECT 1")
                break
            except Exception:
                assert process.poll() is None, (home / "log").read_text()
                time.sleep(0.1)
        yield running
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
        shutil.rmtree(home)


@pytest.fixture
def classroom(new_class, hand_in, cluster) -> ClassFolder:
    """Four graded students, one with nothing; the gradebook's address in class.yml."""
    made = new_class(5, written=True)
    with (made.path / "class.yml").open("a") as settings:
        settings.write(f"gradebook: {cluster.new_database()}\n")
    for n in range(1, 5):
        hand_in(made, f"s00{n}", "right", written=f"because of {n}: {'é∑' * n}")
    enter(made)
    return ClassFolder(made.path)


def everything(classroom) -> dict[str, list[tuple[object, ...]]]:
    from sqlalchemy import text

    with gradebook_of(classroom) as book:
        tables = (*TABLES, "student", "course_edits")
        return {t: sorted(map(tuple, book.db.execute(text(f"SELECT * FROM {t}"))), key=repr) for t in tables}


def test_it_holds_the_class_and_a_second_call_changes_nothing(classroom):
    mark(classroom, "s001", 1.5, "half of it, ça va")
    assert sync(classroom, NAME).changed
    assert not list(classroom.path.glob("gradebook.db*"))
    with gradebook_of(classroom) as book:
        assert {s.student.id for s in book.find_assignment(NAME).submissions} == {f"s00{n}" for n in range(1, 5)}
        assert book.find_submission(NAME, "s001").score == 4.5
        assert book.find_comment("why", NAME, NAME, "s001").comment == "half of it, ça va"
        assert [row["score"] for row in book.submission_dicts(NAME)]  # what formgrader's lists are made of
    assert grades(classroom, "s002")["why"] == (None, None, True)
    before = everything(classroom)
    assert not sync(classroom, NAME).changed
    assert everything(classroom) == before


def test_what_is_entered_reaches_the_ledger(classroom):
    sync(classroom, NAME)
    enter_in_formgrader(classroom, "s001", "2", "typed as the page sends it")
    enter_in_formgrader(classroom, "s002", 7.0)
    enter_in_formgrader(classroom, "s003", 1.0, extra=1.0)
    done = sync(classroom, NAME, say=quiet)
    assert done.taken == 4
    assert [notice.partition(":")[0] for notice in done.notices] == ["s002, small, why", "s003, small, why"]
    assert (standing(classroom, "s001").points, standing(classroom, "s001").comments) == (
        5.0,
        {"why": "typed as the page sends it"},
    )
    assert (standing(classroom, "s002").points, standing(classroom, "s003").points) == (None, 4.0)
    assert not sync(classroom, NAME).changed
    enter_in_formgrader(classroom, "s004", 0.5)
    assert take_marks(classroom) == 1
    assert standing(classroom, "s004").points == 3.5


def test_changed_work_leaves_nothing_behind(classroom, hand_in):
    sync(classroom, NAME)
    enter_in_formgrader(classroom, "s001", 2.0, "good")
    hand_in(classroom, "s001", "right", written="something else")
    sync(classroom, NAME)
    with gradebook_of(classroom) as book:
        assert "s001" not in {s.student.id for s in book.find_assignment(NAME).submissions}
    enter(classroom, "s001")
    sync(classroom, NAME)
    assert grades(classroom, "s001")["why"] == (None, None, True)
    write_roster(classroom.roster_file, classroom.roster()[1:])
    sync(classroom, NAME, prune=True)
    with gradebook_of(classroom) as book:
        assert "s001" not in {s.id for s in book.students}


def test_a_formgrader_that_keeps_a_connection_open_stops_nobody(classroom):
    sync(classroom, NAME)
    with gradebook_of(classroom) as book:
        assert book.find_submission(NAME, "s001").score == 3.0  # its transaction stays open
        mark(classroom, "s001", 2.0)
        assert sync(classroom, NAME).updated
        book.db.rollback()
        assert book.find_submission(NAME, "s001").score == 5.0


def test_a_mark_in_the_middle_of_a_sync_is_kept(classroom):
    """Somebody's uncommitted change is waited for, and taken."""
    from sqlalchemy import text

    sync(classroom, NAME)
    with gradebook_of(classroom) as book:
        grade = book.find_grade("why", NAME, NAME, "s001").id
        change = text("UPDATE grade SET manual_score = 1.0, needs_manual_grade = false WHERE id = :id")
        book.db.execute(change, {"id": grade})
        saved = threading.Timer(1.0, book.db.connection().commit)
        saved.start()
        done = sync(classroom, NAME)
        saved.join()
    assert done.taken == 1
    assert standing(classroom, "s001").manual["why"].points == 1.0
    assert grades(classroom, "s001")["why"] == (None, 1.0, False)


def test_a_change_that_nobody_commits_ends_in_a_plain_refusal(classroom, monkeypatch):
    from sqlalchemy import text

    sync(classroom, NAME)
    monkeypatch.setattr(database, "WAIT_SECONDS", 1)
    mark(classroom, "s001", 2.0)
    with gradebook_of(classroom) as book:
        book.db.execute(text("UPDATE grade SET manual_score = 0.5"))
        with pytest.raises(Unusable, match=r"lock timeout.*marks are safe in the ledger"):
            sync(classroom, NAME)
        book.db.rollback()
    sync(classroom, NAME)
    assert grades(classroom, "s001")["why"] == (None, 2.0, False)


def test_a_database_that_is_not_this_class_s_is_left_alone(classroom, cluster):
    name = f"class{cluster.count}"
    cluster.execute(name, "CREATE TABLE grade (id TEXT)", "INSERT INTO grade VALUES ('precious')")
    with pytest.raises(Unusable, match=r"not written by this class.*use an empty database"):
        sync(classroom, NAME)
    from sqlalchemy import create_engine, text

    engine = create_engine(cluster.url(name))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT id FROM grade")).scalars().all() == ["precious"]
    engine.dispose()


def test_a_new_database_is_filled_from_the_ledger(classroom, cluster):
    sync(classroom, NAME)
    enter_in_formgrader(classroom, "s001", 2.0, "good")
    sync(classroom, NAME)
    before = everything(classroom)
    text = (classroom.path / "class.yml").read_text()
    (classroom.path / "class.yml").write_text(text.replace(f"/class{cluster.count}?", "/fresh?"))
    cluster.execute("postgres", "CREATE DATABASE fresh")
    moved = ClassFolder(classroom.path)
    sync(moved, NAME)
    assert everything(moved) == before


def test_no_server_is_said_with_the_remedy_and_no_password(classroom, tmp_path):
    text = (classroom.path / "class.yml").read_text()
    head = text.partition("gradebook:")[0]
    for url in (f"postgresql+psycopg://course:hunter2@/x?host={tmp_path}", "postgresql+psycopg2://course:hunter2@/x"):
        (classroom.path / "class.yml").write_text(f"{head}gradebook: {url}\n")
        with pytest.raises(Unusable) as refusal:
            sync(ClassFolder(classroom.path), NAME)
        assert "hunter2" not in str(refusal.value)
        assert "marks are safe in the ledger" in str(refusal.value) or "psycopg[binary]" in str(refusal.value)


KILLED = """
import sys
from pathlib import Path
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom import gradebook, gradebook_writing
write = gradebook_writing._write
def stop(book, table, *arguments):
    write(book, table, *arguments)
    if table.name != "comment":
        return
    print("writing", flush=True)
    sys.stdin.read()
gradebook_writing._write = stop
gradebook.sync(ClassFolder(Path(sys.argv[1])), "small")
"""


def test_killed_while_it_writes_it_leaves_the_old_rows(classroom):
    sync(classroom, NAME)
    before = everything(classroom)
    for n in range(1, 5):
        mark(classroom, f"s00{n}", 2.0, "new")
    command = [sys.executable, "-c", KILLED, str(classroom.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"writing\n"
        process.kill()
    assert everything(classroom) == before
    assert sync(classroom, NAME).updated
    assert {standing(classroom, f"s00{n}").points for n in range(1, 5)} == {5.0}

"""`course grade run`: every submission once, into the ledger first, whatever happens; the next run goes on."""

import errno
import json
import os
import pty
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from course_utils.cli import main
from course_utils.grading.classroom import durable, receipts
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.grading_run import UnknownStudent, grade_class, is_settled, to_grade
from course_utils.grading.classroom.ledger import Ledger
from course_utils.grading.classroom.local_pool import Answer, Stopped
from course_utils.grading.classroom.progress import NOT_SANDBOXED, Progress, duration, plain
from course_utils.grading.classroom.shipment import submission_of
from course_utils.grading.classroom.standing import standings
from course_utils.grading.files import SubmittedFiles
from course_utils.grading.grade import GRADED, HUMAN, ExerciseResult, Grade

UNSAFE = ["--sandbox", "plain", "--unsafe"]
COURSE = [sys.executable, "-m", "course_utils.cli"]


class FakePool:
    """Grades in no time: points that follow from the files. Answers come in any order that is asked for."""

    def __init__(self, order=lambda tasks: tasks, trouble=(), stop_after=None):
        self.order, self.trouble, self.stop_after = order, trouble, stop_after
        self.graded = []

    def answers(self, tasks):
        for number, task in enumerate(self.order(list(tasks))):
            if number == self.stop_after:
                raise Stopped("the workers are gone")
            try:
                files = submission_of(task.frame())
            except ValueError as error:
                yield Answer(task.key, trouble=str(error), sandboxed=True)
                continue
            self.graded.append(files.sha256)
            if number in self.trouble:
                yield Answer(task.key, trouble="three workers were lost", sandboxed=True)
            else:
                yield Answer(task.key, made_grade(files).record(), sandboxed=True, runner="fake")


def made_grade(files):
    points = int(files.sha256, 16) % 3
    return Grade(
        GRADED, exercises={"double": ExerciseResult("partly", points, 2), "area": ExerciseResult("passed", 1, 1)}
    )


def grade_all(classroom, pool=None, again=False, **options):
    assignment = classroom.assignment("small")
    receipts = to_grade(classroom, assignment, again=again, **options)
    return grade_class(classroom, assignment, receipts, pool or FakePool(), again=again)


def entries(classroom):
    """The ledger's results, as they lie on the disk."""
    home = classroom.ledger / "results"
    return {path.relative_to(home).as_posix(): path.read_bytes() for path in home.rglob("*") if path.is_file()}


def results(classroom):
    """The ledger's results without what a machine may differ in."""
    found = {}
    for entry in Ledger(classroom).entries("small"):
        found[entry.student] = {k: v for k, v in entry.grade.items() if k != "environment"}
    return found


def points(classroom):
    return {row.student.id: (row.status, row.points) for row in standings(classroom, "small")}


@pytest.fixture
def five(new_class, hand_in):
    """A class of six; five have handed something in."""
    classroom = new_class(6)
    for n in range(1, 6):
        hand_in(classroom, f"s00{n}", ["right", "half", "wrong"][n % 3])
    return classroom


# ---- the command on a class, in worker processes ----


@pytest.fixture(scope="module")
def graded(tmp_path_factory, making):
    """A class in which every kind of work was handed in, and what the command said twice."""
    classroom = making.make_class(tmp_path_factory.mktemp("graded"), len(making.solutions) + 1)
    expected = {}
    for n, (kind, (_, worth)) in enumerate(making.solutions.items(), start=1):
        making.hand_in(classroom, f"s{n:03d}", kind)
        expected[f"s{n:03d}"] = ("rejected" if worth is None else "graded", worth)
    expected[f"s{len(making.solutions) + 1:03d}"] = ("missing", None)
    command = [*COURSE, "grade", "run", str(classroom.path), "small", *UNSAFE]
    runs = [subprocess.run([*command, "--workers", "2"], capture_output=True, text=True) for _ in range(2)]
    return classroom, expected, runs


def test_every_student_has_the_mark_that_the_work_deserves(graded):
    classroom, expected, runs = graded
    assert [run.returncode for run in runs] == [0, 0], runs[0].stderr
    assert points(classroom) == expected


def test_a_second_run_finds_nothing_to_do_and_changes_nothing(graded):
    classroom, _, runs = graded
    assert "nothing to grade, every submission has its result" in runs[1].stdout
    before = entries(classroom)
    assert main(["grade", "run", str(classroom.path), "small", *UNSAFE]) == 0
    assert entries(classroom) == before


def test_the_summary_counts_every_student_once_and_says_where_to_look(graded):
    classroom, _, runs = graded
    counts = {m[0].strip(): int(m[1]) for m in re.findall(r"^  ([a-z ]+?) +(\d+)$", runs[0].stdout, flags=re.M)}
    assert counts == {"graded": 6, "late": 0, "missing": 1, "rejected": 1, "needs a human": 0, "waiting": 0}
    assert re.search(r"^small: 7 graded in [\d.]+ s \([\d.]+ a second\)\.$", runs[0].stdout, flags=re.M)
    assert re.search(r"^Rejected:\n  s007: .*damaged", runs[0].stdout, flags=re.M)
    assert f"course grade report {classroom.path} small" in runs[0].stdout


def test_unsafe_is_on_every_line_of_progress_in_the_summary_and_in_the_ledger(graded):
    classroom, _, runs = graded
    assert runs[0].stderr.splitlines()
    assert all(line.startswith(NOT_SANDBOXED) for line in runs[0].stderr.splitlines())
    assert f"{NOT_SANDBOXED}: 7 results were computed without a sandbox" in runs[0].stdout
    assert [(e.sandboxed, e.runner) for e in Ledger(classroom).entries("small")] == [(False, "plain process")] * 7


def test_each_entry_says_what_it_was_computed_with(graded):
    classroom, _, _ = graded
    for entry in Ledger(classroom).entries("small"):
        assert {"python", "numpy", "grader", "course_utils"} <= set(entry.environment)
        assert entry.version == classroom.assignment("small").version
        assert entry.settled


def test_marks_do_not_depend_on_the_number_of_workers(graded, tmp_path, making):
    classroom, _, _ = graded
    for workers in (1, 4):
        other = making.make_class(tmp_path / str(workers), len(making.solutions) + 1)
        shutil.copytree(classroom.submissions, other.submissions)
        assert main(["grade", "run", str(other.path), "small", *UNSAFE, "--workers", str(workers)]) == 0
        assert results(other) == results(classroom)
        assert entries(other).keys() == entries(classroom).keys()


def test_only_the_students_asked_for_are_graded(five, capsys):
    assert main(["grade", "run", str(five.path), "small", *UNSAFE, "--student", "s002", "s006"]) == 0
    assert set(results(five)) == {"s002"}
    assert main(["grade", "run", str(five.path), "small", *UNSAFE, "--student", "s002", "nobody"]) == 2
    assert "'nobody' is not enrolled" in capsys.readouterr().err
    with pytest.raises(UnknownStudent):
        to_grade(five, five.assignment("small"), students=["s9"])


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--workers", "0"], "workers must be at least 1, got 0"),
        (["--sandbox", "plain"], "--sandbox plain is no sandbox"),
        (["--workers", "2", "--scheduler", "tcp://x:1"], "leave one of them out"),
    ],
)
def test_wrong_options_are_refused_with_the_remedy(five, capsys, options, why):
    assert main(["grade", "run", str(five.path), "small", *options]) == 2
    assert why in capsys.readouterr().err
    assert not five.ledger.exists()


def test_without_a_sandbox_the_run_refuses_and_names_the_remedy(five, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))  # neither bubblewrap nor a container engine is found
    assert main(["grade", "run", str(five.path), "small"]) == 2
    said = capsys.readouterr().err
    assert "bubblewrap" in said
    assert "--unsafe" in said
    assert "Traceback" not in said
    assert results(five) == {}


def test_a_class_that_another_command_writes_to_is_left_alone(five, capsys, monkeypatch):
    wait = ClassFolder.lock
    monkeypatch.setattr(ClassFolder, "lock", lambda self: wait(self, 0.2))
    with wait(five):
        assert main(["grade", "run", str(five.path), "small", *UNSAFE]) == 2
    assert "another command is writing" in capsys.readouterr().err


# ---- the ledger first, and nothing twice ----


def test_a_result_is_in_the_ledger_before_it_is_announced(five):
    assignment, ledger, seen = five.assignment("small"), Ledger(five), []

    def announce(entry):
        assert ledger.look("small", entry.key) == entry
        seen.append(entry.student)

    grade_class(five, assignment, to_grade(five, assignment), FakePool(), announce)
    assert sorted(seen) == [f"s00{n}" for n in range(1, 6)]


def test_the_order_in_which_results_come_changes_no_byte(five, tmp_path):
    grade_all(five)
    expected = entries(five)
    for seed in range(3):
        shutil.rmtree(five.ledger)
        grade_all(five, FakePool(order=lambda tasks, seed=seed: random.Random(seed).sample(tasks, len(tasks))))
        assert entries(five) == expected


def test_what_was_answered_before_the_workers_were_lost_is_done(five):
    outcome = grade_all(five, FakePool(stop_after=3))
    assert (outcome.graded, outcome.planned, outcome.stopped) == (3, 5, "the workers are gone")
    before = entries(five)
    second = FakePool()
    assert grade_all(five, second).planned == 2
    assert len(second.graded) == 2
    assert before.items() <= entries(five).items()


def test_what_the_grader_failed_on_is_no_zero_and_is_tried_again(five):
    outcome = grade_all(five, FakePool(trouble={1, 3}))
    assert outcome.graded == 5
    open_rows = [row for row in standings(five, "small") if row.status == HUMAN]
    assert len(open_rows) == 2
    assert all(row.points is None and "three workers were lost" in row.reason for row in open_rows)
    again = FakePool()
    assert grade_all(five, again).planned == 2
    assert all(row.status in (GRADED, "missing") for row in standings(five, "small"))
    assert grade_all(five).planned == 0
    assert len(entries(five)) == 5, "the open result gave way to the settled one"


def test_a_grade_that_speaks_of_trouble_is_tried_again(five):
    class Troubled(FakePool):
        def answers(self, tasks):
            for answer in super().answers(tasks):
                grade = Grade(HUMAN, "the grader had trouble: no process could be started")
                yield Answer(answer.key, grade.record(), sandboxed=True)

    grade_all(five, Troubled())
    assert not any(entry.settled for entry in Ledger(five).entries("small"))
    assert grade_all(five).planned == 5
    assert all(entry.settled for entry in Ledger(five).entries("small"))


def test_what_a_killed_writer_left_is_swept_by_the_next_run(five):
    left = five.ledger / "results" / "small" / "ab" / ".part-x"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half an en")
    grade_all(five)
    assert not left.exists()


def test_only_a_failure_of_the_grader_is_unsettled():
    broken = {"a": ExerciseResult(HUMAN, None, 1.0)}
    by_hand = {"a": ExerciseResult("passed", 1.0, 1.0), "w": ExerciseResult(HUMAN, None, 1.0, manual=True)}
    assert not is_settled(Grade(HUMAN, "the grader had trouble: no process could be started"))
    assert not is_settled(Grade(HUMAN, "could not be graded: a", broken))
    assert is_settled(Grade(HUMAN, "2 notebooks, and it is not clear which one counts: a.ipynb, b.ipynb"))
    assert is_settled(Grade(GRADED, "", by_hand))
    assert is_settled(Grade("rejected", "the file is empty"))


def test_an_answer_in_another_form_is_trouble_of_the_grader(five):
    class Odd(FakePool):
        def answers(self, tasks):
            for task, record in zip(tasks, [{}, {"status": "graded"}, [], {"status": 1, "exercises": 3}, None]):
                yield Answer(task.key, record, sandboxed=True)
                yield Answer(task.key, made_grade(SubmittedFiles({})).record(), sandboxed=True)  # a second answer

    grade_all(five, Odd())
    assert {row.status for row in standings(five, "small") if row.receipt} == {HUMAN}
    assert grade_all(five).planned == 5


def test_changed_work_is_graded_and_the_old_mark_counts_no_more(five, hand_in):
    grade_all(five)
    before = points(five)
    hand_in(five, "s001", "untouched")
    assert points(five)["s001"] == ("waiting", None)
    pool = FakePool()
    assert grade_all(five, pool).planned == 1
    assert {k: v for k, v in points(five).items() if k != "s001"} == {k: v for k, v in before.items() if k != "s001"}
    assert points(five)["s001"][1] == made_grade(receipts.files_of(five, latest(five, "s001"))).points
    assert len(entries(five)) == 6, "the first attempt's result is kept"


def latest(classroom, student):
    return receipts.latest(classroom, "small")[student]


def test_files_that_changed_after_they_were_received_are_nobodys_zero(five):
    (path,) = five.submissions.glob("small/s002/*/files/small.ipynb")
    original = path.read_bytes()
    path.write_bytes(b"forged")
    outcome = grade_all(five)
    assert outcome.graded == 5
    assert points(five)["s002"] == (HUMAN, None)
    reason = {row.student.id: row.reason for row in standings(five, "small")}["s002"]
    assert "submissions/small/s002" in reason
    assert "changed after it was received" in reason
    assert str(five.path) not in reason
    path.write_bytes(original)
    assert grade_all(five).planned == 1
    assert points(five)["s002"][0] == GRADED


def test_a_damaged_entry_is_set_aside_and_graded_anew(five):
    grade_all(five)
    expected = entries(five)
    for number, path in enumerate(sorted((five.ledger / "results").rglob("*.json"))[:3]):
        raw = path.read_bytes()
        path.write_bytes([b"", raw[: len(raw) // 2], raw.replace(b'"points"', b'"ponits"')][number])
    pool = FakePool()
    assert grade_all(five, pool).planned == 3
    assert entries(five) == expected
    assert len(Ledger(five).damaged()) == 3


def test_a_result_without_a_sandbox_is_not_enough_for_a_run_that_has_one(five):
    class Unsafe(FakePool):
        def answers(self, tasks):
            for answer in super().answers(tasks):
                yield Answer(answer.key, answer.grade, sandboxed=False)

    outcome = grade_all(five, Unsafe(), unsafe=True)
    assert not outcome.sandboxed
    assert grade_all(five, unsafe=True).planned == 0
    assert grade_all(five).planned == 5
    assert all(row.entry.sandboxed for row in standings(five, "small") if row.entry)


def test_grading_again_keeps_what_is_the_same_and_the_old_where_it_is_not(five):
    grade_all(five)
    before = entries(five)
    assert grade_all(five, again=True).changed == []
    assert entries(five) == before

    class Another(FakePool):
        def answers(self, tasks):
            for answer in super().answers(tasks):
                grade = Grade.from_record(answer.grade)
                grade.exercises["area"] = ExerciseResult("failed", 0, 1)
                yield Answer(answer.key, grade.record(), sandboxed=True, runner="fake")

    outcome = grade_all(five, Another(), again=True, students=["s001", "s003"])
    assert sorted(outcome.changed) == ["s001", "s003"]
    replaced = {name for name, raw in entries(five).items() if raw != before[name]}
    kept = [path.read_bytes() for path in (five.ledger / "replaced").rglob("*.json")]
    assert sorted(kept) == sorted(before[name] for name in replaced)
    assert len(kept) == 2
    assert {row.student.id for row in standings(five, "small") if row.grade and row.points_of("area") == 0} == {
        "s001",
        "s003",
    }


def test_grading_again_in_vain_takes_no_mark_away(five):
    grade_all(five)
    before = entries(five)
    grade_all(five, FakePool(trouble=range(5)), again=True)
    assert entries(five) == before


# ---- a full disk ----


class FullDisk:
    """From the n-th operation that needs room on, there is none."""

    def __init__(self, monkeypatch, n):
        self.left, self.hit = n, False
        for owner, name in [(durable.os, "fsync"), (durable.tempfile, "mkstemp"), (Path, "mkdir"), (Path, "replace")]:
            monkeypatch.setattr(owner, name, self._wrap(getattr(owner, name)))

    def _wrap(self, function):
        def wrapped(*arguments, **options):
            if self.left <= 0:
                self.hit = True
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.left -= 1
            return function(*arguments, **options)

        return wrapped


def test_a_disk_that_is_full_at_any_moment_loses_nothing(new_class, hand_in):
    classroom = new_class(4)
    for n in range(1, 4):
        hand_in(classroom, f"s00{n}")
    grade_all(classroom)
    expected, moments = entries(classroom), 0
    for n in range(1_000):
        shutil.rmtree(classroom.ledger)
        with pytest.MonkeyPatch.context() as patch:
            disk = FullDisk(patch, n)
            outcome = grade_all(classroom)
        if not disk.hit:
            break
        moments += 1
        if outcome.stopped:  # a folder's own list of names may fail to reach the disk without a word
            assert "No space left on device" in outcome.stopped
            assert outcome.graded < 3
        kept = entries(classroom)
        assert kept.items() <= expected.items(), "half an entry, or another one"
        assert grade_all(classroom).planned == 3 - len(kept)
        assert entries(classroom) == expected, "and nothing else is left behind"
    assert moments > 10


def test_the_command_says_that_the_disk_is_full(five, monkeypatch, capsys):
    real, count = durable.write_whole, iter(range(100))

    def full(path, content):
        if next(count) >= 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(path, content)

    monkeypatch.setattr("course_utils.grading.classroom.ledger.write_whole", full)
    assert main(["grade", "run", str(five.path), "small", *UNSAFE]) == 1
    said = capsys.readouterr().out
    assert "small: stopped, 2 of 5 graded" in said
    assert "No space left on device" in said
    assert "the same command goes on from there" in said


# ---- what a person sees ----


def in_a_terminal(command, columns=80, interrupt_after=None):
    """Run a command in a terminal of so many columns; returns its exit code and what appeared there."""
    import fcntl
    import struct
    import termios

    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # tests that run in the background of a shell have it ignored
        os.execve(command[0], command, {**os.environ, "TERM": "xterm"})
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    seen = b""
    while True:
        try:
            seen += os.read(terminal, 65536)
        except OSError:
            break
        if interrupt_after and re.search(interrupt_after, seen):
            os.write(terminal, b"\x03")
            interrupt_after = None
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.decode()


def test_in_a_terminal_of_80_columns_no_line_breaks_and_the_bar_goes_away(five):
    code, seen = in_a_terminal([*COURSE, "grade", "run", str(five.path), "small", *UNSAFE])
    assert code == 0
    bars = [part for part in re.split(r"[\r\n]", seen) if re.search(r"\d/5", part)]
    assert bars
    for bar in bars:
        assert len(re.sub(r"\x1b\[[\dA-Z]+", "", bar)) <= 80
        assert bar.startswith(f"{NOT_SANDBOXED}  small")
    assert re.search(r"5/5, 00:00 left", bars[-1])
    lines = [line for line in seen.replace("\r\n", "\n").split("\n") if "\r" not in line]
    assert all(len(line) <= 80 for line in lines if str(five.path) not in line)
    assert "graded" in seen


def test_ctrl_c_ends_the_run_in_order_and_the_next_one_goes_on(new_class, hand_in):
    classroom = new_class(60)
    for n in range(1, 61):
        hand_in(classroom, f"s{n:03d}")
    command = [*COURSE, "grade", "run", str(classroom.path), "small", *UNSAFE, "--workers", "2"]
    code, seen = in_a_terminal(command, interrupt_after=rb"[3-9]/60")
    assert code == 130
    assert "Traceback" not in seen
    done = int(re.search(r"small: stopped, (\d+) of 60 graded", seen)[1])
    assert 3 <= done < 60
    assert "Nothing is lost: the same command goes on from there." in seen
    assert len(entries(classroom)) == done
    assert to_grade(classroom, classroom.assignment("small"), unsafe=True)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_request_to_end_is_obeyed_like_ctrl_c(new_class, hand_in, name):
    classroom = new_class(40)
    for n in range(1, 41):
        hand_in(classroom, f"s{n:03d}")
    command = [*COURSE, "grade", "run", str(classroom.path), "small", *UNSAFE, "--workers", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not any(not path.name.startswith(".part-") for path in (classroom.ledger / "results").glob("*/*/*")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(getattr(signal, name))
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "small: stopped, " in out
    assert "Traceback" not in err


def test_progress_without_a_terminal_is_a_line_now_and_then(capsys):
    with Progress("small", 3, every=0.0) as progress:
        for status in ("graded", "rejected", HUMAN):
            progress.step(status)
        progress.note("a worker\x1b[2J was lost")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("small: 1 of 3 done, about 0 s left")
    assert lines[2:] == ["small: 3 of 3 done, 1 rejected, 1 for a human", r"small: a worker\x1b[2J was lost"]
    with Progress("small", 1_000, every=60.0) as progress:
        for _ in range(999):
            progress.step("graded")
    assert capsys.readouterr().err == ""


def test_words_for_people():
    assert [duration(s) for s in (0.4, 89, 100, 3_000, 9_000)] == ["0 s", "89 s", "2 min", "50 min", "2 h 30 min"]
    assert plain("a\x1b[31m\u202e\n\x00é") == r"a\x1b[31m\u202e\n\x00é"
    assert plain("x" * 300) == "x" * 199 + "…"


# ---- a large class ----

LARGE = """
import json, os, resource, sys
os.fsync = lambda descriptor: None  # what the disk takes is not the question here
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.grading_run import grade_class, to_grade
from course_utils.cli.grade.run import Tally
from course_utils.grading.classroom.local_pool import Answer
from course_utils.grading.grade import CellOutput, ExerciseResult, Grade

class Pool:
    def answers(self, tasks):
        for task in tasks:
            files = task.frame()
            text = CellOutput("cell 1", "double", files.message["submission"] * 300)
            grade = Grade("graded", exercises={"double": ExerciseResult("passed", 2, 2)}, outputs=(text,))
            yield Answer(task.key, grade.record(), sandboxed=True, runner="fake")

classroom = ClassFolder(Path(sys.argv[1]))
assignment = classroom.assignment("small")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
outcome = grade_class(classroom, assignment, to_grade(classroom, assignment), Pool())
tally = Tally.of(classroom, "small")
assert to_grade(classroom, assignment) == []
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps([outcome.graded, tally.statuses["graded"], grown, outcome.seconds]))
"""


@pytest.mark.slow
def test_ten_thousand_submissions_take_little_memory(new_class):
    """Results of 20 kB and files of 10 kB each: 300 MB pass through, almost nothing stays."""
    students = 10_000
    classroom = new_class(students)
    for n in range(1, students + 1):
        write_attempt(classroom, f"s{n:03d}", SubmittedFiles({"small.ipynb": f"{n} ".encode() * 2_000}))
    command = [sys.executable, "-c", LARGE, str(classroom.path), str(Path(__file__).parents[3])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    graded, counted, grown, _ = json.loads(done.stdout)
    assert graded == counted == students
    assert grown * (1 if sys.platform == "darwin" else 1024) < 60_000_000


def write_attempt(classroom, student, files):
    """What `receipts.add` leaves behind, without waiting for the disk each time."""
    receipt = receipts.Receipt(student, "small", 1, files.sha256)
    home = classroom.submissions / "small" / student / receipt.folder_name
    files.write_to(home / "files")
    (home / "receipt.json").write_bytes(receipts._dump(receipt))

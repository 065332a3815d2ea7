"""Worker processes die, hang, lie and are killed: no submission is lost, none has two answers, nothing survives."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from course_utils.grading.classroom.local_pool import CannotStart, LocalPool, Stopped, Task
from course_utils.grading.classroom.scratch import Scratch, clear_away
from course_utils.grading.classroom.shipment import (
    HEADER,
    MAGIC,
    BadFrame,
    Frame,
    Frames,
    Shipment,
    submission_frame,
    submission_of,
)
from course_utils.grading.classroom.worker import kill_descendants
from course_utils.grading.files import SubmittedFiles
from course_utils.grading.sandbox.process_tree import tree

STUB = '''
"""The real worker, with a grader that obeys the first line of the file it gets."""

import os, signal, subprocess, sys, time
from pathlib import Path

from course_utils.grading.classroom import worker
from course_utils.grading.grade import Grade
from course_utils.grading.sandbox.plain import PlainRunner


def obey(assignment, files, runner, seed):
    words = next(iter(files.content.values())).decode().split()
    if words[0] == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if words[0] == "kill_until" and len(Path(words[1]).read_text()) < int(words[2]):
        with open(words[1], "a") as log:
            log.write("x")
        os.kill(os.getpid(), signal.SIGKILL)
    if words[0] == "exit":
        print("a long story"), print("with \\x1b[31ma last line", file=sys.stderr, flush=True), os._exit(3)
    if words[0] == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    if words[0] == "hang":
        time.sleep(600)
    if words[0] == "child":
        child = subprocess.Popen(["sleep", "600"], start_new_session=True)
        Path(words[1]).write_text(f"{os.getpid()} {child.pid}")
        child.wait()  # as one waits for a student's process
    if words[0] == "elsewhere":
        child = subprocess.Popen(["sleep", "600"], start_new_session=True, cwd="/")
        Path(words[1]).write_text(str(child.pid))
        time.sleep(600)
    if words[0] == "garbage":
        for descriptor in range(3, 32):
            try: os.write(descriptor, b"garbage" * 9)
            except OSError: pass
        time.sleep(600)
    if words[0] == "prints":
        print("noise" * 1000, flush=True)
    return Grade("graded", reason=f"{words[0]} {seed} {assignment.name}")


def answer(assignment, frame, runner, honest=worker.answer):
    found = honest(assignment, frame, runner)
    return {**found, "task": "another"} if frame.body == b"swap" else found


worker.grade_files = obey
worker.answer = answer
worker.SECONDS_TO_END = float(os.environ.get("STUB_SECONDS", "2"))
worker._runner = lambda first, assignment: PlainRunner()
sys.exit(worker.main())
'''


@pytest.fixture(scope="module")
def assignment(tmp_path_factory, making):
    return making.make_class(tmp_path_factory.mktemp("class")).assignment("small")


@pytest.fixture(scope="module")
def first(assignment):
    return Shipment.of(assignment).frame(sandbox="plain", unsafe=True)


@pytest.fixture(scope="module")
def stub(tmp_path_factory):
    """The command of a worker that does as it is told."""
    path = tmp_path_factory.mktemp("stub") / "stub_worker.py"
    path.write_text(STUB)
    return [sys.executable, str(path)]


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path, monkeypatch):
    """Scratch folders of other runs are none of these tests' business, and theirs must be gone in the end."""
    home = tmp_path / "temporary"
    home.mkdir()
    monkeypatch.setenv("TMPDIR", str(home))
    monkeypatch.setattr(tempfile, "tempdir", str(home))
    yield home
    assert list(home.iterdir()) == []


def task(key, words, seed=1):
    files = SubmittedFiles({"orders.txt": words.encode()})
    return Task(key, lambda: submission_frame(key, seed, files))


def work(first, stub, tasks, **options):
    options = {"workers": 2, **options}
    with LocalPool(first, command=stub, **options) as pool:
        return list(pool.answers(tasks))


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(*pids, seconds=15.0):
    """Wait until processes have ended."""
    deadline = time.monotonic() + seconds
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(map(alive, pids))


def test_every_task_has_exactly_one_answer_and_the_same_whoever_gives_it(first, stub):
    tasks = [task(f"t{n}", f"work{n}", seed=n) for n in range(20)]
    answers = work(first, stub, tasks)
    assert sorted(a.key for a in answers) == sorted(t.key for t in tasks)
    assert {a.key: a.grade["reason"] for a in answers} == {f"t{n}": f"work{n} {n} small" for n in range(20)}
    assert {(a.runner, a.sandboxed, a.trouble) for a in answers} == {("plain process", False, "")}
    assert {"python", "numpy", "grader", "course_utils"} == set(answers[0].environment)


def test_a_task_that_kills_every_worker_is_given_up_and_the_others_are_done(first, stub):
    tasks = [task("a", "work"), task("poison", "kill"), *(task(f"t{n}", "work") for n in range(6))]
    answers = {a.key: a for a in work(first, stub, tasks)}
    assert len(answers) == len(tasks)
    assert answers["poison"].grade is None
    assert (
        "3 workers were lost while they graded it; the last one: it was killed by signal 9" in answers["poison"].trouble
    )
    assert all(a.grade for key, a in answers.items() if key != "poison")


@pytest.mark.parametrize("deaths", [1, 2])
def test_a_task_whose_worker_is_killed_once_or_twice_is_graded(first, stub, tmp_path, deaths):
    log = tmp_path / "log"
    log.touch()
    (answer,) = work(first, stub, [task("t", f"kill_until {log} {deaths}")])
    assert answer.grade["reason"].startswith("kill_until")
    assert log.read_text() == "x" * deaths


@pytest.mark.parametrize("words", ["hang", "stop"])
def test_a_worker_that_hangs_or_is_stopped_is_replaced(first, stub, words):
    answers = {a.key: a for a in work(first, stub, [task("h", words), task("t", "work")], patience=0.7)}
    assert "no answer within 1 s" in answers["h"].trouble
    assert answers["t"].grade


def test_a_hanging_worker_takes_what_it_started_with_it(first, stub, tmp_path):
    log = tmp_path / "pid"
    with LocalPool(first, command=stub, workers=1, patience=1.5) as pool:
        (answer,) = pool.answers([task("t", f"elsewhere {log}")])
        assert "no answer" in answer.trouble
        assert gone(int(log.read_text()))


def test_the_answer_to_another_question_is_none(first, stub):
    answers = {a.key: a for a in work(first, stub, [task("t", "work"), task("s", "swap")])}
    assert set(answers) == {"t", "s"}
    assert "the answer to another question" in answers["s"].trouble


def test_garbage_and_noise_are_no_answers(first, stub):
    answers = {a.key: a for a in work(first, stub, [task("g", "garbage"), task("p", "prints")], patience=30.0)}
    assert "something else than an answer" in answers["g"].trouble
    assert answers["p"].grade["reason"].startswith("prints")


def test_the_last_words_of_a_worker_are_kept_harmless_and_short(first, stub):
    (answer,) = work(first, stub, [task("e", "exit")])
    assert answer.trouble.endswith(r"it ended with status 3: with \x1b[31ma last line")


def test_a_submission_that_cannot_be_read_is_trouble_and_stops_nothing(first, stub):
    def unreadable():
        raise ValueError("the files were changed after they were received")

    answers = {a.key: a for a in work(first, stub, [Task("u", unreadable), task("t", "work"), Task("v", unreadable)])}
    assert answers["u"].trouble == answers["v"].trouble == "the files were changed after they were received"
    assert answers["t"].grade


def test_files_that_are_not_those_of_their_hash_are_trouble(first, stub):
    def forged():
        frame = submission_frame("f", 1, SubmittedFiles({"a": b"work"}))
        return Frame(frame.message, b"kill")

    (answer,) = work(first, stub, [Task("f", forged)])
    assert "not those of submission" in answer.trouble


def test_workers_that_do_not_start_stop_the_run_with_the_reason(first, stub, tmp_path):
    broken = tmp_path / "broken.py"
    broken.write_text("raise SystemExit('no such library')")
    with pytest.raises(CannotStart, match="in a row did not start; the last one: it ended with status 1: no such lib"):
        work(first, [sys.executable, str(broken)], [task("t", "work")])
    with pytest.raises(CannotStart, match="no process could be started"):
        work(first, [str(tmp_path / "nowhere")], [task("t", "work")])


def test_a_worker_says_why_it_cannot_work(stub, assignment):
    wrong = Shipment.of(assignment)
    wrong = Shipment(wrong.name, "0" * 64, wrong.files, wrong.patience).frame(unsafe=True)
    with pytest.raises(CannotStart, match="changed while it was sent") as caught:
        work(wrong, stub, [task("t", "work")])
    assert caught.value.kind == "BadFrame"
    other = Shipment.of(assignment).frame(unsafe=True, grader="another")
    with pytest.raises(CannotStart, match="install the same version of the course on both"):
        work(other, stub, [task("t", "work")])


def test_a_pool_whose_workers_cannot_be_replaced_stops_and_keeps_what_was_answered(first, stub, tmp_path):
    """The program disappears in mid-run, as it does with a full disk or an unmounted one."""
    program = tmp_path / "worker.py"
    program.write_text(Path(stub[1]).read_text())
    answers = []
    with LocalPool(first, command=[sys.executable, str(program)], workers=1) as pool:
        running = pool.answers([task("a", "work"), task("b", "kill"), task("c", "work")])
        answers.append(next(running))
        program.unlink()
        with pytest.raises(Stopped, match="did not start"):
            answers += list(running)
    assert [a.key for a in answers] == ["a"]


def test_closing_a_pool_ends_workers_and_what_they_started(first, stub, tmp_path):
    logs = [tmp_path / "1", tmp_path / "2"]
    with LocalPool(first, command=stub, workers=2) as pool:
        running = pool.answers([task(log.name, f"child {log}") for log in logs] + [task("t", "work")])
        pool._listen = _until(pool._listen, lambda: all(log.exists() and log.read_text() for log in logs))
        with pytest.raises(KeyboardInterrupt):
            list(running)
    pids = [int(pid) for log in logs for pid in log.read_text().split()]
    assert len(pids) == 4
    assert gone(*pids)


def _until(listen, reached):
    """Press Ctrl-C as soon as something has happened."""

    def wrapped(waiting):
        if reached():
            raise KeyboardInterrupt
        return listen(waiting)

    return wrapped


COORDINATOR = """
import sys
from pathlib import Path
from course_utils.grading.assignment import load_assignment
from course_utils.grading.classroom.local_pool import LocalPool, Task
from course_utils.grading.classroom.shipment import Shipment, submission_frame
from course_utils.grading.classroom.worker import kill_descendants
from course_utils.grading.files import SubmittedFiles
from course_utils.grading.sandbox.process_tree import tree

root, command, words = Path(sys.argv[1]), sys.argv[2:4], sys.argv[4]
first = Shipment.of(load_assignment("small", root)).frame(sandbox="plain", unsafe=True)
files = SubmittedFiles({"orders.txt": words.encode()})
with LocalPool(first, command=command, workers=1) as pool:
    list(pool.answers([Task("t", lambda: submission_frame("t", 1, files))]))
"""


def start_coordinator(assignment, stub, words, log):
    command = [sys.executable, "-c", COORDINATOR, str(assignment.source.parents[1]), *stub, words]
    process = subprocess.Popen(command)
    deadline = time.monotonic() + 60
    while not (log.exists() and len(log.read_text().split()) == 2):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    return process, [int(pid) for pid in log.read_text().split()]


@pytest.mark.parametrize("seconds", [1, 1_000])
def test_nothing_survives_a_killed_coordinator(assignment, stub, tmp_path, own_temporary_folder, monkeypatch, seconds):
    """Neither where the grading gives up as soon as the student's process is dead, nor where it hangs."""
    monkeypatch.setenv("STUB_SECONDS", str(seconds))
    log = tmp_path / "pids"
    process, pids = start_coordinator(assignment, stub, f"child {log}", log)
    process.kill()
    process.wait()
    assert gone(*pids)
    (left,) = own_temporary_folder.iterdir()
    Scratch().remove()  # the next run
    assert not left.exists()


def test_what_a_killed_worker_left_is_killed_with_it(first, stub, tmp_path):
    log = tmp_path / "pids"
    log.touch()
    with LocalPool(first, command=stub, workers=1, patience=60.0) as pool:
        running = pool.answers([task("t", f"child {log}")])

        def kill():
            if words := log.read_text().split():
                os.kill(int(words[0]), signal.SIGKILL)
                children.add(int(words[1]))
                log.write_text("")
            return False

        children = set()
        pool._listen = _until(pool._listen, kill)
        (answer,) = running
        assert "killed by signal 9" in answer.trouble
        assert len(children) == 3
        assert gone(*children)


def test_when_worker_and_coordinator_are_killed_at_once_the_next_run_clears_away(
    assignment, stub, tmp_path, own_temporary_folder
):
    log = tmp_path / "pids"
    process, (worker, child) = start_coordinator(assignment, stub, f"child {log}", log)
    os.kill(worker, signal.SIGSTOP)  # so that it cannot notice
    process.kill()
    process.wait()
    os.kill(worker, signal.SIGKILL)
    assert alive(child)
    Scratch().remove()  # the next run
    assert gone(child)


def test_the_scratch_folder_of_a_living_run_is_left_alone(own_temporary_folder):
    mine = Scratch()
    kept = mine.folder("worker-1")
    other = Scratch()
    assert kept.is_dir()
    other.remove()
    assert kept.is_dir()
    mine.remove()
    assert not mine.path.exists()


def test_what_was_half_made_or_half_removed_is_swept_and_what_is_not_ours_is_left(own_temporary_folder):
    home = own_temporary_folder
    for name in ("course-grade-half", ".course-grade-old", ".course-grade-new", "elsewhere"):
        (home / name / "worker-1").mkdir(parents=True)
    os.utime(home / ".course-grade-old", (0, 0))
    (home / "course-grade-link").symlink_to(home / "elsewhere")
    Scratch().remove()
    left = {path.name for path in home.iterdir()}
    assert left == {".course-grade-new", "elsewhere", "course-grade-link"}
    assert (home / "elsewhere" / "worker-1").is_dir()
    (home / "course-grade-link").unlink()
    for name in (".course-grade-new", "elsewhere"):
        shutil.rmtree(home / name)


def test_clearing_away_kills_what_works_or_writes_in_the_folder_and_nothing_else(tmp_path):
    for name in ("a", "ab"):
        (tmp_path / name).mkdir()
    started = [subprocess.Popen(["sleep", "60"], cwd=tmp_path / name) for name in ("a", "ab")]
    for name in ("a/log", "ab/log"):
        with (tmp_path / name).open("wb") as log:
            started.append(subprocess.Popen(["sleep", "60"], stderr=log))
            Path(log.name).unlink()
    reader = tmp_path / "a" / "read"
    reader.touch()
    with reader.open() as file:
        started.append(subprocess.Popen(["sleep", "60"], stdin=file))
    try:
        clear_away(tmp_path / "a")
        assert [process.wait(10) for process in (started[0], started[2])] == [-signal.SIGKILL] * 2
        assert [process.poll() for process in (started[1], started[3], started[4])] == [None] * 3
        assert not (tmp_path / "a").exists()
    finally:
        for process in started:
            process.kill()
            process.wait()


def test_what_a_process_started_is_killed_through_several_levels_and_the_process_is_not():
    process = subprocess.Popen(["sh", "-c", "sh -c 'sleep 60; true'; sleep 60"], start_new_session=True)
    try:
        deadline = time.monotonic() + 30
        while len(tree(process.pid)) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        _, *below = tree(process.pid)
        assert len(below) == 2
        kill_descendants(process.pid)
        assert gone(*below)
        assert process.poll() is None
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_frames_are_read_whatever_the_pieces(first):
    frames = [Frame({"n": n, "text": "é\u202e"}, bytes(range(n))) for n in (0, 1, 200)]
    raw = b"".join(frame.to_bytes() for frame in frames)
    for size in (1, 7, len(raw)):
        reader = Frames()
        found = [frame for i in range(0, len(raw), size) for frame in reader.feed(raw[i : i + size])]
        assert found == frames
        assert reader.rest == 0


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"garbage that is longer than a header",
        HEADER.pack(MAGIC, 10**9, 0),
        HEADER.pack(MAGIC, 2, 10**12) + b"{}",
        HEADER.pack(MAGIC, 4, 0) + b"nope",
        HEADER.pack(MAGIC, 2, 0) + b"[]",
        HEADER.pack(MAGIC, 2, 0) + b"{}" + b"more",
        HEADER.pack(MAGIC, 2, 4) + b"{}",
        HEADER.pack(MAGIC, 100_000, 0) + b"[" * 100_000,
    ],
    ids=range(9),
)
def test_what_is_no_frame_is_refused(raw):
    with pytest.raises(BadFrame):
        Frame.from_bytes(raw)


def test_sizes_that_do_not_fit_are_refused(assignment):
    frame = submission_frame("t", 1, SubmittedFiles({"a": b"1", "b": b"22"}))
    for files in ([["a", 1]], [["a", 1], ["b", 9]], [["a", 1], ["a", 2]]):
        with pytest.raises(BadFrame):
            submission_of(Frame({**frame.message, "files": files}, frame.body))


def test_an_assignment_arrives_whole(assignment, tmp_path):
    sent = Shipment.from_frame(Frame.from_bytes(Shipment.of(assignment).frame().to_bytes()))
    arrived = sent.unpack(tmp_path)
    assert arrived.version == assignment.version
    assert [t.__name__ for t in arrived.tests] == [t.__name__ for t in assignment.tests]
    assert arrived.folder.is_relative_to(tmp_path)


MANY = """
import resource, sys, time
from pathlib import Path
from course_utils.grading.assignment import load_assignment
from course_utils.grading.classroom.local_pool import LocalPool, Task
from course_utils.grading.classroom.shipment import Shipment, submission_frame
from course_utils.grading.classroom.worker import kill_descendants
from course_utils.grading.files import SubmittedFiles
from course_utils.grading.sandbox.process_tree import tree

root, command, count, size = Path(sys.argv[1]), sys.argv[2:4], int(sys.argv[4]), int(sys.argv[5])
first = Shipment.of(load_assignment("small", root)).frame(sandbox="plain", unsafe=True)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def task(n):
    key = f"t{n}"
    return Task(key, lambda: submission_frame(key, n, SubmittedFiles({"a": f"work{n} ".encode() + bytes(size)})))


seen = set()
with LocalPool(first, command=command, workers=2) as pool:
    for answer in pool.answers(task(n) for n in range(count)):
        assert answer.grade["reason"].endswith(f" {answer.key[1:]} small")
        seen.add(answer.key)
assert len(seen) == count
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_ten_thousand_tasks_take_no_more_memory_than_a_few(assignment, stub):
    """10,000 submissions of 20 kB are 200 MB together; what the pool keeps of them is far below."""
    command = [sys.executable, "-c", MANY, str(assignment.source.parents[1]), *stub, "10000", "20000"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    grown = int(done.stdout) * (1 if sys.platform == "darwin" else 1024)
    assert grown < 30_000_000

"""The same work on a dask cluster: the same marks, and nothing lost with workers, schedulers or the connection."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from course_utils.cli import main
from course_utils.grading.classroom import dask_pool
from course_utils.grading.classroom.dask_pool import DaskPool, end_idle, grade_there
from course_utils.grading.classroom.ledger import Ledger
from course_utils.grading.classroom.local_pool import PACKAGE_ROOT, CannotStart, Task
from course_utils.grading.classroom.shipment import Frame, Shipment, grader_version, submission_frame
from course_utils.grading.classroom.standing import standings
from course_utils.grading.files import SubmittedFiles
from course_utils.grading.sandbox.process_tree import tree

pytest.importorskip("distributed", reason="the grader's cluster needs dask: make grader installs it")

UNSAFE = ["--sandbox", "plain", "--unsafe"]
STUDENTS = 24


class Cluster:
    """A scheduler and workers, as an instructor starts them."""

    def __init__(self, folder, workers=1, threads=1):
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        path = os.pathsep.join([str(PACKAGE_ROOT), os.environ.get("PYTHONPATH", "")])
        self.environment = {**os.environ, "PYTHONPATH": path, "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "60s"}
        self.processes = []
        self.start_scheduler()
        self.start_workers(workers, threads)

    def start_scheduler(self):
        self.scheduler = self._start("dask_scheduler", "--port", str(self.port), "--host", "127.0.0.1")

    def start_workers(self, workers=1, threads=1):
        return self._start("dask_worker", self.address, "--nworkers", str(workers), "--nthreads", str(threads))

    def _start(self, program, *arguments):
        command = [sys.executable, "-m", f"distributed.cli.{program}", *arguments, "--no-dashboard"]
        with (self.folder / f"{program}.log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        self.processes.append(process)
        return process

    def worker_processes(self):
        """Dask's own worker processes, which its nannies watch over."""
        return [pid for process in self.processes for pid in tree(process.pid)[1:] if "spawn_main" in command(pid)]

    def end(self):
        for process in self.processes:
            for pid in [*tree(process.pid)[1:], process.pid]:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            process.wait()


def command(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


@pytest.fixture
def cluster(tmp_path):
    """Start clusters; they end with the test."""
    running = []

    def start(**options):
        folder = tmp_path / f"cluster{len(running)}"
        folder.mkdir()
        running.append(Cluster(folder, **options))
        return running[-1]

    yield start
    for one in running:
        one.end()


@pytest.fixture(scope="module")
def handed_in(tmp_path_factory, making):
    """A class with work of every kind, graded on this machine."""
    classroom = making.make_class(tmp_path_factory.mktemp("local"), STUDENTS)
    kinds = list(making.solutions)
    for n in range(1, STUDENTS + 1):
        making.hand_in(classroom, f"s{n:03d}", kinds[n % len(kinds)])
    assert main(["grade", "run", str(classroom.path), "small", *UNSAFE]) == 0
    return classroom


@pytest.fixture
def copy(tmp_path, making, handed_in):
    """The same class with the same work, and nothing graded."""
    classroom = making.make_class(tmp_path / "class", STUDENTS)
    classroom.submissions.symlink_to(handed_in.submissions)
    return classroom


def marks(classroom):
    def result(row):
        return {name: value for name, value in row.entry.grade.items() if name != "environment"} if row.entry else None

    return {row.student.id: (row.status, row.points, result(row)) for row in standings(classroom, "small")}


def settled(classroom):
    ledger = Ledger(classroom)
    found = [entry for entry in ledger.entries("small") if entry.settled]
    return {entry.student: ledger.path("small", entry.key).read_bytes() for entry in found}


def run(classroom, cluster):
    grader_version.cache_clear()  # the workers start now, this process some time ago: the code may have been edited
    return main(["grade", "run", str(classroom.path), "small", *UNSAFE, "--scheduler", cluster.address])


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(1, 1), (2, 1), (2, 4)], ids=["1 worker", "2 workers", "8 workers"])
def test_marks_are_those_of_this_machine_whatever_the_number_of_workers(cluster, copy, handed_in, shape, capsys):
    there = cluster(workers=shape[0], threads=shape[1])
    assert run(copy, there) == 0
    assert marks(copy) == marks(handed_in)
    assert "NOT SANDBOXED" in capsys.readouterr().out
    assert run(copy, there) == 0
    assert "nothing to grade" in capsys.readouterr().out
    assert settled(copy).keys() == settled(handed_in).keys()


@pytest.mark.slow
def test_killed_dask_workers_lose_nothing(cluster, copy, handed_in):
    there, killed, ended = cluster(workers=2), [], threading.Event()

    def kill():
        while not ended.wait(0.01):
            pids = [pid for pid in there.worker_processes() if pid not in killed]
            if graded(copy) >= 4 * (len(killed) + 1) and pids:
                os.kill(pids[0], signal.SIGKILL)
                killed.append(pids[0])

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        assert run(copy, there) == 0
    finally:
        ended.set()
        killer.join()
    assert len(killed) >= 3
    assert marks(copy) == marks(handed_in)


def graded(classroom):
    return len(list((classroom.ledger / "results").rglob("*.json")))


@pytest.mark.slow
def test_when_the_scheduler_is_killed_what_came_is_kept_and_the_next_run_goes_on(cluster, copy, handed_in, capsys):
    there = cluster()

    def kill():
        while graded(copy) < 3:
            time.sleep(0.02)
        there.scheduler.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    assert run(copy, there) == 1
    killer.join()
    said = capsys.readouterr()
    assert f"the scheduler at {there.address} " in said.out
    assert "the same command goes on from there" in said.out
    assert "Traceback" not in said.err
    before = settled(copy)
    assert 3 <= len(before) < STUDENTS
    there.start_scheduler()
    there.start_workers()
    assert run(copy, there) == 0
    assert before.items() <= settled(copy).items()
    assert marks(copy) == marks(handed_in)


@pytest.fixture(scope="module")
def first(handed_in):
    return Shipment.of(handed_in.assignment("small")).frame(sandbox="plain", unsafe=True)


@pytest.mark.slow
def test_a_submission_that_kills_dask_workers_needs_a_human(cluster, first, monkeypatch, tmp_path):
    """The worker process that grades takes such deaths; this one takes dask's own worker down, again and again."""
    poison = tmp_path / "poison_task.py"
    # Not at once: a nanny whose worker dies before it has reported gives up, and that is another test.
    kill = "time.sleep(1)\n    os.kill(os.getpid(), signal.SIGKILL)"
    poison.write_text(f"import os, signal, time\ndef grade_there(first, task):\n    {kill}\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.syspath_prepend(tmp_path)
    there = cluster(workers=2)
    import poison_task

    honest_files = SubmittedFiles({"a": b"b"})
    with DaskPool(first, there.address) as pool:
        submit = pool._client.submit

        unlucky = iter([True])

        def choose(function, *arguments, **options):
            kills = options["key"].endswith("-poison") or (options["key"].endswith("-t0") and next(unlucky, False))
            return submit(poison_task.grade_there if kills else function, *arguments, **options)

        monkeypatch.setattr(pool._client, "submit", choose)
        tasks = [Task("poison", lambda: submission_frame("poison", 1, SubmittedFiles({"a": b"b"})))]
        tasks += [Task(f"t{n}", lambda n=n: submission_frame(f"t{n}", 1, honest_files)) for n in range(3)]
        answers = {answer.key: answer for answer in pool.answers(tasks)}
    assert answers["poison"].grade is None
    assert re.search(r"\d workers of the cluster were lost while they graded it", answers["poison"].trouble)
    assert len(answers) == 4
    assert all(answer.grade["status"] == "rejected" for key, answer in answers.items() if key != "poison"), (
        "t0 was there when workers were lost, and is graded all the same"
    )


@pytest.mark.slow
def test_a_cluster_without_workers_is_said_with_the_command_that_starts_one(cluster, first, tmp_path):
    there = cluster(workers=1)
    there.processes[1].terminate()
    there.processes[1].wait(30)
    with DaskPool(first, there.address, without_workers=2.0) as pool, pytest.raises(CannotStart) as caught:
        list(pool.answers([Task("t", lambda: submission_frame("t", 1, SubmittedFiles({"a": b"b"})))]))
    assert f"dask worker {there.address} --nworkers N --nthreads 1" in str(caught.value)


def test_an_address_where_nobody_listens_is_said(copy, monkeypatch, capsys):
    monkeypatch.setattr(dask_pool, "CONNECT_SECONDS", 0.5)
    assert main(["grade", "run", str(copy.path), "small", *UNSAFE, "--scheduler", "tcp://127.0.0.1:1"]) == 2
    said = capsys.readouterr().err
    assert "no dask scheduler answers at tcp://127.0.0.1:1" in said
    assert "Traceback" not in said
    assert not settled(copy)


def test_what_runs_on_a_worker_takes_and_gives_bytes(first, small_files):
    task = submission_frame("t", 5, small_files("half"))
    raw = grade_there(first.to_bytes(), task.to_bytes())
    message = Frame.from_bytes(raw).message
    assert (message["task"], message["grade"]["points"]) == ("t", 2.0)
    kept = dask_pool._idle[dask_pool._name(first.to_bytes())]
    (pid,) = [worker.process.pid for pool in kept for worker in pool._crew]
    assert Frame.from_bytes(grade_there(first.to_bytes(), task.to_bytes())).message["grade"] == message["grade"]
    assert [worker.process.pid for pool in kept for worker in pool._crew] == [pid], "the process is used again"
    process = kept[0]._crew[0].process
    end_idle(dask_pool._name(first.to_bytes()))
    assert process.wait(20) == 0


def test_a_machine_that_cannot_grade_says_so(first):
    message = {**first.message, "grader": "another version"}
    answer = Frame.from_bytes(
        grade_there(Frame(message, first.body).to_bytes(), submission_frame("t", 1, SubmittedFiles({})).to_bytes())
    )
    assert answer.message["op"] == "cannot"
    assert "install the same version of the course on both" in answer.message["why"]

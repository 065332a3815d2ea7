"""Worker processes on this machine: each grades one submission at a time, in a sandbox of its own.

A worker that dies or does not answer is replaced, and its submission is tried again. A submission that three workers
did not survive is given up for this run: a person has to look at it. Nothing in here writes to the class folder.
"""

import os
import selectors
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from course_utils.grading.classroom.scratch import Scratch, clear_away
from course_utils.grading.classroom.shipment import BadFrame, Frame, Frames
from course_utils.grading.classroom.worker import SECONDS_TO_END, kill_descendants

START_SECONDS = 300.0
MAX_DEATHS = 3
MAX_FAILED_STARTS = 10
PACKAGE_ROOT = Path(__file__).resolve().parents[3]
WORKER = (sys.executable, "-P", "-m", "course_utils.grading.classroom.worker")


class CannotStart(RuntimeError):
    """No worker can work at all; the text says why and what to do. `kind` names what stopped it."""

    def __init__(self, why: str, kind: str = "") -> None:
        super().__init__(why)
        self.kind = kind


class Stopped(RuntimeError):
    """No more work can be done in this run; what was answered so far stands."""


@dataclass(frozen=True)
class Task:
    """One submission to grade.

    Attributes:
        key: names it in the answer.
        frame: reads the files when its turn has come; raises `OSError` or `ValueError` if they cannot be read.
    """

    key: str
    frame: Callable[[], Frame]


@dataclass(frozen=True)
class Answer:
    """What became of a task.

    Attributes:
        key: the task's.
        grade: the grade's record; None if there is none.
        trouble: why there is no grade: the grader's trouble, never the student's.
        sandboxed: whether the student's code ran in a sandbox.
        runner: name of what ran the code.
        environment: versions it was computed with.
    """

    key: str
    grade: dict[str, Any] | None = None
    trouble: str = ""
    sandboxed: bool = False
    runner: str = ""
    environment: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_message(cls, message: dict[str, Any]) -> "Answer":
        """Read what a worker answered."""
        return cls(
            key=message["task"],
            grade=message.get("grade"),
            trouble=message.get("why", ""),
            sandboxed=message["sandboxed"],
            runner=message["runner"],
            environment=message["environment"],
        )

    def message(self) -> dict[str, Any]:
        """What `from_message` reads."""
        about = {"sandboxed": self.sandboxed, "runner": self.runner, "environment": self.environment}
        return {"op": "answer", "task": self.key, "grade": self.grade, "why": self.trouble, **about}


class Waiting:
    """Tasks that nobody works on yet, read one at a time; some come back."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._source, self._back = iter(tasks), deque[Task]()

    def take(self) -> Task | None:
        """The next task, or None if there is none now."""
        return self._back.popleft() if self._back else next(self._source, None)

    def give_back(self, task: Task) -> None:
        """Let a task be tried again, next."""
        self._back.appendleft(task)


class LocalPool:
    """A number of workers; a context manager that leaves no process behind.

    Args:
        first: tells each worker what to grade, and how (`Shipment.frame`).
        workers: how many at a time.
        patience: seconds after which a worker that has not answered is replaced; by default what `first` says.
        command: the program that a worker is.
    """

    def __init__(
        self,
        first: Frame,
        *,
        workers: int,
        patience: float | None = None,
        command: Sequence[str] = WORKER,
    ) -> None:
        self.workers, self.command = workers, tuple(command)
        self.patience: float = first.message["patience"] if patience is None else patience
        self._first = first.to_bytes()
        self._crew: list[WorkerProcess] = []
        self._deaths: Counter[str] = Counter()
        self._failed_starts = 0
        self._started = 0
        self._anyone_was_ready = False
        self._sandboxed, self._runner = not first.message["unsafe"], ""
        self._scratch = Scratch()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def answers(self, tasks: Iterable[Task]) -> Iterator[Answer]:
        """Work through tasks, in any order; exactly one answer for each.

        Raises:
            CannotStart: if no worker can work.
            Stopped: if workers worked, and cannot be started any more.
        """
        waiting = Waiting(tasks)
        for worker in [worker for worker in self._crew if worker.process.poll() is not None]:
            self._crew.remove(worker)  # it had nothing to do for so long that it ended by itself
            worker.kill()
        while True:
            found, idle = self._hand_out(waiting)
            yield from found
            if idle:
                return
            found = self._listen(waiting)
            more, _ = self._hand_out(waiting)  # workers go on while the answers are dealt with
            yield from found
            yield from more

    def close(self) -> None:
        """End all workers and whatever they started."""
        for worker in self._crew:
            worker.hang_up()
        deadline = time.monotonic() + SECONDS_TO_END + 5.0
        for worker in self._crew:
            worker.end(max(0.0, deadline - time.monotonic()))
        self._crew.clear()
        self._scratch.remove()

    def _hand_out(self, waiting: Waiting) -> tuple[list[Answer], bool]:
        """Give work to idle workers; returns answers for what cannot be read, and whether all is done."""
        unreadable: list[Answer] = []
        idle = [worker for worker in self._crew if worker.ready and worker.task is None]
        while (task := waiting.take()) is not None:
            if not idle:
                waiting.give_back(task)
                while len(self._crew) < self.workers and self._start():
                    pass
                return unreadable, False
            try:
                data = task.frame().to_bytes()
            except (OSError, ValueError) as trouble:
                unreadable.append(self._trouble(task, str(trouble)))
                continue
            idle.pop().give(task, data)
        return unreadable, all(worker.task is None for worker in self._crew)

    def _start(self) -> bool:
        self._started += 1
        try:
            worker = WorkerProcess(self.command, self._scratch.folder(f"worker-{self._started}"), self._first)
        except OSError as error:
            self._failed_start(f"no process could be started: {error}")
            time.sleep(0.2)
            return False
        self._crew.append(worker)
        return True

    def _failed_start(self, why: str) -> None:
        self._failed_starts += 1
        if self._failed_starts >= MAX_FAILED_STARTS:
            text = f"{self._failed_starts} workers in a row did not start; the last one: {why}"
            raise Stopped(text) if self._anyone_was_ready else CannotStart(text)

    def _listen(self, waiting: Waiting) -> list[Answer]:
        """Wait for what workers say; returns the answers among it."""
        answers: list[Answer] = []
        with selectors.DefaultSelector() as selector:
            for worker in self._crew:
                worker.register(selector)
            ready = selector.select(0.2)
        for key, _ in ready:
            worker = key.data
            if worker in self._crew:
                answers += self._attend(worker, waiting)
        now = time.monotonic()
        for worker in [w for w in self._crew if now - w.since > (self.patience if w.ready else START_SECONDS)]:
            if worker.task is not None or not worker.ready:
                answers += self._lost(worker, waiting, f"no answer within {now - worker.since:.0f} s")
        return answers

    def _attend(self, worker: "WorkerProcess", waiting: Waiting) -> list[Answer]:
        answers: list[Answer] = []
        try:
            frames = worker.exchange()
            for frame in frames:
                answers += self._understand(worker, frame)
        except (BadFrame, KeyError) as error:
            return answers + self._lost(worker, waiting, f"it wrote something else than an answer ({error})")
        except EOFError:
            return answers + self._lost(worker, waiting, worker.last_words())
        return answers

    def _understand(self, worker: "WorkerProcess", frame: Frame) -> list[Answer]:
        message = frame.message
        if message["op"] == "ready":
            worker.is_ready()
            self._anyone_was_ready, self._failed_starts = True, 0
            self._sandboxed, self._runner = bool(message["sandboxed"]), str(message["runner"])
            return []
        if message["op"] == "cannot":
            if self._anyone_was_ready:  # its end, which follows, counts as a failed start
                worker.complaint = str(message["why"])
                return []
            raise CannotStart(str(message["why"]), str(message["kind"]))
        answer = Answer.from_message(message)
        if worker.task is None or answer.key != worker.task.key:
            raise BadFrame("the answer to another question")
        worker.task = None
        return [answer]

    def _lost(self, worker: "WorkerProcess", waiting: Waiting, why: str) -> list[Answer]:
        """Replace a worker; its submission is tried again, or given up."""
        self._crew.remove(worker)
        task, was_ready = worker.task, worker.ready
        worker.kill()
        if not was_ready:
            self._failed_start(why)
        if task is None:
            return []
        self._deaths[task.key] += 1
        if self._deaths[task.key] < MAX_DEATHS:
            waiting.give_back(task)
            return []
        return [self._trouble(task, f"{MAX_DEATHS} workers were lost while they graded it; the last one: {why}")]

    def _trouble(self, task: Task, why: str) -> Answer:
        return Answer(task.key, trouble=why, sandboxed=self._sandboxed, runner=self._runner)


class WorkerProcess:
    """The coordinator's end of one worker.

    Args:
        command: the program.
        scratch: an empty folder for it, which goes with it.
        first: the bytes that tell it what to grade.

    Raises:
        OSError: if it cannot be started.
    """

    def __init__(self, command: Sequence[str], scratch: Path, first: bytes) -> None:
        self.scratch = scratch
        self.task: Task | None = None
        self.ready = False
        self.complaint = ""
        self.since = time.monotonic()
        self._outgoing = memoryview(first)
        self._incoming = Frames()
        with (scratch / "errors").open("wb") as errors:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=scratch,
                env=_environment(scratch),
                start_new_session=True,
                bufsize=0,
            )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._requests, self._replies = self.process.stdin, self.process.stdout
        for pipe in (self._requests, self._replies):
            os.set_blocking(pipe.fileno(), False)

    def is_ready(self) -> None:
        """Note that it has loaded the assignment."""
        self.ready, self.since = True, time.monotonic()

    def give(self, task: Task, data: bytes) -> None:
        """Let it grade a submission."""
        self.task, self.since = task, time.monotonic()
        self._outgoing = memoryview(data)

    def register(self, selector: selectors.BaseSelector) -> None:
        """Wait for what it says, and for room in its pipe if there is something to send."""
        selector.register(self._replies, selectors.EVENT_READ, self)
        if self._outgoing and not self._requests.closed:
            selector.register(self._requests, selectors.EVENT_WRITE, self)

    def exchange(self) -> list[Frame]:
        """Send and receive what the pipes take and hold now.

        Raises:
            EOFError: if it has ended and everything it said has been read.
            BadFrame: if it said something that is no frame.
        """
        try:
            while self._outgoing:
                self._outgoing = self._outgoing[os.write(self._requests.fileno(), self._outgoing[: 1 << 18]) :]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self._outgoing = memoryview(b"")
        try:
            data = os.read(self._replies.fileno(), 1 << 20)
        except BlockingIOError:
            return []
        if not data:
            raise EOFError
        return list(self._incoming.feed(data))

    def last_words(self) -> str:
        """Why it ended, as far as one can tell; bounded, and printable."""
        try:
            status = self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            return "it closed its pipe and went on"
        if self.complaint:
            return self.complaint
        if status < 0:
            return f"it was killed by signal {-status}"
        with (self.scratch / "errors").open("rb") as errors:
            errors.seek(max(0, errors.seek(0, os.SEEK_END) - 2_000))
            lines = errors.read().decode("utf-8", "replace").strip().splitlines()
        words = f": {ascii(lines[-1])[1:-1][:200]}" if lines else ""
        return f"it ended with status {status}{words}"

    def hang_up(self) -> None:
        """Tell it that there is no more work: it ends, with everything it started."""
        self._requests.close()

    def end(self, seconds: float) -> None:
        """Wait until it has ended, or kill it."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=seconds)
        self.kill()

    def kill(self) -> None:
        """Kill it, and what it started."""
        if self.process.poll() is None:
            kill_descendants(self.process.pid)
            self.process.kill()
        self.process.wait()
        self._requests.close()
        self._replies.close()
        clear_away(self.scratch)


def _environment(scratch: Path) -> dict[str, str]:
    """The instructor's own, with a folder for temporary files that goes with the worker, and one thread."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    path = os.pathsep.join(filter(None, [str(PACKAGE_ROOT), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, **threads, "TMPDIR": str(scratch), "PYTHONPATH": path}

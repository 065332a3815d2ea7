"""One worker: a process that grades submissions one after another, asked over its standard input.

    python -m course_utils.grading.classroom.worker

It is told an assignment first (as files), then submissions; it answers each on its standard output. When its input
ends, whoever gave it work is gone: it kills what it started and ends. Nothing it needs is on its command line, and
it is never told whose work it grades.
"""

import os
import platform
import queue
import shutil
import signal
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import course_utils
from course_utils.grading.assignment import Assignment
from course_utils.grading.challenge.kind import Challenge
from course_utils.grading.challenge.no_code import NoCode
from course_utils.grading.classroom.shipment import (
    BadFrame,
    Frame,
    Frames,
    Shipment,
    grader_version,
    submission_of,
)
from course_utils.grading.grade import grade_files
from course_utils.grading.sandbox.process_tree import tree
from course_utils.grading.sandbox.runner import Channel, Runner, Unavailable

IDLE_SECONDS = 600.0  # a worker that is forgotten ends by itself
SECONDS_TO_END = 10.0  # after its input ended


@dataclass
class Line:
    """The line to the coordinator: what came in, whether it has ended, and whether a submission is being graded."""

    inbox: "queue.Queue[Frame | None]" = field(default_factory=queue.Queue)
    ended: threading.Event = field(default_factory=threading.Event)
    grading: threading.Event = field(default_factory=threading.Event)

    def next(self) -> Frame | None:
        """The next frame; None when there is none any more."""
        try:
            return self.inbox.get(timeout=IDLE_SECONDS)
        except queue.Empty:
            return None


class Leashed:
    """A runner that opens nothing any more once the run has ended."""

    def __init__(self, runner: Runner, ended: threading.Event) -> None:
        self.runner, self.ended = runner, ended
        self.name, self.sandboxed = runner.name, runner.sandboxed

    def open(self, *arguments: Any, **options: Any) -> Channel:
        if self.ended.is_set():
            raise Unavailable("the run has ended")
        return self.runner.open(*arguments, **options)

    def close(self) -> None:
        self.runner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def main() -> int:
    """Serve one coordinator until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; the coordinator decides
    requests, replies = os.dup(0), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # what a hidden test prints must not end up among the answers
    line = Line()
    threading.Thread(target=_listen, args=(requests, line), daemon=True).start()
    scratch = Path(tempfile.mkdtemp(prefix="assignment-"))
    try:
        _serve(replies, line, scratch)
    except BrokenPipeError:
        pass
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return 0


def _serve(replies: int, line: Line, scratch: Path) -> None:
    first = line.next()
    if first is None:
        return
    try:
        assignment = _assignment(first, scratch)
        runner = NoCode() if isinstance(assignment, Challenge) else _runner(first, assignment)
    except Exception as trouble:  # whatever it is, the person who started the run has to read it
        _send(replies, Frame({"op": "cannot", "why": str(trouble), "kind": type(trouble).__name__}))
        return
    with Leashed(runner, line.ended) as leashed:
        about = {"runner": leashed.name, "sandboxed": leashed.sandboxed, "environment": environment()}
        _send(replies, Frame({"op": "ready", **about}))
        while (frame := line.next()) is not None and not line.ended.is_set():
            line.grading.set()
            found = answer(assignment, frame, leashed)
            line.grading.clear()
            if line.ended.is_set():
                return
            _send(replies, Frame({**found, **about}))


def answer(assignment: Assignment, frame: Frame, runner: Runner) -> dict[str, Any]:
    """Grade one submission; a submission that did not arrive whole is trouble, not a grade."""
    task = frame.message["task"]
    try:
        files = submission_of(frame)
    except (BadFrame, ValueError) as trouble:
        return {"op": "trouble", "task": task, "why": str(trouble)}
    grade = grade_files(assignment, files, runner, frame.message["seed"])
    return {"op": "graded", "task": task, "submission": files.sha256, "grade": grade.record()}


def environment() -> dict[str, Any]:
    """What a mark may depend on besides the submission, the assignment and the seed."""
    import numpy as np

    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "course_utils": course_utils.__version__,
        "grader": grader_version(),
    }


def _assignment(first: Frame, scratch: Path) -> Assignment:
    wanted = first.message.get("grader")
    if wanted not in (None, grader_version()):
        raise RuntimeError(
            f"this worker has another version of the grader ({grader_version()}) than the machine that gives out the "
            f"work ({wanted}): install the same version of the course on both"
        )
    return Shipment.from_frame(first).unpack(scratch)


def _runner(first: Frame, assignment: Assignment) -> Runner:
    from course_utils.grading.sandbox.choose import PRELOAD, open_runner
    from course_utils.grading.sandbox.limits import Limits

    wanted = (*PRELOAD, "torch") if _speaks_torch(assignment) else PRELOAD
    seconds = max(Limits.total_seconds, assignment.limits.total.clock)  # a process may take all that a submission may
    return open_runner(
        first.message["sandbox"],
        unsafe=bool(first.message["unsafe"]),
        preload=tuple(name for name in wanted if name not in assignment.withheld),
        limits=Limits(total_seconds=seconds),
        withheld=assignment.withheld,
    )


def _speaks_torch(assignment: Assignment) -> bool:
    return assignment.tensors or any("import torch" in source for source in assignment.handed_out.setup)


def _listen(requests: int, line: Line) -> None:
    """Pass on what comes in; when it ends, stop whatever runs."""
    frames = Frames()
    try:
        while data := os.read(requests, 1 << 20):
            for frame in frames.feed(data):
                line.inbox.put(frame)
    except (OSError, BadFrame) as error:
        print(f"the coordinator's words cannot be read: {error}", file=sys.stderr)
    line.ended.set()
    line.inbox.put(None)
    deadline = time.monotonic() + SECONDS_TO_END
    while time.monotonic() < deadline:
        if line.grading.is_set():
            kill_descendants(os.getpid())  # the grading that waits for one of them gives up
        time.sleep(0.1)  # a daemon thread: it ends here when the main one is through
    kill_descendants(os.getpid())
    os._exit(1)


def kill_descendants(pid: int) -> None:
    """Kill everything that a process started, directly or not; does nothing where the system has no ``/proc``."""
    for number in (signal.SIGSTOP, signal.SIGKILL):  # first none can start another one any more
        for child in tree(pid)[1:]:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(child, number)


def _send(replies: int, frame: Frame) -> None:
    view = memoryview(frame.to_bytes())
    while view:
        view = view[os.write(replies, view[: 1 << 20]) :]


if __name__ == "__main__":
    sys.exit(main())

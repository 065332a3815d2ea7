"""Where student code runs: one interface, and the plainest process behind it.

A `Runner` opens a `Channel` to a fresh student process; the grader sees nothing else of it. `PlainRunner` is **no
sandbox**: the process runs as the user who grades, may read what that user reads and reach the network. A sandbox
takes its place by the same interface.
"""

import os
import selectors
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from course_utils.grading import student_process
from course_utils.grading.wire import HEADER, Refused, frame_size

PACKAGE_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class TimeLimit:
    """How long one request may take: seconds of processor time, and seconds on the clock.

    Processor time is what decides where it can be read, so that a busy machine changes no mark; the clock stops
    code that merely waits.
    """

    processor: float = 4.0
    clock: float = 20.0


class Timeout(Exception):
    """The process did not answer in time; it has been killed."""


class Died(Exception):
    """The process ended, or wrote something that is no answer; `killed` when a signal from outside ended it."""

    def __init__(self, why: str, killed: bool = False) -> None:
        super().__init__(why)
        self.killed = killed


class Unavailable(RuntimeError):
    """The runner cannot start a process at all: the grader's trouble, not the student's."""


class Channel(Protocol):
    """A live student process."""

    def request(self, frame: bytes, limit: TimeLimit) -> bytes:
        """Send one frame and wait for the answer's frame; raises `Timeout` or `Died`, after which it is closed."""

    def close(self) -> None:
        """Kill the process and whatever it started in its group."""


class Runner(Protocol):
    """Opens student processes."""

    name: str
    sandboxed: bool

    def open(self, folder: Path) -> Channel:
        """Start a fresh process whose working directory is `folder`; raises `Unavailable`."""


class PlainRunner:
    """A child process of the same user with an empty environment and resource limits. Not a sandbox.

    Args:
        memory_bytes: address space the process may use.
    """

    name = "plain process"
    sandboxed = False

    def __init__(self, memory_bytes: int = 2_000_000_000) -> None:
        self.memory_bytes = memory_bytes

    def open(self, folder: Path) -> "PipeChannel":
        requests_in, requests_out = os.pipe()
        replies_in, replies_out = os.pipe()
        command = [sys.executable, "-I", student_process.__file__, str(requests_in), str(replies_out)]
        try:
            process = subprocess.Popen(
                [*command, str(PACKAGE_ROOT), str(self.memory_bytes)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                env=_environment(folder),
                pass_fds=(requests_in, replies_out),
                start_new_session=True,
            )
        except OSError as error:
            for descriptor in (requests_out, replies_in):
                os.close(descriptor)
            raise Unavailable(f"no process could be started: {error}") from error
        finally:
            os.close(requests_in)
            os.close(replies_out)
        return PipeChannel(process, requests_out, replies_in)


class PipeChannel:
    """Frames over two pipes to a child process, with deadlines in both directions."""

    def __init__(self, process: subprocess.Popen[bytes], requests: int, replies: int) -> None:
        self.process, self.requests, self.replies = process, requests, replies
        for descriptor in (requests, replies):
            os.set_blocking(descriptor, False)

    def request(self, frame: bytes, limit: TimeLimit) -> bytes:
        clock = _Clock(self.process.pid, limit)
        try:
            self._send(frame, clock)
            header = self._receive(HEADER.size, clock)
            return header + self._receive(sum(frame_size(header)), clock)
        except Timeout:
            self.close()
            raise
        except Refused as refusal:
            self.close()
            raise Died(f"it wrote something that is no answer: {refusal}") from None
        except (EOFError, BrokenPipeError):
            status = self._exit_status()
            self.close()
            raise Died(f"the process ended with status {status}", killed=status == -signal.SIGKILL) from None

    def close(self) -> None:
        if self.requests < 0:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            self.process.kill()
        self.process.wait()
        os.close(self.requests)
        os.close(self.replies)
        self.requests = self.replies = -1

    def _exit_status(self) -> int | None:
        try:
            return self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:  # it closed its pipe and lives on
            return None

    def _send(self, data: bytes, clock: "_Clock") -> None:
        view = memoryview(data)
        while view:
            clock.wait(self.requests, selectors.EVENT_WRITE)
            view = view[os.write(self.requests, view[: 1 << 16]) :]

    def _receive(self, size: int, clock: "_Clock") -> bytes:
        parts = []
        while size:
            clock.wait(self.replies, selectors.EVENT_READ)
            part = os.read(self.replies, min(size, 1 << 20))
            if not part:
                raise EOFError
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


class _Clock:
    """Waits for a descriptor until the processor time or the clock time of one request is used up."""

    def __init__(self, pid: int, limit: TimeLimit) -> None:
        self.pid, self.limit = pid, limit
        self.start, self.processor_start = time.monotonic(), processor_seconds(pid)

    def wait(self, descriptor: int, event: int) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, event)
            while not selector.select(0.1):
                if time.monotonic() - self.start > self.limit.clock:
                    raise Timeout(f"no answer within {self.limit.clock:g} s on the clock")
                used = processor_seconds(self.pid)
                if used is not None and used - (self.processor_start or 0.0) > self.limit.processor:
                    raise Timeout(f"no answer within {self.limit.processor:g} s of processor time")


def processor_seconds(pid: int) -> float | None:
    """Processor time a process has used, in seconds; None where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _environment(folder: Path) -> dict[str, str]:
    """All that student code sees of the environment: nothing of the grader's."""
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {
        "PATH": os.defpath,
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "MPLBACKEND": "Agg",
        "PYTHONDONTWRITEBYTECODE": "1",
        **one_thread,
    }

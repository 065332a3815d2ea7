"""What every place for student code has in common: a runner opens channels, a channel carries frames with deadlines.

The grader sees nothing else of a student process, so a sandbox, a container and a plain process are interchangeable.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self


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
        """Kill the process and whatever it started, and remove its folder."""


class Runner(Protocol):
    """Opens student processes; a context manager that closes itself."""

    name: str
    sandboxed: bool

    def open(self) -> Channel:
        """Start a fresh process in an empty working directory of its own; raises `Unavailable`."""

    def close(self) -> None:
        """Give back what the runner keeps ready between processes."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def processor_seconds(pid: int) -> float | None:
    """Processor time a process has used, in seconds; None where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

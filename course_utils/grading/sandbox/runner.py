"""What every place for student code has in common: a runner opens channels, a channel carries frames with deadlines.

The grader sees nothing else of a student process, so a sandbox, a container and a plain process are interchangeable.
"""

from dataclasses import dataclass
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


@dataclass(frozen=True)
class Spent:
    """What one request took, measured from outside: nothing that student code says about it is believed.

    Attributes:
        processor: seconds of processor time, of all its processes; None where it cannot be read.
        idle: seconds on the clock in which none of them wanted a processor: the code waited, not the machine.
    """

    processor: float | None = None
    idle: float = 0.0


class Timeout(Exception):
    """The process did not answer in time; it has been killed."""


class Died(Exception):
    """The process ended, or wrote something that is no answer; `killed` when a signal from outside ended it."""

    def __init__(self, why: str, killed: bool = False) -> None:
        super().__init__(why)
        self.killed = killed


class Unavailable(RuntimeError):
    """The runner cannot start a process at all: the grader's trouble, not the student's."""


class NoSandbox(Unavailable):
    """This machine cannot lock student code in; the text says what is missing and how to get it."""


class Channel(Protocol):
    """A live student process.

    Attributes:
        spent: what the last request took, also one that failed.
    """

    spent: Spent

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
        """End every process that is left, and what the runner keeps ready."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

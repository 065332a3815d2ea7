"""A submission's code, alive: cells run once, functions are called many times, a lost process is replaced.

A request that hangs or kills the process costs that request alone: the next one meets a fresh process in which the
same cells have run. A cell that itself hangs or kills the process is left out from then on.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import numpy as np

from course_utils.grading.files import check_path
from course_utils.grading.sandbox.runner import Channel, Died, Runner, TimeLimit, Timeout, Unavailable
from course_utils.grading.wire import Refused, pack, unpack

CALL_LIMIT = TimeLimit(processor=4.0, clock=20.0)
CELL_LIMIT = TimeLimit(processor=20.0, clock=40.0)
START_LIMIT = TimeLimit(processor=60.0, clock=120.0)

_CELL = re.compile(r"cell [0-9]{1,4}")
KNOWN_ERRORS = frozenset(
    name
    for name, thing in vars(__import__("builtins")).items()
    if isinstance(thing, type) and issubclass(thing, BaseException)
) | {"LinAlgError", "AxisError", "UFuncTypeError", "Wrong", "NotWritten"}
"""Exception names that may appear in feedback: any other name is the student's own text."""

NOT_WRITTEN = "is not written yet"


class CallFailed(Exception):
    """A student's function gave no value.

    Attributes:
        status: not_written, absent, raised, timeout, died or unsendable.
        sentence: what the student may read.
    """

    def __init__(self, status: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


class Ungraded(Exception):
    """The grader could not do its work: no statement about the student's code follows from it."""


class _KilledFromOutside(Exception):
    """A signal that was not ours ended the process (memory, an operator): try again."""


@dataclass(frozen=True)
class Cell:
    """A code cell that runs before the calls: its label in messages (`cell 7`) and its source."""

    label: str
    source: str


@dataclass
class CellReport:
    """How a cell ended: ok, raised, not_written, timeout or died, with the sentence a student may read."""

    status: str
    sentence: str = ""


@dataclass
class StudentSession:
    """Runs cells and calls functions through a runner.

    Args:
        runner: opens the processes.
        cells: the student's cells, in order.
        files: what the code finds in its working directory, by relative path.
        withheld: modules that the code cannot import.
        call_limit: the time limit of one call.
        cell_limit: the time limit of one cell.
    """

    runner: Runner
    cells: Sequence[Cell]
    files: Mapping[str, bytes] = field(default_factory=dict)
    withheld: Sequence[str] = ()
    call_limit: TimeLimit = CALL_LIMIT
    cell_limit: TimeLimit = CELL_LIMIT
    reports: dict[str, CellReport] = field(default_factory=dict, init=False)
    environment: dict[str, Any] = field(default_factory=dict, init=False)
    processes: int = field(default=0, init=False)
    _channel: Channel | None = field(default=None, init=False)
    _number: int = field(default=0, init=False)

    def __enter__(self) -> "StudentSession":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process; its working directory goes with it."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def load(self) -> None:
        """Make sure that a process is there in which the cells have run.

        Raises:
            Ungraded: if no process can be started or one is killed from outside again and again.
        """
        killed = 0
        while self._channel is None:
            self._start()
            try:
                self._run_cells()
            except _KilledFromOutside as death:
                killed += 1
                if killed == 3:
                    raise Ungraded(f"the process was killed from outside three times ({death})") from None

    def replace(self, cells: Sequence[Cell]) -> None:
        """Take other cells in the same process, its namespace emptied: for code that is trusted (mutants)."""
        self.cells, self.reports = cells, {}
        if self._channel is not None:
            self._ask({"op": "reset"}, None, START_LIMIT)
            self._run_cells()

    def call(self, function: str, arguments: Sequence[Any], limit: TimeLimit | None = None) -> tuple[Any, bool]:
        """Call a function of the student's.

        Args:
            function: its name.
            arguments: values that the narrow call carries.
            limit: another time limit than the session's.

        Returns:
            What it returned, and whether it changed its arguments.

        Raises:
            CallFailed: if it gave no value.
            Ungraded: if the grader could not do its work.
        """
        limit = limit or self.call_limit
        for _ in range(3):
            self.load()
            try:
                reply, value = self._ask({"op": "call", "function": function}, list(arguments), limit)
            except Timeout:
                self._channel = None
                raise CallFailed(
                    "timeout", f"{function} did not finish within {limit.processor:g} seconds: does its loop end?"
                ) from None
            except Died as death:
                self._channel = None
                if death.killed:
                    continue
                raise CallFailed("died", f"{function} ended the Python process instead of returning") from None
            return self._read(function, reply, value)
        raise Ungraded(f"the process was killed from outside three times in {function}")

    def _read(self, function: str, reply: dict[str, Any], value: Any) -> tuple[Any, bool]:
        status = reply.get("status")
        if status == "ok":
            return value, bool(reply.get("changed"))
        if status == "not_written":
            raise CallFailed("not_written", f"{function} {NOT_WRITTEN}")
        if status == "absent":
            raise CallFailed("absent", f"there is no function {function} after running the notebook's cells")
        if status == "unsendable":
            raise CallFailed("unsendable", f"{function} returned something that is not numbers, lists or arrays")
        raise CallFailed("raised", f"{function} stops with {_error(reply)}")

    def _start(self) -> None:
        files = {check_path(path): np.frombuffer(data, np.uint8) for path, data in self.files.items()}
        try:
            self._channel = self.runner.open()
            self.processes += 1
            start = {"op": "start", "withheld": list(self.withheld)}
            _, environment = self._ask(start, files, START_LIMIT)
        except (Unavailable, OSError, Timeout, Died) as error:
            self.close()
            raise Ungraded(f"the student process does not start: {error}") from error
        self.environment = environment if isinstance(environment, dict) else {}

    def _run_cells(self) -> None:
        """Run the cells; leaves no channel behind when one of them hangs or kills the process."""
        for cell in self.cells:
            if self.reports.get(cell.label, CellReport("ok")).status in ("timeout", "died"):
                continue
            try:
                self.reports[cell.label] = self._run(cell)
            except Timeout:
                self._channel = None
                seconds = self.cell_limit.processor
                self.reports[cell.label] = CellReport("timeout", f"{cell.label} did not finish within {seconds:g} s")
                return
            except Died as death:
                self._channel = None
                if death.killed:
                    raise _KilledFromOutside(cell.label) from None
                self.reports[cell.label] = CellReport("died", f"{cell.label} ends the Python process")
                return

    def _run(self, cell: Cell) -> CellReport:
        try:
            reply, _ = self._ask({"op": "run", "source": cell.source, "label": cell.label}, None, self.cell_limit)
        except Refused:
            return CellReport("raised", f"{cell.label} is too long")
        status = str(reply.get("status"))
        if status == "ok":
            return CellReport("ok")
        return CellReport(status, f"{cell.label} stops with {_error(reply)}")

    def _ask(self, message: dict[str, Any], value: Any, limit: TimeLimit) -> tuple[dict[str, Any], Any]:
        assert self._channel is not None
        self._number += 1
        answer = self._channel.request(pack({**message, "id": self._number}, value), limit)
        try:
            reply, result = unpack(answer)
        except Refused as refusal:
            self._channel.close()
            raise Died(f"it wrote something that is no answer: {refusal}") from None
        if reply.get("id") != self._number:
            self._channel.close()
            raise Died("it answered a question that was not asked")
        return reply, result


def _error(reply: dict[str, Any]) -> str:
    """Name an exception without repeating any text that student code could have chosen."""
    name, line, label = reply.get("error"), reply.get("line"), reply.get("label")
    text = name if name in KNOWN_ERRORS else "an exception of its own"
    if isinstance(line, int) and 0 < line < 10_000 and isinstance(label, str) and _CELL.fullmatch(label):
        text += f" (line {line} of {label})"
    return str(text)

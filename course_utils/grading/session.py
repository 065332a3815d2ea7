"""A submission's code, alive: cells run once, functions are called many times, a lost process is replaced.

A request that hangs or kills the process costs that request alone: the next one meets a fresh process in which the
same cells have run. A cell that itself hangs or kills the process is left out from then on. Nothing that a process
answers is believed beyond being a value: statuses, names and numbers are held against lists and bounds.
"""

import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import numpy as np

from course_utils.grading.files import check_path
from course_utils.grading.outputs import MAX_IMAGES, MAX_TEXT, Outputs
from course_utils.grading.sandbox.runner import Channel, Died, Runner, TimeLimit, Timeout, Unavailable
from course_utils.grading.sentences import ANSWERED, failure, of_cell, of_reply
from course_utils.grading.wire import Handle, Refused, pack, unpack

CALL_LIMIT = TimeLimit(processor=4.0, clock=20.0)
CELL_LIMIT = TimeLimit(processor=20.0, clock=40.0)
TOTAL_LIMIT = TimeLimit(processor=120.0, clock=600.0)
START_LIMIT = TimeLimit(processor=60.0, clock=120.0)
DRAW_LIMIT = TimeLimit(processor=10.0, clock=20.0)
PATIENCE = 2  # time limits that one function may use up in a submission; from then on it gets a fraction of one
KILLS = 3  # deaths from outside before a submission is left to a person
LOST_CELLS = 20  # cells that hang or end the process; each of them costs a fresh one

_VERSION = re.compile(r"[\w.+-]{1,40}")


@dataclass(frozen=True)
class Limits:
    """How long a submission's code may take.

    Attributes:
        call: one call of a hidden test.
        cell: one cell of the notebook.
        total: all cells and calls of one submission together.
    """

    call: TimeLimit = CALL_LIMIT
    cell: TimeLimit = CELL_LIMIT
    total: TimeLimit = TOTAL_LIMIT


class Ungraded(Exception):
    """The grader could not do its work: no statement about the student's code follows from it."""


class Interrupted(Ungraded):
    """The process was killed from outside while objects lived in it: the hidden test has to begin again."""


class _KilledFromOutside(Exception):
    """A signal that was not ours ended the process (memory, an operator): try again."""


@dataclass(frozen=True)
class Cell:
    """A code cell that runs before the calls: its label in messages (`cell 7`), its source, its exercise if any."""

    label: str
    source: str
    exercise: str = ""


@dataclass
class CellReport:
    """How a cell ended: ok, raised, not_written, timeout or died, with the sentence a student may read."""

    status: str
    sentence: str = ""
    error: str = ""


@dataclass(frozen=True, eq=False)
class Kept(Handle):
    """An object in the student's process: of which process, and of which hidden test."""

    process: int
    test: int


@dataclass(frozen=True)
class Answer:
    """What a question to the student's code gave: a value or an object, and whether arguments were changed."""

    value: Any = None
    kept: Kept | None = None
    changed: bool = False


@dataclass
class StudentSession:
    """Runs cells and calls functions through a runner.

    Args:
        runner: opens the processes.
        cells: the student's cells, in order.
        files: what the code finds in its working directory, by relative path: the grader's own files.
        helpers: the student's own files, which never replace the grader's.
        withheld: modules that the code cannot import.
        limits: how long things may take.
        tensors: torch is loaded before the cells run, and tensors arrive as tensors, not as arrays.
    """

    runner: Runner
    cells: Sequence[Cell]
    files: Mapping[str, bytes] = field(default_factory=dict)
    helpers: Mapping[str, bytes] = field(default_factory=dict)
    withheld: Sequence[str] = ()
    limits: Limits = Limits()
    tensors: bool = False
    reports: dict[str, CellReport] = field(default_factory=dict, init=False)
    environment: dict[str, str] = field(default_factory=dict, init=False)
    outputs: Outputs = field(default_factory=Outputs, init=False)
    reordered: list[str] = field(default_factory=list, init=False)
    processes: int = field(default=0, init=False)
    _channel: Channel | None = field(default=None, init=False)
    _question: int = field(default=0, init=False)
    _objects: int = field(default=0, init=False)
    _test: int = field(default=0, init=False)
    _seed: int = field(default=0, init=False)
    _begun: tuple[int, int] = field(default=(0, 0), init=False)
    _living: bool = field(default=False, init=False)
    _draws: bool = field(default=True, init=False)
    _lost_cells: set[str] = field(default_factory=set, init=False)
    _timeouts: Counter[str] = field(default_factory=Counter, init=False)
    _processor: float = field(default=0.0, init=False)
    _clock: float = field(default=0.0, init=False)
    _idle: float = field(default=0.0, init=False)

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
            try:
                self._start()
                self._run_cells()
            except _KilledFromOutside as death:
                killed += 1
                if killed == KILLS:
                    raise Ungraded(f"the process was killed from outside {KILLS} times ({death})") from None

    def replace(self, cells: Sequence[Cell]) -> None:
        """Take other cells in the same process, its namespace emptied: for code that is trusted (mutants)."""
        self.cells, self.reports = cells, {}
        self._lost_cells, self._timeouts = set(), Counter()
        self._processor = self._clock = self._idle = 0.0
        if self._channel is not None:
            self._ask({"op": "reset"}, None, START_LIMIT)
            self._run_cells()

    def begin(self, seed: int) -> None:
        """Begin a hidden test: objects of earlier tests are gone, random numbers of the student's code start anew."""
        self._test += 1
        self._seed, self._living = seed, False

    def alive(self, kept: Kept) -> bool:
        """Whether an object is still there: made in this test, by the process that is there now."""
        return kept.test == self._test and kept.process == self.processes and self._channel is not None

    def call(self, function: str, arguments: Sequence[Any], named: Mapping[str, Any] | None = None) -> Answer:
        """Call a function of the student's (see `ask`)."""
        return self.ask(function, {"op": "call", "name": function}, [list(arguments), dict(named or {})])

    def ask(self, what: str, message: Mapping[str, Any], value: Any = None, keep: bool = False) -> Answer:
        """Ask the student's code one question.

        Args:
            what: how a sentence names it, such as the function's name.
            message: the request.
            value: its payload, any value that the narrow call carries; objects are passed as `Kept`.
            keep: let the result stay in the student's process.

        Returns:
            The answer.

        Raises:
            CallFailed: if the student's code gave no value.
            Ungraded: if the grader could not do its work.
        """
        for _ in range(KILLS):
            self._spend(what)
            self.load()
            self._spend(what)
            extra: dict[str, Any] = {}
            kept = None
            now = (self.processes, self._test)
            if self._begun != now and self._test:
                extra["begin"] = self._seed
            if keep:
                self._objects += 1
                kept = Kept(self._objects, self.processes, self._test)
                extra["keep"] = kept.number
            limit = self._patience(what)
            try:
                reply, result = self._ask({**message, **extra}, value, limit)
            except Timeout:
                self._timeouts[what] += 1
                raise failure("timeout", what, self.limits.call.processor) from None
            except Died as death:
                if not death.killed:
                    raise failure("died", what) from None
                if self._living:
                    raise Interrupted(f"the process was killed from outside in {what}") from None
                continue
            self._begun = now
            if reply.get("status") != "ok":
                status = reply.get("status")
                raise failure(status if status in ANSWERED else "raised", what, reply=reply)
            self._living = self._living or keep
            return Answer(result, kept, reply.get("changed") is True)
        raise Ungraded(f"the process was killed from outside {KILLS} times in {what}")

    def _patience(self, what: str) -> TimeLimit:
        """The time limit of a call; a fraction for a function that used up whole ones: sound calls take no longer."""
        limit = self.limits.call
        if self._timeouts[what] < PATIENCE:
            return limit
        return TimeLimit(limit.processor / 8, limit.clock / 4)

    def _spend(self, what: str) -> None:
        """Stop when the submission's time is used up."""
        why = self._used_up()
        if why == "clock":
            raise Ungraded(f"the submission used more than {self.limits.total.clock:g} s on the clock")
        if why:
            raise failure(why, what, self.limits.total.processor)

    def _used_up(self) -> str:
        """What is used up: "total", the processor time, or as much time in which the code only waited, "idle".

        Both are the student's. The "clock" alone may be a busy machine's, and decides nothing. Empty if nothing is.
        """
        if self._processor > self.limits.total.processor:
            return "total"
        if self._idle > self.limits.total.processor:
            return "idle"
        return "clock" if self._clock > self.limits.total.clock else ""

    def _start(self) -> None:
        files = {"given": self.files, "own": {p: self.helpers[p] for p in self.helpers if p not in self.files}}
        payload = {
            kind: {check_path(path): np.frombuffer(data, np.uint8) for path, data in content.items()}
            for kind, content in files.items()
        }
        message = {"op": "start", "withheld": list(self.withheld), "tensors": self.tensors}
        try:
            self._channel = self.runner.open()
            self.processes += 1
            reply, environment = self._ask(message, payload, START_LIMIT)
        except (Unavailable, OSError, Timeout, Died) as error:
            self.close()
            if isinstance(error, Died) and error.killed:
                raise _KilledFromOutside("while it started") from None
            raise Ungraded(f"the student process does not start: {error}") from error
        if reply.get("status") != "ok":
            self.close()
            raise Ungraded(f"the student process does not start: {failure('raised', 'it', reply=reply)}")
        if not self.environment and isinstance(environment, dict):
            told = {name: environment.get(name) for name in ("python", "numpy", "torch")}
            self.environment = {k: v for k, v in told.items() if isinstance(v, str) and _VERSION.fullmatch(v)}

    def _run_cells(self) -> None:
        """Run the cells; leaves no channel behind when one of them hangs or kills the process.

        A cell that stops at a name which a later cell defines runs once more after all others, and then only adds
        names: so the order of cells does not decide a mark.
        """
        waiting = []
        for cell in self.cells:
            report = self._run(cell)
            if self._channel is None:
                return
            if report is not None and report.error == "NameError":
                waiting.append(cell)
        for cell in waiting:
            report = self._run(cell, again=True)
            if self._channel is None:
                return
            if report is not None and report.status == "ok" and cell.label not in self.reordered:
                self.reordered.append(cell.label)

    def _run(self, cell: Cell, again: bool = False) -> CellReport | None:
        """Run one cell; its first report stays, unless it ran well when it ran again."""
        if cell.label in self._lost_cells:
            return None
        new = cell.label not in self.reports
        message = {"op": "run", "source": cell.source, "label": cell.label, "room": MAX_TEXT if new else 0}
        figures: Any = 0
        try:
            why = self._used_up() or ("lost" if len(self._lost_cells) >= LOST_CELLS else "")
            if why:
                seconds = self.limits.total.clock if why == "clock" else self.limits.total.processor
                report = CellReport("timeout", of_cell(why, cell.label, seconds))
            else:
                reply, _ = self._ask({**message, "again": again}, None, self.limits.cell)
                report = CellReport(*of_reply(reply, cell.label))
                figures = reply.get("figures")
                if new:
                    self.outputs.add(cell.label, cell.exercise, reply.get("text"), reply.get("more"))
        except Refused:
            report = CellReport("raised", of_cell("long", cell.label))
        except Timeout:
            self._lost_cells.add(cell.label)
            report = CellReport("timeout", of_cell("timeout", cell.label, self.limits.cell.processor))
        except Died as death:
            if death.killed:
                raise _KilledFromOutside(cell.label) from None
            self._lost_cells.add(cell.label)
            report = CellReport("died", of_cell("died", cell.label))
        if new or (again and report.status == "ok"):
            self.reports[cell.label] = report
        if new and self._draws and type(figures) is int and figures > 0 and self._channel is not None:
            self._draw(cell)
        return report

    def _draw(self, cell: Cell) -> None:
        """Take the figures that a cell drew. Drawing that hangs or dies costs the pictures, never the cell."""
        try:
            _, images = self._ask({"op": "draw", "images": MAX_IMAGES}, None, DRAW_LIMIT)
        except (Timeout, Died):
            self._draws = False
            return
        if isinstance(images, list):
            self.outputs.add_images(cell.label, cell.exercise, images)

    def _ask(self, message: Mapping[str, Any], value: Any, limit: TimeLimit) -> tuple[dict[str, Any], Any]:
        """Send one request and read the answer; whatever is no answer to it ends the process."""
        assert self._channel is not None
        self._question += 1
        frame = pack({**message, "id": self._question}, value)
        channel, said, start = self._channel, None, time.monotonic()
        try:
            answer = channel.request(frame, limit)
            try:
                reply, result = unpack(answer, tensors=self.tensors)
            except MemoryError:
                raise
            except Exception as refusal:  # also where the reader stumbles: it did over bytes of the student's
                raise Died(f"it wrote something that is no answer: {refusal}") from None
            if reply.get("id") != self._question:
                raise Died("it answered a question that was not asked")
            said = reply.get("cpu")
        except (Timeout, Died) as end:
            self.close()
            if isinstance(end, Timeout) and time.monotonic() - start < limit.clock:
                said = limit.processor
            raise
        finally:
            self._clock += time.monotonic() - start
            self._idle += channel.spent.idle
            measured = channel.spent.processor
            if measured is None:  # then what the process says has to do
                measured = min(max(said, 0.0), limit.processor) if isinstance(said, float) else 0.0
            self._processor += measured
        return reply, result

"""``course grade run DIR ASSIGNMENT``: grade what has no settled result yet, and say where the class stands.

Ends with 0 when every submission has a settled status, 1 when the grader failed on some or was stopped (the next run
goes on there), 2 when nothing could be started.
"""

import argparse
import os
import shlex
import signal
import sys
import textwrap
import threading
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from course_utils.grading.assignment import Assignment
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.grading_run import Outcome, UnknownStudent, chosen, grade_class, to_grade
from course_utils.grading.classroom.local_pool import CannotStart, LocalPool
from course_utils.grading.classroom.progress import NOT_SANDBOXED, Progress, duration, plain
from course_utils.grading.classroom.shipment import Shipment, grader_version
from course_utils.grading.classroom.standing import STATUSES, WAITING, Standing, each_standing
from course_utils.grading.grade import HUMAN, REJECTED

SANDBOXES = ("auto", "bubblewrap", "container", "plain")
LISTED = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folder", metavar="DIR", help="the class folder")
    parser.add_argument("assignment", metavar="ASSIGNMENT", help="its name in class.yml")
    parser.add_argument("--student", nargs="+", default=[], metavar="ID", help="only the work of these students")
    parser.add_argument("--again", action="store_true", help="also what has a settled result; the old one is kept")
    parser.add_argument("--scheduler", metavar="tcp://HOST:PORT", help="grade on the workers of a dask scheduler")
    add_worker_arguments(parser)


def add_worker_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare how many workers there are and where they run student code."""
    parser.add_argument("--workers", type=int, metavar="N", help="processes that grade (default: one a processor)")
    parser.add_argument("--sandbox", choices=SANDBOXES, default="auto", help="where student code runs (default: auto)")
    parser.add_argument(
        "--unsafe",
        action="store_true",
        help="go on where there is no sandbox: student code can then do there whatever you can",
    )


def run(args: argparse.Namespace) -> int:
    """Grade, and print the summary."""
    if problem := refused(args):
        print(problem, file=sys.stderr)
        return 2
    classroom = ClassFolder(args.folder)
    try:
        assignment = classroom.assignment(args.assignment)
        with classroom.lock():
            return _run(args, classroom, assignment)
    except (UnknownStudent, CannotStart) as error:
        print(error, file=sys.stderr)
        return 2
    except (FileNotFoundError, BrokenPipeError):
        raise  # the first says what is missing; the second is no trouble: who reads the output has seen enough
    except OSError as error:
        print(f"stopped: {error}. What is in the ledger stays; the next run goes on from there.", file=sys.stderr)
        return 2


def refused(args: argparse.Namespace) -> str:
    """What is wrong with the arguments, and the remedy; empty if nothing is."""
    if args.workers is not None and args.workers < 1:
        return f"workers must be at least 1, got {args.workers}"
    if args.workers is not None and getattr(args, "scheduler", None):
        return "--workers counts processes of this machine, --scheduler uses those of a cluster: leave one of them out"
    if args.sandbox == "plain" and not args.unsafe:
        return (
            "--sandbox plain is no sandbox: student code could do whatever you can. Leave it out, "
            "or add --unsafe if you trust every submission"
        )
    return ""


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def stopped_like_ctrl_c() -> Iterator[None]:
    """Let a request to end, or a closed terminal, stop the run as Ctrl-C does."""

    def stop(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    old = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _run(args: argparse.Namespace, classroom: ClassFolder, assignment: Assignment) -> int:
    receipts = to_grade(classroom, assignment, students=args.student, again=args.again, unsafe=args.unsafe)
    outcome = Outcome(len(receipts))
    interrupted = False
    if receipts:
        try:
            with (
                stopped_like_ctrl_c(),
                _pool(args, Shipment.of(assignment), len(receipts)) as pool,
                Progress(assignment.name, len(receipts), warning=_first_warning(args)) as progress,
            ):
                step = lambda entry: progress.step(entry.grade["status"], warning=_warning(not outcome.sandboxed))
                grade_class(classroom, assignment, receipts, pool, step, again=args.again, outcome=outcome)
        except KeyboardInterrupt:
            interrupted = True
    tally = Tally.of(classroom, assignment.name, args.student)
    for line in summary(args, assignment.name, outcome, tally, interrupted):
        print(line)
    if interrupted:
        return 130
    return 1 if tally.unsettled or outcome.stopped else 0


def _first_warning(args: argparse.Namespace) -> str:
    """What the first lines say, before a result tells whether there was a sandbox."""
    return NOT_SANDBOXED if args.sandbox == "plain" else "--unsafe" if args.unsafe else ""


def _warning(unsafe: bool) -> str:
    return NOT_SANDBOXED if unsafe else ""


def _pool(args: argparse.Namespace, shipment: Shipment, tasks: int) -> Any:
    if args.scheduler:
        from course_utils.grading.classroom.dask_pool import DaskPool

        same = shipment.frame(sandbox=args.sandbox, unsafe=args.unsafe, grader=grader_version())
        return DaskPool(same, args.scheduler)
    first = shipment.frame(sandbox=args.sandbox, unsafe=args.unsafe)
    return LocalPool(first, workers=min(args.workers or processors(), tasks))


@dataclass
class Tally:
    """Where the students stand, counted.

    Attributes:
        statuses: how many have each status.
        reasons: for rejected ones and those that need a human, whose, by reason.
        to_mark: how many wait for a mark by hand.
        unread: how many could not be graded at all, though the grader did its work.
        failed: how many of those that need a human need one because the grader failed.
        not_sandboxed: how many results were computed without a sandbox.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, dict[str, list[str]]] = field(default_factory=lambda: {REJECTED: {}, HUMAN: {}})
    to_mark: int = 0
    unread: int = 0
    failed: int = 0
    not_sandboxed: int = 0

    @property
    def unsettled(self) -> int:
        """How many submissions the next run would grade."""
        return self.failed + self.statuses[WAITING]

    @classmethod
    def of(cls, classroom: ClassFolder, name: str, students: Collection[str] = ()) -> "Tally":
        """Count all students, or those given."""
        tally, wanted = cls(), set(chosen(classroom, students))
        for standing in each_standing(classroom, name):
            if standing.student.id in wanted:
                tally._count(standing)
        return tally

    def remark(self, status: str) -> str:
        """What has to be known about the number of those who need a human."""
        if status != HUMAN:
            return ""
        kinds = {"to mark by hand": self.to_mark, "to look at": self.unread, "to be tried again": self.failed}
        words = [f"{count} {kind}" for kind, count in kinds.items() if count]
        return f"   ({', '.join(words)})" if words else ""

    def _count(self, standing: Standing) -> None:
        self.statuses[standing.status] += 1
        if standing.status in self.reasons:
            self.reasons[standing.status].setdefault(standing.reason, []).append(standing.student.id)
        entry = standing.entry
        self.not_sandboxed += entry is not None and not entry.sandboxed
        if entry is not None and not entry.settled and standing.status == HUMAN:
            self.failed += 1
        elif standing.unread:
            self.unread += 1
        elif standing.status == HUMAN and standing.to_mark:
            self.to_mark += 1


def summary(
    args: argparse.Namespace, name: str, outcome: Outcome, tally: Tally, interrupted: bool = False
) -> Iterator[str]:
    """What a person reads at the end, line by line; at most 80 columns where ids and names allow it."""
    if tally.not_sandboxed:
        yield f"{NOT_SANDBOXED}: {tally.not_sandboxed} results were computed without a sandbox (--unsafe)."
    if interrupted or outcome.stopped:
        yield f"{name}: stopped, {outcome.graded} of {outcome.planned} graded in {duration(outcome.seconds)}."
        if outcome.stopped:
            yield from folded(plain(outcome.stopped, 1_000))
        yield "  Nothing is lost: the same command goes on from there."
    elif outcome.planned:
        speed = outcome.graded / max(outcome.seconds, 1e-9)
        yield f"{name}: {outcome.graded} graded in {duration(outcome.seconds)} ({speed:.1f} a second)."
    else:
        yield f"{name}: nothing to grade, every submission has its result."
    if outcome.changed:
        yield f"  Another result than before: {_ids(outcome.changed)}"
    yield ""
    for status in STATUSES:
        yield f"  {status:15}{tally.statuses[status]:6d}{tally.remark(status)}"
    for status, title in ((REJECTED, "Rejected"), (HUMAN, "Needs a human")):
        yield from _reasons(title, tally.reasons[status])
    yield ""
    where = f"{shlex.quote(args.folder)} {name}"
    if tally.unsettled:
        yield f"To try again what is not settled:  course grade run {where}"
    if tally.to_mark:
        yield f"To mark by hand:  course grade mark {where}"
    yield f"To see the class:  course grade report {where}"


def _reasons(title: str, reasons: dict[str, list[str]]) -> Iterator[str]:
    if not reasons:
        return
    yield ""
    yield f"{title}:"
    most = sorted(reasons.items(), key=lambda item: -len(item[1]))
    for reason, students in most[:LISTED]:
        yield from folded(f"{_ids(students)}: {plain(reason, 300)}")
    if len(most) > LISTED:
        yield f"  and {len(most) - LISTED} more reasons: course grade status shows every student"


def folded(text: str) -> Iterator[str]:
    """A paragraph in lines of at most 80 columns."""
    return iter(textwrap.wrap(text, 80, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False))


def _ids(students: list[str]) -> str:
    shown = ", ".join(students[:5])
    return f"{shown} and {len(students) - 5} more" if len(students) > 5 else shown

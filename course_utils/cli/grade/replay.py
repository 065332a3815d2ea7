"""``course grade replay DIR ASSIGNMENT``: compute recorded marks anew and compare; changes nothing.

Ends with 0 when every mark came out as it is recorded, 1 when one did not or could not be computed, 2 when nothing
could be started.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator

from course_utils.cli.grade.run import add_worker_arguments, folded, processors, refused
from course_utils.grading.assignment import Assignment
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.grading_run import UnknownStudent
from course_utils.grading.classroom.local_pool import CannotStart, LocalPool, Stopped
from course_utils.grading.classroom.progress import NOT_SANDBOXED, Progress, duration, plain
from course_utils.grading.classroom.replay import (
    CANNOT,
    DIFFERENT,
    EQUAL,
    Recorded,
    Replayed,
    counting,
    everything,
    replay,
)
from course_utils.grading.classroom.shipment import Shipment


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folder", metavar="DIR", help="the class folder")
    parser.add_argument("assignment", metavar="ASSIGNMENT", help="its name in class.yml")
    parser.add_argument("--student", nargs="+", default=[], metavar="ID", help="only the results of these students")
    parser.add_argument(
        "--all", action="store_true", help="every result ever recorded, not only those that count (the default)"
    )
    add_worker_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Replay, and print what differs."""
    if problem := refused(args):
        print(problem, file=sys.stderr)
        return 2
    classroom = ClassFolder(args.folder)
    start = time.monotonic()
    try:
        assignment = classroom.assignment(args.assignment)
        recorded = _recorded(args, classroom, assignment)
        found = [*recorded.unreadable, *_replayed(args, classroom, recorded)]
    except (UnknownStudent, CannotStart, Stopped) as error:
        print(error, file=sys.stderr)
        return 2
    for line in summary(args.assignment, found, recorded.unsettled, time.monotonic() - start):
        print(line)
    return 0 if all(one.verdict == EQUAL for one in found) else 1


def _recorded(args: argparse.Namespace, classroom: ClassFolder, assignment: Assignment) -> Recorded:
    if args.all:
        return everything(classroom, assignment.name, args.student)
    return counting(classroom, assignment, args.student)


def _replayed(args: argparse.Namespace, classroom: ClassFolder, recorded: Recorded) -> Iterator[Replayed]:
    def pool_for(version: Assignment, tasks: int) -> LocalPool:
        first = Shipment.of(version).frame(sandbox=args.sandbox, unsafe=args.unsafe)
        return LocalPool(first, workers=min(args.workers or processors(), tasks))

    warning = NOT_SANDBOXED if args.unsafe else ""
    with Progress(f"{args.assignment} again", len(recorded.entries), warning=warning) as progress:
        for one in replay(classroom, args.assignment, recorded.entries, pool_for):
            progress.step(one.verdict, warning="" if one.sandboxed else NOT_SANDBOXED)
            yield one


def summary(name: str, found: list[Replayed], unsettled: list[str], seconds: float) -> Iterator[str]:
    """What a person reads at the end, line by line."""
    if unsafe := sum(not one.sandboxed for one in found):
        yield f"{NOT_SANDBOXED}: {unsafe} results were computed anew without a sandbox (--unsafe)."
    verdicts = Counter(one.verdict for one in found)
    yield f"{name}: {len(found)} recorded results computed anew in {duration(seconds)}."
    yield ""
    yield f"  equal          {verdicts[EQUAL]:6d}"
    yield f"  different      {verdicts[DIFFERENT]:6d}"
    yield f"  cannot         {verdicts[CANNOT]:6d}"
    if unsettled:
        yield f"  not settled    {len(unsettled):6d}   (no marks: 'course grade run' tries them again)"
    for verdict in (DIFFERENT, CANNOT):
        if verdicts[verdict]:
            yield ""
            yield f"{verdict.capitalize()}:"
            for one in found:
                if one.verdict == verdict:
                    yield from folded(f"{one.student}: {plain(one.why, 500)}")
    changed = Counter(change for one in found for change in one.environment)
    if changed:
        yield ""
        yield "Computed with other versions than recorded:"
        for (what, then, now), count in sorted(changed.items()):
            yield f"  {what}: {plain(then, 60)} then, {plain(now, 60)} now ({count} results)"

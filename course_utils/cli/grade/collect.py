"""``course grade collect DIR ASSIGNMENT SOURCE``: take submissions in."""

import argparse
import shlex
import sys
import textwrap
from collections import Counter
from pathlib import Path
from typing import Any

LISTED, MANY, WIDTH = 15, 60, 78
WORDS = {
    "new": "new", "again": "further attempt", "same": "as before", "older": "as an earlier attempt",
    "corrected": "with a better known time",
}  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where submissions come from."""
    from course_utils.grading.classroom.lms import KINDS

    parser.add_argument("dir", type=Path, metavar="DIR", help="the class folder")
    parser.add_argument("assignment", metavar="ASSIGNMENT", help="its name in class.yml")
    parser.add_argument("source", type=Path, nargs="?", metavar="SOURCE", help="a folder, or the zip of an export")
    parser.add_argument(
        "--from",
        dest="kind",
        choices=("auto", *KINDS),
        default="auto",
        help="what wrote it (default: told by the names)",
    )
    parser.add_argument(
        "--times",
        type=Path,
        metavar="FILE.csv",
        help="when students handed in: Moodle's grading worksheet, or a table with columns such as id and time",
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would happen")
    parser.add_argument(
        "--assign",
        nargs="+",
        default=[],
        metavar="FILE=STUDENT",
        help="say whose something is that matched nobody: its number or name, and the student's id",
    )
    parser.add_argument(
        "--discard",
        nargs="+",
        default=[],
        metavar="FILE",
        help="take something that matched nobody off the list: its number or name; its files stay",
    )


def run(args: argparse.Namespace) -> int:
    """Collect, and say what came; returns 0, or 2 when nothing could be collected."""
    from course_utils.grading.classroom.folder import ClassFolder
    from course_utils.grading.classroom.times import BadTime, read_times

    classroom = ClassFolder(args.dir)
    classroom.planned(args.assignment)
    given = [args.source is not None, bool(args.assign), bool(args.discard)]
    if sum(given) != 1:
        what = "several of them" if any(given) else "none of them"
        print(
            f"course grade collect needs a SOURCE, --assign FILE=STUDENT or --discard FILE, got {what}", file=sys.stderr
        )
        return 2
    try:
        if args.discard:
            return _discard(args, classroom)
        if args.assign:
            return _assign(args, classroom)
        times = read_times(args.times, classroom.config.zone) if args.times else []
        return _collect(args, classroom, times)
    except (BadTime, ValueError) as error:
        print(error, file=sys.stderr)
        return 2


def _collect(args: argparse.Namespace, classroom: Any, times: list[Any]) -> int:
    from contextlib import nullcontext

    from course_utils.grading.classroom.file_names import shown
    from course_utils.grading.classroom.intake import collect

    found: Any = None
    try:
        with nullcontext() if args.dry_run else classroom.lock():
            steps = collect(classroom, args.assignment, args.source, kind=args.kind, times=times, dry_run=args.dry_run)
            for found in steps:
                _progress(len(found.entered))
    except OSError as error:
        done = len(found.entered) if found else 0
        print(
            f"stopped after {done} hand-ins: {error.strerror or error}. What was taken in stays; free some space or "
            "repair the rights, then give the same command again: it goes on there",
            file=sys.stderr,
        )
        return 2
    finally:
        _progress(0)
    if not found.entered:
        print(f"{shown(args.source.name)} holds work on other assignments only", file=sys.stderr)
        return 2
    print("\n".join(_summary(args, classroom, found)))
    return 0


def _progress(number: int) -> None:
    """A running number on a terminal that somebody watches; 0 takes it away."""
    if sys.stderr.isatty():
        text = f"\r{number} hand-ins" if number else "\r\x1b[K"
        print(text, end="", file=sys.stderr, flush=True)


def _summary(args: argparse.Namespace, classroom: Any, found: Any) -> list[str]:
    from course_utils.grading.classroom.file_names import shown
    from course_utils.grading.classroom.receipts import latest

    roster = classroom.roster()
    newest = {one.student.id: one for one in found.entered if one.student}
    counts = Counter(one.what for one in found.entered if one.student)
    several = {what for what in counts if what == "again" and counts[what] > 1}
    words = ", ".join(f"{number} {WORDS[what]}{'s' * (what in several)}" for what, number in counts.items())
    lines = [
        f"{args.assignment}: {shown(args.source.name)}, read as {found.kind}" + (" (dry run)" if args.dry_run else ""),
        f"  from {len(newest)} of {len(roster)} students" + (f": {words}" if words else ""),
    ]
    late = [_late(one) for one in newest.values() if one.receipt.late]
    lines += _wrapped(f"late ({len(late)})", late) if late else []
    refused = [f"{name}: {one.receipt.rejected}" for name, one in newest.items() if one.receipt.rejected]
    lines += _block("refused", refused)
    notes = [(name, note) for name, one in newest.items() for note in one.receipt.notes]
    lines += _block("to know", [f"{name}: {note}" for name, note in notes if not note.startswith("unpacked ")])
    lines += _nobodys(args, [one for one in found.entered if one.student is None])
    lines += _about_times(classroom.planned(args.assignment).due, found)
    there = set() if args.dry_run else set(latest(classroom, args.assignment))
    missing = [student.id for student in roster if student.id not in there | set(newest)]
    lines += _wrapped(f"nothing handed in yet ({len(missing)})", missing) if missing else []
    if not args.dry_run:
        lines += ["", "next", f"  course grade run {shlex.quote(str(args.dir))} {args.assignment}"]
    return lines


def _late(one: Any) -> str:
    from course_utils.grading.classroom.wording import span

    seconds = one.receipt.late_by_seconds
    return f"{one.student.id} ({span(seconds)})" if seconds is not None else str(one.student.id)


def _block(title: str, items: list[str]) -> list[str]:
    from course_utils.grading.classroom.file_names import shown

    lines = [f"\n{title} ({len(items)})"] if items else []
    for item in items[:LISTED]:
        lines += textwrap.wrap(shown(item, 400), WIDTH, initial_indent="  ", subsequent_indent="    ")
    return [*lines, f"  and {len(items) - LISTED} more"] if len(items) > LISTED else lines


def _wrapped(title: str, items: list[str]) -> list[str]:
    more = f" and {len(items) - MANY} more" if len(items) > MANY else ""
    return [f"\n{title}", *_text(", ".join(items[:MANY]) + more)]


def _text(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def _nobodys(args: argparse.Namespace, entered: list[Any]) -> list[str]:
    from course_utils.grading.classroom.intake import GIVEN

    waiting = [one.receipt for one in entered if one.what != GIVEN]
    numbers = [f"{receipt.number:04d} " if receipt.number else "" for receipt in waiting]
    reasons = [next(iter(receipt.notes), "nobody is known") for receipt in waiting]
    items = [f"{n}{receipt.original_name}: {why}" for n, receipt, why in zip(numbers, waiting, reasons)]
    lines = _block("fits nobody on the roster; kept until you say whose it is", items)
    if waiting and not args.dry_run:
        command = f"course grade collect {shlex.quote(str(args.dir))} {args.assignment}"
        lines.append("  correct the roster and collect again, or say whose it is by hand:")
        lines.append(f"  {command} --assign {waiting[0].number:04d}=STUDENT")
        lines.append("  if it is nobody's work, take it off the list: --discard instead of --assign")
    return lines


def _about_times(due: Any, found: Any) -> list[str]:
    lines = _block("lines of the table of times that fit nobody", list(found.strangers))
    if due is not None and found.unknown_times:
        why = {
            "canvas": "Canvas' zips do not say it: LATE in a name is believed, by how much is unknown.",
            "moodle": "The zip carries the time of its download.",
        }.get(found.kind, "The files seem to carry the time of a copy; --from folder believes it.")
        lines.append(f"\nnobody knows when {found.unknown_times} of them came")
        remedy = "Say it by --times FILE.csv: Moodle's grading worksheet, or a table with columns such as id and time."
        lines += _text(f"{why} {remedy}")
    return lines


def _assign(args: argparse.Namespace, classroom: Any) -> int:
    from course_utils.grading.classroom.file_names import shown
    from course_utils.grading.classroom.matching import Matcher, Who
    from course_utils.grading.classroom.unmatched import NotThere, Unmatched

    matcher = Matcher(classroom.roster())
    pairs = []
    with classroom.lock():
        unmatched = Unmatched(classroom, args.assignment)
        for text in args.assign:
            what, equals, word = text.rpartition("=")
            if not equals or not what or not word:
                raise NotThere(f"--assign must be FILE=STUDENT such as 0001=s001, got {shown(text)}")
            student, why = matcher.find(Who(word=word))
            if student is None:
                raise NotThere(f"{why}: name a student by the id in roster.csv")
            pairs.append((unmatched.find(what), student))
        for receipt, student in pairs:
            if args.dry_run:
                print(f"would give {receipt.number:04d} {shown(receipt.original_name)} to {student.id}")
                continue
            own = unmatched.assign(receipt, student)
            print(f"{receipt.number:04d} {shown(receipt.original_name)} is attempt {own.number} of {student.id} now")
    return 0


def _discard(args: argparse.Namespace, classroom: Any) -> int:
    from course_utils.grading.classroom.file_names import shown
    from course_utils.grading.classroom.unmatched import Unmatched

    with classroom.lock():
        unmatched = Unmatched(classroom, args.assignment)
        for receipt in [unmatched.find(what) for what in args.discard]:
            name = f"{receipt.number:04d} {shown(receipt.original_name)}"
            if args.dry_run:
                print(f"would take {name} off the list")
                continue
            unmatched.settle(receipt, None)
            print(f"{name} waits for nobody any more; its files stay in submissions/")
    return 0

"""``course grade mark DIR ASSIGNMENT``: mark answers in the terminal, or through a table for a spreadsheet.

Ends with 0; with 1 when rows of a table were refused; with 2 when nothing could be started.
"""

import argparse
import contextlib
import shlex
import sys
from pathlib import Path

from course_utils.grading.assignment import Assignment
from course_utils.grading.classroom.folder import Busy, ClassFolder
from course_utils.grading.classroom.marking import Answer
from course_utils.grading.classroom.progress import plain
from course_utils.grading.classroom.standing import Standing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="the class folder")
    parser.add_argument("assignment", metavar="ASSIGNMENT", help="its name in class.yml")
    parser.add_argument("--student", nargs="+", default=[], metavar="ID", help="only the work of these students")
    parser.add_argument("--exercise", nargs="+", default=[], metavar="NAME", help="only these exercises")
    parser.add_argument("--blind", action="store_true", help="leave out who wrote the answers")
    parser.add_argument("--again", action="store_true", help="also answers that have a mark by hand")
    parser.add_argument("--all", action="store_true", help="also what tests graded, to overrule or comment on it")
    table = parser.add_mutually_exclusive_group()
    table.add_argument("--export", type=Path, metavar="FILE.csv", help="write the answers as a table and stop")
    table.add_argument("--import", dest="table", type=Path, metavar="FILE.csv", help="read marks from such a table")


def run(args: argparse.Namespace) -> int:
    """Mark, export or import."""
    from course_utils.grading.classroom.gradebook import take_marks
    from course_utils.grading.classroom.gradebook_database import Unusable

    classroom = ClassFolder(args.folder)
    assignment = classroom.assignment(args.assignment)
    if problem := _unknown(args, classroom, assignment):
        print(problem, file=sys.stderr)
        return 2
    try:
        take_marks(classroom)  # what was entered in the formgrader comes first
    except Unusable as trouble:
        print(f"marks entered in the formgrader could not be looked for: {trouble}", file=sys.stderr)
    if args.table:
        return _import(classroom, assignment, args.table)
    from course_utils.grading.classroom.marking import answers, unread

    options = {"marked": args.again or args.all or bool(args.export), "graded": args.all}
    found = answers(classroom, assignment, students=args.student, exercises=args.exercise, **options)
    if not args.student:
        _say_unread(args, unread(classroom, assignment))
    if not found:
        print("Nothing to mark: no answer waits for a person. --again shows those that are marked.")
        return 0
    return _export(classroom, assignment, found, args) if args.export else _mark(classroom, assignment, found, args)


def _say_unread(args: argparse.Namespace, rows: list[Standing]) -> None:
    """Name the work that is left out because nothing of it could be graded, and say what to do."""
    for row in rows:
        print(f"{row.student.id} is left out: {plain(row.reason, 300)}", file=sys.stderr)
    if rows:
        where = f"{shlex.quote(str(args.folder))} {args.assignment}"
        print(
            "Have it handed in again, or collect the right file from a folder named after the student;\n"
            f"or mark all of it by hand: course grade mark {where} --student {rows[0].student.id}",
            file=sys.stderr,
        )


def _unknown(args: argparse.Namespace, classroom: ClassFolder, assignment: Assignment) -> str:
    students = {student.id for student in classroom.roster()}
    if strangers := sorted(set(args.student) - students):
        return f"{strangers[0]!r} is not on the roster"
    exercises = [exercise.name for exercise in assignment.exercises]
    if strangers := sorted(set(args.exercise) - set(exercises)):
        return f"{assignment.name} has no exercise {strangers[0]!r}; it has: {', '.join(exercises)}"
    return ""


def _mark(classroom: ClassFolder, assignment: Assignment, found: list[Answer], args: argparse.Namespace) -> int:
    from course_utils.grading.classroom.terminal_marking import HELP, Marking
    from course_utils.grading.classroom.wording import counted

    with contextlib.suppress(ImportError):
        import readline  # noqa: F401  a comment can be edited while it is typed
    print(f"{counted(len(found), 'answer')} to mark. {HELP}")
    tally = Marking(classroom, assignment, found, blind=args.blind).run()
    print(f"{tally.marked} marked, {tally.skipped} skipped, {tally.left} left. What you entered is saved.")
    _sync(classroom, assignment.name)
    return 0


def _export(classroom: ClassFolder, assignment: Assignment, found: list[Answer], args: argparse.Namespace) -> int:
    from course_utils.grading.classroom.durable import write_whole
    from course_utils.grading.classroom.mark_table import table_of

    write_whole(args.export.resolve(), table_of(classroom, assignment, found, blind=args.blind), 0o600)
    print(f"{args.export}: {len(found)} answers. Fill in the columns points and comment, save it as CSV UTF-8, then")
    print(f"course grade mark {args.folder} {assignment.name} --import {args.export}")
    return 0


def _import(classroom: ClassFolder, assignment: Assignment, path: Path) -> int:
    from course_utils.grading.classroom.mark_table import BadTable, take_table

    try:
        done = take_table(classroom, assignment, path.read_bytes())
    except FileNotFoundError:
        print(f"there is no table at {path}: write one with --export and fill that in", file=sys.stderr)
        return 2
    except (BadTable, OSError) as problem:
        print(problem, file=sys.stderr)
        return 2
    print(f"{done.taken} marks and comments taken, {done.unchanged} rows without news, {len(done.refused)} refused.")
    for row in done.refused:
        print(f"{row.about} (line {row.line}): {row.reason}", file=sys.stderr)
    _sync(classroom, assignment.name)
    return 1 if done.refused else 0


def _sync(classroom: ClassFolder, name: str) -> None:
    """Bring the gradebook up to date; the marks are safe without it."""
    from course_utils.grading.classroom.gradebook import sync
    from course_utils.grading.classroom.gradebook_database import Unusable

    try:
        with classroom.lock():
            sync(classroom, name)
    except (Busy, Unusable) as trouble:
        print(f"The gradebook is not up to date yet: {trouble}", file=sys.stderr)

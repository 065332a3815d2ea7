"""``course grade init DIR``: make a class folder, or add to one."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

MOST_STUDENTS = 20_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what a class is made of."""
    parser.add_argument("dir", type=Path, metavar="DIR", help="the class folder, outside the course's own folder")
    parser.add_argument("--title", metavar="TEXT", help="of a new class (default: the folder's name)")
    parser.add_argument(
        "--roster",
        type=Path,
        metavar="FILE.csv",
        help="its students: a table with a column 'id', Canvas' gradebook export, or Moodle's participants",
    )
    parser.add_argument(
        "--assignment",
        nargs="+",
        dest="assignments",
        metavar="NAME",
        help="what to take in, or to bring up to date (default for a new class: all there are)",
    )
    parser.add_argument(
        "--due", nargs="+", default=[], metavar="NAME=TIME", help="such as 01_perceptron=2027-03-01T23:59"
    )
    parser.add_argument(
        "--timezone", metavar="NAME", help="of a new class, such as Europe/Rome (default: this machine's)"
    )
    parser.add_argument(
        "--example",
        type=int,
        metavar="N",
        help="make up a class of N students and what they hand in, to try things out",
    )


def run(args: argparse.Namespace) -> int:
    """Make the class, or add to it; returns 0, or 2 when nothing was done."""
    from course_utils.grading.classroom.create import CannotCreate, create
    from course_utils.grading.classroom.roster_import import import_roster
    from course_utils.grading.classroom.settings_text import NotOurs
    from course_utils.grading.classroom.times import local_zone

    try:
        due = dict(_pair(text) for text in args.due)
        there = (args.dir / "class.yml").exists()
        if args.example is not None:
            return _run_example(args, due)
        if there and (args.title or args.timezone):
            raise CannotCreate("the title and the time zone of a class are settings: change them in its class.yml")
        imported = import_roster(args.roster) if args.roster else None
        done = create(
            args.dir,
            title=args.title,
            timezone=args.timezone or local_zone(),
            roster=imported.students if imported else None,
            assignments=args.assignments,
            due=due,
        )
    except (CannotCreate, NotOurs, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join(_summary(args.dir, done, imported)))
    return 0


def _pair(text: str) -> tuple[str, str]:
    from course_utils.grading.classroom.create import CannotCreate

    name, equals, time = text.partition("=")
    if not equals or not name or not time:
        raise CannotCreate(f"--due must be NAME=TIME such as 01_perceptron=2027-03-01T23:59, got {text!a}")
    return name, time


def _summary(folder: Path, done: Any, imported: Any) -> list[str]:
    from course_utils.grading.classroom.folder import ClassFolder

    classroom = ClassFolder(done.path)
    config = classroom.config
    lines = [f"{'made the class' if done.new else 'the class'} {config.title!r} in {done.path}"]
    origin = ""
    if imported and imported.kind != "own":
        origin = f", from {imported.kind.title()}; ids are the column {imported.id_from}"
    lines.append(f"  students    {done.students or 'none yet: fill roster.csv'}{origin}")
    lines += [f"              left out: {row}" for row in imported.left_out] if imported else []
    taken = {one.name: one for one in done.taken}
    for number, (name, planned) in enumerate(config.assignments.items()):
        due = planned.due.strftime("due %Y-%m-%d %H:%M") if planned.due else "no due time"
        change = f" ({taken[name].change})" if name in taken and not done.new else ""
        lines.append(f"  {'assignments' if not number else '':11} {name}: {due}, {planned.part}{change}")
    lines.append(f"  time zone   {config.timezone}")
    for name in done.regraded:
        lines.append(f"\n{name} changed, and there are results:")
        lines.append("  the next run grades everybody's work on it anew; marks by hand stay where the")
        lines.append("  answer is the same; the old version is kept, so that old marks can be replayed")
    for name in done.differing:
        lines.append(f"\n{name} is not what the course has now. It stays as it is;")
        lines.append("  to bring it up to date:")
        lines.append(f"  course grade init {shlex.quote(str(folder))} --assignment {name}")
    if done.new:
        lines += ["", "next"]
        lines += [] if done.students else ["  fill roster.csv: one row a student, the column id is needed"]
        lines.append("  look at class.yml: due times, weights, time zone")
        lines += [f"  {command}" for command in _commands(folder, next(iter(config.assignments), "ASSIGNMENT"))]
    return lines


def _commands(folder: Path, name: str) -> list[str]:
    quoted = shlex.quote(str(folder))
    return [f"course pack {name} --class {quoted}", f"course grade collect {quoted} {name} SUBMISSIONS.zip"]


def _run_example(args: argparse.Namespace, due: dict[str, str]) -> int:
    from course_utils.grading.classroom.create import CannotCreate, available, create
    from course_utils.grading.classroom.example import DUE, has_recipes, made_up_students, write_example
    from course_utils.grading.classroom.folder import ClassFolder

    if not 1 <= args.example <= MOST_STUDENTS:
        raise CannotCreate(f"--example must be 1 to {MOST_STUDENTS} students, got {args.example}")
    if args.roster or (args.dir / "class.yml").exists():
        raise CannotCreate("--example makes a class of its own: give a new folder, and no --roster")
    names = args.assignments if args.assignments is not None else available()
    done = create(
        args.dir,
        title=args.title or "A made-up class",
        timezone=args.timezone or "UTC",
        roster=made_up_students(args.example),
        assignments=names,
        due=dict.fromkeys(names, DUE) | due,
    )
    classroom = ClassFolder(done.path)
    lines, folder = _summary(args.dir, done, None), shlex.quote(str(args.dir))
    lines = [*lines[: lines.index("next")], "made-up submissions, named as Canvas names them; try"]
    for name in names:
        assignment = classroom.assignment(name)
        if has_recipes(assignment):
            time = classroom.planned(name).due
            assert time is not None
            export, table = write_example(args.dir / "example", assignment, classroom.roster(), time)
            quoted = [shlex.quote(str(path)) for path in (export, table)]
            lines.append(f"  course grade collect {folder} {name} {quoted[0]} --times {quoted[1]}")
            lines.append(f"  course grade run {folder} {name}")
    print("\n".join(lines))
    return 0

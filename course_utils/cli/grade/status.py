"""``course grade status DIR [ASSIGNMENT]``: where everybody's work stands."""

import argparse
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

WIDTH = 80


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the class folder and the assignment."""
    parser.add_argument("dir", type=Path, metavar="DIR", help="the class folder")
    parser.add_argument("assignment", nargs="?", metavar="ASSIGNMENT", help="one of them, with reasons (default: all)")


def run(args: argparse.Namespace) -> int:
    """Print a table, the counts, and what to do next."""
    from course_utils.grading.classroom.folder import ClassFolder
    from course_utils.grading.classroom.standing import standings

    classroom = ClassFolder(args.dir)
    if args.assignment:
        classroom.planned(args.assignment)
    names = [args.assignment] if args.assignment else list(classroom.config.assignments)
    rows = {name: standings(classroom, name) for name in names}
    folder = shlex.quote(str(args.dir))
    lines = [f"{classroom.config.title}: {len(classroom.roster())} students"]
    if not names:
        lines.append(f"no assignment yet; add one: course grade init {folder} --assignment NAME")
    elif args.assignment:
        lines += _one(rows[args.assignment], classroom.config.zone)
    else:
        lines += _all(rows)
    for name in names:
        lines += ["", *_counts(name, rows[name])]
        lines += [f"  {step}" for step in _next(folder, classroom, name, rows[name], bool(args.assignment))]
    print("\n".join(lines))
    return 0


def _all(rows: Mapping[str, Sequence[Any]]) -> Iterator[str]:
    """A student a line, an assignment a column; in blocks where the columns do not fit into the width."""
    names = list(rows)
    students = [row.student for row in rows[names[0]]]
    left = [_cut(student.id, 12) for student in students]
    people = [_cut(student.name, 22) for student in students]
    first, second = _widest(["id", *left]), _widest(["name", *people])
    cells = {name: [_cell(row) for row in rows[name]] for name in names}
    widths = {name: max(_widest(cells[name]), min(_widest([name]), 22)) for name in names}
    while names:
        room = WIDTH - first - second - 4
        block: list[str] = []
        while names and (not block or widths[names[0]] + 2 <= room):
            room -= widths[names[0]] + 2
            block.append(names.pop(0))
        yield ""
        yield _line([("id", first), ("name", second), *[(_cut(name, widths[name]), widths[name]) for name in block]])
        for number, _ in enumerate(students):
            own = [(cells[name][number], widths[name]) for name in block]
            yield _line([(left[number], first), (people[number], second), *own])


def _one(rows: Sequence[Any], zone: Any) -> Iterator[str]:
    """A student a line: status, points, attempt, when it came, and why."""
    from course_utils.grading.classroom.wording import received

    heads = ["id", "name", "status", "points", "try", "handed in"]
    table = [
        [
            _cut(row.student.id, 12),
            _cut(row.student.name, 20),
            row.status,
            _points(row),
            str(row.receipt.number) if row.receipt else "",
            (received(row, zone) or ("unknown" if row.receipt else "")) + (" late" if row.late else ""),
        ]
        for row in rows
    ]
    widths = [_widest([head, *(line[n] for line in table)]) for n, head in enumerate(heads)]
    yield ""
    yield _line(list(zip(heads, widths)))
    for row, line in zip(rows, table):
        yield _line(list(zip(line, widths)))
        if row.reason and row.status not in ("missing", "waiting") and (row.unread or not row.to_mark):
            yield f"{'':{widths[0]}}  {_cut(row.reason, WIDTH - widths[0] - 2)}"


def _cell(row: Any) -> str:
    points = _points(row)
    return f"{row.status} {points}" if points else str(row.status)


def _points(row: Any) -> str:
    """What it earned; with a ``+`` as long as something waits to be marked."""
    if row.points is not None:
        return f"{row.points:g}/{row.possible:g}"
    return f"{row.automatic_points:g}+/{row.possible:g}" if row.automatic_points is not None else ""


def _counts(name: str, rows: Sequence[Any]) -> Iterator[str]:
    from course_utils.grading.classroom.standing import STATUSES

    counts = Counter(row.status for row in rows)
    yield f"{name}: " + (", ".join(f"{counts[s]} {s}" for s in STATUSES if counts[s]) or "nobody is on the roster")


def _next(folder: str, classroom: Any, name: str, rows: Sequence[Any], explained: bool) -> Iterator[str]:
    """What is left to do, with the commands; `explained` if reasons were printed already."""
    from course_utils.grading.classroom.receipts import attempts
    from course_utils.grading.classroom.unmatched import UNMATCHED

    statuses = {row.status for row in rows}
    nobodys = attempts(classroom, name, UNMATCHED)
    if nobodys:
        what = "1 hand-in fits" if len(nobodys) == 1 else f"{len(nobodys)} hand-ins fit"
        yield f"{what} nobody: course grade collect {folder} {name} --assign {nobodys[0].number:04d}=STUDENT"
    if statuses == {"missing"}:
        yield f"collect: course grade collect {folder} {name} SUBMISSIONS"
    if "waiting" in statuses:
        yield f"grade: course grade run {folder} {name}"
    if any(row.to_mark and not row.unread for row in rows):
        yield f"mark by hand: course grade mark {folder} {name}"
    if statuses & {"rejected", "needs a human"} and not explained:
        yield f"see why: course grade status {folder} {name}"


def _line(cells: Sequence[tuple[str, int]]) -> str:
    from course_utils.grading.classroom.file_names import width_of

    return "  ".join(text + " " * (width - width_of(text)) for text, width in cells).rstrip()


def _widest(texts: Sequence[str]) -> int:
    from course_utils.grading.classroom.file_names import width_of

    return max(map(width_of, texts), default=0)


def _cut(text: str, width: int) -> str:
    """Text of any origin, printable and at most so many columns wide."""
    from course_utils.grading.classroom.file_names import shown, width_of

    plain = shown(text, 400)
    if width_of(plain) <= width:
        return plain
    while width_of(plain) > width - 1:
        plain = plain[:-1]
    return plain + "…"

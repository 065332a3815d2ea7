"""The picture of a class in a terminal: 80 columns, no colour, nothing of a student's that could move the cursor."""

import textwrap
from collections.abc import Iterable, Sequence

from course_utils.grading.classroom.distribution import Distribution
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.report import ClassPicture, Met, by_reason
from course_utils.grading.classroom.standing import MISSING, WAITING, Standing
from course_utils.grading.classroom.wording import EXPLAINED, counted, late_by, moment, name_of, one_line
from course_utils.grading.grade import HUMAN, REJECTED
from course_utils.grading.marks import written

WIDTH = 80
UNSAFE = "NOT SANDBOXED"
MOST_NAMES = 12
MOST_MET = 15


def report_text(picture: ClassPicture, classroom: ClassFolder) -> str:
    """Write the picture as text."""
    blocks = [_banner(picture), _head(picture, classroom), _spread(picture), _exercises(picture)]
    blocks.append(_met("Misconceptions met", picture.misconceptions))
    blocks.append(_met("Code that does not run", picture.troubles))
    for status, title in ((HUMAN, "Needs a human"), (REJECTED, "Rejected")):
        blocks.append(_reasons(title, picture.having(status)))
    blocks.append(_people("Late", [(row, late_by(row)) for row in picture.late]))
    blocks.append(_crowd("Nothing handed in", picture.having(MISSING)))
    blocks.append(_crowd("Collected, not graded yet", picture.having(WAITING)))
    blocks.append(_people("Notes on files", [(row, "; ".join(map(one_line, notes))) for row, notes in picture.noted]))
    blocks.append(_items("Files that belong to nobody on the roster", picture.unmatched))
    blocks.append(_items("Submissions of ids that are not on the roster", picture.strangers))
    blocks.append(_items("Damaged and set aside (grade again with 'course grade run')", picture.damaged))
    blocks.append(_pairs(picture.provenance))
    return "\n\n".join(block for block in blocks if block) + "\n"


def columns(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()) -> list[str]:
    """Lines of a table, as wide as its texts; `numbers` are the columns that stand to the right."""
    table = [list(head), *map(list, rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(head))]
    lines = []
    for row in table:
        cells = [
            text.rjust(width) if column in numbers else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def folded(text: str, indent: str = "  ", first: str | None = None) -> str:
    """A text in lines of at most `WIDTH` characters."""
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_on_hyphens=False,
    )


def _banner(picture: ClassPicture) -> str:
    if not picture.unsafe:
        return ""
    rule = "!" * WIDTH
    what = f"{UNSAFE}: {counted(len(picture.unsafe), 'submission')} ran with --unsafe, with your rights and files."
    return "\n".join([rule, what, folded("Graded so: " + _ids(picture.unsafe), ""), rule])


def _head(picture: ClassPicture, classroom: ClassFolder) -> str:
    due = (
        f"due {moment(picture.due, classroom.config.zone)} {classroom.config.timezone}"
        if picture.due
        else "no due time"
    )
    lines = [
        folded(f"{picture.name}: {one_line(picture.class_title, 200)}", ""),
        folded(f"{picture.part}, {written(picture.possible)} points, {due}", ""),
        "",
        f"{counted(len(picture.rows), 'student')} enrolled",
    ]
    for status, words in EXPLAINED.items():
        if picture.counts[status]:
            lines.append(f"{picture.counts[status]:>6}  {words}")
    return "\n".join(lines)


def _spread(picture: ClassPicture) -> str:
    if picture.spread is None and picture.by_tests is None:
        return "Points\n  nobody has a mark yet"
    blocks = []
    if picture.spread is not None:
        blocks.append("\n".join(["Points", *_bars(picture.spread)]))
    if picture.by_tests is not None:
        title = f"Points from hidden tests alone, of {written(picture.possible_by_tests)}"
        blocks.append("\n".join([title, *_bars(picture.by_tests)]))
    return "\n\n".join(blocks)


def _bars(spread: Distribution) -> list[str]:
    edges = [(written(part.low), written(part.high)) for part in spread.ranges]
    left, right = (max(len(edge[side]) for edge in edges) for side in (0, 1))
    tallest = max(part.count for part in spread.ranges)
    most = WIDTH - left - right - 16
    lines = [folded(spread.sentence), ""]
    for (low, high), part in zip(edges, spread.ranges):
        bar = "#" * max(round(most * part.count / max(tallest, most)), part.count > 0)
        lines.append(f"  {low.rjust(left)} to {high.rjust(right)} |{bar} {part.count or ''}".rstrip())
    return lines


def _exercises(picture: ClassPicture) -> str:
    rows = [
        (
            one_line(exercise.name, 24) + (" *" if exercise.manual else ""),
            written(exercise.possible),
            *(str(n or "-") for n in (exercise.full, exercise.partly, exercise.none, exercise.blank, exercise.open)),
            written(exercise.mean) or "-",
        )
        for exercise in picture.exercises
    ]
    head = ("Exercise", "points", "all", "partly", "none", "not tried", "open", "mean")
    lines = columns(head, rows, numbers=range(1, 8))
    if any(exercise.manual for exercise in picture.exercises):
        lines.append("* marked by hand")
    return "\n".join(lines)


def _met(title: str, found: Sequence[Met]) -> str:
    if not found:
        return ""
    lines = [title]
    for met in found[:MOST_MET]:
        lines.append(folded(one_line(met.what), "        ", f"{len(met.students):>6}  "))
        where = f"{met.exercise}{f', {met.test}' if met.test else ''}: {_ids(met.students)}"
        lines.append(folded(f"({one_line(where)})", "        "))
    if len(found) > MOST_MET:
        lines.append(f"        and {len(found) - MOST_MET} more on the page")
    return "\n".join(lines)


def _people(title: str, rows: Sequence[tuple[Standing, str]]) -> str:
    lines = [f"{title} ({len(rows)})"]
    lines += [folded(f"{row.student.id} {name_of(row)}: {why}", "      ", "  ") for row, why in rows]
    return "\n".join(lines) if rows else ""


def _reasons(title: str, rows: Sequence[Standing]) -> str:
    lines = [f"{title} ({len(rows)})"]
    for why, same in by_reason(rows):
        lines += [folded(why, "        ", f"{len(same):>6}  "), folded(f"({_ids(same, len(same))})", "        ")]
    return "\n".join(lines) if rows else ""


def _crowd(title: str, rows: Sequence[Standing]) -> str:
    return f"{title} ({len(rows)})\n{folded(', '.join(row.student.id for row in rows))}" if rows else ""


def _items(title: str, items: Sequence[str]) -> str:
    return (
        "\n".join([f"{title} ({len(items)})", *(folded(one_line(item), "      ", "  ") for item in items)])
        if items
        else ""
    )


def _pairs(pairs: Sequence[tuple[str, str]]) -> str:
    return "\n".join(
        ["What these marks rest on", *(folded(one_line(f"{name}: {what}"), "      ", "  ") for name, what in pairs)]
    )


def _ids(rows: Sequence[Standing], most: int = MOST_NAMES) -> str:
    names = [row.student.id for row in rows[:most]]
    more = len(rows) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")

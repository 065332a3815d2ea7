"""How results are said: statuses in plain words, spans of time, text of any origin made fit for one line."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, tzinfo
from itertools import pairwise

from course_utils.grading.classroom.standing import LATE, MISSING, WAITING, Standing
from course_utils.grading.grade import GRADED, HUMAN, REJECTED

EXPLAINED = {
    GRADED: "graded",
    LATE: "graded, handed in late",
    HUMAN: "needs a human",
    WAITING: "collected, not graded yet",
    REJECTED: "could not be read",
    MISSING: "nothing handed in",
}
"""What each status means, in the order in which a class is summed up."""

JOINERS = "\u200c\u200d"  # what some scripts write inside of names


def one_line(text: object, limit: int = 2_000) -> str:
    """Text of any origin as one line without anything that moves a cursor or turns letters around."""
    line = " ".join(str(text).split())
    kept = "".join(c if c.isprintable() or c in JOINERS else "\ufffd" for c in line)
    return kept if len(kept) <= limit else kept[: limit - 1] + "…"


def span(seconds: int) -> str:
    """A span of time in its two largest units: ``2 h 5 min``."""
    units = [("day", 86_400), ("h", 3_600), ("min", 60), ("s", 1)]
    for (name, size), (smaller, part) in pairwise(units):
        if seconds >= size:
            count, rest = seconds // size, seconds % size // part
            words = f"{count} {name}{'s' if name == 'day' and count > 1 else ''}"
            return f"{words} {rest} {smaller}" if rest else words
    return f"{seconds} s"


def moment(when: datetime | None, zone: tzinfo) -> str:
    """A time on the clocks of the class."""
    return when.astimezone(zone).strftime("%Y-%m-%d %H:%M") if when else ""


def received(row: Standing, zone: tzinfo) -> str:
    """When the attempt that counts was handed in; empty if nobody knows."""
    known = row.receipt is not None and row.receipt.received
    return moment(datetime.fromisoformat(str(known)), zone) if known else ""


def late_by(row: Standing) -> str:
    """By how much an attempt is late, in words; empty if it is not."""
    if not row.late or row.receipt is None:
        return ""
    seconds = row.receipt.late_by_seconds
    return "nobody knows by how much" if seconds is None else span(seconds)


def name_of(row: Standing) -> str:
    """The student's name, or the id where there is no name."""
    return one_line(row.student.name, 200) or row.student.id


def calls(rows: Iterable[Standing]) -> dict[str, str]:
    """How students of a class are called, by id: the name, with the id where it is not the only one of that name."""
    names = {row.student.id: name_of(row) for row in rows}
    often = Counter(names.values())
    return {key: name if often[name] == 1 or name == key else f"{name} ({key})" for key, name in names.items()}


def counted(number: int, thing: str, things: str = "") -> str:
    """``1 page``, ``2 pages``."""
    return f"{number} {thing if number == 1 else things or thing + 's'}"


def listed(words: Iterable[str]) -> str:
    """``a, b and c``."""
    found = list(words)
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}" if found else ""

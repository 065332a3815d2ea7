"""When something was handed in: times as people and learning management systems write them, and tables of them."""

import csv
import io
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from course_utils.grading.classroom.file_names import shown
from course_utils.grading.classroom.matching import Who
from course_utils.grading.classroom.roster import delimiter_of

AS_MOODLE_WRITES = ("%A, %d %B %Y, %I:%M %p", "%d %B %Y, %I:%M %p", "%A, %d %B %Y, %H:%M", "%d %B %Y, %H:%M")
ONE_COPY = timedelta(minutes=10)
"""Files that came one by one spread over more than this; a copy or a download writes them all within it."""
WHEN = ("time", "received", "submitted", "submitted_at", "submitted at", "last modified (submission)", "timestamp")
WHO = {
    "canvas_id": ("user_id", "canvas_id", "user id"),
    "email": ("email", "email address", "e-mail"),
    "number": ("identifier",),
    "name": ("full name", "name"),
    "word": ("id", "student", "student_id", "login", "login id", "username", "sis_id", "sis user id", "id number"),
}
_NOTHING = ("", "-", "–", "never")


class BadTime(ValueError):
    """A time, or a table of times, that cannot be read; the text says why."""


@dataclass(frozen=True)
class TimeOf:
    """One row of a table of times.

    Attributes:
        who: whose work it is about, as the table says it.
        received: when it was handed in.
        line: the row's line in the table.
    """

    who: Who
    received: datetime | None
    line: int


def parse_time(text: str, zone: ZoneInfo) -> datetime:
    """Read a time: ISO 8601, as Moodle writes it in English, or as nbgrader does; without a zone it is the class's.

    Raises:
        BadTime: if it is none; a day without a time is none either.
    """
    plain = " ".join(text.split())
    found: datetime | None = None
    if ":" in plain:
        try:
            found = datetime.fromisoformat(plain)
        except ValueError:
            found = _nbgrader_time(plain) or _moodle_time(plain)
    if found is None:
        raise BadTime(f"{shown(text)!r} is no time: write it as 2027-03-01T23:59")
    return found if found.tzinfo else found.replace(tzinfo=zone)


def _nbgrader_time(text: str) -> datetime | None:
    """A time with the name of its zone behind it: ``2027-03-01 23:59:00.123456 Europe/Rome``."""
    stamp, _, name = text.rpartition(" ")
    try:
        return datetime.fromisoformat(stamp).replace(tzinfo=ZoneInfo(name))
    except (ValueError, ZoneInfoNotFoundError, OSError):
        return None


def _moodle_time(text: str) -> datetime | None:
    for form in AS_MOODLE_WRITES:
        try:
            return datetime.strptime(text, form)
        except ValueError:
            continue
    return None


def read_times(path: Path, zone: ZoneInfo) -> list[TimeOf]:
    """Read a table of hand-in times: Moodle's grading worksheet, or a simple CSV with who and when.

    Args:
        path: a CSV file whose first line names its columns; known names are those in `WHO` and `WHEN`.
        zone: for times without one.

    Raises:
        BadTime: if it cannot be read; a row without a time says that nothing was handed in.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        table = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter_of(text))
        rows = [(table.line_num, row) for row in table]
    except OSError as error:
        raise BadTime(f"{path} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error):
        raise BadTime(f"{path.name} is no CSV in UTF-8: save the table as such") from None
    names = {(name or "").strip().lower(): name for name in table.fieldnames or ()}
    when = _column(names, WHEN)
    who = {field: column for field, known in WHO.items() if (column := _column(names, known)) is not None}
    if when is None or not who:
        lacks = "when (such as 'time')" if when is None else "who (such as 'id')"
        has = shown(", ".join(filter(None, names)), 200) or "nothing"
        raise BadTime(f"{path.name} has no column that says {lacks}; its first line has: {has}")
    found = []
    for line, row in rows:
        values = {field: (row.get(column) or "").strip() for field, column in who.items()}
        if "number" in values:  # "Participant 12345"; the word is Moodle's, in the language of the person who asked
            values["number"] = (re.findall(r"\d+", values["number"]) or [""])[-1]
        if not any(values.values()):
            continue
        found.append(TimeOf(Who(**values), _time(path, line, row.get(when) or "", zone), line))
    return found


def _time(path: Path, line: int, text: str, zone: ZoneInfo) -> datetime | None:
    if text.strip().lower() in _NOTHING:
        return None
    try:
        return parse_time(text, zone)
    except BadTime as error:
        also = ", or set Moodle's language to English and download the table again"
        raise BadTime(f"{path.name}, line {line}: {error}{also if _looks_like_moodle(text) else ''}") from None


def _looks_like_moodle(text: str) -> bool:
    return bool(re.search(r"[^\W\d_]{3,}.*\d{4}", text))


def _column(names: dict[str, str], known: Sequence[str]) -> str | None:
    return next((names[name] for name in known if name in names), None)


def local_zone() -> str:
    """The IANA name of this machine's time zone, or UTC if it has none."""
    candidates = [os.environ.get("TZ", "").removeprefix(":")]
    try:
        candidates.append(Path("/etc/localtime").resolve().as_posix().partition("zoneinfo/")[2])
        candidates.append(Path("/etc/timezone").read_text(encoding="utf-8").strip())
    except (OSError, ValueError):
        pass
    for name in candidates:
        try:
            if name:
                return ZoneInfo(name).key
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return "UTC"

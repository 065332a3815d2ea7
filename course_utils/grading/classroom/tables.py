"""Tables as CSV: names of any kind survive, a spreadsheet runs none of them, and no mark is an empty cell.

A spreadsheet takes a cell that begins with ``=``, ``+``, ``-`` or ``@`` for a formula, whoever wrote it. An
apostrophe in front keeps such a text a text. Ids and addresses stay as they are, because other systems match by them,
unless they hold what a formula needs to do harm: a bracket, a quote, a bar, an exclamation mark, a space.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence

from course_utils.grading.classroom.wording import one_line

FORMULA = "=+-@\t\r"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_HARMLESS = re.compile(r"[\w.@+\-=%~#&/:]*")


def label(text: object) -> str:
    """A text for people: one line, never a formula; two texts that differ stay different."""
    line = one_line(text)
    return f"'{line}" if is_formula(line.lstrip("'")) else line


def key(text: str) -> str:
    """An id or address that another system matches by: left as it is, unless it could do harm."""
    line = one_line(text)
    return line if _HARMLESS.fullmatch(line) else label(line)


def is_formula(text: str) -> bool:
    """Whether a spreadsheet may take a text for a formula; wide forms of the signs count, some programs fold them."""
    first = text.lstrip()[:1]
    return bool(first) and (first in FORMULA or unicodedata.normalize("NFKC", first) in FORMULA)


def as_csv(rows: Iterable[Sequence[str]], *, for_people: bool = False, delimiter: str = ",") -> bytes:
    """Write rows as CSV in UTF-8 with the line ends of RFC 4180.

    Args:
        rows: cells made by `label`, `key` or `marks.written`.
        for_people: begin with a byte order mark: without one Excel reads UTF-8 as the system's old code page and
            shows other letters. Systems that import a table need none.
        delimiter: what separates the cells.
    """
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    return (BYTE_ORDER_MARK if for_people else b"") + stream.getvalue().encode("utf-8", "replace")

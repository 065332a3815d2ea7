# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Reading a file of predictions, whoever wrote it, and saying what is wrong with it in a sentence.

The grader and the check in the students' notebook share this module: a copy of it travels in every pack, so it needs
the standard library alone, and nothing in here knows a label.
"""

import csv
import io
import re
from collections.abc import Sequence

ROW_BYTES = 100  # an honest row has about 12 characters, in UTF-16 twice as many
SPARE_BYTES = 10_000
WHOLE = re.compile(r"[0-9]{1,6}", re.ASCII)
SEPARATORS = (",", ";", "\t")
KINDS = (
    (b"PK\x03\x04", "a zip file or an Excel workbook"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook"),
    (b"\x93NUMPY", "a NumPy file"),
    (b"\x80", "a pickle or another binary file"),
    (b"\x89PNG", "a picture"),
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "a compressed file"),
    (b"{", "JSON, such as a notebook"),
    (b"[", "JSON"),
    (b"<", "a web page"),
)
REMEDY = "Write it with the notebook's last cells, or as plain CSV in UTF-8"


class BadPredictions(ValueError):
    """A file that cannot be scored; the text says what came, the rule, and the remedy."""


def read_predictions(
    raw: bytes, ids: Sequence[str], classes: Sequence[str], columns: tuple[str, str] = ("id", "label")
) -> list[int]:
    """Read predictions: one row an image, in any order.

    Commas, semicolons or tabs separate; any line ends, quotes, a byte order mark, UTF-16 with one, empty lines and
    either order of the two columns are fine.

    Args:
        raw: the file's bytes.
        ids: the images that need a prediction, each once.
        classes: names of the classes; a label is a position in it.
        columns: names of the two columns.

    Returns:
        The labels in the order of `ids`, each from 0 to ``len(classes) - 1``.

    Raises:
        BadPredictions: if it is anything else.
    """
    header = ",".join(columns)
    limit = SPARE_BYTES + ROW_BYTES * len(ids)
    if len(raw) > limit:
        raise BadPredictions(
            f"the file has {len(raw)} bytes, at most {limit} are read for {len(ids)} rows: "
            f"it must hold the line {header!r} and one row for each test image, nothing else"
        )
    lines, text = _lines(_decoded(raw), header)
    separator = _separator(lines[0], columns)
    known = set(ids)
    found: dict[str, tuple[int, int]] = {}  # id: label, line
    first: list[str] | None = None
    order = (0, 1)
    table = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for row in table:
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if first is None:
                first, order = cells, _order(cells, columns, known)
                continue
            if len(found) >= len(ids):
                raise _too_many(cells, order, table.line_num, known, found, len(ids))
            name, label = _row(cells, order, table.line_num, columns, classes)
            _accept(name, table.line_num, known, found)
            found[name] = (label, table.line_num)
    except csv.Error:
        raise BadPredictions(
            f'line {max(table.line_num, 1)} is no proper row: a quote (") is opened and not closed, or stands in '
            "the middle of a value. Neither ids nor labels need quotes"
        ) from None
    missing = [name for name in ids if name not in found]
    if missing:
        raise BadPredictions(
            f"{len(found)} rows, but {len(ids)} test images: {len(missing)} of them have no row, "
            f"the first is {missing[0]}. Predict every image of test.npz"
        )
    return [found[name][0] for name in ids]


def _decoded(raw: bytes) -> str:
    """The file as text without its byte order mark."""
    if not raw.strip():
        raise BadPredictions(f"the file is empty. {REMEDY}")
    utf16 = raw[:2] in (b"\xff\xfe", b"\xfe\xff")
    if not utf16:
        start = raw.removeprefix(b"\xef\xbb\xbf").lstrip()
        for magic, kind in KINDS:
            if start.startswith(magic):
                raise BadPredictions(f"the file is {kind}, not CSV. {REMEDY} (in Excel: Save As, 'CSV UTF-8')")
    try:
        text = raw.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise BadPredictions(f"line {line} is not text in UTF-8. {REMEDY}") from None
    strange = next((c for c in text if ord(c) < 32 and c not in "\t\r\n"), None)
    if strange is not None:
        line = text[: text.index(strange)].count("\n") + 1
        raise BadPredictions(f"line {line} holds the control character {strange!a}: not a CSV file. {REMEDY}")
    return text


def _lines(text: str, header: str) -> tuple[list[str], str]:
    """The lines that are not empty, and the text with one kind of line end."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines:
        raise BadPredictions(f"the file holds only empty lines. Its first line must be {header!r}")
    return lines, text


def _separator(line: str, columns: tuple[str, str]) -> str:
    """The separator of the first line: the one between the two column names, else the one that is there most."""
    for separator in SEPARATORS:
        names = {part.strip(" \"'").lower() for part in line.split(separator)}
        if {column.lower() for column in columns} <= names:
            return separator
    return max(SEPARATORS, key=line.count)


def _order(cells: list[str], columns: tuple[str, str], known: set[str]) -> tuple[int, int]:
    """Where id and label stand, from the header."""
    names = [cell.lower() for cell in cells]
    wanted = [column.lower() for column in columns]
    rule = f"the first line must be '{','.join(columns)}'"
    if sorted(names) == sorted(wanted):
        return names.index(wanted[0]), names.index(wanted[1])
    got = f"the first line is {_shown(cells)}"
    if any(cell in known for cell in cells):
        raise BadPredictions(f"{got}, a row already: {rule}. Put it above the rows")
    if set(wanted) <= set(names):
        raise BadPredictions(
            f"{got}: {rule}, with these two columns alone. Leave the others out (in pandas: to_csv(..., index=False))"
        )
    raise BadPredictions(f"{got}, {rule}. Rename the columns")


def _row(
    cells: list[str], order: tuple[int, int], line: int, columns: tuple[str, str], classes: Sequence[str]
) -> tuple[str, int]:
    if len(cells) != 2:
        hint = ". Write labels as whole numbers, without a comma" if len(cells) == 3 else ""
        raise BadPredictions(
            f"line {line} has {len(cells)} values, {_shown(cells)}: every row needs two, {' and '.join(columns)}{hint}"
        )
    return cells[order[0]], _label(cells[order[1]], line, classes)


def _label(text: str, line: int, classes: Sequence[str]) -> int:
    rule = f"a label is a whole number from 0 to {len(classes) - 1}"
    if not text or text.lower() in ("nan", "na", "n/a", "null", "none"):
        got = f"line {line} has no label ({_quoted(text)})" if text else f"line {line} has no label"
        raise BadPredictions(f"{got}: {rule}, also where you are not sure. Guess one")
    if WHOLE.fullmatch(text) and int(text) < len(classes):
        return int(text)
    got = f"line {line} has the label {_quoted(text)}"
    for number, name in enumerate(classes):
        if text.lower() == name.lower():
            raise BadPredictions(f"{got}, a name: {rule}. Write {number} for {name}")
    if re.fullmatch(r"[0-9]+[.,][0-9]*", text, re.ASCII):
        raise BadPredictions(f"{got}, a number with a point: {rule}. Write int(label); a score for a class is no label")
    if re.fullmatch(r"[0-9]+", text, re.ASCII):
        raise BadPredictions(f"{got}: {rule}. Classes count from 0, not from 1")
    raise BadPredictions(f"{got}: {rule}")


def _accept(name: str, line: int, known: set[str], found: dict[str, tuple[int, int]]) -> None:
    """Refuse an id that is not there, or is there already."""
    if name in found:
        raise BadPredictions(
            f"line {line} has the id {name} again, it is in line {found[name][1]} already: one row an image. Remove one"
        )
    if name not in known:
        close = next((k for k in (name.lower(), name.removesuffix(".png")) if k in known), None)
        hint = f"; it should read {close}" if close else ". Take the ids from test.npz, letter by letter"
        raise BadPredictions(f"line {line} has the id {_quoted(name)}, which no test image has{hint}")


def _too_many(
    cells: list[str], order: tuple[int, int], line: int, known: set[str], found: dict[str, tuple[int, int]], rows: int
) -> BadPredictions:
    """What a row after the last one is: an id again, an id of no image, or rubbish."""
    if len(cells) == 2:
        try:
            _accept(cells[order[0]], line, known, found)
        except BadPredictions as reason:
            return reason
    return BadPredictions(f"line {line} comes after {rows} rows, one for each test image: remove what follows")


def _quoted(text: str) -> str:
    """Untrusted text for a sentence: short, ASCII, in quotes."""
    return ascii(text[:40]) + (" (and more)" if len(text) > 40 else "")


def _shown(cells: list[str]) -> str:
    listed = ", ".join(_quoted(cell) for cell in cells[:4])
    return listed + (f" and {len(cells) - 4} more" if len(cells) > 4 else "")

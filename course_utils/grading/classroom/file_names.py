"""Names that others gave to their files: what is taken as it is, what is made harmless, what is nobody's work."""

import hashlib
import re
import unicodedata

from course_utils.grading.files import MAX_NAME_BYTES, MAX_PARTS, NOT_LOOKED_INTO

LEFT_BEHIND = frozenset({".DS_Store", "Thumbs.db", "desktop.ini", "Icon\r", "Icon_", ".gitignore", ".gitkeep"})
"""Files that systems and editors leave beside a student's work."""
_DRIVE = re.compile(r"[A-Za-z]:")


class BadName(ValueError):
    """A path that leaves its folder; the text says why."""


def clean_path(name: str) -> str:
    """Make a path out of a name in an archive or a folder: relative, in NFC, printable, no part too long.

    Args:
        name: parts between slashes or backslashes; bytes that are no UTF-8 may be there as lone surrogates.

    Raises:
        BadName: if it is absolute, names a drive or leaves its folder.
    """
    text = readable(name).replace("\\", "/")
    if text.startswith("/") or _DRIVE.match(text):
        raise BadName(f"holds a path from the root of a disk ({shown(text)})")
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise BadName(f"holds a path that leaves its folder ({shown(text)})")
    if len(parts) > MAX_PARTS - 2:
        raise BadName(f"holds folders nested {len(parts)} deep ({shown(text)}), at most {MAX_PARTS - 2} are taken")
    return "/".join(_clean_part(part) for part in parts)


def readable(name: str) -> str:
    """A name whose bytes were not UTF-8, read as the old Western encoding; others as they are."""
    raw = name.encode("utf-8", "surrogateescape") if _has_escapes(name) else None
    if raw is None:
        return name
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def is_left_behind(path: str) -> bool:
    """Whether a file is nobody's work: a system's or an editor's, a checkpoint, a cache, an environment."""
    *folders, last = path.split("/")
    return bool(NOT_LOOKED_INTO & {*folders, last}) or last in LEFT_BEHIND or last.startswith("._")


def shown(text: str, limit: int = 60) -> str:
    """Text of unknown origin for a terminal or a message: one line, no control characters, not too long."""
    short = text[: limit - 1] + "…" if len(text) > limit else text
    found: list[str] = []
    for char in short:
        if unicodedata.category(char) == "Mn" and len(found) > 1 and unicodedata.category(found[-2]) == "Mn":
            continue  # a tower of accents would climb into the lines above
        found.append(char if char.isprintable() else _escaped(char))
    return "".join(found)


def width_of(text: str) -> int:
    """How many columns of a terminal a printable text takes."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.category(char) in ("Mn", "Me") for char in text)


def _has_escapes(name: str) -> bool:
    return any("\udc80" <= char <= "\udcff" for char in name)


def _escaped(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _clean_part(part: str) -> str:
    text = "".join(_clean_char(char) for char in unicodedata.normalize("NFC", part)).strip() or "_"
    if text.startswith(".part-"):
        text = text[1:]  # such names belong to files that are being written
    if len(text.encode()) <= MAX_NAME_BYTES:
        return text
    stem, dot, ending = text.rpartition(".")
    ending = dot + ending if stem and len(ending.encode()) <= 16 else ""
    mark = "~" + hashlib.sha256(text.encode()).hexdigest()[:8]
    room = MAX_NAME_BYTES - len((mark + ending).encode())
    return text.encode()[:room].decode(errors="ignore") + mark + ending


def _clean_char(char: str) -> str:
    if char.isprintable():
        return char
    return " " if unicodedata.category(char) == "Zs" else "_"

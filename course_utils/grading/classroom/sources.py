"""Where submissions come from: a folder or a zip, listed as items without following a link or opening a pipe."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from course_utils.grading.classroom.archive_member import Refused
from course_utils.grading.classroom.file_names import BadName, clean_path, is_left_behind, readable, shown
from course_utils.grading.classroom.zips import zip_members

MAX_ITEMS = 200_000
MAX_DEPTH = 24


class BadSource(ValueError):
    """A source that cannot be collected from at all; the text says why and what to do."""


@dataclass(frozen=True)
class Item:
    """One file of a source.

    Attributes:
        path: clean and relative to the source; that of a file with trouble only names it.
        size: in bytes, as far as the source knows.
        read: gives the bytes, at most so many as it is told; raises `Refused`.
        modified: the file's time; without a zone where the source knows none.
        trouble: why the file cannot be taken; empty if it can.
    """

    path: str
    size: int
    read: Callable[[int], bytes] = field(repr=False)
    modified: datetime | None = None
    trouble: str = ""


@contextmanager
def open_source(path: Path) -> Iterator[list[Item]]:
    """List what a source holds; the items can be read inside the ``with`` block.

    Args:
        path: a folder, a zip, or one file that a student handed in.

    Raises:
        BadSource: if there is nothing, or it cannot be read as a whole.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        raise BadSource(f"there is nothing at {shown(str(path), 200)}: give a folder or a zip") from None
    except OSError as error:
        raise BadSource(f"{shown(str(path), 200)} cannot be read: {error.strerror}") from None
    if stat.S_ISDIR(found.st_mode):
        yield _folder_items(path)
    elif not stat.S_ISREG(found.st_mode):
        raise BadSource(f"{shown(str(path), 200)} is neither a folder nor a file: give a folder or a zip")
    elif path.name.lower().endswith((".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".rar", ".7z")):
        raise BadSource(f"{shown(path.name)} is no zip: unpack it, then give the folder")
    elif path.name.lower().endswith(".zip"):
        with path.open("rb") as stream:
            try:
                members = zip_members(stream, MAX_ITEMS)
            except Refused as reason:
                raise BadSource(f"{shown(path.name)} {reason}: download the export again") from None
            yield _distinct([_item(m.name, m.size, m.read, m.modified, m.trouble) for m in members])
    else:
        yield [_file_item(path, path.name, os.fsencode(path))]


def _item(
    name: str, size: int, read: Callable[[int], bytes], modified: datetime | None = None, trouble: str = ""
) -> Item:
    try:
        return Item(clean_path(name), size, read, modified, trouble)
    except BadName as reason:
        parts = [part for part in readable(name).replace("\\", "/").split("/") if part not in ("", ".", "..")]
        return Item(clean_path("_".join(parts)[-150:]) or "_", size, read, modified, f"its name {reason}")


def _distinct(items: list[Item]) -> list[Item]:
    """Leave out what is nobody's work; of two files with one name, the second cannot be told from the first."""
    found: dict[str, Item] = {}
    for item in items:
        path, number = item.path, 2
        while path in found:
            stem, dot, ending = item.path.rpartition(".")
            path, number = f"{stem or ending} ({number}){dot + ending if stem else ''}", number + 1
        if not is_left_behind(item.path):
            trouble = item.trouble or ("the export holds this name twice" if path != item.path else "")
            found[path] = Item(path, item.size, item.read, item.modified, trouble)
    return list(found.values())


def _folder_items(folder: Path) -> list[Item]:
    return _distinct(list(_walk(os.fsencode(folder), "", 0, [0])))


def _walk(folder: bytes, prefix: str, depth: int, count: list[int]) -> Iterator[Item]:
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as error:
        if not depth:
            raise BadSource(f"{shown(os.fsdecode(folder), 200)} cannot be read: {error.strerror}") from None
        yield _item(prefix.rstrip("/"), 0, _refusing(f"cannot be opened: {error.strerror}"), None, _rights(error))
        return
    for entry in entries:
        name = prefix + os.fsdecode(entry.name)
        if is_left_behind(readable(name)):
            continue
        count[0] += 1
        if count[0] > MAX_ITEMS:
            raise BadSource(f"the folder holds more than {MAX_ITEMS} files: is it the one with the submissions?")
        if entry.is_dir(follow_symlinks=False):
            if depth >= MAX_DEPTH:
                yield _item(name, 0, _refusing("is too deep"), None, f"lies more than {MAX_DEPTH} folders deep")
            else:
                yield from _walk(entry.path, name + "/", depth + 1, count)
        else:
            yield _file_item(Path(os.fsdecode(entry.path)), name, entry.path)


def _file_item(path: Path, name: str, place: bytes) -> Item:
    try:
        found = os.lstat(place)
    except OSError as error:
        return _item(name, 0, _refusing(_rights(error)), None, _rights(error))
    trouble = "" if stat.S_ISREG(found.st_mode) else "is a link, a pipe or a device, which is not followed"

    def read(limit: int) -> bytes:
        if trouble:
            raise Refused(trouble)
        try:
            descriptor = os.open(place, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
            with os.fdopen(descriptor, "rb") as stream:  # opened first, looked at then: it cannot be exchanged
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise Refused("is no plain file any more")
                data = stream.read(limit + 1)
        except OSError as error:
            raise Refused(_rights(error)) from None
        if len(data) > limit:
            raise Refused(f"has {found.st_size} bytes, at most {limit} are taken")
        return data

    return _item(name, found.st_size, read, _time(found.st_mtime), trouble)


def _time(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None  # a file's owner can set any number


def _rights(error: OSError) -> str:
    return f"cannot be read ({error.strerror}): repair its rights, then collect again"


def _refusing(why: str) -> Callable[[int], bytes]:
    def read(limit: int) -> bytes:
        raise Refused(why)

    return read

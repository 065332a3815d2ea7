"""Tars of unknown origin, packed or not: unpacked within bounds in memory, never extracted."""

import bz2
import io
import lzma
import tarfile
import zlib
from datetime import UTC, datetime
from typing import Any

from course_utils.grading.classroom.archive_member import Member, Refused, too_much
from course_utils.grading.classroom.file_names import shown
from course_utils.grading.files import MAX_TOTAL_BYTES

CUT = "is no whole tar, but damaged or cut off"
BOMB = f"unpacks to more than the {MAX_TOTAL_BYTES} bytes that are taken"
MAX_STREAMS = 100  # each one costs a copy of what follows it
DAMAGE = (
    tarfile.TarError, zlib.error, lzma.LZMAError,
    RuntimeError, EOFError, OSError, ValueError, OverflowError, KeyError,
)  # fmt: skip


def tar_members(raw: bytes, room: int, most: int) -> list[Member]:
    """List the files of a tar, also one packed by gzip, bzip2 or xz.

    Raises:
        Refused: if it is no tar, cut off, holds too many files, or unpacks to too much.
    """
    content = _unpacked(raw, room + 1_000_000 + 4096 * most)
    found: list[Member] = []
    place = -1
    try:
        archive = tarfile.TarFile(fileobj=io.BytesIO(content))
        while (info := archive.next()) is not None:
            if archive.offset <= place or info.size < 0 or info.offset_data < 0:
                raise Refused("is no whole tar: it leads in a circle")
            place = archive.offset
            if info.isdir():
                continue
            found.append(_tar_member(content, info))
            if len(found) > 4 * most:
                raise Refused(f"holds more than {most} files")
    except Refused:
        raise
    except DAMAGE:
        raise Refused(CUT) from None
    if content[archive.offset : archive.offset + 512] != bytes(512):  # the library does not miss the end
        raise Refused(CUT)
    return found


def _unpacked(raw: bytes, limit: int) -> bytes:
    """The tar inside a packed one, unpacked to at most `limit` bytes."""
    found, streams = bytearray(), 0
    try:
        while len(found) <= limit and (unpacker := _unpacker(raw)):
            streams += 1
            if streams > MAX_STREAMS:
                raise Refused("is packed in too many pieces")
            room = limit + 1 - len(found)
            found += unpacker.decompress(raw, room)
            if not unpacker.eof:
                raise Refused(CUT if len(found) <= limit else BOMB)
            raw = unpacker.unused_data
    except Refused:
        raise
    except DAMAGE:
        raise Refused(CUT) from None
    if not found:
        found += raw[: limit + 1]
    if len(found) > limit:
        raise Refused(BOMB)
    return bytes(found)


def _unpacker(raw: bytes) -> Any:
    if raw.startswith(b"\x1f\x8b"):
        return zlib.decompressobj(31)
    if raw.startswith(b"BZh"):
        return bz2.BZ2Decompressor()
    if raw.startswith(b"\xfd7zXZ"):
        return lzma.LZMADecompressor(memlimit=200_000_000)
    return None


def _tar_member(content: bytes, info: tarfile.TarInfo) -> Member:
    trouble = ""
    if not info.isreg() or info.issparse():
        trouble = f"holds a link, a device or a file with holes ({shown(info.name)})"

    def read(limit: int) -> bytes:
        if trouble:
            raise Refused(trouble)
        if info.size > limit:
            raise Refused(too_much(info.name, info.size))
        data = content[info.offset_data : info.offset_data + info.size]
        if len(data) != info.size:
            raise Refused(f"is cut off ({shown(info.name)})")
        return data

    modified = datetime.fromtimestamp(info.mtime, UTC) if 0 < info.mtime < 1 << 33 else None
    return Member(info.name, info.size, read, modified, trouble)

"""Zips of unknown origin: listed and read within bounds, never extracted."""

import io
import stat
import struct
import zipfile
import zlib
from contextlib import suppress
from datetime import UTC, datetime
from typing import BinaryIO

from course_utils.grading.classroom.archive_member import Member, Refused, too_much
from course_utils.grading.classroom.file_names import shown
from course_utils.grading.files import MAX_FILES

CUT = "is no whole zip, but damaged or cut off"
DAMAGE = (
    zipfile.BadZipFile, zlib.error, struct.error,
    NotImplementedError, RuntimeError, EOFError, OSError, ValueError, OverflowError, KeyError,
)  # fmt: skip
MAX_RATIO = 200  # unpacked to packed; notebooks reach 20
SMALL = 5_000_000  # below this, no ratio is suspicious
NAMES_BYTES = 600  # of an archive's directory, for each file that it may hold


def zip_members(stream: BinaryIO, most: int) -> list[Member]:
    """List the files of a zip.

    Args:
        stream: the zip, with random access; it has to stay open as long as members are read.
        most: the most files that it may hold.

    Raises:
        Refused: if it is no zip, cut off, holds too many files, or its files overlap.
    """
    if _directory_bytes(stream) > most * NAMES_BYTES:
        raise Refused(f"holds more than {most} files")
    try:
        archive = zipfile.ZipFile(stream)
        infos = archive.infolist()
    except DAMAGE:
        raise Refused(CUT) from None
    if len(infos) > 4 * most:  # folders and what systems leave behind do not count, but have to end somewhere
        raise Refused(f"holds more than {most} files")
    _check_places(infos, archive.start_dir)
    packed, unpacked = sum(i.compress_size for i in infos), sum(i.file_size for i in infos)
    if most <= MAX_FILES and unpacked > SMALL and unpacked > MAX_RATIO * max(packed, 1):
        raise Refused(f"unpacks to {unpacked // max(packed, 1)} times its size, as a zip bomb does")
    return [_zip_member(archive, info) for info in infos if not info.filename.endswith(("/", "\\"))]


def _directory_bytes(stream: BinaryIO) -> int:
    """How long the list of names is, before anything reads it."""
    try:
        length = stream.seek(0, io.SEEK_END)
        start = max(0, length - 65_557)
        stream.seek(start)
        tail = stream.read()
        at = len(tail) - 22 if tail[-22:-18] == b"PK\5\6" else tail.rfind(b"PK\5\6")
        if at < 0:
            raise Refused(CUT)
        size = int(struct.unpack_from("<I", tail, at + 12)[0])
        if size == 0xFFFFFFFF and tail[at - 20 : at - 16] == b"PK\6\7":
            stream.seek(struct.unpack_from("<Q", tail, at - 12)[0])
            size = int(struct.unpack_from("<Q", stream.read(56), 40)[0])
        return size
    except (struct.error, ValueError, OverflowError):
        raise Refused(CUT) from None


def _check_places(infos: list[zipfile.ZipInfo], end: int) -> None:
    """Each file has bytes of its own; a bomb lets many share the same."""
    places = sorted((i.header_offset, i.header_offset + 30 + len(i.orig_filename) + i.compress_size) for i in infos)
    starts = [start for start, _ in places[1:]] + [end]
    if any(stop > following for (_, stop), following in zip(places, starts)):
        raise Refused("holds files that overlap, as a zip bomb does")


def _zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    name = _zip_name(info)
    mode = info.external_attr >> 16
    trouble = ""
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        trouble = f"holds a link or a device ({shown(name)})"
    elif info.flag_bits & 0x41:
        trouble = f"is encrypted ({shown(name)}): it needs a password"
    elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        trouble = f"is packed in a way that is not read here ({shown(name)}, method {info.compress_type})"

    def read(limit: int) -> bytes:
        if trouble:
            raise Refused(trouble)
        if info.file_size > limit:
            raise Refused(too_much(name, info.file_size))
        try:
            with archive.open(info) as stream:
                data = stream.read(info.file_size + 1)
        except DAMAGE:
            raise Refused(f"is damaged ({shown(name)})") from None
        if len(data) != info.file_size:
            raise Refused(f"says that {shown(name)} has {info.file_size} bytes, but it has {len(data)}")
        return data

    return Member(name, info.file_size, read, _zip_time(info), trouble)


def _zip_name(info: zipfile.ZipInfo) -> str:
    """The name; programs on macOS write UTF-8 without saying so."""
    name = info.orig_filename
    if not info.flag_bits & 0x800:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name


def _zip_time(info: zipfile.ZipInfo) -> datetime | None:
    """The time of a file: exact where it is noted in UTC, else what a clock on a wall showed."""
    extra = info.extra
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        if kind == 0x5455 and 5 <= size <= len(extra) - 4 and extra[4] & 1:
            return datetime.fromtimestamp(struct.unpack_from("<i", extra, 5)[0], UTC)
        extra = extra[4 + size :]
    if info.date_time[:3] == (1980, 1, 1):
        return None  # what programs write that do not know
    try:
        return datetime(*info.date_time)
    except ValueError:
        return None

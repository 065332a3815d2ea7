"""Archives of unknown origin: what is in them comes out, what is suspicious is refused, nothing extracted."""

import bz2
import gzip
import io
import lzma
import stat
import struct
import tarfile
import tracemalloc
import zipfile
from datetime import UTC, datetime

import pytest

from course_utils.grading.classroom.archive_member import Refused
from course_utils.grading.classroom.archives import kind_of, unpack
from course_utils.grading.classroom.zips import zip_members
from course_utils.grading.files import MAX_FILE_BYTES, MAX_FILES, MAX_TOTAL_BYTES

WORK = {"01_perceptron.ipynb": b'{"cells": []}', "more/data.csv": b"1,2\n"}


def zipped(files, method=zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of pairs of a name (or ZipInfo) and bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in files.items() if isinstance(files, dict) else files:
            archive.writestr(name, data)
    return stream.getvalue()


def tarred(files, mode="w", **about) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for field, value in about.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def entry(name: str, mode: int = 0, **about) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, about.pop("date_time", (2027, 3, 1, 12, 0, 0)))
    info.external_attr = mode << 16
    for field, value in about.items():
        setattr(info, field, value)
    return info


@pytest.mark.parametrize("name", ["a.zip", "A.ZIP", "a.tar", "a.tar.gz", "a.tgz", "a.tar.bz2", "a.tar.xz"])
def test_what_is_in_an_archive_comes_out(name):
    mode = {"gz": "w:gz", "tgz": "w:gz", "bz2": "w:bz2", "xz": "w:xz"}.get(name.rpartition(".")[2], "w")
    raw = zipped(WORK) if kind_of(name) == "zip" else tarred(WORK, mode)
    assert unpack(name, raw) == WORK


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_what_systems_leave_behind_does_not_count(method):
    junk = {
        "__MACOSX/._01_perceptron.ipynb": b"\0", ".DS_Store": b"", "a/Thumbs.db": b"", "a/__pycache__/x.pyc": b"",
        "a/.ipynb_checkpoints/01_perceptron-checkpoint.ipynb": b"old", "._x": b"", "a/.venv/bin/python": b"",
    }  # fmt: skip
    assert unpack("a.zip", zipped(WORK | junk, method)) == WORK


@pytest.mark.parametrize(
    ("stored", "taken"),
    [
        ("a\\b\\c.ipynb", "a/b/c.ipynb"),
        ("./a//b.ipynb", "a/b.ipynb"),
        ("a/\x1b[31mred\x07.ipynb", "a/_[31mred_.ipynb"),
        ("line\nbreak.ipynb", "line_break.ipynb"),
        ("cafe\u0301.ipynb", "caf\u00e9.ipynb"),
        ("\u202egnp.ipynb", "_gnp.ipynb"),
        ("no\u00a0break.ipynb", "no break.ipynb"),
        (".part-x.ipynb", "part-x.ipynb"),
        ("日本語.ipynb", "日本語.ipynb"),
        ("   .ipynb", ".ipynb"),
    ],
)
def test_names_are_made_harmless(stored, taken):
    assert list(unpack("a.zip", zipped({stored: b"1"}))) == [taken]
    assert list(unpack("a.tar", tarred({stored: b"1"}))) == [taken]


def test_a_name_that_is_too_long_is_shortened_and_keeps_its_ending():
    (one, two) = unpack("a.zip", zipped({"ä" * 300 + "1.ipynb": b"1", "ä" * 300 + "2.ipynb": b"2"}))
    assert one != two
    assert all(name.endswith(".ipynb") and len(name.encode()) <= 200 for name in (one, two))


def test_names_that_a_mac_wrote_without_saying_that_they_are_utf8_are_read():
    raw = zipped({"0123456.ipynb": b"1"}).replace(b"0123456.ipynb", "Übung1.ipynb".encode())
    assert list(unpack("a.zip", raw)) == ["Übung1.ipynb"]


LINK = stat.S_IFLNK | 0o777
BAD_NAMES = ["../a.ipynb", "a/../../b.ipynb", "/etc/passwd", "C:\\a.ipynb", "c:a.ipynb", "\\\\host\\a", "..\\a.ipynb"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_path_that_leads_out_is_refused(name):
    for archive, raw in (("a.zip", zipped({"b.ipynb": b"1", name: b"2"})), ("a.tar", tarred({name: b"2"}))):
        with pytest.raises(Refused, match=r"^a\.\w+ holds a path (that leaves its folder|from the root of a disk)"):
            unpack(archive, raw)


def spoiled_crc() -> bytes:
    raw = bytearray(zipped(WORK, zipfile.ZIP_STORED))
    raw[raw.index(b'{"cells"')] ^= 1
    return bytes(raw)


def with_flag(bit: int) -> bytes:
    raw = bytearray(zipped(WORK))
    raw[6] |= bit
    at = raw.index(b"PK\1\2")
    raw[at + 8] |= bit
    return bytes(raw)


def with_size(change: int) -> bytes:
    raw = bytearray(zipped({"a.ipynb": b"x" * 1000}))
    at = raw.index(b"PK\1\2")
    struct.pack_into("<I", raw, at + 24, 1000 + change)
    return bytes(raw)


def overlapping() -> bytes:
    """Two names for the same bytes, as in the bombs that need no nesting."""
    raw = bytearray(zipped({"a.ipynb": b"x" * 1000, "b.ipynb": b"x" * 1000}))
    at = raw.index(b"PK\1\2", raw.index(b"PK\1\2") + 4)
    struct.pack_into("<I", raw, at + 42, 0)
    return bytes(raw)


def bomb(size: int = 30_000_000) -> bytes:
    return zipped({"a.ipynb": bytes(size)})


def many(count: int) -> bytes:
    return zipped({f"{n}.txt": b"" for n in range(count)}, zipfile.ZIP_STORED)


def sparse_tar() -> bytes:
    raw = bytearray(tarred({"a.ipynb": b"x"}))
    raw[156:157] = b"S"
    return fixed(raw)


def fixed(raw: bytearray) -> bytes:
    """A tar whose first header's checksum is right again."""
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw[:512])
    return bytes(raw)


def negative_tar() -> bytes:
    raw = bytearray(tarred({"a.ipynb": b"x", "b.ipynb": b"y"}))
    raw[124:136] = b"\xff" * 11 + b"\x00"
    return fixed(raw)


REFUSED = [
    ("a.zip", b"", "is an empty file"),
    ("a.zip", b"PK\3\4", "damaged or cut off"),
    ("a.zip", b"x" * 100, "damaged or cut off"),
    ("a.zip", zipped(WORK)[:-30], "damaged or cut off"),
    ("a.zip", zipped(WORK)[:60], "damaged or cut off"),
    ("a.zip", b"Rar!\x1a\7\0", "looks like a RAR archive"),
    ("a.zip", b"%PDF-1.4", "looks like a PDF"),
    ("a.zip", b"<!DOCTYPE html>", "looks like a web page"),
    ("a.zip", b'{"cells": []}', "looks like a notebook"),
    ("a.zip", zipped({}), "holds no file that could be work"),
    ("a.zip", zipped({"__MACOSX/._a": b""}), "holds no file that could be work"),
    ("a.rar", b"Rar!\x1a\7\0", r"of a kind that is not read here \(rar\)"),
    ("a.7z", b"7z\xbc\xaf", "of a kind that is not read here"),
    ("a.ipynb.gz", gzip.compress(b"{}"), "of a kind that is not read here"),
    ("a.zip", zipped([(entry("a.ipynb", LINK), b"/etc/passwd")]), "holds a link or a device"),
    ("a.zip", zipped([(entry("a.ipynb", stat.S_IFIFO | 0o644), b"")]), "holds a link or a device"),
    ("a.zip", zipped([("a.ipynb", b"1"), ("A.ipynb", b"2")]), "which some systems do not tell apart"),
    ("a.zip", spoiled_crc(), r"is damaged \(01_perceptron\.ipynb\)"),
    ("a.zip", with_flag(1), "is encrypted"),
    ("a.zip", with_flag(0x40), "is encrypted"),
    ("a.zip", zipped(WORK, zipfile.ZIP_BZIP2), r"packed in a way that is not read here .* method 12"),
    ("a.zip", zipped(WORK, zipfile.ZIP_LZMA), "method 14"),
    ("a.zip", with_size(-500), "is damaged"),
    ("a.zip", with_size(+500), "is damaged|says that a.ipynb has 1500 bytes, but it has 1000"),
    ("a.zip", overlapping(), "files that overlap"),
    ("a.zip", bomb(), "times its size, as a zip bomb does"),
    ("a.zip", many(MAX_FILES + 1), "more than 500 files"),
    ("a.zip", many(20_000), "more than 500 files"),
    ("a.zip", zipped({"/".join("abcdefghijklm"): b""}), "folders nested 13 deep"),
    ("a.tar", b"x" * 2000, "damaged or cut off"),
    ("a.tar", tarred(WORK)[:1500], "damaged or cut off"),
    ("a.tar", tarred(WORK)[:700], "damaged or cut off"),
    ("a.tar.gz", gzip.compress(tarred(WORK))[:-20], "damaged or cut off"),
    ("a.tar.gz", gzip.compress(b"no tar"), "damaged or cut off"),
    ("a.tar.gz", gzip.compress(bytes(90_000_000), 9), "unpacks to more than"),
    ("a.tar.bz2", bz2.compress(bytes(90_000_000), 9), "unpacks to more than"),
    ("a.tar.xz", lzma.compress(bytes(90_000_000), preset=0), "unpacks to more than"),
    ("a.tar.gz", gzip.compress(b"") * 200, "too many pieces"),
    ("a.tar", tarred({"a": b""}, type=tarfile.SYMTYPE, linkname="/etc/passwd"), "a link, a device"),
    ("a.tar", tarred({"a": b""}, type=tarfile.LNKTYPE, linkname="b"), "a link, a device"),
    ("a.tar", tarred({"a": b""}, type=tarfile.FIFOTYPE), "a link, a device"),
    ("a.tar", tarred({"a": b""}, type=tarfile.CHRTYPE), "a link, a device"),
    ("a.tar", sparse_tar(), "a link, a device or a file with holes|damaged"),
    ("a.tar", negative_tar(), "damaged or cut off|in a circle"),
    ("a.tar", tarred({f"{n}": b"" for n in range(MAX_FILES + 1)}), "more than 500 files"),
    ("a.tar", tarred({"a/x.ipynb": b"", "a/X.ipynb": b""}), "which some systems do not tell apart"),
]


@pytest.mark.parametrize(("name", "raw", "why"), REFUSED, ids=range(len(REFUSED)))
def test_what_cannot_be_trusted_is_refused_with_the_reason_and_the_remedy(name, raw, why):
    with pytest.raises(Refused, match=why) as refusal:
        unpack(name, raw)
    assert str(refusal.value).startswith(name)
    assert "zip the notebook alone and hand that in" in str(refusal.value)


def test_a_list_of_too_many_names_is_refused_before_it_is_read(monkeypatch):
    raw = many(20_000)
    monkeypatch.setattr("course_utils.grading.classroom.zips.zipfile.ZipFile", None)
    with pytest.raises(Refused, match="more than 500 files"):
        unpack("a.zip", raw)


def test_a_name_that_is_there_twice_is_refused():
    raw = zipped([("a.ipynb", b"1"), ("b.ipynb", b"2")]).replace(b"b.ipynb", b"a.ipynb")
    with pytest.raises(Refused, match=r"holds a\.ipynb twice"):
        unpack("a.zip", raw)


def test_sizes_are_bounded_for_a_file_and_for_all_together():
    big = bytes(range(250)) * (MAX_FILE_BYTES // 250 + 1)
    with pytest.raises(Refused, match=r"a\.ipynb has"):
        unpack("a.zip", zipped({"a.ipynb": big}, zipfile.ZIP_STORED))
    half = big[: MAX_FILE_BYTES - 10]
    count = MAX_TOTAL_BYTES // len(half) + 1
    with pytest.raises(Refused, match="together are taken"):
        unpack("a.zip", zipped({f"{n}.csv": half for n in range(count)}, zipfile.ZIP_STORED))
    with pytest.raises(Refused, match=r"b\.csv has 10 bytes"):
        unpack("a.zip", zipped({"b.csv": b"x" * 10}), room=9)


def test_a_bomb_is_refused_before_it_takes_memory():
    raw = {"a.zip": bomb(200_000_000), "a.tar.gz": gzip.compress(bytes(200_000_000), 9)}
    tracemalloc.start()
    try:
        for name, content in raw.items():
            with pytest.raises(Refused):
                unpack(name, content)
        assert tracemalloc.get_traced_memory()[1] < 3 * MAX_TOTAL_BYTES
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("at", range(0, 460, 3))
def test_any_changed_byte_is_read_the_same_or_refused(at):
    for name, whole in (("a.zip", zipped(WORK)), ("a.tar", tarred(WORK)), ("a.tar.gz", gzip.compress(tarred(WORK)))):
        for value in (0, 0x41, 0xFF):
            raw = bytearray(whole)
            raw[at % len(raw)] = value
            try:
                found = unpack(name, bytes(raw))
            except Refused:
                continue
            assert all(".." not in path.split("/") and path.isprintable() for path in found)


def test_times_are_told_as_exactly_as_the_zip_knows_them():
    exact = entry("b", extra=struct.pack("<HHBi", 0x5455, 5, 1, 1_800_000_000))
    unknown = entry("c", date_time=(1980, 1, 1, 0, 0, 0))
    raw = zipped([(entry("a"), b""), (exact, b""), (unknown, b"")])
    times = {member.name: member.modified for member in zip_members(io.BytesIO(raw), 10)}
    assert times["a"] == datetime(2027, 3, 1, 12)
    assert times["b"] == datetime.fromtimestamp(1_800_000_000, UTC)
    assert times["c"] is None
    spoiled = bytearray(raw)
    struct.pack_into("<H", spoiled, raw.index(b"PK\1\2") + 14, 0)  # month 0, day 0
    assert zip_members(io.BytesIO(bytes(spoiled)), 10)[0].modified is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.zip", "zip"), ("a.TGZ", "tar"), ("a.gz", "unread"), ("a.npz", ""), ("a.ipynb", ""), ("zip", ""), ("", "")],
)
def test_what_is_an_archive_is_told_by_the_ending(name, kind):
    assert kind_of(name) == kind

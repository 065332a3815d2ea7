"""Files of any origin: names stay inside, sizes are bounded, links are not followed, equal files have equal hashes."""

import os
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.grading import files as reading
from course_utils.grading.files import BadFiles, SubmittedFiles, check_path, read_folder


@pytest.mark.parametrize(
    "path",
    ["", "/etc/passwd", "../up", "a/../b", "a/./b", "a//b", "a/", ".", "..", "a\0b", "a\nb", "a\x1b[2Jb", "a\\b",
     "c:\\x", "\ud800", "a\u202egnp", "x" * 201, "é" * 101, "/".join("abcdefghijklm")],
    ids=ascii,
)  # fmt: skip
def test_a_path_that_leaves_its_folder_or_cannot_be_shown_is_refused(path):
    with pytest.raises(BadFiles, match="the path"):
        SubmittedFiles({path: b""})


@given(st.text(max_size=30))
def test_an_accepted_path_stays_below_its_folder(path):
    refusal = ""
    try:
        check_path(path)
    except BadFiles as bad:
        refusal = str(bad)
    assert refusal.isprintable()
    assert bool(refusal) or os.path.normpath("/top/" + path) == "/top/" + path


def test_names_that_people_use_are_accepted():
    for path in ("a.ipynb", "Übung 1/Lösung (final).ipynb", "日本語.py", ".hidden", "a'b\"c.py", "..a"):
        assert check_path(path) == path


def test_a_file_is_no_folder_and_too_much_is_refused(monkeypatch):
    with pytest.raises(BadFiles, match="a is a file and a folder at once"):
        SubmittedFiles({"a": b"", "a/b/c": b""})
    monkeypatch.setattr(reading, "MAX_FILES", 2)
    monkeypatch.setattr(reading, "MAX_FILE_BYTES", 10)
    monkeypatch.setattr(reading, "MAX_TOTAL_BYTES", 15)
    with pytest.raises(BadFiles, match="3 files, at most 2"):
        SubmittedFiles({"a": b"", "b": b"", "c": b""})
    with pytest.raises(BadFiles, match="a has 11 bytes, at most 10"):
        SubmittedFiles({"a": b"x" * 11})
    with pytest.raises(BadFiles, match="16 bytes together, at most 15"):
        SubmittedFiles({"a": b"x" * 8, "b": b"x" * 8})


names = st.text(string.ascii_lowercase, min_size=1, max_size=3)
contents = st.dictionaries(names, st.binary(max_size=5), max_size=4)


@given(contents, contents)
def test_hashes_are_equal_exactly_for_equal_files(a, b):
    left, right = SubmittedFiles(a), SubmittedFiles(dict(reversed(b.items())))
    assert (left.sha256 == right.sha256) == (a == b) == (left == right)
    assert left.total_bytes == sum(map(len, a.values()))


def test_a_name_cannot_pass_for_content():
    assert SubmittedFiles({"ab": b"c"}).sha256 != SubmittedFiles({"a": b"bc"}).sha256
    assert SubmittedFiles({"a": b"1 1\nb2"}).sha256 != SubmittedFiles({"a": b"", "b": b"2"}).sha256


def test_files_come_back_from_a_folder_as_they_were_written(tmp_path):
    files = SubmittedFiles({"a.ipynb": b"{}", "deep/er/b.py": b"x = 1\r\n", "c.bin": bytes(range(256))})
    files.write_to(tmp_path)
    assert read_folder(tmp_path) == files
    assert read_folder(tmp_path / "a.ipynb") == SubmittedFiles({"a.ipynb": b"{}"})


def test_links_devices_and_debris_are_left_out_and_named(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("canary")
    work = tmp_path / "work"
    (work / "__pycache__").mkdir(parents=True)
    (work / "__pycache__" / "a.pyc").touch()
    (work / "a.py").write_text("1")
    (work / "link.py").symlink_to(secret)
    (work / "folder").symlink_to(tmp_path)
    os.mkfifo(work / "pipe")
    found = read_folder(work)
    assert dict(found.content) == {"a.py": b"1"}
    assert len(found.left_out) == 4
    assert sum("links are not followed" in note for note in found.left_out) == 3
    assert read_folder(work / "link.py").content == {}
    (tmp_path / "all").symlink_to(work)
    assert read_folder(tmp_path / "all").content == {}, "the folder itself may be a link"


def test_a_folder_with_too_much_is_refused_before_it_is_read(tmp_path, monkeypatch):
    for name in "abc":
        (tmp_path / name).write_bytes(b"x" * 8)
    monkeypatch.setattr(reading, "MAX_TOTAL_BYTES", 20)
    with pytest.raises(BadFiles, match="c has 8 bytes"):
        read_folder(tmp_path)
    monkeypatch.setattr(reading, "MAX_FILES", 2)
    with pytest.raises(BadFiles, match="more than 2 files"):
        read_folder(tmp_path)
    deep = tmp_path / "/".join("abcdefghijklmn".upper())
    deep.mkdir(parents=True)
    (deep / "x").touch()
    monkeypatch.undo()
    with pytest.raises(BadFiles, match="nested"):
        read_folder(tmp_path)


def test_a_name_that_is_no_text_is_refused_and_not_shown_raw(tmp_path):
    try:
        (tmp_path / os.fsdecode(b"\xff\x1b[2J.py")).touch()
    except OSError:
        pytest.skip("this file system takes no such name")
    with pytest.raises(BadFiles) as refusal:
        read_folder(tmp_path)
    assert str(refusal.value).isprintable()

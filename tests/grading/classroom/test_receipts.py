"""Receipts: every attempt is kept, whole or not at all; the last one handed in counts; nothing disappears."""

import errno
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from datetime import UTC, datetime, timedelta

import pytest

from course_utils.grading.classroom import durable, receipts
from course_utils.grading.classroom.durable import sweep_parts, write_whole
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.files import SubmittedFiles

NAME = "small"
DUE = datetime(2027, 3, 1, 12, tzinfo=UTC)


def files(text: str = "one") -> SubmittedFiles:
    return SubmittedFiles({f"{NAME}.ipynb": text.encode(), "more/data.csv": b"1,2"})


def keep(classroom, text="one", student="s001", **options):
    return receipts.add(classroom, student, NAME, files(text), **options)


@pytest.fixture
def classroom(new_class):
    return new_class(2, due=DUE)


def test_an_attempt_is_kept_with_its_receipt(classroom):
    received = DUE - timedelta(hours=1)
    receipt, new = keep(classroom, received=received, origin="canvas", original_name="x.zip", notes=("a",))
    assert new
    assert (receipt.number, receipt.late, receipt.received) == (1, False, received.isoformat())
    assert receipts.latest(classroom, NAME) == {"s001": receipt}
    assert receipts.files_of(classroom, receipt) == files()
    assert receipt.sha256 == files().sha256


def test_the_same_files_are_kept_once_and_changed_ones_are_a_new_attempt(classroom):
    keep(classroom)
    assert keep(classroom)[1] is False
    second, new = keep(classroom, "two")
    assert new
    assert second.number == 2
    assert [r.number for r in receipts.attempts(classroom, NAME, "s001")] == [1, 2]
    assert receipts.latest(classroom, NAME)["s001"] == second


def test_the_attempt_handed_in_last_counts_in_whatever_order_they_come(classroom):
    later, _ = keep(classroom, "two", received=DUE)
    earlier, _ = keep(classroom, "one", received=DUE - timedelta(days=1))
    assert earlier.number == 2
    assert receipts.latest(classroom, NAME)["s001"] == later
    again, new = keep(classroom, "two", received=DUE)
    assert (again, new) == (later, False)
    unknown, _ = keep(classroom, "three")
    assert receipts.latest(classroom, NAME)["s001"] == unknown, "nobody knows when: the one that came last"


@pytest.mark.parametrize(
    ("received", "flagged", "late", "seconds"),
    [
        (DUE, False, False, None),
        (DUE + timedelta(seconds=1), False, True, 1),
        (DUE + timedelta(days=1), True, True, 86_400),
        (None, True, True, None),
        (None, False, False, None),
        (DUE - timedelta(days=1), True, True, None),
    ],
)
def test_late_by_the_due_time_or_because_the_system_says_so(classroom, received, flagged, late, seconds):
    receipt, _ = keep(classroom, received=received, flagged_late=flagged)
    assert (receipt.late, receipt.late_by_seconds) == (late, seconds)
    assert receipts.latest(classroom, NAME)["s001"] == receipt


def test_a_due_time_that_is_moved_later_counts_for_what_is_already_there(classroom):
    keep(classroom, received=DUE + timedelta(hours=1))
    keep(classroom, student="s002", flagged_late=True)
    settings = classroom.path / "class.yml"
    settings.write_text(settings.read_text().replace("2027-03-01T12", "2027-03-01T14"))
    found = receipts.latest(ClassFolder(classroom.path), NAME)
    assert found["s001"].late is False
    assert found["s002"].late is True, "the system's word stands where nobody knows the time"


def test_a_time_that_becomes_known_corrects_the_receipt_and_nothing_else(classroom):
    receipt, _ = keep(classroom, flagged_late=True)
    corrected = receipts.restate(classroom, receipt, DUE + timedelta(minutes=5), True)
    assert corrected.late_by_seconds == 300
    assert receipts.attempts(classroom, NAME, "s001") == [corrected]
    assert receipts.files_of(classroom, corrected) == files()


def test_changed_files_are_noticed_and_the_same_hand_in_heals_them(classroom):
    receipt, _ = keep(classroom)
    place = classroom.submissions / NAME / "s001" / receipt.folder_name / "files" / f"{NAME}.ipynb"
    place.write_bytes(b"on")
    with pytest.raises(ValueError, match="changed after it was received"):
        receipts.files_of(classroom, receipt)
    healed, new = keep(classroom)
    assert new
    assert receipts.files_of(classroom, receipts.latest(classroom, NAME)["s001"]) == files()
    assert healed.number == 2


def test_an_attempt_without_a_file_is_one_as_well(classroom):
    first, new = receipts.add(classroom, "s001", NAME, SubmittedFiles({}), rejected="a link")
    assert new
    assert receipts.files_of(classroom, first) == SubmittedFiles({})
    assert receipts.add(classroom, "s001", NAME, SubmittedFiles({}), rejected="a link") == (first, False)
    assert receipts.add(classroom, "s001", NAME, SubmittedFiles({}), rejected="a pipe")[1] is True


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff", None, "other"])
def test_a_damaged_receipt_makes_no_attempt_disappear(classroom, content):
    receipt, _ = keep(classroom)
    path = classroom.submissions / NAME / "s001" / receipt.folder_name / "receipt.json"
    if content is None:
        path.unlink()
    elif content == "other":
        path.write_text(json.dumps({**json.loads(path.read_text()), "student": "s002"}))
    else:
        path.write_bytes(content)
    found = receipts.latest(classroom, NAME)["s001"]
    assert (found.student, found.sha256, found.rejected) == ("s001", receipt.sha256, "")
    assert "damaged" in found.notes[0]
    assert receipts.files_of(classroom, found) == files()
    (path.parent / "files" / f"{NAME}.ipynb").write_bytes(b"")
    assert "collect it again" in receipts.latest(classroom, NAME)["s001"].rejected


def test_parts_of_killed_writers_are_swept_and_students_files_are_not(classroom):
    receipt, _ = receipts.add(classroom, "s001", NAME, SubmittedFiles({".part-mine": b"1", "a.ipynb": b"2"}))
    home = classroom.submissions / NAME / "s001"
    (home / ".part-abc" / "files").mkdir(parents=True)
    (home / ".part-abc" / "receipt.json").write_text("{}")
    (home / receipt.folder_name / ".part-def").write_text("")
    assert sweep_parts(classroom.submissions) == 2
    assert sorted(p.name for p in home.iterdir()) == [receipt.folder_name]
    assert receipts.is_intact(classroom, receipt)


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "a" / "b"
    write_whole(path, b"old", 0o600)
    assert path.stat().st_mode & 0o777 == 0o600

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(durable.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in path.parent.iterdir()] == ["b"]


WRITER = """
    import sys
    from pathlib import Path
    from course_utils.grading.classroom import receipts
    from course_utils.grading.classroom.folder import ClassFolder
    from course_utils.grading.files import SubmittedFiles
    classroom = ClassFolder(Path(sys.argv[1]))
    print("ready", flush=True)
    for number in range(100_000):
        text = f"attempt {number}".encode()
        receipts.add(classroom, "s001", "small", SubmittedFiles({"a.ipynb": text, "b/c.txt": text * 500}))
        print(number, flush=True)
"""


@pytest.mark.parametrize("seed", range(4))
def test_a_writer_killed_at_any_moment_loses_nothing_that_it_reported(classroom, seed):
    command = [sys.executable, "-c", textwrap.dedent(WRITER), str(classroom.path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    for _ in range(random.Random(seed).randrange(1, 12)):
        process.stdout.readline()
    time.sleep(random.Random(seed).random() / 100)
    os.kill(process.pid, signal.SIGKILL)
    reported = [int(line) for line in process.communicate()[0].split()]
    found = receipts.attempts(classroom, NAME, "s001")
    assert len(found) >= (reported[-1] + 1 if reported else 1)
    assert all(receipts.is_intact(classroom, receipt) and not receipt.notes for receipt in found)
    sweep_parts(classroom.submissions)
    names = {path.name for path in (classroom.submissions / NAME / "s001").iterdir()}
    assert names == {receipt.folder_name for receipt in found}

"""Taking submissions in: every hand-in gets a receipt, whatever it is; nothing is lost, nothing counted twice."""

import errno
import io
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
import time
import zipfile
from datetime import UTC, datetime, timedelta

import pytest

from course_utils.grading.classroom import receipts
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.intake import AGAIN, CORRECTED, GIVEN, NEW, OLDER, SAME, collect
from course_utils.grading.classroom.matching import Who
from course_utils.grading.classroom.roster import Student, write_roster
from course_utils.grading.classroom.sources import BadSource, open_source
from course_utils.grading.classroom.times import TimeOf
from course_utils.grading.classroom.unmatched import NotThere, Unmatched
from course_utils.grading.files import MAX_FILE_BYTES, MAX_FILES

NAME = "small"
DUE = datetime(2027, 3, 1, 12, tzinfo=UTC)
STUDENTS = [
    Student(f"s{n:03d}", f"Student {n:02d}", f"s{n:03d}@example.org", str(1000 + n), login=f"stud{n}")
    for n in range(1, 10)
]


@pytest.fixture
def classroom(new_class):
    made = new_class(1, due=DUE)
    write_roster(made.roster_file, STUDENTS)
    return made


@pytest.fixture
def source(tmp_path):
    """Write a folder of submissions: bytes by path."""
    folder = tmp_path / "source"
    folder.mkdir()

    def write(files: dict[str, bytes], when: datetime | None = DUE - timedelta(hours=1)):
        for path, data in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
            if when:
                os.utime(folder / path, (when.timestamp(), when.timestamp()))
        return folder

    return write


def zip_of(files, when=(2027, 3, 1, 11, 0, 0)) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, when), data)
    return stream.getvalue()


@pytest.fixture
def export(tmp_path):
    """Write a zip of submissions."""

    def write(files, name: str = "export.zip", **about):
        (tmp_path / name).write_bytes(zip_of(files, **about))
        return tmp_path / name

    return write


def take(classroom, path, **options):
    with classroom.lock():
        return list(collect(classroom, NAME, path, **options))[-1]


def whats(found) -> dict[str, str]:
    return {one.student.id if one.student else "?": one.what for one in found.entered}


def texts(classroom, student) -> list[dict[str, bytes]]:
    """The files of all attempts of a student."""
    found = receipts.attempts(classroom, NAME, student)
    return [dict(receipts.files_of(classroom, receipt).content) for receipt in found]


def latest(classroom):
    return receipts.latest(classroom, NAME)


def snapshot(folder) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != ".lock"}


# ---- what is taken ----


def test_a_folder_of_folders_and_files_by_id_login_address_and_name(classroom, source):
    folder = source(
        {
            "s001/small.ipynb": b"1",
            "s001/data/x.csv": b"x",
            "STUD2.ipynb": b"2",
            "s003@example.org/small.ipynb": b"3",
            "04 student.ipynb": b"4",
            "1005_small.ipynb": b"5",
        }
    )
    found = take(classroom, folder)
    assert found.kind == "folder"
    assert whats(found) == dict.fromkeys(["s001", "s002", "s003", "s004", "s005"], NEW)
    assert texts(classroom, "s001") == [{"data/x.csv": b"x", "small.ipynb": b"1"}]
    receipt = latest(classroom)["s002"]
    assert (receipt.original_name, receipt.origin, receipt.late) == ("STUD2.ipynb", "folder", False)
    assert receipt.received == (DUE - timedelta(hours=1)).isoformat()


def test_the_same_source_again_changes_no_byte(classroom, source, export):
    folder = source({"s001/small.ipynb": b"1", "nobody.ipynb": b"2", "s002/a.zip": b"broken"})
    canvas = export(
        {"student03_1003_1_small.ipynb": b"1", "student03_1003_2_small-1.ipynb": b"2", "x_9_3_a.ipynb": b""}
    )
    for path in (folder, canvas):
        take(classroom, path)
    before = snapshot(classroom.path)
    again = take(classroom, folder)
    assert whats(again) == {"s001": SAME, "s002": SAME, "?": SAME}
    assert [one.what for one in take(classroom, canvas).entered] == [OLDER, SAME, SAME]
    assert snapshot(classroom.path) == before


def test_a_changed_hand_in_is_a_new_attempt_and_the_newest_counts(classroom, source):
    take(classroom, source({"s001/small.ipynb": b"1"}))
    found = take(classroom, source({"s001/small.ipynb": b"2"}, DUE + timedelta(minutes=1)), kind="folder")
    assert whats(found) == {"s001": AGAIN}
    assert texts(classroom, "s001") == [{"small.ipynb": b"1"}, {"small.ipynb": b"2"}]
    assert latest(classroom)["s001"].late_by_seconds == 60


def test_zips_collected_in_the_wrong_order_end_with_the_newest(classroom, export):
    late = export({"s001/small.ipynb": b"2"}, "b.zip", when=(2027, 3, 1, 11, 30, 0))
    early = export({"s001/small.ipynb": b"1"}, "a.zip", when=(2027, 3, 1, 10, 0, 0))
    for path in (late, early, late, early):
        take(classroom, path)
    assert [r.number for r in receipts.attempts(classroom, NAME, "s001")] == [1, 2]
    assert latest(classroom)["s001"].number == 1


def test_an_older_canvas_export_collected_after_a_newer_one_does_not_come_back(classroom, export):
    first = export({"student01_1001_10_small.ipynb": b"old"}, "first.zip")
    second = export({"student01_1001_20_small-1.ipynb": b"new"}, "second.zip")
    for path in (first, second, first):
        found = take(classroom, path)
    assert whats(found) == {"s001": OLDER}
    assert texts(classroom, "s001")[latest(classroom)["s001"].number - 1] == {"small.ipynb": b"new"}
    third = export({"student01_1001_30_small-2.ipynb": b"old"}, "third.zip")
    assert whats(take(classroom, third)) == {"s001": AGAIN}, "handed in again on purpose: another attachment"
    assert latest(classroom)["s001"].number == 3


def test_a_folder_that_holds_the_older_work_again_counts_as_it_is(classroom, source):
    after = DUE + timedelta(days=1)
    for text in (b"A", b"B", b"A"):
        take(classroom, source({f"s00{n}/small.ipynb": text for n in (1, 2, 3)}, after))
    assert latest(classroom)["s001"].number == 3, "nobody knows the times: the folder says what counts"


def test_several_sources_add_up(classroom, source, export):
    take(classroom, source({"s001.ipynb": b"1"}))
    take(classroom, export({"student02_1002_1_small.ipynb": b"2"}))
    assert set(latest(classroom)) == {"s001", "s002"}


def test_canvas_lateness_is_believed_and_a_table_of_times_makes_it_exact(classroom, export):
    path = export({"student01_LATE_1001_1_small.ipynb": b"1", "student02_1002_2_small.ipynb": b"2"})
    found = take(classroom, path)
    assert found.unknown_times == 2
    assert [(r.late, r.late_by_seconds) for r in latest(classroom).values()] == [(True, None), (False, None)]
    rows = [TimeOf(Who(canvas_id="1001"), DUE + timedelta(hours=1), 2), TimeOf(Who(word="s002"), DUE, 3)]
    rows.append(TimeOf(Who(word="nobody"), DUE, 4))
    found = take(classroom, path, times=rows)
    assert whats(found) == {"s001": CORRECTED, "s002": CORRECTED}
    assert found.unknown_times == 0
    assert found.strangers == ("line 4: nobody on the roster has the id or name nobody",)
    assert [(r.late, r.late_by_seconds) for r in latest(classroom).values()] == [(True, 3600), (False, None)]
    assert whats(take(classroom, path)) == {"s001": SAME, "s002": SAME}, "a time that is known stays known"


def test_a_table_of_times_speaks_of_the_newest_attempt_only(classroom, export):
    path = export({"student01_1001_1_small.ipynb": b"1", "student01_1001_2_small-1.ipynb": b"2"})
    take(classroom, path, times=[TimeOf(Who(canvas_id="1001"), DUE + timedelta(hours=1), 2)])
    first, second = receipts.attempts(classroom, NAME, "s001")
    assert (first.received, second.late_by_seconds) == (None, 3600)


def test_a_file_that_was_only_touched_keeps_the_time_at_which_it_was_handed_in(classroom, source):
    for when in (DUE - timedelta(hours=2), DUE + timedelta(hours=2)):
        found = take(classroom, source({"s001.ipynb": b"1"}, when))
    assert whats(found) == {"s001": SAME}
    assert latest(classroom)["s001"].late is False
    earlier = take(classroom, source({"s001.ipynb": b"1"}, DUE - timedelta(hours=3)))
    assert whats(earlier) == {"s001": CORRECTED}
    rows = [TimeOf(Who(word="s001"), DUE + timedelta(hours=1), 2)]
    assert whats(take(classroom, source({"s001.ipynb": b"1"}), times=rows)) == {"s001": CORRECTED}
    assert latest(classroom)["s001"].late_by_seconds == 3600, "a table knows better than a file"


def test_moodles_numbers_are_understood_through_its_worksheet(classroom, export):
    twins = [Student("a", "Sam Lee", "a@example.org"), Student("b", "Sam Lee", "b@example.org")]
    write_roster(classroom.roster_file, [*STUDENTS, *twins])
    path = export({f"Sam Lee_{n}_assignsubmission_file_/small.ipynb": str(n).encode() for n in (71, 72)})
    assert [one.student for one in take(classroom, path).entered] == [None, None]
    rows = [
        TimeOf(Who(number="71", name="Sam Lee", email="b@example.org"), DUE, 2),
        TimeOf(Who(number="72", name="Sam Lee", email="a@example.org"), DUE, 3),
    ]
    assert whats(take(classroom, path, times=rows)) == {"a": NEW, "b": NEW}
    assert texts(classroom, "b") == [{"small.ipynb": b"71"}]
    assert Unmatched(classroom, NAME).waiting == [], "now it is known whose they are"


def test_two_hand_ins_of_one_student_that_nothing_orders_are_one(classroom, source):
    folder = source({"s001/small.ipynb": b"1", "Student 01/small.ipynb": b"2", "stud1.csv": b"3"})
    assert len(take(classroom, folder).entered) == 1
    assert sorted(texts(classroom, "s001")[0].values()) == [b"1", b"2", b"3"]


def test_files_of_one_name_stay_apart(classroom, source, export):
    take(classroom, source({"s001.csv": b"1", "s001/s001.csv": b"2", "s001/a.zip": zip_of({"s001.csv": b"3"})}))
    assert texts(classroom, "s001") == [{"s001.csv": b"2", "s001 (2).csv": b"1", "a/s001.csv": b"3"}]
    nested = {"s002/a.zip": zip_of({"x.csv/y.csv": b"1"}), "s002/a/x.csv": b"2", "s002/x": b""}
    take(classroom, source(nested))
    assert sorted(texts(classroom, "s002")[0].values()) == [b"", b"1", b"2"]


def test_two_spellings_of_one_name_in_an_export_are_both_kept(classroom, export):
    take(classroom, export({"s001/caf\u00e9.csv": b"1", "s001/cafe\u0301.csv": b"2", "s002/x.ipynb": b"3"}))
    kept = [data for home in ("s001", "s002") for files in texts(classroom, home) for data in files.values()]
    notes = latest(classroom)["s001"].notes
    assert sorted(kept) == [b"1", b"3"]
    assert notes == ("left out: caf\u00e9 (2).csv the export holds this name twice",)


def test_a_dry_run_says_the_same_and_writes_nothing(classroom, export):
    path = export(
        {"student01_1001_1_small.ipynb": b"1", "student01_LATE_1001_2_small-1.ipynb": b"2", "z_9_3_a.ipynb": b""}
    )
    before = snapshot(classroom.path)
    planned = list(collect(classroom, NAME, path, dry_run=True))[-1]
    assert snapshot(classroom.path) == before
    done = take(classroom, path)

    def said(found):
        return [(one.student, one.what, one.receipt.late, one.receipt.sha256) for one in found.entered]

    assert said(planned) == said(done)


# ---- nobody's ----


def test_what_fits_nobody_is_kept_with_the_reason_until_somebody_says_whose_it_is(classroom, source):
    folder = source({"anna.ipynb": b"1", "s001.ipynb": b"2", "Zoë/small.ipynb": b"3"})
    take(classroom, folder)
    unmatched = Unmatched(classroom, NAME)
    assert [(r.number, r.original_name) for r in unmatched.waiting] == [(1, "Zoë"), (2, "anna.ipynb")]
    assert unmatched.waiting[1].notes[0] == "nobody on the roster has the id or name anna"
    assert set(latest(classroom)) == {"s001"}
    with classroom.lock():
        own = unmatched.assign(unmatched.find("anna.ipynb"), STUDENTS[1])
    assert (own.student, own.number, own.received) == ("s002", 1, unmatched._settled[0].received)
    assert texts(classroom, "s002") == [{"anna.ipynb": b"1"}]
    assert [r.original_name for r in Unmatched(classroom, NAME).waiting] == ["Zoë"]
    again = take(classroom, folder)
    assert sorted(one.what for one in again.entered) == [GIVEN, SAME, SAME]
    assert Unmatched(classroom, NAME).find("0001").original_name == "Zoë"
    with pytest.raises(NotThere, match=r"no file called anna.ipynb waits for somebody; there is: 0001 \(Zoë\)"):
        Unmatched(classroom, NAME).find("anna.ipynb")


def test_equal_files_of_two_unknown_people_are_both_kept(classroom, source):
    take(classroom, source({"anna/small.ipynb": b"same", "ben/small.ipynb": b"same"}))
    assert [r.original_name for r in Unmatched(classroom, NAME).waiting] == ["anna", "ben"]


def test_a_corrected_roster_takes_what_was_nobodys(classroom, source):
    folder = source({"anna.ipynb": b"1"})
    take(classroom, folder)
    write_roster(classroom.roster_file, [*STUDENTS, Student("anna")])
    assert whats(take(classroom, folder)) == {"anna": NEW}
    assert Unmatched(classroom, NAME).waiting == []


def test_an_assignment_by_hand_that_was_cut_off_is_completed(classroom, source, monkeypatch):
    take(classroom, source({"anna.ipynb": b"1"}))
    unmatched = Unmatched(classroom, NAME)
    with monkeypatch.context() as patch, classroom.lock():
        patch.setattr(Unmatched, "settle", lambda *a: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
        with pytest.raises(OSError, match="full"):
            unmatched.assign(unmatched.waiting[0], STUDENTS[0])
    with classroom.lock():
        again = Unmatched(classroom, NAME)
        assert again.assign(again.waiting[0], STUDENTS[0]).number == 1
    assert len(texts(classroom, "s001")) == 1


# ---- what cannot be trusted ----


def test_archives_in_hand_ins_are_opened_and_refused_ones_are_kept_with_the_reason(classroom, source):
    bad = zip_of({"../small.ipynb": b"1"})
    folder = source(
        {
            "s001.zip": zip_of({"work/small.ipynb": b"1", "__MACOSX/._small.ipynb": b""}),
            "s002/a.zip": zip_of({"b.zip": zip_of({"small.ipynb": b"2"})}),
            "s003/a.zip": bad,
            "s003/readme.txt": b"hello",
            "s004/a.zip": bad,
            "s004/small.ipynb": b"4",
            "s005/a.zip": zip_of({"b.zip": zip_of({"c.zip": zip_of({"small.ipynb": b"5"})})}),
            "s006/one.zip": zip_of({"small.ipynb": b"6"}),
            "s006/two.zip": zip_of({"small.ipynb": b"66"}),
        }
    )
    take(classroom, folder)
    found = latest(classroom)
    assert texts(classroom, "s001") == [{"work/small.ipynb": b"1"}]
    assert texts(classroom, "s002") == [{"small.ipynb": b"2"}]
    assert found["s003"].rejected.startswith("a.zip holds a path that leaves its folder (../small.ipynb): zip the")
    assert texts(classroom, "s003") == [{"a.zip": bad, "readme.txt": b"hello"}]
    assert found["s004"].rejected == ""
    assert any("left out: a.zip holds a path" in note for note in found["s004"].notes)
    assert "lies 3 archives deep, at most 2 are opened" in found["s005"].rejected
    assert texts(classroom, "s006") == [{"one/small.ipynb": b"6", "two/small.ipynb": b"66"}]


def test_links_pipes_and_what_cannot_be_read_never_hang_or_leak(classroom, source, tmp_path):
    secret = tmp_path / "secret.ipynb"
    secret.write_bytes(b"secret")
    folder = source({"s001/small.ipynb": b"1", "s005/small.ipynb": b"5", "s006/x.txt": b""})
    (folder / "s001" / "notes.txt").symlink_to(secret)
    (folder / "s002").symlink_to(folder / "s001")
    (folder / "s003.ipynb").symlink_to(secret)
    (folder / "s004").mkdir()
    os.mkfifo(folder / "s004" / "small.ipynb")
    (folder / "s006" / "loop").symlink_to(".")
    take(classroom, folder)
    found = latest(classroom)
    assert texts(classroom, "s001") == [{"small.ipynb": b"1"}]
    assert "notes.txt is a link" in found["s001"].notes[0]
    for student in ("s002", "s003", "s004"):
        assert "is a link, a pipe or a device, which is not followed" in found[student].rejected
        assert texts(classroom, student) == [{}]
    assert found["s006"].rejected == "loop is a link, a pipe or a device, which is not followed"
    assert b"secret" not in b"".join(snapshot(classroom.path).values())


def test_a_file_without_the_right_to_read_it_says_so(classroom, source, monkeypatch):
    folder = source({"s001/small.ipynb": b"1", "s002/small.ipynb": b"2"})
    real = os.open

    def denied(path, *rest, **options):
        if b"source/s001" in os.fsencode(path):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, *rest, **options)

    monkeypatch.setattr("course_utils.grading.classroom.sources.os.open", denied)
    take(classroom, folder)
    monkeypatch.undo()
    assert "cannot be read (Permission denied): repair its rights" in latest(classroom)["s001"].rejected
    assert latest(classroom)["s002"].rejected == ""
    assert whats(take(classroom, folder))["s001"] == AGAIN
    assert latest(classroom)["s001"].rejected == ""


def test_sizes_and_numbers_are_bounded_and_the_notebook_is_what_matters(classroom, source):
    folder = source({"s001/small.ipynb": b"1", "s002/small.ipynb": b"2", "s003/small.ipynb": b""})
    (folder / "s001" / "film.mov").write_bytes(b"")
    os.truncate(folder / "s001" / "film.mov", 3_000_000_000)  # holes: takes no room
    os.truncate(folder / "s003" / "small.ipynb", MAX_FILE_BYTES + 1)
    for number in range(MAX_FILES + 20):
        (folder / "s002" / f"{number}.txt").write_bytes(b"")
    take(classroom, folder)
    found = latest(classroom)
    assert texts(classroom, "s001") == [{"small.ipynb": b"1"}]
    assert any("film.mov has 3000000000 bytes, at most" in note for note in found["s001"].notes)
    assert len(texts(classroom, "s002")[0]) == MAX_FILES
    assert texts(classroom, "s002")[0]["small.ipynb"] == b"2"
    assert f"has {MAX_FILE_BYTES + 1} bytes, at most {MAX_FILE_BYTES} are taken" in found["s003"].rejected


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS file systems take only UTF-8 names")
def test_names_of_any_bytes_are_read_and_made_harmless(classroom, source):
    folder = source({"s001/small.ipynb": b"1"})
    raw = os.fsencode(folder)
    for name in (
        b"s001/M\xfcller.txt",
        b"s001/\x1b[2J.txt",
        b"s001/cafe\xcc\x81.txt",
        b"s001/a\nb.txt",
        b"s\xff.ipynb",
    ):
        with open(raw + b"/" + name, "wb") as stream:
            stream.write(b"x")
    os.mkdir(raw + b"/\x1b]0;title\x07")
    with open(raw + b"/\x1b]0;title\x07/x.ipynb", "wb") as stream:
        stream.write(b"y")
    take(classroom, folder)
    assert set(texts(classroom, "s001")[0]) == {"Müller.txt", "_[2J.txt", "café.txt", "a_b.txt", "small.ipynb"}
    assert sorted(r.original_name for r in Unmatched(classroom, NAME).waiting) == ["_]0;title_", "sÿ.ipynb"]


def test_one_bad_name_in_an_export_costs_that_file_only(classroom, export):
    path = export(
        {
            "student01_1001_1_small.ipynb": b"1",
            "../../etc/student02_1002_2_small.ipynb": b"2",
            "/student03_1003_3_small.ipynb": b"3",
            "student04_1004_4_sm\x1b[31mall.ipynb": b"4",
        }
    )
    take(classroom, path)
    assert texts(classroom, "s001") == [{"small.ipynb": b"1"}]
    assert texts(classroom, "s004") == [{"sm_[31mall.ipynb": b"4"}]
    reasons = [r.rejected for r in (*latest(classroom).values(), *Unmatched(classroom, NAME).waiting) if r.rejected]
    assert len(reasons) == 2
    assert all("its name holds a path" in reason for reason in reasons)


def test_one_damaged_entry_of_an_export_costs_that_student_only(classroom, export):
    path = export({f"student0{n}_100{n}_{n}_small.ipynb": os.urandom(300) for n in (1, 2, 3)})
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"student02") + 60] ^= 0xFF
    path.write_bytes(raw)
    take(classroom, path)
    found = latest(classroom)
    assert [bool(found[s].rejected) for s in ("s001", "s002", "s003")] == [False, True, False]
    assert "is damaged" in found["s002"].rejected


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("none", None, "there is nothing at .*none: give a folder or a zip"),
        ("a.zip", b"", "a.zip is no whole zip, but damaged or cut off: download the export again"),
        ("a.zip", zip_of({"a": b""})[:-8], "damaged or cut off"),
        ("a.tar.gz", b"x", "a.tar.gz is no zip: unpack it, then give the folder"),
        ("a.rar", b"Rar!", "unpack it, then give the folder"),
        ("a.zip", zip_of({}), "holds no file that could have been handed in"),
        ("a.zip", zip_of({"__MACOSX/._x": b""}), "holds no file that could have been handed in"),
    ],
)
def test_a_source_that_is_none_is_refused_with_the_remedy(classroom, tmp_path, name, content, why):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BadSource, match=why):
        take(classroom, tmp_path / name)


def test_a_pipe_or_a_giant_folder_as_a_source_is_refused(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe.zip")
    with pytest.raises(BadSource, match="neither a folder nor a file"), open_source(tmp_path / "pipe.zip"):
        pass
    monkeypatch.setattr("course_utils.grading.classroom.sources.MAX_ITEMS", 3)
    for number in range(4):
        (tmp_path / f"{number}.ipynb").touch()
    with pytest.raises(BadSource, match="is it the one with the submissions"), open_source(tmp_path):
        pass


def test_nothing_is_read_that_will_not_be_taken(classroom, source, monkeypatch):
    folder = source({f"s001/{n:04d}.ipynb": b"x" for n in range(MAX_FILES + 50)})
    for number in range(30):
        (folder / "s002").mkdir(exist_ok=True)
        (folder / "s002" / f"{number}.csv").touch()
        os.truncate(folder / "s002" / f"{number}.csv", MAX_FILE_BYTES + 1)
    opened = []
    real = os.open
    monkeypatch.setattr(
        "course_utils.grading.classroom.sources.os.open", lambda path, *rest: opened.append(path) or real(path, *rest)
    )
    take(classroom, folder)
    monkeypatch.undo()
    assert len([path for path in opened if b"source/s001" in os.fsencode(path)]) == MAX_FILES
    assert not [path for path in opened if b"source/s002" in os.fsencode(path)]
    assert [len(r.notes) for r in latest(classroom).values()] == [21, 21], "notes are bounded as well"


def test_archives_in_one_hand_in_are_counted(classroom, source):
    take(classroom, source({f"s001/{n:02d}.zip": zip_of({"x.csv": b"%d" % n}) for n in range(30)}))
    (files,) = texts(classroom, "s001")
    assert sum(name.endswith("x.csv") for name in files) == 20
    assert sum(name.endswith(".zip") for name in files) == 10, "what is not opened is kept"
    assert latest(classroom)["s001"].notes[-1] == "and 10 more notes"


def test_a_file_from_the_year_thirty_thousand_is_taken(classroom, source, monkeypatch):
    folder = source({"s001.ipynb": b"1"})
    real = os.lstat

    def strange(path):
        found = real(path)
        return os.stat_result((*found[:8], 10**12, found[9]))

    monkeypatch.setattr("course_utils.grading.classroom.sources.os.lstat", strange)
    take(classroom, folder)
    assert latest(classroom)["s001"].received is None


def test_who_says_folder_vouches_for_the_times(classroom, source):
    late = DUE + timedelta(days=1)
    folder = source({f"s00{n}/small.ipynb": b"1" for n in (1, 2, 3)}, late)
    assert take(classroom, folder).unknown_times == 3
    assert take(classroom, folder, kind="folder").unknown_times == 0
    assert {receipt.late_by_seconds for receipt in latest(classroom).values()} == {86_400}


def test_more_than_ten_thousand_of_nobody_are_all_there(classroom, source):
    take(classroom, source({"anna/x.ipynb": b"1"}))
    home = classroom.submissions / NAME / "_unmatched"
    (first,) = home.iterdir()
    text = (first / "receipt.json").read_text()
    (first / "receipt.json").write_text(text.replace('"number": 1', '"number": 9999'))
    first.rename(home / f"9999{first.name[4:]}")
    take(classroom, source({"ben/x.ipynb": b"2"}))
    take(classroom, source({"cleo/x.ipynb": b"3"}))
    assert [r.number for r in Unmatched(classroom, NAME).waiting] == [9999, 10_000, 10_001]
    assert [r.original_name for r in Unmatched(classroom, NAME).waiting] == ["anna", "ben", "cleo"]


@pytest.mark.parametrize("below", ["", "submissions", "submissions/small", "ledger"])
def test_the_class_itself_is_no_source(classroom, source, below):
    take(classroom, source({"s001.ipynb": b"1"}))
    before = snapshot(classroom.path)
    with pytest.raises(BadSource, match="is the class's own: give what students handed in"):
        take(classroom, classroom.path / below)
    assert snapshot(classroom.path) == before


WORDS = [
    "s001", "S002", "stud3", "Student 04", "05 student", "s006@example.org", "nobody", "small", "01", "_", "-1", "LATE",
    "student07_1007_70", "student08_LATE_1008_80", "anon_xY_9", "who_99_90", "Student 09_5_assignsubmission_file_",
    "Student 01_7_assignsubmission_onlinetext_", "s002+small+2027-02-01 10:00:00.5 UTC",
    "s003+other+2027-02-01 10:00 UTC",
    "caf\u00e9", "cafe\u0301", "\u202e", "a b", "...", "ENDE", "ende",
]  # fmt: skip
ENDINGS = [".ipynb", "-1.ipynb", ".csv", ".txt", "", ".IPYNB", "_small.ipynb", "_small-2.ipynb"]


def any_name(rng) -> str:
    return rng.choice(WORDS) + rng.choice(["", "_", " "]) + rng.choice([*WORDS, ""]) + rng.choice(ENDINGS)


@pytest.mark.parametrize("seed", range(40))
def test_whatever_the_names_are_every_file_is_in_some_receipt(classroom, tmp_path, seed):
    rng = random.Random(seed)
    paths = {"/".join(any_name(rng) for _ in range(rng.choice([1, 1, 2, 3]))): b"" for _ in range(rng.randrange(1, 25))}
    files = {path: f"content {n}".encode() for n, path in enumerate(paths)}
    if seed % 2:
        source = tmp_path / "export.zip"
        source.write_bytes(zip_of(files))
    else:
        source = tmp_path / "source"
        for path in list(files):
            try:
                (source / path).parent.mkdir(parents=True, exist_ok=True)
                (source / path).write_bytes(files[path])
            except (FileExistsError, NotADirectoryError, IsADirectoryError):
                del files[path]
    found = take(classroom, source, kind=rng.choice(["auto", "folder", "canvas", "moodle", "nbgrader"]))
    homes = [home.name for home in (classroom.submissions / NAME).iterdir()]
    kept = {data for home in homes for files_ in texts(classroom, home) for data in files_.values()}
    assert kept == set(files.values())
    assert len(found.entered) == sum(len(receipts.attempts(classroom, NAME, home)) for home in homes)
    before = snapshot(classroom.path)
    again = take(classroom, source, kind=found.kind)
    assert {one.what for one in again.entered} <= {SAME, OLDER}
    assert snapshot(classroom.path) == before


@pytest.mark.parametrize("seed", range(30))
def test_files_folders_and_archives_of_one_name_never_swallow_each_other(classroom, source, seed):
    rng = random.Random(seed)
    count = iter(range(1000))

    def path():
        return "/".join(rng.choice(["a", "a.csv", "b", "a (2).csv", "A"]) for _ in range(rng.choice([1, 2, 2, 3])))

    def tree(depth):
        found = {}
        for _ in range(rng.randrange(1, 8)):
            name = path()
            if any(n.startswith(name + "/") or name.startswith(n + "/") or n.lower() == name.lower() for n in found):
                continue
            text = f"content {next(count)}".encode()
            if depth and rng.random() < 0.3:
                found[name + ".zip"] = zip_of(tree(depth - 1))
            else:
                found[name] = text
        return found or {"z": f"content {next(count)}".encode()}

    def contents(files):
        for data in files.values():
            if data.startswith(b"PK"):
                with zipfile.ZipFile(io.BytesIO(data)) as archive:
                    yield from contents({name: archive.read(name) for name in archive.namelist()})
            else:
                yield data

    files = tree(2)
    receipt = take(classroom, source({f"s001/{name}": data for name, data in files.items()})).entered[0].receipt
    if not receipt.rejected and not any(note.startswith("left out") for note in receipt.notes):
        assert sorted(texts(classroom, "s001")[0].values()) == sorted(contents(files))
    else:
        assert "which some systems do not tell apart" in f"{receipt.rejected} {receipt.notes}"


def test_one_notebook_can_be_given_alone(classroom, source):
    folder = source({"s001.ipynb": b"1"})
    assert whats(take(classroom, folder / "s001.ipynb")) == {"s001": NEW}


# ---- cut off ----


def many_files(count: int = 9) -> dict[str, bytes]:
    return {
        f"s{n:03d}/{part}": f"{n} {part}".encode() * 300 for n in range(1, count + 1) for part in ("small.ipynb", "x")
    }


def check_whole(classroom, folder):
    """Every student's files are there exactly as they are in the source, once, and nothing else lies around."""
    for student in STUDENTS:
        want = {p.name: p.read_bytes() for p in (folder / student.id).iterdir()}
        assert texts(classroom, student.id) == [want]
    assert not list(classroom.path.rglob(".part-*"))


@pytest.mark.parametrize("seed", range(8))
def test_a_disk_that_fills_up_at_any_write_loses_nothing(classroom, source, seed, monkeypatch):
    folder = source(many_files())
    rng, real = random.Random(seed), os.fsync
    left = [rng.randrange(1, 40)]

    def full(descriptor):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        take(classroom, folder)
    for receipt in latest(classroom).values():
        assert receipts.is_intact(classroom, receipt)
    left[0] = 10_000
    take(classroom, folder)
    check_whole(classroom, folder)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0 or sys.platform != "linux", reason="mounts a disk")
def test_a_really_full_disk_loses_nothing(classroom, source):
    folder = source({f"s{n:03d}/small.ipynb": os.urandom(50_000) for n in range(1, 10)})
    disk = classroom.submissions
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount a disk")
    try:
        with pytest.raises(OSError, match="No space left"):
            take(classroom, folder)
        there = latest(classroom)
        assert 0 < len(there) < 9
        assert all(receipts.is_intact(classroom, receipt) for receipt in there.values())
        subprocess.run(["mount", "-o", "remount,size=3m", str(disk)], check=True)
        take(classroom, folder)
        check_whole(classroom, folder)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


COLLECTOR = """
    import sys
    from pathlib import Path
    from course_utils.grading.classroom.folder import ClassFolder
    from course_utils.grading.classroom.intake import collect
    classroom = ClassFolder(Path(sys.argv[1]))
    print("ready", flush=True)
    with classroom.lock():
        for found in collect(classroom, "small", Path(sys.argv[2])):
            print(len(found.entered), flush=True)
"""


@pytest.mark.parametrize("seed", range(5))
def test_a_collection_killed_at_any_moment_is_completed_by_the_next(classroom, source, seed):
    folder = source(many_files())
    rng = random.Random(seed)
    for _ in range(3):
        command = [sys.executable, "-c", textwrap.dedent(COLLECTOR), str(classroom.path), str(folder)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n"
        for _ in range(rng.randrange(4)):
            process.stdout.readline()
        time.sleep(rng.random() / 100)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        for receipt in latest(classroom).values():
            assert receipts.is_intact(classroom, receipt)
    take(ClassFolder(classroom.path), folder)
    check_whole(classroom, folder)


def test_nothing_that_is_taken_in_can_be_run_or_read_by_others(classroom, source):
    folder = source({"s001/small.ipynb": b"1", "s001/run.sh": b"#!/bin/sh"})
    os.chmod(folder / "s001" / "run.sh", 0o4777)
    take(classroom, folder)
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in classroom.submissions.rglob("*") if p.is_file()}
    assert not any(mode & 0o7133 for mode in modes.values()), modes


def test_sources_are_left_as_they_are(classroom, source):
    folder = source(many_files())
    copy = folder.parent / "copy"
    shutil.copytree(folder, copy)
    take(classroom, folder)
    assert snapshot(folder) == snapshot(copy)

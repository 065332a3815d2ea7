"""What names say: hand-ins as Canvas, Moodle, nbgrader and people name them; matched, never guessed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from course_utils.grading.classroom.lms import Wanted, hand_ins, kind_of_source, unwrapped
from course_utils.grading.classroom.matching import Matcher, Who
from course_utils.grading.classroom.roster import Student
from course_utils.grading.classroom.sources import Item
from course_utils.grading.classroom.times import BadTime, parse_time, read_times

NAME = "01_perceptron"
ROME = ZoneInfo("Europe/Rome")
DUE = datetime(2027, 3, 1, 23, 59, tzinfo=ROME)
WANTED = Wanted(NAME, frozenset({NAME, "predictions"}), ROME, frozenset({"02_mlp"}), DUE)


def items(*paths: str, modified=None) -> list[Item]:
    return [Item(path, 1, lambda limit: b"x", modified) for path in paths]


def found(kind: str, *paths: str, **about):
    return hand_ins(items(*paths, **about), kind, WANTED)


def files(one) -> list[str]:
    return sorted(item.path for item in one.items)


CANVAS = "student01_1001_50001_01_perceptron.ipynb"


@pytest.mark.parametrize(
    ("name", "who", "file", "late"),
    [
        (CANVAS, Who(canvas_id="1001", joined="student01"), "01_perceptron.ipynb", False),
        ("leeann_LATE_7_8_my_work_1_2.ipynb", Who(canvas_id="7", joined="leeann"), "my_work_1_2.ipynb", True),
        ("late_7_8_x.ipynb", Who(canvas_id="7", joined="late"), "x.ipynb", False),
        ("smith_jonesann_7_8_9_x.ipynb", Who(canvas_id="7", joined="smith_jonesann"), "9_x.ipynb", False),
        ("12_smith_7_8_x.ipynb", Who(canvas_id="7", joined="12_smith"), "x.ipynb", False),
        ("müllerjörg_7_8_x.ipynb", Who(canvas_id="7", joined="müllerjörg"), "x.ipynb", False),
        ("anon_aB3xY_8_x.ipynb", Who(word="anon_aB3xY"), "x.ipynb", False),
        ("LATE_anon_aB3xY_8_x.ipynb", Who(word="anon_aB3xY"), "x.ipynb", True),
        ("leeann_7_text.html", Who(canvas_id="7", joined="leeann"), "text.html", False),
        ("leeann_LATE_7_link.html", Who(canvas_id="7", joined="leeann"), "link.html", True),
        ("a_7_8_01_perceptron-2.ipynb", Who(canvas_id="7", joined="a"), "01_perceptron.ipynb", False),
        ("a_7_8_predictions-1.csv", Who(canvas_id="7", joined="a"), "predictions.csv", False),
        ("a_7_8_data-1.csv", Who(canvas_id="7", joined="a"), "data-1.csv", False),
    ],
)
def test_canvas_names(name, who, file, late):
    (one,) = found("canvas", name)
    assert (one.who, files(one), one.flagged_late, one.name) == (who, [file], late, name)


def test_canvas_files_of_one_person_belong_together():
    (one,) = found("canvas", "a_7_8_01_perceptron.ipynb", "a_7_9_data.csv", "a_7_text.html")
    assert files(one) == ["01_perceptron.ipynb", "data.csv", "text.html"]


def test_canvas_attempts_in_one_export_are_put_in_the_order_of_their_attachments():
    names = [
        "a_7_120_01_perceptron-2.ipynb",
        "a_7_30_01_perceptron.ipynb",
        "a_7_31_x.csv",
        "a_7_99_01_perceptron-1.ipynb",
    ]
    attempts = found("canvas", *names)
    assert [one.attempt for one in attempts] == [0, 1, 2]
    assert [files(one) for one in attempts] == [["01_perceptron.ipynb", "x.csv"]] * 3
    assert [one.name for one in attempts] == ["a_7_31_x.csv", names[3], names[0]]


def test_canvas_zips_do_not_say_when():
    assert found("canvas", CANVAS, modified=DUE)[0].received is None


@pytest.mark.parametrize(
    ("path", "name", "number", "file"),
    [
        ("Ann Lee_12345_assignsubmission_file_/x.ipynb", "Ann Lee", "12345", "x.ipynb"),
        ("Ann Lee_12345_assignsubmission_file/a/x.ipynb", "Ann Lee", "12345", "a/x.ipynb"),
        ("Ann Lee_12345_assignsubmission_file_x_1.ipynb", "Ann Lee", "12345", "x_1.ipynb"),
        ("Ann__Marie_Lee_12345_assignsubmission_file_/x.ipynb", "Ann  Marie Lee", "12345", "x.ipynb"),
        ("Ann Lee_1_assignsubmission_onlinetext_/onlinetext.html", "Ann Lee", "1", "onlinetext/onlinetext.html"),
        ("Ann Lee_1_assignsubmission_onlinetext_onlinetext.html", "Ann Lee", "1", "onlinetext/onlinetext.html"),
        ("Participant_12345_assignsubmission_file_/x.ipynb", "Participant", "12345", "x.ipynb"),
    ],
)
def test_moodle_names(path, name, number, file):
    (one,) = found("moodle", path)
    assert one.who == Who(name=name, number=number)
    assert files(one) == [file]


def test_moodle_folders_of_one_person_belong_together():
    (one,) = found(
        "moodle", "A B_5_assignsubmission_file_/x.ipynb", "A B_5_assignsubmission_onlinetext_/onlinetext.html"
    )
    assert files(one) == ["onlinetext/onlinetext.html", "x.ipynb"]


def test_moodle_zips_that_were_written_at_once_do_not_say_when():
    paths = [f"S {n}_{n}_assignsubmission_file_/x.ipynb" for n in range(2)]
    assert {one.received for one in found("moodle", *paths, modified=DUE)} == {None}
    spread = [replace(item, modified=DUE + timedelta(hours=n)) for n, item in enumerate(items(*paths))]
    assert [one.received for one in hand_ins(spread, "moodle", WANTED)] == [DUE, DUE + timedelta(hours=1)]


def test_nbgrader_folders_are_attempts_by_time_and_other_assignments_are_left_alone():
    attempts = found(
        "nbgrader",
        "bit+01_perceptron+2027-02-02 15:58:23.948203 UTC+abc/01_perceptron.ipynb",
        "bit+01_perceptron+2027-02-01 15:58:23.948203 UTC/01_perceptron.ipynb",
        "bit+01_perceptron+2027-02-01 15:58:23.948203 UTC/timestamp.txt",
        "bit+02_mlp+2027-02-03 15:58:23.948203 UTC/02_mlp.ipynb",
    )
    assert [(one.who.word, one.attempt, one.received.day) for one in attempts] == [("bit", 0, 1), ("bit", 1, 2)]
    assert [files(one) for one in attempts] == [["01_perceptron.ipynb"]] * 2


def test_nbgraders_times_are_those_of_handing_in_even_if_all_came_at_once():
    late = [f"s{n}+01_perceptron+2027-03-05 10:0{n}:00.0 UTC/x.ipynb" for n in range(4)]
    assert [one.received.minute for one in found("nbgrader", *late)] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("path", "word", "file"),
    [
        ("s001/01_perceptron.ipynb", "s001", "01_perceptron.ipynb"),
        ("s001/01_perceptron/01_perceptron.ipynb", "s001", "01_perceptron/01_perceptron.ipynb"),
        ("s001.ipynb", "s001", "s001.ipynb"),
        ("s001@example.org/x.ipynb", "s001@example.org", "x.ipynb"),
        ("Student 01.zip", "Student 01", "Student 01.zip"),
        ("s001.tar.gz", "s001", "s001.tar.gz"),
        ("01_perceptron_s001.ipynb", "s001", "01_perceptron_s001.ipynb"),
        ("s001 - 01_Perceptron.ipynb", "s001", "s001 - 01_Perceptron.ipynb"),
        ("01_perceptron.ipynb", "01_perceptron", "01_perceptron.ipynb"),
    ],
)
def test_folders_and_files_named_after_a_student(path, word, file):
    (one,) = found("folder", path)
    assert (one.who, files(one)) == (Who(word=word), [file])


def test_other_assignments_in_a_students_folder_are_left_alone():
    (one,) = found("folder", "s1/01_perceptron/a.ipynb", "s1/02_mlp/b.ipynb")
    assert files(one) == ["01_perceptron/a.ipynb"]


def test_files_and_a_folder_of_one_student_belong_together():
    (one,) = found("folder", "s1.ipynb", "s1.csv", "s1/more.csv")
    assert files(one) == ["more.csv", "s1.csv", "s1.ipynb"]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_files_that_were_all_written_at_once_after_the_due_time_were_copied_and_tell_no_time(count):
    paths = [f"s{n}.ipynb" for n in range(count)]
    for after in (timedelta(seconds=1), timedelta(days=1)):
        copied = [replace(item, modified=DUE + after) for item in items(*paths)]
        assert {one.received for one in hand_ins(copied, "folder", WANTED)} == {None}
        vouched = replace(WANTED, believe_times=True)
        assert {one.received for one in hand_ins(copied, "folder", vouched)} == {DUE + after}


def test_one_file_written_just_after_the_due_time_makes_the_times_of_a_copy_unknown():
    moments = [DUE - timedelta(minutes=2), DUE, DUE + timedelta(minutes=1)]
    copied = [replace(item, modified=when) for item, when in zip(items("s1.ipynb", "s2.ipynb", "s3.ipynb"), moments)]
    assert {one.received for one in hand_ins(copied, "folder", WANTED)} == {None}


def test_what_was_copied_before_the_due_time_was_handed_in_before_it():
    wall = datetime(2027, 3, 1, 12)
    assert {one.received for one in found("folder", "s1.ipynb", "s2.ipynb", modified=wall)} == {
        wall.replace(tzinfo=ROME)
    }


def test_times_of_files_that_lie_apart_are_those_of_handing_in():
    paths = [f"s{n}.ipynb" for n in range(3)]
    apart = [replace(item, modified=DUE + timedelta(minutes=6 * n - 6)) for n, item in enumerate(items(*paths))]
    assert [one.received for one in hand_ins(apart, "folder", WANTED)] == [item.modified for item in apart]


@pytest.mark.parametrize(
    ("paths", "kind"),
    [
        ([CANVAS, "a_LATE_7_8_x.ipynb"], "canvas"),
        ([CANVAS, "README.txt"], "canvas"),
        (["anon_x_1_a.ipynb"], "canvas"),
        (["A B_5_assignsubmission_file_/x.ipynb"], "moodle"),
        (["A B_5_assignsubmission_file_x.ipynb"], "moodle"),
        (["a+01_perceptron+2027-02-02 15:58:23.948203 UTC/x.ipynb"], "nbgrader"),
        (["s001/x.ipynb", "s002.ipynb"], "folder"),
        (["01_perceptron.ipynb"], "folder"),
        ([], "folder"),
    ],
)
def test_what_wrote_a_source_is_told_by_the_names(paths, kind):
    assert kind_of_source(items(*paths)) == kind


def test_a_folder_around_everything_is_looked_into():
    def known(word):
        return word == "s001"

    def tops(*paths):
        return [item.path for item in unwrapped(items(*paths), known, WANTED)]

    assert tops("export/all/s001/a.ipynb", "export/all/s002/a.ipynb") == ["s001/a.ipynb", "s002/a.ipynb"]
    assert tops(f"submissions/{CANVAS}") == [CANVAS]
    assert tops("s001/a.ipynb") == ["s001/a.ipynb"], "the folder of the only student"
    assert tops("all/s001_01_perceptron.ipynb", "all/x.ipynb") == ["s001_01_perceptron.ipynb", "x.ipynb"]
    assert tops("anna/a.ipynb") == ["anna/a.ipynb"], "nobody is known: the outer name says as much"
    assert tops("a/b/c/x.ipynb") == ["a/b/c/x.ipynb"]
    assert tops("A B_5_assignsubmission_file_/x.ipynb") == ["A B_5_assignsubmission_file_/x.ipynb"]


STUDENTS = [
    Student("s001", "Ann-Marie O’Neil", "ann@example.org", "1001", "U1", "aoneil", "77"),
    Student("s002", "Jörg Müller", "joerg@example.org", "1002", "U2", "jm"),
    Student("s003", "Lee, Sam", "sam@example.org"),
    Student("s004", "Sam Lee", moodle_id="12345"),
    Student("s005", "王 伟"),
    Student("1002", "Named Like Canvas"),
    Student("s007", "Same Number", canvas_id="500"),
    Student("s008", "Other Number", sis_id="500"),
]


@pytest.mark.parametrize(
    ("who", "student"),
    [
        (Who(word="S001"), "s001"),
        (Who(word="aoneil"), "s001"),
        (Who(word="U1"), "s001"),
        (Who(word="ANN@example.org"), "s001"),
        (Who(word="1001"), "s001"),
        (Who(word="77"), "s001"),
        (Who(word="oneil ann marie"), "s001"),
        (Who(word="1002"), "1002"),
        (Who(canvas_id="1002"), "s002"),
        (Who(canvas_id="1001", joined="somebody"), "s001"),
        (Who(name="Mueller Jorg"), None),
        (Who(name="MULLER, JORG"), "s002"),
        (Who(name="Mu\u0308ller Jo\u0308rg"), "s002"),
        (Who(joined="oneilannmarie"), "s001"),
        (Who(joined="annmarieoneil"), "s001"),
        (Who(joined="müllerjörg", canvas_id="999"), None),
        (Who(joined="王伟", canvas_id="999"), "s005"),
        (Who(name="伟王"), None),
        (Who(name="伟 王"), "s005"),
        (Who(name="Sam Lee"), None),
        (Who(name="Sam Lee", number="12345"), "s004"),
        (Who(name="Sam Lee", email="sam@example.org"), "s003"),
        (Who(name="Sam Lee", number="999"), None),
        (Who(word="500"), None),
        (Who(word="Ann"), None),
        (Who(word="s00"), None),
        (Who(name="Participant", number="77"), None),
        (Who(), None),
        (Who(word="---"), None),
    ],
)
def test_a_person_is_found_when_exactly_one_fits(who, student):
    one, why = Matcher(STUDENTS).find(who)
    assert (one.id if one else None) == student
    assert bool(why) == (student is None)


def test_why_nobody_fits_is_said_without_control_characters():
    matcher = Matcher(STUDENTS)
    assert matcher.find(Who(name="Sam Lee"))[1] == "2 students have the name Sam Lee (s003, s004)"
    assert matcher.find(Who(word="500"))[1] == "2 students have 500 (s007, s008)"
    assert "canvas_id 999, and müllerjörg has another" in matcher.find(Who(joined="müllerjörg", canvas_id="999"))[1]
    assert matcher.find(Who(word="\x1b[2Jx\r"))[1].isprintable()


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("2027-03-01T23:59", datetime(2027, 3, 1, 23, 59, tzinfo=ROME)),
        ("2027-03-01 23:59:30", datetime(2027, 3, 1, 23, 59, 30, tzinfo=ROME)),
        ("2027-03-01T22:59:00Z", datetime(2027, 3, 1, 23, 59, tzinfo=ROME)),
        (" Monday, 1 March 2027,  11:59 PM ", datetime(2027, 3, 1, 23, 59, tzinfo=ROME)),
        ("1 March 2027, 12:00 AM", datetime(2027, 3, 1, tzinfo=ROME)),
        ("2027-03-01 22:59:00.000000 UTC", datetime(2027, 3, 1, 23, 59, tzinfo=ROME)),
        ("2027-03-01 23:59:00 Europe/Rome", datetime(2027, 3, 1, 23, 59, tzinfo=ROME)),
    ],
)
def test_times_are_read_as_people_and_systems_write_them(text, want):
    assert parse_time(text, ROME) == want
    assert parse_time(text, ROME).tzinfo is not None


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "2027-03-01", "03/01/2027 11:59 PM", "25:00", "lunedì, 1 marzo 2027, 23:59"]
)
def test_what_could_be_read_in_two_ways_is_no_time(text):
    with pytest.raises(BadTime, match="write it as 2027-03-01T23:59"):
        parse_time(text, ROME)


def test_moodles_worksheet_is_read(tmp_path):
    path = tmp_path / "w.csv"
    path.write_text(
        '\ufeffIdentifier,"Full name","Email address",Status,Grade,"Last modified (submission)"\n'
        'Participant 12345,"Ann Lee",ann@example.org,"Submitted for grading",,"Monday, 1 March 2027, 11:59 PM"\n'
        'Participant 12346,"Bo Ek",bo@example.org,"No submission",,-\n'
    )
    first, second = read_times(path, ROME)
    assert first.who == Who(number="12345", name="Ann Lee", email="ann@example.org")
    assert first.received == datetime(2027, 3, 1, 23, 59, tzinfo=ROME)
    assert second.received is None


@pytest.mark.parametrize("head", ["id;time", "ID,Received", "student\tsubmitted", "user_id,submitted_at", "email,time"])
def test_a_simple_table_of_times_is_read(tmp_path, head):
    path = tmp_path / "t.csv"
    mark = next(mark for mark in ";\t," if mark in head)
    path.write_text(f"{head}\nx1{mark}2027-03-01T12:00Z\n\n{mark}\n")
    (row,) = read_times(path, ROME)
    assert row.received == datetime(2027, 3, 1, 12, tzinfo=UTC)
    assert "x1" in (row.who.word, row.who.canvas_id, row.who.email)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("name,when\na,b\n", r"no column that says when \(such as 'time'\); its first line has: name, when"),
        ("who,time\na,b\n", "no column that says who"),
        ("", "no column .* nothing"),
        ("id,time\ns1,soon\n", "line 2: 'soon' is no time"),
        ('id,time\ns1,"lunedì, 1 marzo 2027, 23:59"\n', "set Moodle's language to English"),
        (b"id,time\n\xff\n", "no CSV in UTF-8"),
        ("id,time\n" + "x" * 200_000, "no CSV in UTF-8"),
    ],
)
def test_a_wrong_table_of_times_is_refused_with_the_line(tmp_path, content, why):
    path = tmp_path / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadTime, match=why):
        read_times(path, ROME)
    with pytest.raises(BadTime, match="cannot be read"):
        read_times(tmp_path / "none.csv", ROME)

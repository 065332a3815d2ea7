"""Tables for Canvas, Moodle and people: everybody once, no mark stays empty, names survive, no formula runs."""

import csv
import io
import json
import re
from dataclasses import replace
from html import unescape

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from course_utils.cli import main
from course_utils.grading.classroom import canvas, moodle
from course_utils.grading.classroom.export import class_table
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.ledger import Ledger
from course_utils.grading.classroom.manual import ManualMarks
from course_utils.grading.classroom.roster import Student, write_roster
from course_utils.grading.classroom.standing import LATE, MISSING, STATUSES, WAITING, standings
from course_utils.grading.classroom.tables import BYTE_ORDER_MARK, as_csv, is_formula, key, label
from course_utils.grading.classroom.wording import one_line
from course_utils.grading.grade import GRADED, HUMAN, REJECTED, Grade
from course_utils.grading.marks import written
from tests.grading.classroom.made_standings import (
    NAMES,
    by_hand,
    enter,
    failed,
    mixes,
    receipt_for,
    result,
    standing,
    student,
)

WITH_POINTS = {GRADED, LATE}


@pytest.fixture(scope="module")
def classroom(tmp_path_factory, making) -> ClassFolder:
    return making.make_class(tmp_path_factory.mktemp("export"), written=True)


@pytest.fixture(scope="module")
def assignment(classroom):
    """The small assignment: double (2 points), area (1), why (2, by hand)."""
    return classroom.assignment("small")


def read(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def without_apostrophe(cell: str) -> str:
    return cell[1:] if is_formula(cell.lstrip("'")) else cell


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_every_table_has_everybody_once_and_no_empty_mark_becomes_a_number(classroom, assignment, data):
    rows = data.draw(mixes(assignment))
    ids = [row.student.id for row in rows]
    plain = read(class_table(rows, assignment, classroom))
    assert [line[0] for line in plain[1:]] == ids
    in_canvas = read(canvas.table(rows, "small", 5.0))
    in_moodle = read(moodle.table(rows, assignment))
    assert [len(table) for table in (in_canvas, in_moodle)] == [len(rows) + 2, len(rows) + 1]
    head, *lines = plain
    for row, line, for_canvas, for_moodle in zip(rows, lines, in_canvas[2:], in_moodle[1:]):
        cells = dict(zip(head, line))
        points = row.points if row.status in WITH_POINTS else None
        marks = {cells["points"], for_canvas[5], for_moodle[moodle.COLUMNS.index("Grade")]}
        assert marks == {written(points)}
        assert (cells["points"] == "") == (row.status not in WITH_POINTS)
        assert cells["status"] == for_moodle[moodle.COLUMNS.index("Status")] == row.status
        exercises = [cells[exercise.name] for exercise in assignment.exercises]
        if points is not None:
            assert sum(map(float, exercises)) == pytest.approx(float(cells["points"]))
        elif row.grade is None:
            assert exercises == ["", "", ""]
        for name in (cells["name"], for_canvas[0], for_moodle[1]):
            assert not is_formula(name)
        assert without_apostrophe(cells["name"]) == one_line(row.student.name, 200) or cells["name"] == row.student.id


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(NAMES, min_size=3, max_size=3), max_size=5))
@example(
    [
        ["=1+1", '"', "a,b;c"],
        ["\n", "\r\n", "\x00"],
        ["\u202e", "é", "李"],
        ["＝1", " =1", "\t-1"],
        ["'=", "''+", "=''"],
    ]
)
def test_labels_survive_a_reader_of_csv_and_no_cell_is_a_formula(table):
    rows = [[label(cell) for cell in row] for row in table]
    again = read(as_csv(rows, for_people=True))
    assert again == rows
    for row, cells in zip(table, again):
        for cell, name in zip(cells, row):
            assert not is_formula(cell)
            assert without_apostrophe(cell) == one_line(name)
            assert "\n" not in cell


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@a", "\t=1", "＝1", "＋1", "－1", "＠SUM(1)", " =1"])
def test_what_a_spreadsheet_may_run_is_kept_a_text(cell):
    assert label(cell).startswith("'")


@pytest.mark.parametrize("address", ["a@b.org", "+39-1@b.org", "-x@b.org", "=x@b.org", "@login", "X-1", "0042", ""])
def test_ids_and_addresses_stay_as_they_are(address):
    assert key(address) == address


@pytest.mark.parametrize("address", ["=cmd|'/C calc'!A0", '=HYPERLINK("http://x")', "=1+SUM(A1)", "@SUM(1)", "+a b"])
def test_an_id_that_could_do_harm_is_made_a_text(address):
    assert key(address) == f"'{address}"


def test_canvas_reads_its_own_columns_and_nothing_that_it_would_take_for_an_assignment(assignment):
    fields = {"canvas_id": "1001", "sis_id": "X1", "login": "log1"}
    rows = [standing(assignment, student(1, **fields), GRADED), standing(assignment, student(2), MISSING)]
    content = canvas.table(rows, "small", 5.0)
    assert not content.startswith(BYTE_ORDER_MARK)
    assert content.split(b"\r\n") == [
        b"Student,ID,SIS User ID,SIS Login ID,Section,small",
        b"    Points Possible,,,,,5",
        b"Student 01,1001,X1,log1,,5",
        b"Student 02,,,,,",
        b"",
    ]
    assert [row.student.id for row in canvas.unknown(rows)] == ["s002"]


def test_no_name_is_taken_for_the_row_of_points(assignment):
    rows = [standing(assignment, student(1, name="Points Possible points possible"), GRADED)]
    lines = canvas.table(rows, "small", 5.0).decode().splitlines()
    assert sum("points possible" in line.lower() for line in lines) == 1


def test_moodle_gets_what_its_two_importers_need(assignment):
    who = student(1, moodle_id="M1")
    row = standing(assignment, who, GRADED, {"double": 1.0})
    row = replace(row, receipt=receipt_for(who, "small", origin="moodle", original_name="Student_01_77"))
    head, line, other = read(moodle.table([row, standing(assignment, student(2), MISSING)], assignment))
    assert tuple(head) == moodle.COLUMNS
    cells = dict(zip(head, line))
    assert cells | {"Feedback comments": ""} == {
        "Identifier": "Participant 77", "Full name": "Student 01", "ID number": "M1",
        "Email address": "s001@example.org", "Status": "graded", "Grade": "4", "Maximum Grade": "5",
        "Last modified (grade)": "", "Feedback comments": "",
    }  # fmt: skip
    assert cells["Feedback comments"] == "Your work is graded: 4 of 5 points."
    nothing = dict(zip(head, other))
    assert (nothing["Identifier"], nothing["Grade"], nothing["Feedback comments"]) == ("", "", "")


def test_comments_are_harmless_html_and_tell_nothing_of_a_hidden_test(assignment):
    row = standing(assignment, student(1), HUMAN)
    bad = result(0.0, 2.0, failed("double", "use `<=` & not <script>alert(1)</script>"))
    grade = Grade(HUMAN, "the grader had trouble: /root/secret", {**row.grade.exercises, "double": bad})
    row = replace(row, reason=grade.reason, grade=grade, comments={"why": '<img src=x onerror="x">\nsecond line'})
    said = moodle.comment(row, assignment)
    assert re.findall(r"<[^>]*>", said.replace("<br>", "")) == []
    assert "use `<=` & not <script>" in unescape(said)
    assert "second line" in said
    for secret in ("test_secret_name", "0.123456", "/root/secret", "trouble"):
        assert secret not in said
    assert not is_formula(said)


def test_a_long_comment_is_cut_between_sentences(assignment):
    row = standing(assignment, student(1), GRADED)
    results = {"double": result(0.0, 2.0, *[failed("double", f"{n} {'x' * 900}") for n in range(10)])}
    said = moodle.comment(replace(row, grade=Grade(GRADED, "", results)), assignment)
    assert len(said) < 5_000
    assert said.endswith("The feedback page says more.")


WORKSHEET = (
    "\ufeffIdentifier,\"Full name\",\"Email address\",Status,Grade,\"Maximum Grade\","
    "\"Last modified (grade)\",\"Feedback comments\"\r\n"
    "\"Participant 77\",\"Somebody Else\",x@example.org,Submitted,,5.00,-,\r\n"
    "\"Participant 78\",\"Student 02\",S002@EXAMPLE.ORG,Submitted,3.00,5.00,\"Monday, 1 March 2027\",old\r\n"
    "\"Participant 79\",\"A Teacher\",t@example.org,,,5.00,-,kept\r\n"
)  # fmt: skip


def worksheet_rows(assignment):
    one, two = student(1), student(2)
    first = standing(assignment, one, GRADED, {"double": 0, "area": 0, "why": 0})
    first = replace(first, receipt=receipt_for(one, "small", origin="moodle", original_name="Student_01_77"))
    return [first, standing(assignment, two, MISSING), standing(assignment, student(3), GRADED)]


def test_a_downloaded_worksheet_is_filled_and_otherwise_left_alone(assignment, tmp_path):
    rows = worksheet_rows(assignment)
    (tmp_path / "grades.csv").write_text(WORKSHEET)
    sheet = moodle.read_worksheet(tmp_path / "grades.csv", rows)
    assert sheet.students == ("s001", "s002", None)
    assert sheet.participants == {"s001": "77", "s002": "78"}
    head, first, second, stranger = read(moodle.filled(sheet, rows, assignment))
    assert head == read(WORKSHEET.encode())[0]
    assert first[:4] + first[5:7] == ["Participant 77", "Somebody Else", "x@example.org", "Submitted", "5.00", "-"]
    assert first[4] == "0"
    assert second[4] == "", "no mark is an empty cell, and Moodle keeps what it has"
    assert second[6:] == ["Monday, 1 March 2027", "old"]
    assert stranger == ["Participant 79", "A Teacher", "t@example.org", "", "", "5.00", "-", "kept"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Name,Grade\nA,\n", "no column 'Identifier'"),
        ("", "no column 'Identifier'"),
        (
            "Identifier,Grade,Email address\nParticipant 1,,s002@example.org\nParticipant 2,,s002@example.org\n",
            "two rows",
        ),
    ],
)
def test_another_table_is_refused(assignment, tmp_path, text, why):
    (tmp_path / "grades.csv").write_text(text)
    with pytest.raises(moodle.BadWorksheet, match=why):
        moodle.read_worksheet(tmp_path / "grades.csv", worksheet_rows(assignment))


@pytest.fixture
def real(new_class, hand_in, small_files):
    """A class on the disk with a student of each status, and one whose answer was marked by hand."""
    classroom = new_class(7, written=True)
    ids = [f"s{n:03d}" for n in range(1, 8)]
    write_roster(
        classroom.roster_file,
        [Student(i, f"=Student {i}", f"{i}@example.org", f"10{i[1:]}", f"X{i}", f"log{i}", f"M{i}") for i in ids],
    )
    exercises = {"double": result(2.0, 2.0), "area": result(0.0, 1.0, failed("area", "area adds its sides"))}

    def graded(who, answer="because", **options):
        receipt = hand_in(classroom, who, written=answer, **options)
        why = result(None, 2.0, manual=True, answer=answer)
        enter(classroom, receipt, Grade(GRADED, "", {**exercises, "why": why}))

    graded("s001")
    graded("s002", flagged_late=True)
    hand_in(classroom, "s003", rejected="the file is empty")
    graded("s004", answer="left open")
    hand_in(classroom, "s005")
    rows = {row.student.id: row for row in standings(classroom, "small")}
    for who, points in (("s001", 1.5), ("s002", 0.0)):
        ManualMarks(classroom).add(by_hand(rows[who], "why", points, "well said"))
    return classroom


def test_the_command_writes_every_table_and_again_the_same_bytes(real, capsys):
    assert main(["grade", "export", str(real.path)]) == 0
    first = {path.name: path.read_bytes() for path in real.exports.iterdir()}
    assert set(first) == {"small.csv", "small.canvas.csv", "small.moodle.csv", "_final.csv"}
    assert "Identifier" not in capsys.readouterr().out, "nobody asked for Moodle, and nothing came from there"
    assert main(["grade", "export", str(real.path)]) == 0
    assert first == {path.name: path.read_bytes() for path in real.exports.iterdir()}
    head, *lines = read(first["small.csv"])
    rows = {line[0]: dict(zip(head, line)) for line in lines}
    assert {who: (cells["status"], cells["points"]) for who, cells in rows.items()} == {
        "s001": (GRADED, "3.5"), "s002": (LATE, "2"), "s003": (REJECTED, ""), "s004": (HUMAN, ""),
        "s005": (WAITING, ""), "s006": (MISSING, ""), "s007": (MISSING, ""),
    }  # fmt: skip
    assert rows["s001"]["name"] == "'=Student s001"
    assert rows["s002"] | {"received": ""} == {
        "id": "s002", "name": "'=Student s002", "status": "late", "reason": "", "points": "2", "possible": "5",
        "late": "yes", "late_by": "nobody knows by how much", "late_by_seconds": "", "received": "",
        "double": "2", "area": "0", "why": "0",
    }  # fmt: skip
    assert rows["s003"]["reason"] == "the file is empty"
    assert (rows["s004"]["why"], rows["s004"]["area"]) == ("", "0")
    assert first["small.csv"].startswith(BYTE_ORDER_MARK)
    assert set(STATUSES) == {cells["status"] for cells in rows.values()}


@pytest.mark.parametrize(
    ("wanted", "files"),
    [("canvas", {"small.canvas.csv"}), ("moodle", {"small.moodle.csv"}), ("csv", {"small.csv", "_final.csv"})],
)
def test_one_format_alone(real, capsys, wanted, files):
    assert main(["grade", "export", str(real.path), "--format", wanted]) == 0
    assert ("7 have no Identifier" in capsys.readouterr().out) == (wanted == "moodle")
    assert {path.name for path in real.exports.iterdir()} == files


def test_one_assignment_alone_with_a_worksheet(real, tmp_path, capsys):
    (tmp_path / "grades.csv").write_text(WORKSHEET)
    command = ["grade", "export", str(real.path), "small", "--moodle-worksheet", str(tmp_path / "grades.csv")]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "not in the worksheet: s001, s003" in said
    assert "fit nobody on the roster: 2" in said
    assert read((real.exports / "small.moodle.csv").read_bytes())[2][4] == "2"
    assert not (real.exports / "_final.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["DIR", "--moodle-worksheet", "x.csv"], "belongs to one ASSIGNMENT"),
        (["DIR", "small", "--moodle-worksheet", "x.csv"], "no worksheet at x.csv"),
        (["DIR", "small", "--moodle-worksheet", "x.csv", "--format", "csv"], "needs --format moodle"),
        (["DIR", "other"], "no assignment 'other'; class.yml lists: small"),
        (["DIR/assignments"], "is no class folder"),
    ],
)
def test_wrong_arguments_are_refused_with_the_remedy(real, capsys, arguments, why):
    assert main(["grade", "export", *(word.replace("DIR", str(real.path)) for word in arguments)]) == 2
    assert why in capsys.readouterr().err


def test_a_damaged_ledger_entry_costs_the_mark_and_is_no_zero(real):
    row = standings(real, "small")[0]
    path = Ledger(real).path("small", row.entry.key)
    record = json.loads(path.read_bytes())
    record["grade"]["exercises"]["double"]["points"] = 200
    path.write_text(json.dumps(record))
    assert main(["grade", "export", str(real.path), "--format", "csv"]) == 0
    _, first, *_ = read((real.exports / "small.csv").read_bytes())
    assert (first[2], first[4]) == (WAITING, "")

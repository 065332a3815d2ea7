"""Rosters of other systems are known by their columns; every student gets an id that fits, or nobody does."""

import pytest

from course_utils.grading.classroom.roster import BadRoster, Student
from course_utils.grading.classroom.roster_import import import_roster

CANVAS = """\
Student,ID,SIS User ID,SIS Login ID,Section,Homework 1 (4711),Current Score
,,,,,Manual Posting,
"    Points Possible",,,,,30.00,(read only)
"Lee, Ann Marie",1001,U1,alee,"Course and Lab",12.5,
"Müller, Jörg",1002,U2,jm,Course,,
"Student, Test",1003,,a0b1c2d3,Course,,
"""
MOODLE = """\
"First name","Last name",Username,"ID number","Email address",Groups
Ann Marie,Lee,alee,4711,ann@example.org,A
Jörg,Müller,jm,4712,joerg@example.org,
"""


@pytest.fixture
def table(tmp_path):
    def write(content: str | bytes):
        path = tmp_path / "roster.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_canvas_gradebook_is_a_roster(table):
    found = import_roster(table("\ufeff" + CANVAS))
    assert (found.kind, found.id_from) == ("canvas", "login")
    assert found.students == [
        Student("alee", "Ann Marie Lee", canvas_id="1001", sis_id="U1", login="alee"),
        Student("jm", "Jörg Müller", canvas_id="1002", sis_id="U2", login="jm"),
    ]
    assert found.left_out == ("Student, Test (Canvas' own test student)",)


def test_canvas_with_names_in_two_columns_and_semicolons(table):
    text = (
        "LastName;FirstName;ID;SIS User ID;SIS Login ID;Section\n;;;;;\n    Points Possible;;;;;\nLee;Ann;7;U1;alee;A\n"
    )
    assert import_roster(table(text)).students == [Student("alee", "Ann Lee", canvas_id="7", sis_id="U1", login="alee")]


def test_a_real_student_called_test_stays(table):
    text = 'Student,ID,SIS User ID,SIS Login ID,Section\n"Student, Test",7,U7,tstudent,A\n'
    assert [s.id for s in import_roster(table(text)).students] == ["tstudent"]


@pytest.mark.parametrize(
    ("old", "new", "column", "first"),
    [
        ("alee", "jm", "sis_id", "U1"),
        ("alee", "ALEE jm", "sis_id", "U1"),
        ("U1,alee", ",alee", "login", "alee"),
        ("U1,alee", ",", "canvas_id", "1001"),
        ("U1,alee", "../x,JM", "canvas_id", "1001"),
    ],
)
def test_the_id_is_a_column_that_everybody_has_and_nobody_shares(table, old, new, column, first):
    found = import_roster(table(CANVAS.replace(old, new)))
    assert (found.id_from, found.students[0].id) == (column, first)
    assert len({student.id.lower() for student in found.students}) == 2


def test_moodle_participants_are_a_roster(table):
    found = import_roster(table(MOODLE))
    assert (found.kind, found.id_from) == ("moodle", "login")
    assert found.students[0] == Student("alee", "Ann Marie Lee", "ann@example.org", moodle_id="4711", login="alee")
    few = "Surname,First name,Email address\nLee,Ann,ann@example.org\n\n"
    assert import_roster(table(few)).students == [Student("ann@example.org", "Ann Lee", "ann@example.org")]


def test_a_table_with_a_column_id_is_taken_as_it_is(table):
    found = import_roster(table("id,name,canvas_id\ns1,Ann,7\n"))
    assert (found.kind, found.students) == ("own", [Student("s1", "Ann", canvas_id="7")])


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "is no roster: .* its first line has: nothing"),
        ("Nome,Cognome,Indirizzo email\na,b,c\n", r"Moodle's participants .* in English; .* has: nome, cognome"),
        (CANVAS.partition('"Lee')[0], "has the columns of Canvas, but no student"),
        (CANVAS.replace("1001", ""), "line 4: Lee, Ann Marie has no number in the column ID"),
        (MOODLE.replace("alee", "").replace("4711", "").replace("ann@example.org", ""), "no id that every student has"),
        (CANVAS.encode("utf-16"), "not UTF-8"),
        ("id\n../x\n", "line 2: id"),
        ("id\n" + "x" * 200_000, "no table that can be read"),
    ],
)
def test_what_is_no_roster_is_refused_with_the_remedy(table, content, why):
    with pytest.raises(BadRoster, match=why):
        import_roster(table(content))


def test_no_file_is_told(tmp_path):
    with pytest.raises(BadRoster, match="there is no roster at"):
        import_roster(tmp_path / "none.csv")
    with pytest.raises(BadRoster, match="cannot be read"):
        import_roster(tmp_path)

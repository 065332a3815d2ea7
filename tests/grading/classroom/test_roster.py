"""The roster: read as people write it, refused with the line and the remedy."""

import pytest

from course_utils.grading.classroom.roster import COLUMNS, BadRoster, Student, read_roster, write_roster


@pytest.fixture
def roster(tmp_path):
    def write(content: str | bytes):
        path = tmp_path / "roster.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_what_is_written_is_read(tmp_path):
    students = [
        Student("s001", 'Student "01", called Ä', "s001@example.org", "1001", "SIS-1", "stud01", "77"),
        Student("a.b_c+d-e@example.org", "Öñe\nTwo"),
    ]
    write_roster(tmp_path / "roster.csv", students)
    assert read_roster(tmp_path / "roster.csv") == students


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_dialects_of_spreadsheets_are_read(roster, mark, end):
    lines = [["ID", " Name ", "group"], ["s1", "One", "a"], ["", "", ""], ["s2", "Two", "b"]]
    path = roster("\ufeff" + "".join(mark.join(line) + end for line in lines))
    assert read_roster(path) == [Student("s1", "One"), Student("s2", "Two")]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "needs a column 'id'; its first line has: nothing"),
        ("name,email\na,b\n", "needs a column 'id'; its first line has: name, email"),
        ("id,name\ns1,a\n,b\n", "line 3: id '' must be"),
        ("id\ns1\n../x\n", r"line 3: id '\.\./x' must be"),
        ("id\n_x\n", "line 2: id '_x' must be"),
        ("id\n.x\n", "line 2"),
        ("id\ns\x001\n", "line 2"),
        ("id\n" + "s" * 65 + "\n", "line 2"),
        ("id\nAnna\nben\nanna\n", "line 4: id 'anna' is already in line 2"),
        ("id\n" + "x" * 200_000, "no table that can be read"),
        ("id\nJosé\n".encode("latin-1"), "not UTF-8: save the roster"),
        ("id\ns1\n".encode("utf-16"), "not UTF-8"),
    ],
)
def test_a_wrong_roster_is_refused_with_the_line(roster, content, why):
    with pytest.raises(BadRoster, match=why):
        read_roster(roster(content))


def test_no_roster_is_told_with_the_columns(tmp_path):
    with pytest.raises(BadRoster, match="write one with the columns " + ", ".join(COLUMNS)):
        read_roster(tmp_path / "none.csv")
    with pytest.raises(BadRoster, match="cannot be read"):
        read_roster(tmp_path)

"""Final marks: one for each student, only where every part is known, and never a zero for what nobody graded."""

import csv
import io
import shutil
from fractions import Fraction
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from course_utils.cli import main
from course_utils.grading.classroom.exam import BadExam, read_exam
from course_utils.grading.classroom.export import FINAL, final_table
from course_utils.grading.classroom.final_marks import exam_of, final_marks, work_of
from course_utils.grading.classroom.folder import PARTS, ClassConfig, ClassFolder, Planned
from course_utils.grading.classroom.standing import LATE, MISSING, WAITING
from course_utils.grading.grade import GRADED, HUMAN, REJECTED, Grade
from course_utils.grading.marks import WEIGHTS
from tests.grading.classroom.made_standings import enter, result, standing, student

STATUS = (GRADED, LATE, MISSING, REJECTED, HUMAN, WAITING)


@pytest.fixture(scope="module")
def assignment(tmp_path_factory, making):
    """The small assignment: double (2 points), area (1 point)."""
    return making.make_class(tmp_path_factory.mktemp("assignment")).assignment("small")


def class_of(students, zero=False, weights=WEIGHTS, **plans):
    """A class that is only its settings: names of assignments with their parts."""
    planned = {name: Planned(part=part) for name, part in plans.items()}
    config = ClassConfig("T", 1, weights=weights, missing_counts_as_zero=zero, assignments=planned)
    return SimpleNamespace(config=config, roster=lambda: students)


def one_mark(assignment, statuses, zero=False, exam=None, **plans):
    """The final mark of one student with a status for each planned assignment."""
    who = student(1)
    work = {name: [standing(assignment, who, status)] for name, status in statuses.items()}
    (final,) = final_marks(class_of([who], zero, **plans), work, exam)
    return final


def exam(tmp_path, text):
    (tmp_path / "exam.csv").write_text(text)
    return read_exam(tmp_path / "exam.csv", [student(1), student(2)])


def test_three_known_parts_make_a_mark(assignment, tmp_path):
    marks = exam(tmp_path, "id,mark\ns001,80\n")
    who = student(1)
    work = {
        "a": [standing(assignment, who, GRADED, {"double": 1})],  # 2 of 3
        "b": [standing(assignment, who, LATE, {"double": 0, "area": 0})],  # 0 of 3
        "c": [standing(assignment, who, GRADED)],  # 3 of 3
    }
    (final,) = final_marks(class_of([who], a="homework", b="homework", c="challenge"), work, marks)
    assert final.parts["homework"].mark == Fraction(100, 3)
    assert final.mark == 30 * Fraction(1, 3) + 30 + 32
    assert final.reason == ""


@pytest.mark.parametrize("status", [MISSING, REJECTED, HUMAN, WAITING])
@pytest.mark.parametrize("zero", [False, True])
def test_work_without_a_mark_leaves_the_final_mark_open_unless_it_is_missing_and_the_class_says_so(
    assignment, tmp_path, status, zero
):
    marks = exam(tmp_path, "id,mark\ns001,100\n")
    final = one_mark(assignment, {"a": status, "c": GRADED}, zero, marks, a="homework", c="challenge")
    if status == MISSING and zero:
        assert (final.parts["homework"].mark, final.mark) == (0, 70)
    else:
        assert (final.parts["homework"].mark, final.mark) == (None, None)
        assert final.reason == f"a: {status}"


def test_a_mark_of_zero_is_a_mark(assignment, tmp_path):
    who = student(1)
    work = {name: [standing(assignment, who, GRADED, {"double": 0, "area": 0})] for name in "ac"}
    marks = exam(tmp_path, "id,mark\ns001,0\n")
    (final,) = final_marks(class_of([who], a="homework", c="challenge"), work, marks)
    assert final.mark == 0
    row = list(csv.reader(io.StringIO(final_table([final]).decode("utf-8-sig"))))[1]
    assert row == ["s001", "Student 01", "0", "0", "0", "0", ""]


def test_a_part_that_is_not_planned_or_not_there_is_open_with_its_reason(assignment):
    final = one_mark(assignment, {"a": GRADED}, a="homework")
    assert final.mark is None
    assert final.reason == (
        "no assignment is planned as challenge; no assignment is planned as exam and there is no exam.csv"
    )
    who = student(1)
    work = {"a": "a: its files are not in the class folder", "b": [standing(assignment, who, GRADED)]}
    (final,) = final_marks(class_of([who], zero=True, a="homework", b="homework"), work, None)
    assert final.parts["homework"].mark is None
    assert "its files are not in the class folder" in final.reason


def test_a_part_of_weight_zero_is_not_waited_for(assignment):
    final = one_mark(
        assignment, {"a": GRADED}, weights={"homework": 100.0, "challenge": 0.0, "exam": 0.0}, a="homework"
    )
    assert (final.mark, final.reason) == (100, "")


def test_an_exam_may_be_an_assignment_but_not_both(new_class):
    classroom = new_class(2, part="exam")
    assert exam_of(classroom, classroom.roster()) is None
    (classroom.path / "exam.csv").write_text("id,mark\ns001,50\n")
    with pytest.raises(BadExam, match="keep one of the two"):
        exam_of(classroom, classroom.roster())


def test_the_exam_is_read_as_spreadsheets_write_it(tmp_path):
    marks = exam(tmp_path, "\ufeffName; ID ;Mark;remark\r\nA;s001;87,5;x\r\n;;;\r\nB;s002;Missing;\r\nC;zz;3;\r\n")
    assert marks.marks == {"s001": Fraction("87.5"), "s002": None}
    assert marks.strangers == ("zz",)
    assert exam(tmp_path, "id,mark\ns001,\n").marks == {}
    assert read_exam(tmp_path / "none.csv", []) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("id,points\ns001,3\n", "needs a column 'mark'"),
        ("", "needs a column 'id'"),
        ("id,mark\ns001,101\n", "line 2: mark must be 0 to 100"),
        ("id,mark\ns001,-1\n", "line 2: mark must be 0 to 100"),
        ("id,mark\ns001,nan\n", "line 2: mark must be 0 to 100"),
        ("id,mark\ns001,1/2\n", "line 2: mark must be 0 to 100"),
        ("id,mark\ns001,absent\n", "'missing' or empty, got 'absent'"),
        ("id,mark\ns001,5\ns001,6\n", "line 3: 's001' is already in line 2"),
        ("id,mark\ns001,5\ns001,\n", "line 3: 's001' is already in line 2"),
    ],
)
def test_a_wrong_exam_table_is_refused_with_the_line(tmp_path, text, why):
    with pytest.raises(BadExam) as refusal:
        exam(tmp_path, text)
    assert why in str(refusal.value)


def test_who_did_not_come_has_a_zero_only_where_the_class_says_so(assignment, tmp_path):
    marks = exam(tmp_path, "id,mark\ns001,missing\n")
    done = {"a": GRADED, "c": GRADED}
    plans = {"a": "homework", "c": "challenge"}
    assert one_mark(assignment, done, False, marks, **plans).reason == "exam: missing"
    assert one_mark(assignment, done, True, marks, **plans).mark == 60
    empty = exam(tmp_path, "id,mark\ns001,\n")
    assert one_mark(assignment, done, True, empty, **plans).reason == "no mark in exam.csv"


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_everybody_has_one_row_and_no_open_part_becomes_a_number(assignment, data):
    statuses = st.sampled_from(STATUS)
    students = [student(n) for n in range(1, data.draw(st.integers(0, 6)) + 1)]
    plans = data.draw(st.dictionaries(st.sampled_from("abcde"), st.sampled_from(PARTS), max_size=5))
    work = {
        name: [standing(assignment, who, data.draw(statuses)) for who in students]
        if data.draw(st.booleans()) or data.draw(st.booleans())
        else "nobody knows"
        for name in plans
    }
    zero = data.draw(st.booleans())
    finals = final_marks(class_of(students, zero, **plans), work, None)
    assert [final.student for final in finals] == students
    known = {GRADED, LATE, MISSING} if zero else {GRADED, LATE}
    for number, final in enumerate(finals):
        for part in PARTS:
            own = [work[name] for name in plans if plans[name] == part]
            settled = bool(own) and all(not isinstance(rows, str) and rows[number].status in known for rows in own)
            assert (final.parts[part].mark is not None) == settled
        every = all(final.parts[part].mark is not None for part in PARTS)
        assert (final.mark is not None) == every == (final.reason == "")
    table = list(csv.reader(io.StringIO(final_table(finals).decode("utf-8-sig"))))
    assert [row[0] for row in table[1:]] == [who.id for who in students]
    for row, final in zip(table[1:], finals):
        assert (row[5] == "") == (final.mark is None)
        assert bool(row[6]) == (final.mark is None)


def test_the_command_writes_them_and_names_what_is_open(new_class, hand_in, capsys):
    classroom = new_class(3)
    settings = classroom.path / "class.yml"
    settings.write_text(settings.read_text() + "  later: {part: challenge}\n")
    receipt = hand_in(classroom, "s001")
    enter(classroom, receipt, Grade(GRADED, "", {"double": result(2.0, 2.0), "area": result(0.5, 1.0)}))
    (classroom.path / "exam.csv").write_text("id,mark\ns001,50\nzz9,3\n")
    assert main(["grade", "export", str(classroom.path), "--format", "csv"]) == 0
    said = capsys.readouterr().out
    assert "later: its files are not in the class folder" in said
    assert "not on the roster: zz9" in said
    assert "3 of 3 have no final mark yet" in said
    content = (classroom.exports / FINAL).read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    assert rows[0] == {
        "id": "s001", "name": "Student 001", "homework": "83.33", "challenge": "", "exam": "50", "final": "",
        "reason": "later: its files are not in the class folder",
    }  # fmt: skip
    assert rows[1]["homework"] == rows[1]["final"] == ""
    (classroom.path / "exam.csv").write_text("id,mark\ns001,500\n")
    assert main(["grade", "export", str(classroom.path)]) == 2
    assert "must be 0 to 100" in capsys.readouterr().err
    assert main(["grade", "report", str(classroom.path)]) == 2


def test_one_assignment_that_cannot_be_read_hides_no_other(new_class, hand_in):
    classroom = new_class(1)
    settings = classroom.path / "class.yml"
    settings.write_text(settings.read_text() + "  broken: {part: challenge}\n")
    for part in ("", "src/"):
        shutil.copytree(classroom.path / f"assignments/{part}small", classroom.path / f"assignments/{part}broken")
    notebook = classroom.path / "assignments/broken/small.ipynb"
    notebook.rename(notebook.with_name("broken.ipynb"))
    hidden = classroom.path / "assignments/src/broken/hidden.py"
    hidden.write_text(hidden.read_text().replace("points=1", "points=7"))
    work = work_of(ClassFolder(classroom.path))
    assert "7" in work["broken"]
    assert work["small"][0].status == MISSING

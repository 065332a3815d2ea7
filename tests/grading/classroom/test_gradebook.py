"""nbgrader's gradebook says what the ledger says, and what is entered there reaches the ledger once."""

import csv
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from course_utils.grading.classroom import gradebook as module
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.gradebook import sync, take_marks
from course_utils.grading.classroom.gradebook_database import Unusable, gradebook_of
from course_utils.grading.classroom.manual import ManualMarks
from course_utils.grading.classroom.roster import Student, write_roster
from course_utils.grading.files import SubmittedFiles
from course_utils.runtime import repo_root
from tests.grading.classroom.conftest import write_small_assignment
from tests.grading.classroom.made_grades import NAME, enter, mark, standing

DUE = datetime(2027, 3, 2, tzinfo=UTC)


@pytest.fixture
def classroom(new_class, hand_in):
    """s001, s002 graded, s003 late, s004 nothing, s005 rejected, s006 waiting, s007 the grader failed, s008 broken."""
    made = new_class(8, written=True, due=DUE)
    hand_in(made, "s008", "broken")
    enter(made, "s008")
    hand_in(made, "s001", "right", written="because of one")
    hand_in(made, "s002", "half", written="because of two")
    hand_in(made, "s003", "right", written="late thoughts", received=datetime(2027, 3, 2, 0, 5, 30, tzinfo=UTC))
    hand_in(made, "s005", SubmittedFiles({}), rejected="the archive is damaged")
    enter(made, "s001", "s003")
    enter(made, "s002", points={"area": 0.0})
    hand_in(made, "s006", "right", written="nobody has graded me")
    hand_in(made, "s007", "right", written="the grader fell over")
    enter(made, "s007", trouble="the grader had trouble: it fell over")
    return made


def quiet(sentence: str) -> None:
    """Take what is said and keep it to oneself."""


def enter_in_formgrader(classroom, student, points=None, comment=None, *, cell="why", extra=None, name=NAME):
    """What nbgrader's own formgrader does when somebody types into its page."""
    with gradebook_of(classroom) as book:
        if points is not None or extra is not None:
            grade = book.find_grade(cell, name, name, student)
            grade.manual_score, grade.extra_credit, grade.needs_manual_grade = points, extra, False
        if comment is not None:
            solution = cell if cell == "why" else f"{cell}_code"
            book.find_comment(solution, name, name, student).manual_comment = comment
        book.db.commit()


def grades(classroom, student):
    with gradebook_of(classroom) as book:
        found = book.find_submission(NAME, student).notebooks[0].grades
        return {g.name: (g.auto_score, g.manual_score, g.needs_manual_grade) for g in found}


def everything(classroom) -> str:
    """All rows of all tables."""
    with sqlite3.connect(classroom.path / "gradebook.db") as connection:
        return "\n".join(sorted(line for line in connection.iterdump() if "sqlite_sequence" not in line))


def test_nbgrader_reads_the_class_from_it(classroom):
    sync(classroom, NAME)
    mark(classroom, "s003", 1.5, "half of it")
    sync(classroom, NAME)
    with gradebook_of(classroom) as book:
        assignment = book.find_assignment(NAME)
        assert (assignment.duedate, assignment.max_score) == (datetime(2027, 3, 2), 5.0)
        assert (assignment.max_code_score, assignment.max_written_score) == (3.0, 2.0)
        assert [s.id for s in sorted(book.students, key=lambda s: s.id)] == [f"s{n:03d}" for n in range(1, 9)]
        assert (book.find_student("s001").last_name, book.find_student("s001").first_name) == ("001", "Student")
        cells = {c.name: (c.max_score, c.cell_type) for c in book.find_notebook(NAME, NAME).grade_cells}
        assert cells == {"double": (2.0, "code"), "area": (1.0, "code"), "why": (2.0, "markdown")}
        late = book.find_submission(NAME, "s003")
        assert (late.timestamp, late.total_seconds_late) == (datetime(2027, 3, 2, 0, 5, 30), 330)
        assert (late.score, late.needs_manual_grade) == (4.5, False)
        assert book.find_comment("why", NAME, NAME, "s003").comment == "half of it"
        open_one = book.find_submission(NAME, "s001")
        assert (open_one.score, open_one.needs_manual_grade) == (3.0, True)
    assert grades(classroom, "s002") == {
        "double": (2.0, None, False),
        "area": (0.0, None, False),
        "why": (None, None, True),
    }


def test_a_second_call_changes_nothing(classroom):
    assert sync(classroom, NAME).changed
    before = everything(classroom)
    again = sync(classroom, NAME)
    assert not again.changed, again
    assert everything(classroom) == before


def test_what_could_not_be_graded_has_no_score(classroom):
    sync(classroom, NAME)
    with gradebook_of(classroom) as book:
        submitted = {s.student.id for s in book.find_assignment(NAME).submissions}
    assert submitted == {"s001", "s002", "s003", "s007"}
    assert set(grades(classroom, "s007").values()) == {(None, None, True)}


def test_nbgraders_export_writes_no_zero_for_what_has_no_mark(classroom, monkeypatch):
    mark(classroom, "s003", 2.0)
    sync(classroom, NAME)
    from nbgrader.apps import NbGraderApp

    monkeypatch.chdir(classroom.path)
    NbGraderApp.clear_instance()
    try:
        NbGraderApp.launch_instance(["export", "--log-level=ERROR"])
    finally:
        NbGraderApp.clear_instance()
    rows = {row["student_id"]: row for row in csv.DictReader((classroom.path / "grades.csv").open())}
    assert {who: (row["status"], row["score"]) for who, row in rows.items()} == {
        "s001": ("needs a human", ""),
        "s002": ("needs a human", ""),
        "s003": ("marked", "5.0"),
        **dict.fromkeys(("s004", "s005", "s006", "s008"), ("no mark", "")),
        "s007": ("needs a human", ""),
    }


def test_a_mark_and_a_comment_that_somebody_enters_reach_the_ledger(classroom):
    sync(classroom, NAME)
    assert standing(classroom, "s001").points is None
    enter_in_formgrader(classroom, "s001", 1.5, "nearly: say why")
    done = sync(classroom, NAME)
    row = standing(classroom, "s001")
    assert (done.taken, done.notices) == (2, [])
    assert (row.points, row.comments["why"], row.manual["why"].source) == (4.5, "nearly: say why", "formgrader")
    age = datetime.now(UTC) - datetime.fromisoformat(row.manual["why"].marked_at)
    assert abs(age.total_seconds()) < 120
    assert not sync(classroom, NAME).changed
    assert take_marks(classroom) == 0


def test_take_marks_takes_them_without_writing_anything_else(classroom):
    assert take_marks(classroom) == 0  # there is no gradebook yet
    assert not (classroom.path / "gradebook.db").exists()
    sync(classroom, NAME)
    enter_in_formgrader(classroom, "s001", 2.0)
    assert take_marks(classroom) == 1
    assert standing(classroom, "s001").points == 5.0
    assert not sync(classroom, NAME).updated


def test_a_mark_can_be_changed_and_taken_back_there(classroom):
    sync(classroom, NAME)
    enter_in_formgrader(classroom, "s001", 2.0, "good")
    enter_in_formgrader(classroom, "s001", 1.0)
    sync(classroom, NAME)
    assert standing(classroom, "s001").manual["why"].points == 1.0
    with gradebook_of(classroom) as book:
        grade = book.find_grade("why", NAME, NAME, "s001")
        grade.manual_score, grade.needs_manual_grade = None, True
        book.db.commit()
    sync(classroom, NAME)
    row = standing(classroom, "s001")
    assert (row.points, row.to_mark, row.comments) == (None, ("why",), {"why": "good"})
    assert grades(classroom, "s001")["why"] == (None, None, True)


def test_tests_can_be_overruled_and_commented_on_there(classroom):
    sync(classroom, NAME)
    enter_in_formgrader(classroom, "s002", 0.5, "right idea", cell="area")
    enter_in_formgrader(classroom, "s002", comment="short and good", cell="double")
    sync(classroom, NAME)
    row = standing(classroom, "s002")
    assert {name: m.points for name, m in row.manual.items()} == {"area": 0.5}
    assert row.comments == {"area": "right idea", "double": "short and good"}
    assert row.points_of("double") == 2.0


@pytest.mark.parametrize("points", [-1.0, 2.5, float("inf")])
def test_points_out_of_bounds_are_refused(classroom, points):
    sync(classroom, NAME)
    enter_in_formgrader(classroom, "s001", points)
    done = sync(classroom, NAME, say=quiet)
    assert len(done.notices) == 1
    assert done.notices[0].startswith("s001, small, why:")
    assert "0 to 2" in done.notices[0]
    assert standing(classroom, "s001").manual == {}
    assert grades(classroom, "s001")["why"] == (None, None, True)


def test_extra_credit_is_refused_and_the_mark_kept(classroom):
    sync(classroom, NAME)
    enter_in_formgrader(classroom, "s001", 2.0, extra=1.0)
    done = sync(classroom, NAME, say=quiet)
    assert len(done.notices) == 1
    assert "extra credit of 1" in done.notices[0]
    assert standing(classroom, "s001").points == 5.0
    with gradebook_of(classroom) as book:
        assert book.find_submission(NAME, "s001").score == 5.0
    assert not sync(classroom, NAME).changed


def test_a_changed_answer_leaves_no_mark_and_no_comment_behind(classroom, hand_in):
    sync(classroom, NAME)
    enter_in_formgrader(classroom, "s001", 2.0, "good")
    sync(classroom, NAME)
    hand_in(classroom, "s001", "right", written="something else")
    sync(classroom, NAME)
    with gradebook_of(classroom) as book:  # not graded yet: nothing of the old work is left
        assert "s001" not in {s.student.id for s in book.find_assignment(NAME).submissions}
    enter(classroom, "s001")
    sync(classroom, NAME)
    assert grades(classroom, "s001")["why"] == (None, None, True)
    with gradebook_of(classroom) as book:
        assert book.find_comment("why", NAME, NAME, "s001").comment is None
    assert [m.points for m in ManualMarks(classroom).history(NAME, "s001")][-1] == 2.0


def test_the_same_answer_in_new_work_keeps_its_mark(classroom, hand_in):
    sync(classroom, NAME)
    enter_in_formgrader(classroom, "s001", 2.0, "good")
    hand_in(classroom, "s001", "half", written="because of one")  # before the mark was taken over
    enter(classroom, "s001", points={"area": 0.0})
    sync(classroom, NAME)
    assert grades(classroom, "s001") == {
        "double": (2.0, None, False),
        "area": (0.0, None, False),
        "why": (None, 2.0, False),
    }


def test_a_mark_for_an_answer_that_changed_meanwhile_does_not_count_for_the_new_one(classroom, hand_in):
    sync(classroom, NAME)
    hand_in(classroom, "s001", "right", written="something else")
    enter(classroom, "s001")
    enter_in_formgrader(classroom, "s001", 2.0, "good")  # on the page that shows the old answer
    sync(classroom, NAME)
    assert standing(classroom, "s001").to_mark == ("why",)
    assert ManualMarks(classroom).history(NAME, "s001")[-1].points == 2.0  # kept as history
    assert grades(classroom, "s001")["why"] == (None, None, True)


def test_a_page_that_shows_old_work_cannot_write_into_the_new_rows(classroom, hand_in):
    from nbgrader.api import MissingEntry

    sync(classroom, NAME)
    with gradebook_of(classroom) as book:
        old = book.find_grade("why", NAME, NAME, "s001").id
        page = book.find_submission_notebook(NAME, NAME, "s001").id
    hand_in(classroom, "s001", "right", written="something else")
    enter(classroom, "s001")
    sync(classroom, NAME)
    with gradebook_of(classroom) as book:
        with pytest.raises(MissingEntry):
            book.find_grade_by_id(old)
        with pytest.raises(MissingEntry):
            book.find_submission_notebook_by_id(page)


def test_a_mark_given_elsewhere_later_wins_over_one_entered_there_before(classroom):
    sync(classroom, NAME)
    enter_in_formgrader(classroom, "s001", 2.0)
    mark(classroom, "s001", 0.5, at="2999-01-01T00:00:00+00:00")
    done = sync(classroom, NAME, say=quiet)
    assert standing(classroom, "s001").manual["why"].points == 0.5
    assert "older than what was given in the terminal: 0.5 points" in done.notices[0]
    assert grades(classroom, "s001")["why"] == (None, 0.5, False)


def test_an_entry_that_was_taken_over_is_not_taken_again_after_an_interruption(classroom, monkeypatch):
    sync(classroom, NAME)
    enter_in_formgrader(classroom, "s001", 2.0, "good")

    whole = module.take_over

    def interrupted(*arguments):
        whole(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module, "take_over", interrupted)
        with pytest.raises(KeyboardInterrupt):
            sync(classroom, NAME)
    before = ManualMarks(classroom).history(NAME, "s001")
    assert [m.points for m in before] == [2.0, 2.0]  # the mark, then the mark with its comment
    sync(classroom, NAME)
    assert ManualMarks(classroom).history(NAME, "s001") == before


def test_what_is_entered_while_the_rows_are_computed_is_not_lost(classroom, monkeypatch):
    sync(classroom, NAME)
    rows, calls = module.submission_rows, []

    def slow(*arguments):
        found = rows(*arguments)
        calls.append(1)
        if len(calls) == 1:
            enter_in_formgrader(classroom, "s001", 1.0, "in the last moment")
        return found

    monkeypatch.setattr(module, "submission_rows", slow)
    done = sync(classroom, NAME)
    assert (done.taken, len(calls)) == (2, 2)
    assert grades(classroom, "s001")["why"] == (None, 1.0, False)
    assert standing(classroom, "s001").comments == {"why": "in the last moment"}


def test_who_left_the_roster_stays_until_somebody_asks(classroom):
    mark(classroom, "s001", 2.0)
    sync(classroom, NAME)
    write_roster(classroom.roster_file, [s for s in classroom.roster() if s.id != "s001"])
    assert not sync(classroom, NAME).deleted
    assert grades(classroom, "s001")["why"] == (None, 2.0, False)
    sync(classroom, NAME, prune=True)
    with gradebook_of(classroom) as book:
        assert "s001" not in {s.id for s in book.students}
        assert "s001" not in {s.student.id for s in book.find_assignment(NAME).submissions}
    assert ManualMarks(classroom).history(NAME, "s001")[0].points == 2.0
    write_roster(classroom.roster_file, [Student("s001", "Student 001"), *classroom.roster()])
    sync(classroom, NAME)
    assert grades(classroom, "s001")["why"] == (None, 2.0, False)


def test_an_assignment_that_changed_brings_its_own_cells_and_points(classroom):
    mark(classroom, "s001", 2.0)
    write_roster(classroom.roster_file, [s for s in classroom.roster() if s.id != "s003"])
    sync(classroom, NAME)
    write_small_assignment(classroom.path / "assignments", written=False)
    sync(classroom, NAME)  # nothing is graded against the new version yet
    enter(classroom)
    sync(classroom, NAME)
    assert set(grades(classroom, "s001")) == {"double", "area"}
    with gradebook_of(classroom) as book:
        assert book.find_assignment(NAME).max_score == 3.0


def test_names_bring_no_markup_into_nbgraders_pages(classroom):
    bad = "<img src=x onerror=alert(1)>, Student"
    write_roster(classroom.roster_file, [Student("s001", bad), *classroom.roster()[1:]])
    sync(classroom, NAME)
    with gradebook_of(classroom) as book:
        student = book.find_student("s001")
        assert "<" not in student.last_name + student.first_name
        assert student.first_name == "Student"


def test_an_address_that_is_no_gradebook_is_refused(classroom):
    text = (classroom.path / "class.yml").read_text()
    for address, why in (
        ("sqlite://", "sqlite:///FILE"),
        ("mysql://someone:secret@host/db", "postgresql"),
        ("nonsense", "sqlite:///FILE"),
    ):
        (classroom.path / "class.yml").write_text(f"{text}gradebook: {address}\n")
        with pytest.raises(Unusable, match=why) as refusal:
            sync(ClassFolder(classroom.path), NAME)
        assert "secret" not in str(refusal.value)


def test_without_nbgrader_it_says_how_to_get_it(classroom, monkeypatch):
    monkeypatch.setitem(sys.modules, "nbgrader.api", None)
    with pytest.raises(Unusable, match="make grader"):
        sync(classroom, NAME)


def test_the_formgrader_command_refuses_with_the_reason(classroom):
    def start(*more):
        command = [sys.executable, "-m", "course_utils.cli", "grade", "formgrader", str(classroom.path), *more]
        return subprocess.run(command, capture_output=True, text=True, cwd=repo_root(), timeout=100)

    with (classroom.path / "class.yml").open("a") as settings:
        settings.write("gradebook: oracle://somewhere\n")
    done = start("--no-browser")
    assert (done.returncode, done.stdout) == (2, "")
    assert "must be sqlite:///FILE or postgresql" in done.stderr
    assert "Traceback" not in done.stderr

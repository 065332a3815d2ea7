"""Where students stand: everybody once, no mark where nothing was graded, no mark that belongs to other work."""

import json
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from course_utils.grading.classroom import manual, receipts
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.ledger import Entry, Ledger
from course_utils.grading.classroom.manual import ManualMark, ManualMarks, answer_hash
from course_utils.grading.classroom.standing import STATUSES, standings
from course_utils.grading.files import SubmittedFiles
from course_utils.grading.grade import GRADED, HUMAN, ExerciseResult, Grade, seed_of
from course_utils.runtime import repo_root

NAME = "01_perceptron"
DUE = datetime(2027, 3, 1, 12, tzinfo=UTC)
SEED = 5


@pytest.fixture
def classroom(tmp_path) -> ClassFolder:
    """Three students, one assignment, nothing handed in."""
    for part in (NAME, f"src/{NAME}"):
        shutil.copytree(repo_root() / "assignments" / part, tmp_path / "assignments" / part)
    settings = {"title": "T", "seed": SEED, "assignments": {NAME: {"due": DUE.isoformat()}}}
    (tmp_path / "class.yml").write_text(json.dumps(settings))
    (tmp_path / "roster.csv").write_text("id,name\ns1,Student 01\ns2,Student 02\ns3,Student 03\n")
    return ClassFolder(tmp_path)


def hand_in(classroom, student, text=b"{}", **options):
    return receipts.add(classroom, student, NAME, SubmittedFiles({f"{NAME}.ipynb": text}), **options)[0]


def made_grade(classroom, points=1.0, answer="because", judged=None, status=GRADED) -> Grade:
    """A grade whose automatic exercises all earned `points` and whose written answer has `judged`."""
    exercises = {}
    for exercise in classroom.assignment(NAME).exercises:
        if exercise.manual:
            kind = HUMAN if judged is None else "passed"
            exercises[exercise.name] = ExerciseResult(kind, judged, exercise.points, manual=True, answer=answer)
        else:
            exercises[exercise.name] = ExerciseResult("partly", points, exercise.points)
    return Grade(status, "" if status == GRADED else "the grader stumbled", exercises)


def enter(classroom, receipt, grade, **options) -> Entry:
    assignment = classroom.assignment(NAME)
    seed = seed_of(SEED, receipt.student, NAME)
    options = {"sandboxed": True, **options}
    entry = Entry(receipt.student, NAME, assignment.version, receipt.sha256, seed, grade=grade.record(), **options)
    assert Ledger(classroom).write(entry)
    return entry


def automatic(classroom) -> int:
    return sum(not exercise.manual for exercise in classroom.assignment(NAME).exercises)


def mark(classroom, entry, points, exercise="judge"):
    grade = Grade.from_record(entry.grade)
    answer = answer_hash(grade.exercises[exercise], entry.submission)
    when = "2027-03-02T10:00:00+00:00"
    ManualMarks(classroom).add(ManualMark(entry.student, NAME, exercise, answer, points, "read it", when, "terminal"))


def test_everybody_is_there_once_in_the_order_of_the_roster(classroom):
    hand_in(classroom, "s3")
    hand_in(classroom, "s1", rejected="the file is empty")
    rows = standings(classroom, NAME)
    assert [row.student.id for row in rows] == ["s1", "s2", "s3"]
    assert [row.status for row in rows] == ["rejected", "missing", "waiting"]
    assert all(row.status in STATUSES and row.points is None for row in rows)
    assert rows[0].reason == "the file is empty"


def test_a_grade_with_an_open_answer_has_no_points_until_a_person_marks_it(classroom):
    entry = enter(classroom, hand_in(classroom, "s1"), made_grade(classroom))
    row = standings(classroom, NAME)[0]
    assert (row.status, row.points, row.to_mark) == (HUMAN, None, ("judge",))
    assert row.automatic_points == automatic(classroom)
    mark(classroom, entry, 2.5)
    row = standings(classroom, NAME)[0]
    assert (row.status, row.points, row.to_mark) == (GRADED, automatic(classroom) + 2.5, ())
    assert row.points_of("judge") == 2.5
    mark(classroom, entry, None)  # taken back
    assert standings(classroom, NAME)[0].points is None


def test_a_mark_by_hand_of_zero_is_a_mark(classroom):
    entry = enter(classroom, hand_in(classroom, "s1"), made_grade(classroom, points=0.0))
    mark(classroom, entry, 0.0)
    row = standings(classroom, NAME)[0]
    assert (row.status, row.points) == (GRADED, 0.0)


def test_late_work_is_graded_and_says_so(classroom):
    receipt = hand_in(classroom, "s1", received=DUE + timedelta(minutes=2))
    assert (receipt.late, receipt.late_by_seconds) == (True, 120)
    enter(classroom, receipt, made_grade(classroom, judged=4.0))
    row = standings(classroom, NAME)[0]
    assert (row.status, row.late, row.points) == ("late", True, automatic(classroom) + 4.0)


def test_work_that_changed_keeps_no_mark_of_the_old_one(classroom):
    entry = enter(classroom, hand_in(classroom, "s1", b"{}"), made_grade(classroom, answer="one"))
    mark(classroom, entry, 4.0)
    assert standings(classroom, NAME)[0].points is not None
    second = hand_in(classroom, "s1", b"{ }")
    assert second.number == 2
    assert standings(classroom, NAME)[0].status == "waiting"
    enter(classroom, second, made_grade(classroom, answer="two"))
    assert standings(classroom, NAME)[0].to_mark == ("judge",)


def test_the_same_answer_in_changed_work_keeps_its_mark(classroom):
    entry = enter(classroom, hand_in(classroom, "s1", b"{}"), made_grade(classroom, answer="one"))
    mark(classroom, entry, 3.0)
    enter(classroom, hand_in(classroom, "s1", b"{ }"), made_grade(classroom, points=0.5, answer="one"))
    assert standings(classroom, NAME)[0].points == automatic(classroom) * 0.5 + 3.0


def test_a_mark_for_one_student_is_none_for_another_with_the_same_answer(classroom):
    entry = enter(classroom, hand_in(classroom, "s1"), made_grade(classroom))
    enter(classroom, hand_in(classroom, "s2"), made_grade(classroom))
    mark(classroom, entry, 3.0)
    assert [row.points is None for row in standings(classroom, NAME)] == [False, True, True]


def test_what_the_grader_could_not_do_is_no_zero_and_can_be_settled_by_hand(classroom):
    grade = made_grade(classroom, judged=4.0, status=HUMAN)
    broken = ExerciseResult(HUMAN, None, 3.0)
    grade = Grade(HUMAN, "could not be graded: threshold_unit", {**grade.exercises, "threshold_unit": broken})
    entry = enter(classroom, hand_in(classroom, "s1"), grade)
    row = standings(classroom, NAME)[0]
    assert (row.status, row.points, row.to_mark) == (HUMAN, None, ("threshold_unit",))
    mark(classroom, entry, 1.0, exercise="threshold_unit")
    row = standings(classroom, NAME)[0]
    assert (row.status, row.points) == (GRADED, 4.0 + 1.0 + automatic(classroom) - 1)


def test_a_result_without_a_sandbox_gives_way_to_one_with(classroom):
    receipt = hand_in(classroom, "s1")
    enter(classroom, receipt, made_grade(classroom, judged=0.0), sandboxed=False)
    assert standings(classroom, NAME)[0].entry.sandboxed is False
    enter(classroom, receipt, made_grade(classroom, judged=1.0), sandboxed=True)
    row = standings(classroom, NAME)[0]
    assert row.entry.sandboxed is True
    assert row.points_of("judge") == 1.0


def test_a_new_version_of_the_assignment_waits_to_be_graded_again(classroom):
    enter(classroom, hand_in(classroom, "s1"), made_grade(classroom, judged=4.0))
    hidden = classroom.path / "assignments" / "src" / NAME / "hidden.py"
    hidden.write_text(hidden.read_text() + "\n# one more line\n")
    assert standings(classroom, NAME)[0].status == "waiting"


def test_a_damaged_entry_is_set_aside_and_graded_again(classroom):
    entry = enter(classroom, hand_in(classroom, "s1"), made_grade(classroom, judged=4.0))
    ledger = Ledger(classroom)
    path = ledger.path(NAME, entry.key)
    path.write_bytes(path.read_bytes().replace(b'"points": 1.0', b'"points": 9.0'))
    assert standings(classroom, NAME)[0].status == "waiting"
    assert [p.name for p in ledger.damaged()] == [path.name]
    assert ledger.write(entry)
    assert standings(classroom, NAME)[0].status == GRADED


def test_work_that_could_not_be_graded_at_all_is_settled_by_marking_every_exercise(classroom):
    receipt = hand_in(classroom, "s1")
    enter(classroom, receipt, Grade(HUMAN, "2 notebooks, and it is not clear which one counts"), settled=False)
    exercises = [exercise.name for exercise in classroom.assignment(NAME).exercises]
    row = standings(classroom, NAME)[0]
    assert (row.status, row.points, list(row.to_mark)) == (HUMAN, None, exercises)
    for number, exercise in enumerate(exercises, start=1):
        when = "2027-03-02T10:00:00+00:00"
        given = ManualMark("s1", NAME, exercise, receipt.sha256, 1.0, "", when, "terminal")
        ManualMarks(classroom).add(given)
        assert (standings(classroom, NAME)[0].points is None) == (number < len(exercises))
    assert (standings(classroom, NAME)[0].status, standings(classroom, NAME)[0].points) == (GRADED, len(exercises))


def test_a_comment_on_an_exercise_that_tests_graded_changes_no_points(classroom):
    entry = enter(classroom, hand_in(classroom, "s1"), made_grade(classroom, judged=2.0))
    first = classroom.assignment(NAME).exercises[0].name
    before = standings(classroom, NAME)[0]
    when = "2027-03-02T10:00:00+00:00"
    said = ManualMark("s1", NAME, first, entry.submission, None, "shorter than mine", when, "formgrader")
    ManualMarks(classroom).add(said)
    after = standings(classroom, NAME)[0]
    assert (after.points, after.status, dict(after.manual)) == (before.points, before.status, {})
    assert after.comments == {first: "shorter than mine"}


def test_marks_that_are_given_at_the_same_moment_are_both_kept(classroom, monkeypatch):
    marks = ManualMarks(classroom)
    given = ManualMark("s1", NAME, "judge", "0" * 64, 1.0, "", "2027-03-02T10:00:00+00:00", "formgrader")
    other = ManualMark("s1", NAME, "kernel", "0" * 64, 2.0, "", "2027-03-02T10:00:00+00:00", "terminal")
    whole = manual.write_whole

    def interrupted(path, content):
        monkeypatch.setattr(manual, "write_whole", whole)
        marks.add(other)  # chose the same number
        whole(path, content)

    monkeypatch.setattr(manual, "write_whole", interrupted)
    marks.add(given)
    assert {mark.exercise for mark in marks.history(NAME, "s1")} == {"judge", "kernel"}


def test_a_damaged_mark_by_hand_leaves_one_mark_open_and_hides_nobody(classroom):
    for student in ("s1", "s2"):
        mark(classroom, enter(classroom, hand_in(classroom, student), made_grade(classroom)), 3.0)
    (path,) = (classroom.ledger / "manual" / NAME / "s1").iterdir()
    path.write_bytes(path.read_bytes()[:20])
    first, second, _ = standings(classroom, NAME)
    assert (first.status, first.points, first.automatic_points) == (HUMAN, None, automatic(classroom))
    assert str(path) in first.reason
    assert (second.status, second.points) == (GRADED, automatic(classroom) + 3.0)

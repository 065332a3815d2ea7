"""From files to a grade: scores on both splits, points from the private one, a reason where nothing can be scored."""

import subprocess
import sys

import pytest

from course_utils.grading.assignment import load_assignment
from course_utils.grading.challenge.kind import EXERCISE, Challenge
from course_utils.grading.challenge.scoring import Scores, scores_of
from course_utils.grading.classroom.standing import standings
from course_utils.grading.files import SubmittedFiles
from course_utils.grading.grade import GRADED, HUMAN, REJECTED, Grade, grade_files


def graded(made, files: dict[str, bytes]) -> Grade:
    return grade_files(made.challenge, SubmittedFiles(files), None, 0)


def test_points_come_from_the_private_score_alone(tiny):
    grade = graded(tiny, {"predictions.csv": tiny.table(tiny.labels(0.9, 0.6)), "work.ipynb": b"{}"})
    assert grade.status == GRADED
    assert scores_of(grade) == Scores(public=0.9, private=0.6)
    assert grade.points == pytest.approx(5.5)  # 40 % at 0.5, 100 % at 0.9: 55 % of 10
    assert grade.exercises[EXERCISE].status == "partly"
    assert grade.notes == ()
    same_private = graded(tiny, {"predictions.csv": tiny.table(tiny.labels(0.1, 0.6))})
    assert same_private.points == grade.points


def test_full_and_no_points(tiny):
    best = graded(tiny, {"predictions.csv": tiny.table(tiny.labels(1.0))})
    assert (best.points, best.exercises[EXERCISE].status) == (10.0, "passed")
    worst = graded(tiny, {"predictions.csv": tiny.table(tiny.labels(0.2))})
    assert (worst.status, worst.points, worst.exercises[EXERCISE].status) == (GRADED, 0.0, "failed")


def test_what_the_student_may_read_holds_no_score(tiny):
    grade = graded(tiny, {"predictions.csv": tiny.table(tiny.labels(0.9, 0.6))})
    assert grade.sentences == ()
    assert grade.outputs == ()


def test_a_grade_is_the_same_each_time_and_survives_its_record(tiny):
    files = {"predictions.csv": tiny.table(tiny.labels(0.7, 0.65))}
    first, again = graded(tiny, files), graded(tiny, files)
    assert first == again
    assert Grade.from_record(first.record()) == first
    assert scores_of(Grade.from_record(first.record())) == scores_of(first)


def test_rows_in_another_order_score_the_same(tiny):
    lines = tiny.table(tiny.labels(0.7, 0.65)).decode().splitlines()
    turned = "\r\n".join([lines[0], *lines[:0:-1]]).replace(",", ";").encode("utf-16")
    assert scores_of(graded(tiny, {"predictions.csv": turned})) == Scores(0.7, 0.65)


@pytest.mark.parametrize("bad", [b"", b"id,label\n", b"\x80\x04K\x01.", b"=cmd|' /C calc'!A0\n", b"<script>"])
def test_a_file_that_cannot_be_read_is_rejected_and_is_no_zero(tiny, bad):
    grade = graded(tiny, {"predictions.csv": bad})
    assert grade.status == REJECTED
    assert grade.reason
    assert grade.points is None
    assert grade.exercises == {}


@pytest.mark.parametrize(
    "names",
    [
        ["predictions.csv"],
        ["Predictions.CSV"],
        ["work/predictions.csv", "work/sample_submission.csv"],
        ["predictions-2.csv", "notes.csv"],
        ["predictions (1).csv", "data.csv"],
        ["my answer.csv"],
        ["predictions.csv", "copy/predictions.csv"],
    ],
)
def test_the_file_that_counts_is_found(tiny, names):
    good = tiny.table(tiny.labels(0.7))
    files = {name: good if number == 0 or "copy" in name else b"x" for number, name in enumerate(names)}
    assert scores_of(graded(tiny, files)) == Scores(0.7, 0.7)


def test_two_that_differ_need_a_human_and_none_is_rejected(tiny):
    one, two = tiny.table(tiny.labels(0.7)), tiny.table(tiny.labels(0.8))
    grade = graded(tiny, {"a/predictions.csv": one, "b/predictions.csv": two})
    assert grade.status == HUMAN
    assert "it is not clear which one counts: a/predictions.csv, b/predictions.csv" in grade.reason
    assert grade.points is None
    for files in ({}, {"predictions.xlsx": b"PK"}, {"tiny.ipynb": b"{}"}):
        grade = graded(tiny, files)
        assert grade.status == REJECTED
        assert "Please hand in predictions.csv" in grade.reason


def test_a_missing_notebook_is_noted_for_the_instructor(tiny):
    grade = graded(tiny, {"predictions.csv": tiny.table(tiny.labels(0.7))})
    assert grade.status == GRADED
    assert "how they were made is not on record" in grade.notes[0]


def test_without_labels_the_grader_says_that_it_is_its_own_trouble(tiny_challenge):
    grade = grade_files(tiny_challenge, SubmittedFiles({"predictions.csv": b"id,label\n"}), None, 0)
    assert grade.status == HUMAN
    assert grade.reason.startswith("the grader had trouble: ")
    assert "course pack tiny --class DIR" in grade.reason


def test_an_error_of_the_grader_is_no_mark(tiny, monkeypatch):
    def fail(*arguments):
        raise ZeroDivisionError("no such thing")

    monkeypatch.setattr("course_utils.grading.challenge.scoring.read_predictions", fail)
    grade = graded(tiny, {"predictions.csv": b"id,label\n"})
    assert (grade.status, grade.points) == (HUMAN, None)
    assert grade.reason.startswith("the grader had trouble: ZeroDivisionError")


def test_the_version_follows_settings_and_labels(tiny):
    before = tiny.challenge.version
    assert tiny.challenge.version == before
    truth = tiny.challenge.source / "truth.csv"
    lines = truth.read_text().splitlines(keepends=True)
    name, label, split = lines[1].split(",")
    truth.write_text("".join([lines[0], f"{name},{(int(label) + 1) % 3},{split}", *lines[2:]]))
    relabelled = tiny.challenge.version
    assert relabelled != before
    settings = tiny.challenge.source / "challenge.yml"
    settings.write_text(settings.read_text().replace("score: 0.9", "score: 0.8"))
    assert len({tiny.challenge.version, relabelled, before}) == 3


def test_a_challenge_is_an_assignment(tiny):
    challenge = tiny.challenge
    assert isinstance(challenge, Challenge)
    assert [(e.name, e.points, e.manual) for e in challenge.exercises] == [(EXERCISE, 10.0, False)]
    with pytest.raises(FileNotFoundError, match=r"tiny.*starter|there are: tiny"):
        load_assignment("other", tiny.classroom.path / "assignments")
    (challenge.folder / "tiny.ipynb").unlink()
    with pytest.raises(FileNotFoundError, match="notebook that students start from"):
        load_assignment("tiny", tiny.classroom.path / "assignments")


def test_every_student_stands_somewhere(tiny):
    tiny.hand_in("s001", 0.9, 0.7)
    tiny.hand_in_files("s002", SubmittedFiles({"predictions.csv": b"id,label\n"}))
    tiny.hand_in("s003", 0.9, 0.9, hours=24 * 30)
    tiny.grade()
    rows = {row.student.id: row for row in standings(tiny.classroom, "tiny")}
    assert [rows[f"s00{n}"].status for n in (1, 2, 3, 4)] == ["graded", "rejected", "late", "missing"]
    assert [rows[f"s00{n}"].points for n in (1, 2, 3, 4)] == [7.0, None, 10.0, None]
    assert "0 rows, but 200 test images" in rows["s002"].reason


def test_the_last_file_counts_and_not_the_best(tiny):
    tiny.hand_in("s001", 0.9)
    tiny.hand_in("s001", 0.5, hours=3)
    tiny.grade()
    row = next(iter(standings(tiny.classroom, "tiny")))
    assert scores_of(row.grade) == Scores(0.5, 0.5)
    assert row.points == 4.0


def test_work_waits_until_the_labels_are_there_and_is_then_graded(make_class):
    made = make_class()
    made.hand_in_files("s001", SubmittedFiles({"predictions.csv": b"id,label\n"}))
    made.grade()
    assert next(iter(standings(made.classroom, "tiny"))).status == HUMAN
    made.pack()
    assert next(iter(standings(made.classroom, "tiny"))).status == "waiting"
    made.grade()
    assert next(iter(standings(made.classroom, "tiny"))).status == REJECTED


def test_grading_needs_no_torch():
    code = (
        "import sys, course_utils.grading.challenge.scoring, course_utils.grading.challenge.board_page, "
        "course_utils.grading.challenge.pack; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0

"""From an empty folder to feedback with the commands that an instructor types."""

import json
import zipfile

import pytest

from course_utils.cli import main
from course_utils.grading.assignment import load_assignment
from course_utils.grading.challenge.no_code import NoCode
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.ledger import Ledger
from course_utils.grading.classroom.standing import standings
from course_utils.grading.sandbox.runner import Unavailable

STICKERS = "challenge_1_stickers"


def course(*words: object) -> None:
    assert main([str(word) for word in words]) == 0


@pytest.fixture
def folder(tmp_path):
    """A class of three with the stickers challenge, and an export as a folder of what they hand in."""
    (tmp_path / "roster.csv").write_text("id,name\ns001,Student 01\ns002,Student 02\ns003,Student 03\n")
    path = tmp_path / "class"
    course("grade", "init", path, "--assignment", STICKERS, "--roster", tmp_path / "roster.csv", "--timezone", "UTC")
    course("pack", STICKERS, "--class", path, "--out", tmp_path / "pack.zip")
    return path


def collect(folder, name: str, work: dict[str, dict[str, str]]) -> None:
    """Take in one folder a student."""
    home = folder.parent / name
    for student, files in work.items():
        for file, text in files.items():
            (home / student).mkdir(parents=True, exist_ok=True)
            (home / student / file).write_text(text)
    course("grade", "collect", folder, STICKERS, home)


def test_a_challenge_from_the_first_command_to_the_last(folder, tmp_path, capsys):
    classroom = ClassFolder(folder)
    assert classroom.planned(STICKERS).part == "challenge"
    with zipfile.ZipFile(tmp_path / "pack.zip") as archive:
        sample = archive.read(f"{STICKERS}/sample_submission.csv").decode()
        starter = archive.read(f"{STICKERS}/{STICKERS}.ipynb").decode()
    truth = classroom.assignment(STICKERS).truth
    perfect = "id,label\n" + "".join(f"{name},{label}\n" for name, label in zip(truth.ids, truth.labels))
    collect(
        folder,
        "first",
        {
            "s001": {"predictions.csv": sample, f"{STICKERS}.ipynb": starter},
            "s002": {"predictions.csv": "id,label\nnothing,1\n"},
        },
    )
    course("grade", "run", folder, STICKERS, "--workers", 1)
    found = {row.student.id: row for row in standings(classroom, STICKERS)}
    assert [found[s].status for s in ("s001", "s002", "s003")] == ["graded", "rejected", "missing"]
    assert found["s001"].points < 1
    assert found["s002"].points is None

    collect(folder, "second", {"s001": {"predictions.csv": perfect, f"{STICKERS}.ipynb": starter}})
    course("grade", "run", folder, STICKERS, "--workers", 1)
    found = {row.student.id: row for row in standings(classroom, STICKERS)}
    assert found["s001"].points == 30
    capsys.readouterr()
    course("grade", "replay", folder, STICKERS, "--workers", 1)
    assert "different           0" in capsys.readouterr().out

    course("grade", "leaderboard", folder, STICKERS)
    page = (folder / "leaderboards" / f"{STICKERS}.html").read_text()
    assert "1.0000" in page
    course("grade", "feedback", folder, STICKERS)
    assert "30 of 30" not in (classroom.feedback / STICKERS / "s001.html").read_text()
    course("grade", "feedback", folder, STICKERS, "--final")
    assert "30 of 30" in (classroom.feedback / STICKERS / "s001.html").read_text()
    course("grade", "report", folder, STICKERS)
    course("grade", "export", folder, STICKERS)

    truth_text = (folder / "assignments" / "src" / STICKERS / "truth.csv").read_text()
    course("grade", "init", folder, "--assignment", STICKERS)
    assert (folder / "assignments" / "src" / STICKERS / "truth.csv").read_text() == truth_text


def test_grading_a_challenge_needs_no_sandbox(folder, tmp_path, monkeypatch):
    """A machine without any sandbox grades it all the same, and nothing is marked as unsafe."""
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with zipfile.ZipFile(tmp_path / "pack.zip") as archive:
        sample = archive.read(f"{STICKERS}/sample_submission.csv").decode()
    collect(folder, "first", {"s001": {"predictions.csv": sample}})
    course("grade", "run", folder, STICKERS, "--workers", 1)
    (entry,) = Ledger(ClassFolder(folder)).entries(STICKERS)
    assert (entry.runner, entry.sandboxed, entry.settled) == ("no student code", True, True)
    json.dumps(entry.grade)


def test_its_runner_runs_nothing():
    with NoCode() as runner, pytest.raises(Unavailable, match="no student code"):
        runner.open()


def test_the_repository_can_be_loaded_without_a_class():
    assert load_assignment(STICKERS).truth is None

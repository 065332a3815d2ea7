"""`course grade replay`: from a ledger entry alone the same mark comes out, or the command says where it does not."""

import json
import shutil
from dataclasses import replace

import pytest

from course_utils.cli import main
from course_utils.grading.classroom.ledger import Ledger
from course_utils.grading.classroom.local_pool import Answer
from course_utils.grading.classroom.replay import CANNOT, DIFFERENT, EQUAL, compare, differences, version_of
from course_utils.grading.grade import ExerciseResult, Grade

UNSAFE = ["--sandbox", "plain", "--unsafe"]


@pytest.fixture(scope="module")
def original(tmp_path_factory, making):
    """A class of eight with graded work of every kind and one student without any."""
    classroom = making.make_class(tmp_path_factory.mktemp("replayed"), len(making.solutions) + 1)
    for n, kind in enumerate(making.solutions, start=1):
        making.hand_in(classroom, f"s{n:03d}", kind)
    assert main(["grade", "run", str(classroom.path), "small", *UNSAFE]) == 0
    return classroom


@pytest.fixture
def classroom(original, tmp_path, making):
    """A copy of it to spoil."""
    shutil.copytree(original.path, tmp_path / "class")
    return type(original)(tmp_path / "class")


def replay(classroom, *options):
    return main(["grade", "replay", str(classroom.path), "small", *UNSAFE, *options])


def counts(text):
    words = [line.split() for line in text.splitlines() if line.startswith("  ") and line.split()[-1].isdigit()]
    return {" ".join(line[:-1]): int(line[-1]) for line in words}


def rewrite(classroom, student, change):
    """Change a result in the ledger as if the grader had written it so."""
    ledger = Ledger(classroom)
    (entry,) = [entry for entry in ledger.entries("small") if entry.student == student]
    ledger.path("small", entry.key).unlink()
    assert ledger.write(change(entry))


def files(folder):
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def test_every_recorded_mark_comes_out_again_and_nothing_is_written(classroom, capsys):
    before = files(classroom.path)
    assert replay(classroom) == 0
    assert replay(classroom, "--all", "--workers", "1") == 0
    assert files(classroom.path) == before
    said = capsys.readouterr()
    assert said.out.count("small: 7 recorded results computed anew") == 2
    assert counts(said.out) == {"equal": 7, "different": 0, "cannot": 0}
    assert all(line.startswith("NOT SANDBOXED") for line in said.err.splitlines())


def test_a_mark_that_does_not_come_out_is_named_with_its_exercise(classroom, capsys):
    def generous(entry):
        grade = Grade.from_record(entry.grade)
        grade.exercises["area"] = replace(grade.exercises["area"], points=1.0, status="passed")
        return replace(entry, grade=grade.record())

    rewrite(classroom, "s002", generous)
    before = files(classroom.path)
    assert replay(classroom) == 1
    assert files(classroom.path) == before
    said = capsys.readouterr().out
    assert counts(said) == {"equal": 6, "different": 1, "cannot": 0}
    assert "Different:\n  s002: area: 1 then, 0 now" in said
    assert replay(classroom, "--student", "s001", "s003") == 0
    assert replay(classroom, "--student", "s002") == 1


def test_another_seed_is_another_result_and_the_recorded_one_is_used(classroom, capsys):
    settings = classroom.path / "class.yml"
    settings.write_text(settings.read_text().replace("seed: 7", "seed: 8"))
    assert replay(classroom) == 0
    assert "small: 0 recorded results" in capsys.readouterr().out, "with this seed nothing counts"
    assert replay(classroom, "--all") == 0
    assert counts(capsys.readouterr().out)["equal"] == 7


def test_work_whose_mark_depends_on_the_inputs_comes_out_again(new_class, hand_in, making, capsys):
    classroom = new_class(8)
    lucky = {
        "double": "def double(x):\n    return 2 * x if np.sum(x) > 0 else x",
        "area": "def area(a, b):\n    return 6",
    }
    for n in range(1, 9):
        files = making.files({"small.ipynb": making.small_notebook(lucky, mark=str(n))})
        hand_in(classroom, f"s00{n}", files)
    assert main(["grade", "run", str(classroom.path), "small", *UNSAFE]) == 0
    assert len({entry.grade["points"] for entry in Ledger(classroom).entries("small")}) > 1, "students' inputs differ"
    capsys.readouterr()
    assert replay(classroom) == 0
    assert counts(capsys.readouterr().out)["equal"] == 8


def test_files_that_are_gone_or_forged_cannot_be_replayed(classroom, capsys):
    (path,) = classroom.submissions.glob("small/s001/*/files/small.ipynb")
    path.write_bytes(b"forged")
    shutil.rmtree(classroom.submissions / "small" / "s002")
    assert replay(classroom, "--all") == 1
    said = capsys.readouterr().out
    assert counts(said) == {"equal": 5, "different": 0, "cannot": 2}
    assert "s001: " in said
    assert "was changed" in " ".join(said.split())
    assert "s002: no attempt with the files" in said


def test_an_earlier_attempt_is_replayed_with_its_own_files(classroom, hand_in, capsys):
    hand_in(classroom, "s001", "wrong")
    assert main(["grade", "run", str(classroom.path), "small", *UNSAFE]) == 0
    capsys.readouterr()
    assert replay(classroom) == 0
    assert counts(capsys.readouterr().out)["equal"] == 7
    assert replay(classroom, "--all") == 0
    assert counts(capsys.readouterr().out)["equal"] == 8


def test_an_earlier_version_of_the_assignment_is_used_where_the_class_kept_it(classroom, capsys):
    home = classroom.path / "assignments"
    old = classroom.assignment("small").version
    kept = home / ".versions" / old
    for part in ("small", "src/small"):
        shutil.copytree(home / part, kept / part)
    hidden = home / "src" / "small" / "hidden.py"
    hidden.write_text(hidden.read_text().replace("area adds its sides", "area is wrong"))
    assert classroom.assignment("small").version != old
    assert version_of(classroom, "small", old).source == kept / "src" / "small"
    assert replay(classroom) == 0
    assert "small: 0 recorded results" in capsys.readouterr().out
    assert replay(classroom, "--all") == 0
    assert counts(capsys.readouterr().out)["equal"] == 7
    shutil.rmtree(kept)
    assert replay(classroom, "--all") == 1
    said = " ".join(capsys.readouterr().out.split())
    assert f"the class has no copy of version {old[:12]} of small" in said


def test_a_damaged_entry_is_said_and_left_where_it_is(classroom, capsys):
    path = next((classroom.ledger / "results").rglob("*.json"))
    path.write_bytes(path.read_bytes()[:100])
    before = files(classroom.path)
    assert replay(classroom) == 1
    assert replay(classroom, "--all") == 1
    said = " ".join(capsys.readouterr().out.split())
    assert said.count("its entry is damaged") == 2
    assert files(classroom.path) == before


def test_what_the_grader_failed_on_is_no_mark_to_compare(classroom, capsys):
    trouble = Grade("needs a human", "the grader had trouble: no process could be started")
    rewrite(classroom, "s003", lambda entry: replace(entry, grade=trouble.record(), settled=False))
    assert replay(classroom) == 0
    said = capsys.readouterr().out
    assert "not settled         1" in said
    assert counts(said)["equal"] == 6


def test_versions_that_differ_are_shown(classroom, capsys):
    rewrite(classroom, "s003", lambda entry: replace(entry, environment={**entry.environment, "numpy": "1.2.3\x1b[2J"}))
    assert replay(classroom) == 0
    said = capsys.readouterr().out
    assert "Computed with other versions than recorded:" in said
    assert r"numpy: 1.2.3\x1b[2J then, " in said


def test_somebody_unknown_is_refused(classroom, capsys):
    assert replay(classroom, "--student", "s999") == 2
    assert "not enrolled" in capsys.readouterr().err


# ---- comparing ----


def grade(**changes):
    exercises = {"a": ExerciseResult("passed", 2.0, 2.0), "b": ExerciseResult("failed", 0.0, 1.0, sentences=("no",))}
    return Grade(**{"status": "graded", "exercises": exercises, **changes})


def test_differences_are_about_the_work_not_about_print_outs():
    from course_utils.grading.grade import CellOutput

    noisy = grade(outputs=(CellOutput("cell 1", "", "0x7f3a"),), environment={"numpy": "9"})
    assert differences(grade(), noisy) == []
    other = grade(exercises={**grade().exercises, "b": ExerciseResult("failed", 0.0, 1.0, sentences=("other",))})
    assert differences(grade(), other) == ["b: the same points, for other reasons"]
    none = grade(exercises={"a": ExerciseResult("needs a human", None, 2.0), "c": ExerciseResult("passed", 1, 1)})
    assert differences(grade(), none) == ["a: 2 then, no mark now", "b: only then", "c: only now"]
    rejected = Grade("rejected", "the file is empty")
    assert differences(rejected, grade())[0] == "rejected then, graded now"


@pytest.mark.parametrize(
    ("answer", "verdict", "why"),
    [
        (Answer("k", grade().record()), EQUAL, ""),
        (Answer("k", grade(status="rejected", exercises={}).record()), DIFFERENT, "rejected now"),
        (Answer("k", trouble="three workers were lost"), CANNOT, "three workers were lost"),
        (Answer("k", Grade("needs a human", "the grader had trouble: x").record()), CANNOT, "the grader had trouble"),
    ],
    ids=["equal", "different", "lost", "trouble"],
)
def test_verdicts(original, answer, verdict, why):
    entry = next(Ledger(original).entries("small"))
    found = compare(replace(entry, grade=json.loads(json.dumps(grade().record()))), answer)
    assert found.verdict == verdict
    assert why in found.why


def test_a_record_in_another_form_cannot_be_compared(original):
    entry = next(Ledger(original).entries("small"))
    found = compare(replace(entry, grade={"mark": 3}), Answer("k", grade().record()))
    assert found.verdict == CANNOT
    assert "another form" in found.why

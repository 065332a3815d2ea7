"""`course grade init`, `collect` and `status` as an instructor types them: what they do, what they say, how wide."""

import csv
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from course_utils.cli import main
from course_utils.grading.classroom import receipts
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.roster import read_roster
from course_utils.runtime import repo_root

NAME = "01_perceptron"


@pytest.fixture
def say(capsys):
    """Give a command; returns its exit code, what it printed and what it complained about."""

    def one(*words) -> tuple[int, str, str]:
        code = main(["grade", *map(str, words)])
        out, err = capsys.readouterr()
        return code, out, err

    return one


@pytest.fixture
def example(tmp_path, say):
    """A made-up class of twenty with its zip."""
    code, out, _ = say("init", tmp_path / "class", "--example", "20", "--assignment", NAME)
    assert code == 0
    return tmp_path / "class", out


def check_lines(text: str) -> None:
    """Nothing is wider than a terminal, except for commands and paths to copy; no control character is in it."""
    for line in text.splitlines():
        assert line.isprintable() or not line, ascii(line)
        assert len(line) <= 80 or "course " in line or "class " in line, line


def commands(text: str) -> list[list[str]]:
    return [line.split()[2:] for line in text.splitlines() if line.startswith("  course grade")]


def test_an_example_can_be_tried_with_the_commands_that_it_prints(example, say):
    path, out = example
    check_lines(out)
    collect = commands(out)[0]
    code, out, err = say(*collect)
    assert (code, err) == (0, "")
    check_lines(out)
    assert "read as canvas" in out
    assert re.search(r"from 1\d of 20 students: 1\d new", out)
    assert "fits nobody on the roster" in out
    assert "nobody knows when" not in out
    assert re.search(r"late \(\d\)\n  s0\d\d \(", out)
    again = say(*collect)[1]
    assert " new" not in again.splitlines()[1]
    assert "as before" in again
    assert commands(again)[-1][:2] == ["run", str(path)]


def test_the_status_of_everybody(example, say):
    path, out = example
    say(*commands(out)[0])
    code, out, _ = say("status", path)
    assert code == 0
    check_lines(out)
    students = [line.split() for line in out.splitlines() if line.startswith("s0")]
    assert [words[0] for words in students] == [student.id for student in ClassFolder(path).roster()]
    assert {words[3] for words in students} <= {"waiting", "missing", "rejected"}
    counts = re.search(rf"^{NAME}: (\d) missing.* (\d+) waiting$", out, re.MULTILINE)
    assert counts
    assert int(counts[1]) == [words[3] for words in students].count("missing")
    assert f"grade: course grade run {path} {NAME}" in out
    assert "1 hand-in fits nobody" in out
    code, out, _ = say("status", path, NAME)
    check_lines(out)
    assert re.search(r"^s0\d\d .* waiting +\d +\d{4}-\d\d-\d\d \d\d:\d\d late$", out, re.MULTILINE)


def test_whose_something_is_can_be_said_by_hand(example, say):
    path, out = example
    say(*commands(out)[0])
    missing = next(line.split()[0] for line in say("status", path)[1].splitlines() if " missing" in line)
    assert say("collect", path, NAME, "--assign", f"1={missing}", "--dry-run")[1].startswith("would give 0001")
    code, out, _ = say("collect", path, NAME, "--assign", f"0001={missing}")
    assert code == 0
    assert f"is attempt 1 of {missing} now" in out
    assert receipts.latest(ClassFolder(path), NAME)[missing].notes == (f"given to {missing} by hand",)
    code, out, err = say("collect", path, NAME, "--assign", f"0001={missing}")
    assert (code, out) == (2, "")
    assert "no file called 0001 waits for somebody; there is: nothing" in err


def test_what_is_nobodys_work_can_be_taken_off_the_list_and_stays_off(example, say):
    path, out = example
    collect = commands(out)[0]
    say(*collect)
    files = sorted((path / "submissions" / NAME / "_unmatched").rglob("*.ipynb"))
    assert say("collect", path, NAME, "--discard", "1", "--dry-run")[1].startswith("would take 0001")
    assert "1 hand-in fits nobody" in say("status", path)[1]
    code, out, _ = say("collect", path, NAME, "--discard", "0001")
    assert code == 0
    assert "waits for nobody any more" in out
    assert "fits nobody" not in say("status", path)[1]
    assert "fits nobody" not in say(*collect)[1]
    kept = sorted((path / "submissions" / NAME).rglob(files[0].name))
    assert kept
    code, _, err = say("collect", path, NAME, "--discard", "0001", "--assign", "1=s001")
    assert code == 2
    assert "several of them" in err


def test_a_lone_file_that_is_no_hand_in_is_refused(example, say, tmp_path):
    path, _ = example
    for name in ("roster.csv", "marks.xlsx"):
        (tmp_path / name).write_text("id,name\ns001,A\n")
        code, out, err = say("collect", path, NAME, tmp_path / name)
        assert (code, out) == (2, "")
        assert f"{name} is no hand-in of {NAME}" in err
        assert not list((path / "submissions" / NAME).glob("_unmatched/*"))
    (tmp_path / "s001.pdf").write_text("my homework")  # somebody's, though not what was wanted: refused with a receipt
    assert say("collect", path, NAME, tmp_path / "s001.pdf")[0] == 0


@pytest.mark.parametrize("command", ["run", "status", "report", "mark", "feedback", "export", "replay"])
def test_a_broken_copy_of_an_assignment_is_named_by_every_command(tmp_path, say, command):
    path = tmp_path / "class"
    assert say("init", path, "--example", "3", "--assignment", NAME)[0] == 0
    broken = path / "assignments" / "src" / NAME / "hidden.py"
    broken.write_text(broken.read_text() + "\nfor\n")
    code, _, err = say(command, path, NAME)
    assert code == 2
    assert f"{broken.parent} cannot be graded with: SyntaxError" in err


def test_a_class_from_a_canvas_gradebook(tmp_path, say):
    roster = tmp_path / "grades.csv"
    roster.write_text('Student,ID,SIS User ID,SIS Login ID,Section\n"Lee, Ann",7,U1,alee,A\n"Student, Test",8,,x,A\n')
    path = tmp_path / "a class"
    code, out, err = say(
        "init", path, "--title", "Vision", "--roster", roster, "--timezone", "Europe/Rome", "--assignment", NAME,
        "--due", f"{NAME}=2027-03-01",
    )  # fmt: skip
    assert (code, err) == (0, "")
    check_lines(out)
    assert "1, from Canvas; ids are the column login" in out
    assert "left out: Student, Test" in out
    assert f"{NAME}: due 2027-03-01 23:59, homework" in out
    assert f"course grade collect '{path}' {NAME} SUBMISSIONS.zip" in out
    assert [student.id for student in read_roster(path / "roster.csv")] == ["alee"]
    assert ClassFolder(path).config.timezone == "Europe/Rome"


def test_a_second_init_says_what_changed(tmp_path, say):
    path = tmp_path / "class"
    say("init", path, "--assignment", NAME)
    seed = ClassFolder(path).config.seed
    hidden = path / "assignments" / "src" / NAME / "hidden.py"
    hidden.write_text(hidden.read_text() + "\n# older\n")
    (path / "ledger" / "results" / NAME / "ab").mkdir(parents=True)
    (path / "ledger" / "results" / NAME / "ab" / "x.json").write_text("{}")
    code, out, _ = say("init", path)
    assert code == 0
    assert f"{NAME} is not what the course has now" in out
    assert f"course grade init {path} --assignment {NAME}" in out
    code, out, _ = say("init", path, "--assignment", NAME, "--due", f"{NAME}=2027-03-01T10:00")
    check_lines(out)
    assert "(updated)" in out
    assert "the next run grades everybody's work on it anew; marks by hand stay" in out
    assert "due 2027-03-01 10:00" in out
    assert ClassFolder(path).config.seed == seed


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A folder with something else in it, one that is not there, and a class."""
    root = tmp_path_factory.mktemp("places")
    (root / "full").mkdir()
    (root / "full" / "thesis.tex").touch()
    assert main(["grade", "init", str(root / "class"), "--assignment", NAME]) == 0
    return {"FULL": root / "full", "NEW": root / "new", "CLASS": root / "class"}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["init", str(repo_root() / "build" / "class")], "lies inside the course's own folder"),
        (["init", "FULL"], "not empty"),
        (["init", "NEW", "--assignment", "99_none"], "there is no assignment '99_none'"),
        (["init", "NEW", "--due", "soon"], "--due must be NAME=TIME such as"),
        (["init", "NEW", "--due", f"{NAME}=soon"], "must be a time such as 2027-03-01T23:59"),
        (["init", "NEW", "--timezone", "Rome"], "such as Europe/Rome"),
        (["init", "NEW", "--roster", "none.csv"], "there is no roster at none.csv"),
        (["init", "NEW", "--example", "0"], "must be 1 to 20000 students, got 0"),
        (["init", "CLASS", "--title", "x"], "change them in its class.yml"),
        (["init", "CLASS", "--example", "3"], "give a new folder"),
        (["collect", "FULL", NAME, "x"], "is no class folder .*'course grade init'"),
        (["collect", "CLASS", "99_none", "x"], f"no assignment '99_none'; class.yml lists: {NAME}"),
        (["collect", "CLASS", NAME], "needs a SOURCE, --assign FILE=STUDENT or --discard FILE, got none of them"),
        (["collect", "CLASS", NAME, "FULL", "--assign", "a=b"], "got several of them"),
        (["collect", "CLASS", NAME, "none.zip"], "there is nothing at none.zip: give a folder or a zip"),
        (["collect", "CLASS", NAME, "FULL", "--times", "none.csv"], "none.csv cannot be read"),
        (["collect", "CLASS", NAME, "--assign", "x"], "must be FILE=STUDENT"),
        (["collect", "CLASS", NAME, "--assign", "x=nobody"], "name a student by the id in roster.csv"),
        (["status", "FULL"], "is no class folder"),
        (["status", "CLASS", "99_none"], "no assignment '99_none'"),
    ],
)
def test_what_cannot_be_done_is_said_with_the_remedy(places, say, words, why):
    code, out, err = say(*(places.get(word, word) for word in words))
    assert (code, out) == (2, "")
    assert re.search(why, err), err
    assert len(err.strip().splitlines()) == 1
    assert not places["NEW"].exists()


def test_nothing_of_a_student_reaches_the_terminal_raw(tmp_path, say):
    path, source = tmp_path / "class", tmp_path / "in"
    say("init", path, "--assignment", NAME)
    evil = "\x1b]0;owned\x07\x1b[2J\u202e"
    with (path / "roster.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(
            [["id", "name"], ["s001", f"Name {evil}"], ["s002", "王" * 40], ["s003", "a\u0301" * 30]]
        )
    (source / "s001").mkdir(parents=True)
    (source / "s001" / f"{evil}.ipynb").write_bytes(b"x")
    (source / "s001" / f"{evil}.zip").write_bytes(b"x")
    (source / "s002.zip").write_bytes(b"x")
    (source / f"{evil}.ipynb").write_bytes(b"x")
    with zipfile.ZipFile(source / "s003.zip", "w") as archive:
        archive.writestr(f"../{evil}", b"x")
    for words in (["collect", path, NAME, source], ["status", path], ["status", path, NAME]):
        code, out, err = say(*words)
        assert code == 0
        check_lines(out + err)
    assert say("collect", path, NAME, "--assign", f"{evil}=s001")[2].strip().isprintable()


def test_a_full_disk_in_mid_collect_is_told_and_the_next_time_completes(example, say, monkeypatch):
    collect = commands(example[1])[0]
    real, left = receipts.sync_tree, [5]

    def full(folder):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device")
        return real(folder)

    monkeypatch.setattr(receipts, "sync_tree", full)
    code, out, err = say(*collect)
    assert (code, out) == (2, "")
    assert "stopped after 5 hand-ins: No space left on device. What was taken in stays" in err
    left[0] = 1000
    code, out, _ = say(*collect)
    assert code == 0
    assert "5 as before" in out or "4 as before" in out


def test_a_busy_class_is_told(example, say):
    path, out = example
    code = (
        "import sys; from pathlib import Path\n"
        "from course_utils.grading.classroom.folder import locked\n"
        "with locked(Path(sys.argv[1])): print('locked', flush=True); sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "locked\n"
    answer = say(*commands(out)[0])
    dry = say(*commands(out)[0], "--dry-run")
    holder.communicate("")
    assert answer[0] == 2
    assert "another command is writing to" in answer[2]
    assert dry[0] == 0, "a dry run writes nothing, so it waits for nobody"


def test_a_class_without_students_or_assignments_has_a_status(places, say, tmp_path):
    code, out, _ = say("status", places["CLASS"])
    assert code == 0
    assert f"{NAME}: nobody is on the roster" in out
    (tmp_path / "class.yml").write_text("seed: 1\n")
    (tmp_path / "roster.csv").write_text("id\ns1\n")
    code, out, _ = say("status", tmp_path)
    assert code == 0
    assert f"no assignment yet; add one: course grade init {tmp_path} --assignment NAME" in out


def test_a_reader_who_has_seen_enough_gets_no_traceback(places):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "course_utils.cli", "grade", "status", str(places["CLASS"])]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, cwd=Path(repo_root()))
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_importing_the_commands_imports_no_torch():
    code = (
        "import sys\n"
        "import course_utils.cli.grade.init, course_utils.cli.grade.collect, course_utils.cli.grade.status\n"
        "from course_utils.grading.classroom import create, intake, example, unmatched\n"
        "print(sorted({'torch', 'nbgrader', 'dask', 'yaml', 'sqlalchemy'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(repo_root()))
    assert done.stdout.strip() == "[]", done.stderr

"""Marking by hand in the terminal and through tables: what is typed is kept, and belongs to one answer."""

import csv
import io
import os
import pty
import random
import select
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from course_utils.grading.classroom import receipts
from course_utils.grading.classroom.gradebook import sync
from course_utils.grading.classroom.ledger import Ledger
from course_utils.grading.classroom.manual import ManualMarks
from course_utils.grading.classroom.mark_table import BadTable, table_of, take_table
from course_utils.grading.classroom.marking import BadPoints, answers, points_from, text_of_answer
from course_utils.grading.classroom.rubric import rubric_of
from course_utils.grading.classroom.standing import entry_for
from course_utils.grading.classroom.terminal_marking import WIDTH, Marking
from course_utils.grading.files import SubmittedFiles
from course_utils.grading.grade import HUMAN, Grade
from course_utils.runtime import repo_root
from tests.grading.classroom.conftest import RIGHT, small_notebook
from tests.grading.classroom.made_grades import NAME, enter, mark, standing
from tests.grading.classroom.test_gradebook import enter_in_formgrader

RUBRIC = "# Rubric\n\n## why (2 points)\n\nOne point for a **verdict**, one for the reason.\n"
EVIL = "before \x1b]0;owned\x07\x1b[2J\x1b[31mred\x9b31m \u202edesrever\u2066 \x08\x08 tab\tend \r overwritten"


@pytest.fixture
def classroom(new_class, hand_in):
    """Five students with written answers, all graded by tests."""
    made = new_class(6, written=True)
    (made.path / "assignments" / "src" / NAME / "rubric.md").write_text(RUBRIC)
    for n in range(1, 6):
        hand_in(made, f"s00{n}", "right", written=f"because of {n}\n\n- point one\n- point two")
    enter(made)
    return made


class Terminal:
    """A terminal at which somebody types what was decided before."""

    def __init__(self, *typed: str) -> None:
        self.typed, self.shown = list(typed), []

    def ask(self, prompt: str) -> str:
        self.shown.append(prompt)
        if not self.typed:
            raise EOFError
        word = self.typed.pop(0)
        if word == "^C":
            raise KeyboardInterrupt
        return word

    @property
    def text(self) -> str:
        return "\n".join(self.shown)


def sit_down(classroom, *typed, blind=False, **which):
    """Mark in a terminal; returns what was shown and the tally."""
    assignment, terminal = classroom.assignment(NAME), Terminal(*typed)
    found = answers(classroom, assignment, **which)
    tally = Marking(classroom, assignment, found, blind=blind, ask=terminal.ask, show=terminal.shown.append).run()
    return terminal, tally, found


def marks_of(classroom):
    return {f"s00{n}": standing(classroom, f"s00{n}").manual.get("why") for n in range(1, 6)}


def test_every_answer_gets_what_was_typed(classroom):
    typed = [word for n in range(5) for word in (f"{n / 4:g}", f"comment {n}")]
    terminal, tally, found = sit_down(classroom, *typed)
    assert (tally.marked, tally.skipped, tally.left) == (5, 0, 0)
    for n, answer in enumerate(found):
        row = standing(classroom, answer.student)
        assert (row.points, row.comments["why"]) == (3 + n / 4, f"comment {n}")
        assert row.manual["why"].source == "terminal"
    assert terminal.text.count("One point for a **verdict**") == 1  # the rubric once an exercise
    for n in range(1, 6):
        assert f"because of {n}" in terminal.text
        assert f"s00{n}  Student 00{n}" in terminal.text
    assert max(len(line) for shown in terminal.shown for line in shown.split("\n")) <= WIDTH + 2
    assert answers(classroom, classroom.assignment(NAME)) == []


def test_the_order_tells_nothing_and_is_the_same_next_time(classroom):
    first = [a.student for a in answers(classroom, classroom.assignment(NAME))]
    assert first == [a.student for a in answers(classroom, classroom.assignment(NAME))]
    assert first != sorted(first)
    text = (classroom.path / "class.yml").read_text()
    (classroom.path / "class.yml").write_text(text.replace("seed: 7", "seed: 8"))
    other = type(classroom)(classroom.path)
    assert [a.student for a in answers(other, other.assignment(NAME))] != first


def test_blind_marking_shows_no_name(classroom):
    terminal, _, _ = sit_down(classroom, *["1", ""] * 5, blind=True)
    assert "s00" not in terminal.text
    assert "Student" not in terminal.text
    assert "answer 5 of 5" in terminal.text


@pytest.mark.parametrize("typed", ["2.5", "-1", "two", "1e9", "nan", "inf", "1.555", "٣", "\x1b[A", "9" * 50])
def test_what_is_no_mark_is_asked_for_again(classroom, typed):
    terminal, tally, found = sit_down(classroom, typed, "1,5", "q")
    assert tally.marked == 1
    assert standing(classroom, found[0].student).manual["why"].points == 1.5
    assert "points must be 0 to 2, such as 1" in terminal.text
    assert "\x1b" not in terminal.text


def test_points_are_read_as_people_write_them():
    for text, points in (("0", 0.0), ("2", 2.0), (" 1.5 ", 1.5), ("1,25", 1.25), (".5", 0.5)):
        assert points_from(text, 2) == points
    with pytest.raises(BadPoints, match=r"0 to 2, such as 1, got 2\.01"):
        points_from("2.01", 2)


def test_skip_back_comment_only_and_rubric(classroom):
    terminal, tally, found = sit_down(classroom, "s", "1", "first try", "b", "2", "-", "b", "b", "r", "0.5", "", "q")
    assert (tally.marked, tally.skipped, tally.left) == (2, 0, 3)
    said = [standing(classroom, a.student) for a in found]
    assert said[0].manual["why"].points == 0.5  # skipped, then gone back to
    assert (said[1].manual["why"].points, said[1].comments) == (2.0, {})  # the comment was taken away
    assert "This answer now: 1 point; comment: first try" in terminal.text
    assert terminal.text.count("One point for a **verdict**") == 2
    _, tally, found = sit_down(classroom, "c", "I need to think about this", "q")
    row = standing(classroom, found[0].student)
    assert (row.points, row.comments) == (None, {"why": "I need to think about this"})
    terminal, _, _ = sit_down(classroom, "1", "", "q", students=[found[0].student])
    assert "I need to think about this" in terminal.text
    row = standing(classroom, found[0].student)
    assert (row.points, row.comments) == (4.0, {"why": "I need to think about this"})  # Enter keeps it


@pytest.mark.parametrize("end", ["q", "^C", None])
def test_stopping_anywhere_loses_nothing_and_the_next_session_goes_on(classroom, end):
    typed = ["1", "good", "2"] + ([end] if end else [])  # ends in the middle of the second
    _, tally, found = sit_down(classroom, *typed)
    second = 0 if end != "q" else 1  # "q" is a comment there
    assert tally.marked == 1 + second
    assert standing(classroom, found[0].student).comments == {"why": "good"}
    left = [a.student for a in answers(classroom, classroom.assignment(NAME))]
    assert left == [a.student for a in found[1 + second :]]


def test_an_answer_cannot_act_on_the_terminal(classroom, hand_in):
    hand_in(classroom, "s001", "right", written=EVIL)
    enter(classroom, "s001")
    terminal, _, _ = sit_down(classroom, "1", "\x1b[31mred comment", students=["s001"])
    assert "before" in terminal.text
    assert "overwritten" in terminal.text
    controls = {c for c in terminal.text if not c.isprintable()} - {"\n"}
    assert controls == set()
    assert "\x1b" not in standing(classroom, "s001").comments["why"]


def test_a_long_answer_is_shown_in_parts(classroom, hand_in):
    hand_in(classroom, "s001", "right", written="\n".join(f"line number {n}" for n in range(300)) + "\n" + "x" * 5000)
    enter(classroom, "s001")
    terminal, _, _ = sit_down(classroom, "m", "m", "m", "1", "", students=["s001"])
    assert "more lines: m shows them" in terminal.text
    assert terminal.text.count("line number 299") == 1
    assert max(map(len, terminal.text.split("\n"))) <= WIDTH + 2


def test_a_changed_answer_is_open_again_and_shows_the_old_mark(classroom, hand_in):
    sit_down(classroom, "2", "excellent", students=["s001"])
    hand_in(classroom, "s001", "right", written="something else")
    enter(classroom, "s001")
    assert standing(classroom, "s001").to_mark == ("why",)
    terminal, tally, _ = sit_down(classroom, "1", "", students=["s001"])
    assert "An earlier answer, 20" in terminal.text
    assert "2 points; comment: excellent" in terminal.text
    assert tally.marked == 1
    hand_in(classroom, "s001", "half", written="because of 1\n\n- point one\n- point two")  # the first answer again
    enter(classroom, "s001")
    assert standing(classroom, "s001").manual["why"].points == 2.0


def test_what_tests_could_not_grade_is_settled_by_hand(classroom, hand_in):
    hand_in(classroom, "s001", "exits", written="because")
    enter(classroom, "s001", points={"area": None})
    terminal, _, _ = sit_down(classroom, "0.5", "", "2", "", students=["s001"])
    assert "def area(a, b):" in terminal.text
    assert "could not be graded: area" in terminal.text
    row = standing(classroom, "s001")
    assert (row.status, row.points) == ("graded", 4.5)


def test_what_nothing_could_grade_is_settled_by_hand(classroom, hand_in):
    notebook = small_notebook(RIGHT, written="because")
    hand_in(classroom, "s006", SubmittedFiles({"a.ipynb": notebook, "b.ipynb": small_notebook(written="no")}))
    enter(classroom, "s006")
    terminal, _, found = sit_down(classroom, "2", "", "1", "", "0", "", students=["s006"])
    assert [a.exercise.name for a in found] == ["double", "area", "why"]
    assert "2 different notebooks" in terminal.text
    assert standing(classroom, "s006").points == 3.0


def test_marks_survive_regrading_and_a_new_gradebook(classroom):
    sync(classroom, NAME)
    sit_down(classroom, *["2", "fine"] * 5)
    before = marks_of(classroom)
    enter(classroom, points={"double": 1.0})  # graded again, with another result
    (classroom.path / "gradebook.db").unlink()
    sync(classroom, NAME)
    assert marks_of(classroom) == before
    assert standing(classroom, "s001").points == 4.0


def test_the_rubric_is_found_by_exercise(classroom):
    from course_utils.grading.assignment import load_assignment

    assert rubric_of(classroom.assignment(NAME), "why").startswith("One point")
    assert rubric_of(classroom.assignment(NAME), "double") == ""
    assert "Counterexample" in rubric_of(load_assignment("01_perceptron"), "judge")


# ---- tables


def table(classroom, **options):
    assignment = classroom.assignment(NAME)
    found = answers(classroom, assignment, marked=True)
    return list(csv.DictReader(io.StringIO(table_of(classroom, assignment, found, **options).decode("utf-8-sig"))))


def take(classroom, rows, **options):
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), **options)
    writer.writeheader()
    writer.writerows(rows)
    return take_table(classroom, classroom.assignment(NAME), stream.getvalue().encode())


def test_a_table_comes_back_with_marks(classroom):
    rows = table(classroom)
    assert len(rows) == 5
    assert {row["answer"].split("\n")[0] for row in rows} == {f"because of {n}" for n in range(1, 6)}
    given = {}
    for n, row in enumerate(rows):
        row["points"], row["comment"] = f"{n / 4:g}", f"line one\nline two {n}"
        given[row["student"]] = (n / 4, f"line one\nline two {n}")
    done = take(classroom, rows)
    assert (done.taken, done.unchanged, done.refused) == (5, 0, ())
    assert {who: (m.points, m.comment) for who, m in marks_of(classroom).items()} == given
    assert {m.source for m in marks_of(classroom).values()} == {"table"}
    again = take(classroom, table(classroom))
    assert (again.taken, again.unchanged) == (0, 5)


def test_a_table_from_another_country_is_read(classroom):
    rows = table(classroom)
    for row in rows:
        row["points"] = "1,5"
    done = take(classroom, rows, delimiter=";")
    assert (done.taken, standing(classroom, "s003").points) == (5, 4.5)


def test_bad_rows_are_refused_with_the_reason_and_good_ones_taken(classroom, hand_in):
    rows = {row["student"]: row for row in table(classroom)}
    hand_in(classroom, "s002", "right", written="I changed my mind")
    enter(classroom, "s002")
    for row in rows.values():
        row["points"] = "1"
    rows["s003"]["points"] = "3"
    rows["s004"]["points"] = "=1+1"
    twice = {**rows["s005"], "points": "2"}
    strange = {**rows["s001"], "key": "a-0000", "student": "=cmd()", "exercise": "\x1b[2J"}
    done = take(classroom, [rows[f"s00{n}"] for n in range(1, 6)] + [twice, strange])
    reasons = dict(enumerate((row.reason for row in done.refused), start=1))
    assert [row.about for row in done.refused][:4] == ["s002, why", "s003, why", "s004, why", "s005, why"]
    assert "\x1b" not in "".join(row.about for row in done.refused)
    assert (done.taken, len(reasons)) == (2, 5)
    assert "s002 has handed in another answer to why since the table was written" in reasons[1]
    assert "points must be 0 to 2" in reasons[2]
    assert "points must be 0 to 2" in reasons[3]
    assert "already in line" in reasons[4]
    assert "there is no such answer now" in reasons[5]
    assert "\x1b" not in "".join(reasons.values())
    assert {who: m.points for who, m in marks_of(classroom).items() if m} == {"s001": 1.0, "s005": 1.0}
    assert standing(classroom, "s002").to_mark == ("why",)


def test_no_cell_of_a_table_becomes_a_formula(classroom, hand_in):
    evil = ["=HYPERLINK(1)", "+1", "-1+cmd|' /C calc'!A0", "@SUM(1)", "\t=1", "＝1+1", " =1", "\r\n=1", "'=1"]
    for n, text in enumerate(evil[:5], start=1):
        hand_in(classroom, f"s00{n}", "right", written=text)
    hand_in(classroom, "s006", "right", written="x" * 40_000)
    enter(classroom)
    mark(classroom, "s001", 1.0, "=1+1")
    rows = table(classroom)
    for row in rows:
        for cell in row.values():
            assert cell.lstrip()[:1] not in tuple("=+-@＝"), cell
            assert len(cell) < 32_767
    assert take(classroom, rows).taken == 0  # the apostrophe in front of a comment is not part of it
    assert standing(classroom, "s001").comments["why"] == "=1+1"


def test_a_blind_table_says_nobodys_name_and_comes_back(classroom):
    rows = table(classroom, blind=True)
    assert all("s00" not in cell and "Student" not in cell for row in rows for cell in row.values())
    for row in rows:
        row["points"] = "2"
    assert take(classroom, rows).taken == 5


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no column"),
        (b"student,points\ns001,1\n", "no column comment, key"),
        ("key;points;comment\nä;1;".encode("latin-1"), "not in UTF-8"),
        (b"\x00\x01", "no column"),
        (b"\x89PNG\r\n\x1a\n", "not in UTF-8"),
    ],
)
def test_what_is_no_table_is_refused_whole(classroom, content, why):
    with pytest.raises(BadTable, match=why):
        take_table(classroom, classroom.assignment(NAME), content)
    assert not any(marks_of(classroom).values())


def test_random_edits_of_a_table_never_mark_somebody_else(classroom):
    """Cells swapped and bytes changed: a mark that is taken is the one in the row of that answer."""
    dice = random.Random(2)
    rows = table(classroom)
    whole = {row["key"]: row["student"] for row in rows}
    for _ in range(30):
        edited = [dict(row, points=dice.choice(["", "0", "1", "2", "7"])) for row in rows]
        for row in dice.sample(edited, 2):
            column = dice.choice(["key", "student", "exercise", "points", "name"])
            row[column] = dice.choice(edited)[column] + dice.choice(["", "x"])
        wanted = {}
        for row in edited:
            if row["key"] in whole and row["points"] in ("0", "1", "2"):
                wanted.setdefault(whole[row["key"]], float(row["points"]))
        before = {who: m.points if m else None for who, m in marks_of(classroom).items()}
        take(classroom, edited)
        after = {who: m.points if m else None for who, m in marks_of(classroom).items()}
        for who in after:
            assert after[who] in (before[who], wanted.get(who)), who


# ---- the command


def course(*arguments, typed=None, timeout=100):
    command = [sys.executable, "-m", "course_utils.cli", "grade", "mark", *map(str, arguments)]
    return subprocess.run(command, input=typed, capture_output=True, text=True, timeout=timeout, cwd=repo_root())


def test_the_command_takes_marks_from_the_formgrader_first_and_writes_the_gradebook(classroom):
    sync(classroom, NAME)
    enter_in_formgrader(classroom, "s001", 2.0, "from the browser")
    done = course(classroom.path, NAME, "--student", "s001", "s002", typed="1.5\nwell\n")
    assert done.returncode == 0, done.stderr
    assert "1 answer to mark" in done.stdout  # s001 has its mark already
    assert "1 marked, 0 skipped, 0 left" in done.stdout
    assert (standing(classroom, "s001").points, standing(classroom, "s002").points) == (5.0, 4.5)
    assert not sync(classroom, NAME).changed


def test_the_command_says_what_it_cannot_find(classroom):
    for arguments, words in (
        (["--student", "s099"], "'s099' is not on the roster"),
        (["--exercise", "who"], "it has: double, area, why"),
        (["--import", "nowhere.csv"], "nowhere.csv"),
    ):
        done = course(classroom.path, NAME, *arguments)
        assert done.returncode == 2
        assert words in done.stderr
        assert "Traceback" not in done.stderr
    assert course(classroom.path, "other").returncode == 2
    assert course(classroom.path / "submissions", NAME).returncode == 2
    sit_down(classroom, *["1", ""] * 5)
    assert "Nothing to mark" in course(classroom.path, NAME).stdout


def test_the_command_writes_and_reads_tables(classroom, tmp_path):
    path = tmp_path / "marks.csv"
    assert course(classroom.path, NAME, "--export", path).returncode == 0
    assert path.stat().st_mode & 0o077 == 0
    text = path.read_text(encoding="utf-8-sig").replace(",2,,,", ",2,1.5,,")
    path.write_text(text.replace(",2,1.5,,", ",2,9,,", 1), encoding="utf-8-sig")
    done = course(classroom.path, NAME, "--import", path)
    assert done.returncode == 1
    assert "4 marks and comments taken, 0 rows without news, 1 refused" in done.stdout
    assert "line" in done.stderr
    assert "0 to 2" in done.stderr


def test_work_of_which_nothing_could_be_graded_is_named_and_not_asked_for_piece_by_piece(classroom):
    receipt = receipts.latest(classroom, NAME)["s002"]
    entry = entry_for(classroom, classroom.assignment(NAME), receipt, Ledger(classroom))
    grade = replace(Grade.from_record(entry.grade), status=HUMAN, reason="2 different notebooks: a, b", exercises={})
    Ledger(classroom).path(NAME, entry.key).unlink()
    Ledger(classroom).write(replace(entry, grade=grade.record(), settled=True))
    assert [a.student for a in answers(classroom, classroom.assignment(NAME)) if a.student == "s002"] == []
    assert {a.student for a in answers(classroom, classroom.assignment(NAME), students=["s002"])} == {"s002"}
    done = course(classroom.path, NAME, "--export", classroom.path / "marks.csv")
    assert "s002 is left out: 2 different notebooks: a, b" in done.stderr
    assert f"course grade mark {classroom.path} {NAME} --student s002" in done.stderr
    assert "s002" not in (classroom.path / "marks.csv").read_text(encoding="utf-8-sig")


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
def test_killed_at_a_real_terminal_it_has_kept_every_mark_that_was_saved(classroom):
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "course_utils.cli", "grade", "mark", str(classroom.path), NAME]
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, cwd=repo_root()) as process:
        os.close(slave)
        screen = ""

        def until(words: str, times: int) -> None:
            nonlocal screen
            end = time.monotonic() + 100
            while screen.count(words) < times:
                assert time.monotonic() < end, screen
                if select.select([master], [], [], 1)[0]:
                    screen += os.read(master, 4096).decode()

        for n in (1, 2, 3):
            until("Points 0 to 2", n)
            os.write(master, b"1\n")
            until("Comment for the student", n)
            if n < 3:
                os.write(master, f"comment {n}\n".encode())
                until("Saved", n)
        process.kill()
    os.close(master)
    assert sum(m is not None for m in marks_of(classroom).values()) == 2
    assert len(answers(classroom, classroom.assignment(NAME))) == 3
    assert [m.comment for n in range(1, 6) for m in ManualMarks(classroom).history(NAME, f"s00{n}")]


def test_code_is_shown_as_it_was_written(classroom, hand_in):
    code = {**RIGHT, "double": "def double(x):\n    mask = 0xdeadbeef  # \x1b[31m\n\treturn 2 * x"}
    hand_in(classroom, "s001", SubmittedFiles({f"{NAME}.ipynb": small_notebook(code, written="why")}))
    enter(classroom, "s001")
    found = answers(classroom, classroom.assignment(NAME), students=["s001"], exercises=["double"], graded=True)
    shown = text_of_answer(classroom, classroom.assignment(NAME), found[0])
    assert "mask = 0xdeadbeef" in shown
    assert "\n\treturn 2 * x" in shown
    assert "\x1b" not in shown

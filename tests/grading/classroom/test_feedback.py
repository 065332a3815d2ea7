"""Pages for students: right, plain, unbreakable, and empty of everything that students must not see."""

import copy
import io
import re
import zipfile
from dataclasses import replace
from html import unescape

import nbformat
import pytest

from course_utils.cli import main
from course_utils.grading.classroom.feedback import CANVAS, MOODLE, canvas_file_name, write_feedback
from course_utils.grading.classroom.feedback_page import feedback_page
from course_utils.grading.classroom.manual import ManualMarks
from course_utils.grading.classroom.moodle import file_name
from course_utils.grading.classroom.roster import Student, write_roster
from course_utils.grading.classroom.safe_html import breakable, element, page, text, with_code
from course_utils.grading.classroom.standing import LATE, MISSING, STATUSES, WAITING, standings
from course_utils.grading.files import SubmittedFiles
from course_utils.grading.grade import GRADED, HUMAN, REJECTED, Grade, grade_files, seed_of
from course_utils.grading.hidden import UNNAMED
from course_utils.grading.outputs import CellOutput
from course_utils.grading.pack import secrets
from course_utils.grading.sandbox.plain import PlainRunner
from tests.grading.classroom.made_standings import (
    ATTACK,
    HOSTILE,
    by_hand,
    enter,
    failed,
    receipt_for,
    result,
    standing,
    student,
    tiny_png,
)
from tests.grading.classroom.watching import troubles_of

NAME = "01_perceptron"


@pytest.fixture(scope="module")
def classroom(tmp_path_factory, making):
    return making.make_class(tmp_path_factory.mktemp("feedback"), written=True)


@pytest.fixture(scope="module")
def small(classroom):
    """The small assignment: double (2 points), area (1), why (2, by hand)."""
    return classroom.assignment("small")


def plain(page_text: str) -> str:
    """What a reader sees of a page, roughly: no tags, no entities."""
    body = page_text.partition("</head>")[2]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", body)))


def full(small, who, sentence="double does not double", comment="well said", content="printed\n"):
    """Somebody with a misconception, a comment, outputs, a picture and an answer."""
    row = standing(small, who, GRADED, {"double": 0.0, "area": 1.0, "why": 1.5})
    results = {
        **row.grade.exercises,
        "double": result(0.0, 2.0, failed("double", sentence)),
        "why": replace(row.grade.exercises["why"], answer=content),
    }
    outputs = (
        CellOutput("cell 4", "double", content, (tiny_png(),)),
        CellOutput("cell 9", "", content, ("no picture", "PHN2Zz48L3N2Zz4="), True),
    )
    grade = Grade(GRADED, "", results, cells=("cell 9 stops with NameError (line 1 of cell 9)",), outputs=outputs)
    mark = by_hand(replace(row, grade=grade), "why", 1.5, comment)
    return replace(row, grade=grade, manual={"why": mark}, comments={"why": comment})


def test_the_page_says_what_was_earned_what_went_wrong_and_what_a_person_wrote(small, classroom):
    found = feedback_page(full(small, student(1)), small, classroom)
    seen = plain(found)
    for words in (
        "Your work is graded: 2.5 of 5 points.",
        "Write double not right yet 0 of 2",
        "Write area right 1 of 1",
        "Why? marked by your instructor 1.5 of 2",
        "Together: 2.5 of 5 points",
        "double does not double",
        "Your instructor wrote well said",
        "cell 9 stops with NameError",
        "What cell 4 showed printed",
        "A picture that cannot be shown.",
        "There was more",
    ):
        assert words in seen, words
    assert seen.index("Together") < seen.index("double does not double"), "the table comes first"
    assert found.count("<img ") == 1
    assert 'alt="Picture 1 that cell 4 drew"' in found


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        (REJECTED, "the file is empty", ("could not be read", "Why: the file is empty.", "hand in again")),
        (MISSING, "", ("Nothing was handed in under your name", "small.ipynb")),
        (WAITING, "", ("waits to be graded",)),
        (HUMAN, "to mark by hand: why", ("Your instructor still marks Why?", "So far: 3 points; 2 of 5 are")),
        (HUMAN, "2 notebooks, and it is not clear which one counts: a, b", ("not clear which one counts: a, b",)),
    ],
)  # fmt: skip
def test_no_mark_is_no_zero_and_the_page_says_what_to_do(small, classroom, status, reason, words):
    row = replace(standing(small, student(1), status), reason=reason)
    seen = plain(feedback_page(row, small, classroom))
    for expected in words:
        assert expected in seen, expected
    assert "Together" not in seen
    if status in (REJECTED, HUMAN):
        assert "not a mark of zero" in seen
    assert not re.search(r"\b0 of \d", seen)


def test_what_the_grader_could_not_do_is_said_without_its_own_words(small, classroom):
    trouble = "the grader had trouble: ZeroDivisionError: /home/teacher/hidden.py line 3, x = 0.123"
    row = standing(small, student(1), HUMAN)
    results = {**row.grade.exercises, "double": result(None, 2.0)}
    row = replace(row, reason=trouble, grade=Grade(HUMAN, trouble, results), to_mark=("double",))
    seen = plain(feedback_page(row, small, classroom))
    assert "did not get to a result that can be trusted in Write double. That says nothing about your work" in seen
    for secret in ("ZeroDivisionError", "/home/teacher", "0.123", "trouble"):
        assert secret not in seen


@pytest.mark.parametrize(
    ("late_by", "words"),
    [(300, "It came 5 min after the due time."), (90_000, "1 day 1 h after"), (None, "marked as late where you")],
)
def test_late_work_says_by_how_much(small, classroom, late_by, words):
    row = standing(small, student(1), LATE)
    who = replace(row.receipt, late=True, late_by_seconds=late_by)
    seen = plain(feedback_page(replace(row, late=True, receipt=who), small, classroom))
    assert words in seen
    assert "Your work is graded: 5 of 5 points." in seen


def test_a_page_holds_its_own_student_alone(small, classroom):
    found = feedback_page(full(small, student(1)), small, classroom)
    for other in ("median", "s002", "test_secret_name", "0.123456", "expected"):
        assert other not in found


@pytest.mark.browser
@pytest.mark.parametrize("status", STATUSES)
def test_nothing_that_others_wrote_breaks_out_of_a_page(small, classroom, browser, tmp_path, status):
    who = student(1, name=ATTACK)
    row = full(small, who, ATTACK, ATTACK, ATTACK) if status == GRADED else standing(small, who, status)
    if row.receipt is not None:
        row = replace(row, receipt=replace(row.receipt, original_name=ATTACK, notes=(ATTACK,)))
    row = replace(row, reason=ATTACK + " which one counts")
    found = feedback_page(row, small, classroom)
    path = tmp_path / "page.html"
    path.write_text(found)
    assert troubles_of(browser, path, width=360, axe=status == GRADED) == []
    for attack in HOSTILE[:8]:
        assert attack not in found
    assert "\x1b" not in found
    assert "\u202e" not in found


@pytest.mark.browser
def test_what_would_break_out_is_stopped_by_the_policy_and_noticed_by_the_test(browser, tmp_path):
    path = tmp_path / "page.html"
    bad = '<script>window.pwned=1</script><img src="http://127.0.0.1:9/x.png"><p onclick="x()" style="color:red">'
    path.write_text(page("Title", element("p", "text")).replace("</main>", f"{bad}</main>"))
    found = " ".join(troubles_of(browser, path))
    assert "a script ran" not in found
    assert "violates the following Content Security Policy directive" in found
    assert "element: <script>" in found
    assert "element: <p onclick" in found
    path.write_text(page("Title", "x").replace("Content-Security-Policy", "nothing").replace("</main>", bad))
    found = " ".join(troubles_of(browser, path))
    assert "a script ran" in found
    assert "asks for http://127.0.0.1:9/x.png" in found


@pytest.mark.browser
def test_a_page_reads_well_everywhere(small, classroom, browser, tmp_path):
    long = "x" * 4_000 + "\n" + "\n".join(f"line {number}" for number in range(100))
    path = tmp_path / "page.html"
    path.write_text(feedback_page(full(small, student(1), content=long), small, classroom))
    for scheme in ("light", "dark"):
        assert troubles_of(browser, path, scheme=scheme, axe=True) == []
        assert troubles_of(browser, path, width=360, scheme=scheme, axe=True) == []


def test_text_is_text_whatever_it_is():
    assert text("<&\"'>") == "&lt;&amp;&quot;&#x27;&gt;"
    assert text("a\x00\u202eb\u200dc\n\t") == "a\ufffd\ufffdb\u200dc\n\t"
    assert element("p", "<b>", title='"><b>', hidden=False, lang=None) == '<p title="&quot;&gt;&lt;b&gt;">&lt;b&gt;</p>'
    assert with_code("use `a<b` now") == "use <code>a&lt;b</code> now"
    assert with_code("a ` b") == "a ` b"
    assert breakable("a_<b>_c") == "a_<wbr>&lt;b&gt;_<wbr>c"


def prints_and_raises(cells):
    """Functions that tell in every way they can what they were called with."""
    cells["kernel_code"].source = (
        "import sys\n"
        "def polynomial_kernel(a, b, degree):\n"
        "    print('SEEN', a, b, degree)\n    sys.stderr.write(f'SEEN {a}')\n"
        "    raise ValueError(f'SEEN {a!r}')\n"
        "def train_kernel_perceptron(k, y, epochs):\n    print('SEEN', k)\n    return k, y\n"
        "print('my own text')\n"
    )
    cells["perceptron_rule_code"].source = cells["perceptron_rule_code"].source.replace("<= 0", "< 0")


def test_pages_of_the_real_assignment_hold_nothing_of_its_hidden_tests(making, tmp_path, solved):
    classroom = making.make_class(tmp_path / "class", 2, name=NAME)
    assignment = classroom.assignment(NAME)
    notebook = copy.deepcopy(solved)
    prints_and_raises({cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells})
    files = SubmittedFiles({f"{NAME}.ipynb": nbformat.writes(notebook).encode()})
    seed = seed_of(classroom.config.seed, "s001", NAME)
    grade = grade_files(assignment, files, PlainRunner(), seed)
    assert grade.status == GRADED
    details = {test.detail for one in grade.exercises.values() for test in one.tests if test.detail}
    enter(classroom, making.hand_in(classroom, "s001", files, name=NAME), grade)
    with classroom.lock():
        write_feedback(classroom, NAME)
    folder = classroom.feedback / NAME
    pages = {path.name: path.read_text() for path in folder.glob("*.html")}
    assert set(pages) == {"s001.html", "s002.html"}
    assert "never updates at w = 0" in pages["s001.html"]
    assert "my own text" in pages["s001.html"]
    hidden = (assignment.source / "hidden.py").read_text()
    names = set(re.findall(r"def (test_\w+|reference_\w+)", hidden))
    assert len(names) > 15
    lines = {line.strip() for line in hidden.splitlines() if len(line.strip()) > 30}
    own = {line for line in secrets(assignment.source) if any(line in source for source in _sources(notebook))}
    for found in pages.values():
        seen = plain(found)
        for secret in (
            (secrets(assignment.source) - own) | names | lines | details | {str(seed), "SEEN", "array(", "[["}
        ):
            assert secret not in found, secret
            assert secret not in seen, secret
        assert f"seed: {classroom.config.seed}" not in seen


def _sources(notebook) -> list[str]:
    return [cell.source for cell in notebook.cells]


@pytest.fixture
def real(new_class, hand_in):
    """Two graded students, one of them from Moodle and one from Canvas; a third without a submission."""
    classroom = new_class(3, written=True)
    origins = {
        "s001": {"origin": "moodle", "original_name": "Student_001_77"},
        "s002": {"origin": "canvas", "original_name": "002student_LATE_1002_5055_small.ipynb"},
    }
    for who, origin in origins.items():
        results = {
            "double": result(0.0, 2.0, failed("double", UNNAMED)),
            "area": result(1.0, 1.0),
            "why": result(None, 2.0, manual=True, answer="because"),
        }
        enter(classroom, hand_in(classroom, who, written="because", **origin), Grade(GRADED, "", results))
    return classroom


def test_the_command_writes_a_page_for_everybody_and_again_the_same_bytes(real, capsys):
    assert main(["grade", "feedback", str(real.path), "small"]) == 0
    folder = real.feedback / "small"
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(first) == {"s001.html", "s002.html", "s003.html", MOODLE, CANVAS}
    assert "3 pages" in capsys.readouterr().out
    assert main(["grade", "feedback", str(real.path), "small"]) == 0
    assert "0 new or changed" in capsys.readouterr().out
    assert first == {path.name: path.read_bytes() for path in folder.iterdir()}


def test_pages_follow_the_class(real, capsys):
    assert main(["grade", "feedback", str(real.path), "small"]) == 0
    folder = real.feedback / "small"
    assert "Your instructor still marks Why?" in plain((folder / "s001.html").read_text())
    row = standings(real, "small")[0]
    ManualMarks(real).add(by_hand(row, "why", 2.0, "a fine <answer>"))
    students = [one.student for one in standings(real, "small")]
    write_roster(real.roster_file, [students[0], students[2], Student("s009")])
    capsys.readouterr()
    assert main(["grade", "feedback", str(real.path), "small"]) == 0
    said = capsys.readouterr().out
    assert "2 new or changed" in said
    assert "removed, not enrolled any more: s002" in said
    assert {path.stem for path in folder.glob("*.html")} == {"s001", "s003", "s009"}
    assert not (folder / CANVAS).exists(), "the zip of a student who left goes as well"
    seen = plain((folder / "s001.html").read_text())
    assert "Together: 3 of 5 points" in seen
    assert "a fine <answer>" in seen


def test_zips_are_named_as_moodle_and_canvas_want_it(real, tmp_path):
    (tmp_path / "sheet.csv").write_text("Identifier,Grade,Email address\nParticipant 79,,s003@example.org\n")
    sheet = ["--moodle-worksheet", str(tmp_path / "sheet.csv")]
    assert main(["grade", "feedback", str(real.path), "small", *sheet]) == 0
    folder = real.feedback / "small"
    with zipfile.ZipFile(folder / MOODLE) as archive:
        names = archive.namelist()
        assert archive.read(names[0]) == (folder / "s001.html").read_bytes()
    assert names == [
        "Student 001_77_assignsubmission_file_feedback-small.html",
        "Student 003_79_assignsubmission_file_feedback-small.html",
    ]
    for name in names:  # as Moodle's importer takes a name apart
        parts = name.split("_", 4)
        assert parts[1].isdigit()
        assert parts[2:4] == ["assignsubmission", "file"]
    with zipfile.ZipFile(folder / CANVAS) as archive:
        (name,) = archive.namelist()
        assert [part for part in name.split("_") if part.isdigit()] == ["1002", "5055"]


@pytest.mark.parametrize(
    "name", ["a_b_c", "../../etc", ".hidden", "~x", "", "_", "é 李 O'Neil-Smith", "x" * 500, "/", "\u202e"]
)
def test_no_name_leads_moodle_astray(small, name):
    made = file_name(standing(small, student(1, name=name), MISSING), "42", "small")
    assert "/" not in made
    assert made.split("_", 4)[1:] == ["42", "assignsubmission", "file", "feedback-small.html"]
    assert made[0] not in ".~_"


@pytest.mark.parametrize(
    ("origin", "name", "numbers"),
    [
        ("canvas", "lovelaceada_1815_99_small.ipynb", ["1815", "99"]),
        ("canvas", "lovelaceada_LATE_1815_99_small-2.ipynb", ["1815", "99"]),
        ("canvas", "1815_99_7_notes.ipynb", ["1815", "99"]),
        ("canvas", "anon_Ab9_99_small.ipynb", ["anon", "Ab9", "99"]),
        ("canvas", "small.ipynb", None),
        ("folder", "lovelaceada_1815_99_small.ipynb", None),
    ],
)
def test_canvas_finds_its_numbers_again(small, origin, name, numbers):
    row = standing(small, student(1), GRADED)
    row = replace(row, receipt=receipt_for(row.student, "small", origin=origin, original_name=name))
    made = canvas_file_name(row, "small")
    if numbers is None:
        assert made is None
    elif numbers[0] == "anon":
        assert made.split("_")[:3] == numbers, "Canvas wants these first"
    else:
        assert [part for part in made.split("_") if part.isdigit()][:2] == numbers


def test_wrong_arguments_are_refused(real, tmp_path, capsys):
    assert main(["grade", "feedback", str(real.path), "other"]) == 2
    assert "no assignment 'other'" in capsys.readouterr().err
    assert main(["grade", "feedback", str(real.path), "small", "--moodle-worksheet", str(tmp_path / "x")]) == 2
    assert "no worksheet" in capsys.readouterr().err


def test_a_damaged_mark_is_the_instructors_trouble(real):
    row = standings(real, "small")[0]
    ManualMarks(real).add(by_hand(row, "why", 2.0))
    (path,) = (real.ledger / "manual" / "small" / "s001").iterdir()
    path.write_text("{")
    assert main(["grade", "feedback", str(real.path), "small"]) == 0
    seen = plain((real.feedback / "small" / "s001.html").read_text())
    assert "Your instructor looks into it." in seen
    assert str(real.path) not in seen
    assert "Together" not in seen


def test_a_zip_is_the_same_bytes_on_every_day(real):
    with real.lock():
        write_feedback(real, "small")
    content = (real.feedback / "small" / MOODLE).read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert {one.date_time for one in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}

"""The picture of a class: counted right, everybody in it, the same bytes again, and nothing that breaks out of it."""

import re
from dataclasses import replace
from html import unescape
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from course_utils.cli import main
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.ledger import Ledger
from course_utils.grading.classroom.manual import ManualMarks
from course_utils.grading.classroom.overview import class_overview, overview_text
from course_utils.grading.classroom.overview_page import overview_page
from course_utils.grading.classroom.receipts import Receipt
from course_utils.grading.classroom.report import class_picture, fingerprint
from course_utils.grading.classroom.report_page import report_page
from course_utils.grading.classroom.report_text import report_text
from course_utils.grading.classroom.roster import Student, write_roster
from course_utils.grading.classroom.standing import LATE, MISSING, STATUSES, WAITING, standings
from course_utils.grading.classroom.wording import EXPLAINED, calls, listed, one_line, span
from course_utils.grading.grade import GRADED, HUMAN, REJECTED, Grade
from course_utils.grading.hidden import UNNAMED
from tests.grading.classroom.made_standings import (
    ATTACK,
    HOSTILE,
    WHEN,
    by_hand,
    enter,
    failed,
    mixes,
    result,
    standing,
    student,
)
from tests.grading.classroom.watching import troubles_of

TIE, STRICT = "a tie is a mistake", "your rule never updates"


@pytest.fixture
def mixed(new_class, hand_in):
    """Nine students: three graded (one of them late), and one of every other kind."""
    classroom = new_class(9, written=True, due=WHEN)

    def graded(who, double, area, why, *tests, sandboxed=True, notes=(), **options):
        exercises = {
            "double": result(double, 2.0, *[t for t in tests if t.exercise == "double"]),
            "area": result(area, 1.0, *[t for t in tests if t.exercise == "area"]),
            "why": result(None, 2.0, manual=True, answer=f"because of {who}"),
        }
        if area == 0 and not tests:
            exercises["area"] = replace(exercises["area"], status="not attempted")
        broken = None in (double, area)
        grade = Grade(
            HUMAN if broken else GRADED, "could not be graded: double" if broken else "", exercises, notes=notes
        )
        grade = replace(grade, environment={"python": "3.11", "numpy": "2.4"})
        enter(classroom, hand_in(classroom, who, written=who, received=WHEN, **options), grade, sandboxed=sandboxed)
        if why is not None:
            row = next(row for row in standings(classroom, "small") if row.student.id == who)
            ManualMarks(classroom).add(by_hand(row, "why", why))

    tie = failed("double", TIE)
    graded("s001", 2.0, 1.0, 2.0)
    graded("s002", 1.0, 0.0, 1.0, tie, tie, failed("area", STRICT), notes=("the check area was edited",))
    graded("s003", 0.0, 0.0, 0.0, tie, failed("double", UNNAMED, "test_of_arrays"))
    graded("s004", 2.0, 0.0, None)
    graded("s005", None, 0.5, 2.0, failed("area", "area stops with ValueError (line 2 of cell 4)", status="raised"))
    hand_in(classroom, "s006", rejected="the file is empty", received=WHEN)
    hand_in(classroom, "s007", received=WHEN)
    hand_in(classroom, "s008", received=WHEN.replace(hour=18), written="x")
    row = next(row for row in standings(classroom, "small") if row.student.id == "s008")
    assert row.status == WAITING
    enter(classroom, row.receipt, Grade(GRADED, "", {n: result(p, p) for n, p in (("double", 2.0), ("area", 1.0))}))
    return classroom


def test_everybody_is_counted_once(mixed):
    picture = class_picture(mixed, "small")
    assert [row.student.id for row in picture.rows] == [f"s{n:03d}" for n in range(1, 10)]
    assert picture.counts == {GRADED: 3, LATE: 1, HUMAN: 2, REJECTED: 1, WAITING: 1, MISSING: 1}
    assert sum(picture.counts.values()) == 9
    assert set(EXPLAINED) == set(STATUSES)


def test_points_are_those_of_students_who_have_some(mixed):
    spread = class_picture(mixed, "small").spread
    assert (spread.count, spread.lowest, spread.median, spread.highest) == (4, 0, 2.5, 5)
    assert sum(part.count for part in spread.ranges) == 4


def test_points_of_tests_are_shown_while_answers_wait_for_a_person(mixed):
    picture = class_picture(mixed, "small")
    assert (picture.by_tests.count, picture.by_tests.highest, picture.possible_by_tests) == (5, 3, 3)
    assert "Points from hidden tests alone, of 3\n" in report_text(picture, mixed)
    assert "From hidden tests alone, of 3 points" in report_page(picture, mixed)
    row = next(row for row in standings(mixed, "small") if row.student.id == "s004")
    ManualMarks(mixed).add(by_hand(row, "why", 1.0))
    assert class_picture(mixed, "small").by_tests is None


def test_a_picture_of_thousands_carries_no_outputs_and_no_answers(mixed):
    full, picture = standings(mixed, "small"), class_picture(mixed, "small")
    assert any(row.grade and row.grade.exercises["why"].answer for row in full)
    for row, thin in zip(full, picture.rows):
        assert (row.status, row.points, row.to_mark) == (thin.status, thin.points, thin.to_mark)
        if thin.grade is not None:
            assert {one.answer for one in thin.grade.exercises.values()} == {None}
            assert (thin.grade.outputs, thin.entry.grade) == ((), {})


def test_exercises_tell_all_some_none_untouched_and_open_apart(mixed):
    double, area, why = class_picture(mixed, "small").exercises
    assert (double.full, double.partly, double.none, double.blank, double.open) == (3, 1, 1, 0, 1)
    assert (area.full, area.partly, area.none, area.blank, area.open) == (2, 1, 2, 1, 0)
    assert (why.full, why.partly, why.none, why.blank, why.open) == (2, 1, 1, 0, 1)
    assert double.mean == 7 / 5
    assert (why.manual, double.manual) == (True, False)


def test_misconceptions_are_counted_by_student_and_troubles_are_none(mixed):
    picture = class_picture(mixed, "small")
    met = [(one.what, one.test, [row.student.id for row in one.students]) for one in picture.misconceptions]
    assert met == [
        (TIE, "", ["s002", "s003"]),
        (STRICT, "", ["s002"]),
        (UNNAMED, "test_of_arrays", ["s003"]),
    ]
    assert [(one.exercise, one.what) for one in picture.troubles] == [("Write area", "stops with an error")]


def test_a_student_who_could_not_be_graded_is_named_with_the_reason(mixed):
    text = report_text(class_picture(mixed, "small"), mixed)
    for words in (
        "could not be graded: double\n        (s005)",
        "to mark by hand: why\n        (s004)",
        "the file is empty\n        (s006)",
        "s008 Student 008: 6 h",
        "Nothing handed in (1)\n  s009",
        "Collected, not graded yet (1)\n  s007",
        "s002 Student 002: the check area was edited",
    ):
        assert words in text, words


def test_nothing_handed_in_by_anybody_is_a_picture_too(new_class):
    picture = class_picture(new_class(2), "small")
    assert picture.spread is None
    assert "nobody has a mark yet" in report_text(picture, new_class(1))
    assert "Nobody has a mark yet" in report_page(picture, new_class(1))
    assert class_picture(new_class(0), "small").rows == ()


def test_what_was_graded_without_a_sandbox_cannot_be_missed(mixed, hand_in):
    receipt = hand_in(mixed, "s009", received=WHEN)
    assert "NOT SANDBOXED" not in report_page(class_picture(mixed, "small"), mixed)
    enter(mixed, receipt, Grade(GRADED, "", {"double": result(2.0, 2.0)}), sandboxed=False)
    picture = class_picture(mixed, "small")
    text, found = report_text(picture, mixed), report_page(picture, mixed)
    assert text.startswith("!" * 80 + "\nNOT SANDBOXED: 1 submission")
    assert "Graded so: s009" in text
    assert found.partition("<main>")[2].startswith('<div class="banner"')
    assert found.index("NOT SANDBOXED") < found.index("<h1>")
    overview = class_overview(mixed)
    assert overview_text(overview).startswith("!" * 80 + "\nNOT SANDBOXED: 1 submission of small")
    assert "NOT SANDBOXED" in overview_page(overview)


def test_files_of_nobody_strangers_and_damage_are_shown(mixed, hand_in):
    home = mixed.submissions / "small"
    receipt = hand_in(mixed, "s009", received=WHEN, original_name="who is it.ipynb", notes=("fits nobody",))
    (home / "_unmatched").mkdir()
    (home / "s009" / receipt.folder_name).rename(home / "_unmatched" / receipt.folder_name)
    record = home / "_unmatched" / receipt.folder_name / "receipt.json"
    record.write_text(record.read_text().replace('"s009"', '"_unmatched"'))
    students = [row.student for row in standings(mixed, "small")]
    write_roster(mixed.roster_file, [one for one in students if one.id != "s006"])
    entry = next(row.entry for row in standings(mixed, "small") if row.student.id == "s001")
    Ledger(mixed).path("small", entry.key).write_text("{}")
    picture = class_picture(mixed, "small")
    assert picture.unmatched == ("0001 who is it.ipynb: fits nobody",)
    assert picture.strangers == ("s006", "s009")[:1]
    assert picture.damaged == (f"ledger/damaged/{entry.key}.json",)
    assert picture.rows[0].status == WAITING
    for shown in (report_text(picture, mixed), report_page(picture, mixed)):
        seen = re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", "", shown)))
        assert "who is it.ipynb: fits nobody" in seen
        assert "Damaged and set aside" in seen
        assert "s006" in seen


def test_the_seed_is_nowhere_and_its_fingerprint_is(mixed):
    settings = mixed.path / "class.yml"
    settings.write_text(settings.read_text().replace("seed: 7", "seed: 987654321"))
    classroom = ClassFolder(mixed.path)
    picture = class_picture(classroom, "small")
    for shown in (report_text(picture, classroom), report_page(picture, classroom)):
        assert "987654321" not in shown
        assert fingerprint(987654321) in shown
    assert fingerprint(1) != fingerprint(2)


def test_the_terminal_shows_eighty_columns_of_printable_text(mixed):
    settings = mixed.path / "class.yml"
    settings.write_text(settings.read_text().replace("A made-up class", '"A \\e[31m class ' + "very " * 40 + '"'))
    rows = [row.student for row in standings(mixed, "small")]
    rows[0] = Student("s001", "\x1b[2J\x07evil\u202e " + "long " * 30)
    write_roster(mixed.roster_file, rows)
    classroom = ClassFolder(mixed.path)
    for text in (report_text(class_picture(classroom, "small"), classroom), overview_text(class_overview(classroom))):
        assert max(map(len, text.splitlines())) <= 80
        assert all(char.isprintable() or char == "\n" for char in text)


def test_the_command_prints_the_class_and_writes_the_same_page_again(mixed, capsys):
    assert main(["grade", "report", str(mixed.path), "small"]) == 0
    out = capsys.readouterr().out
    assert "9 students enrolled" in out
    path = mixed.reports / "small.html"
    assert str(path) in out
    first = path.read_bytes()
    assert main(["grade", "report", str(mixed.path), "small"]) == 0
    assert path.read_bytes() == first
    assert main(["grade", "report", str(mixed.path)]) == 0
    pages = {one.name: one.read_bytes() for one in mixed.reports.iterdir()}
    assert set(pages) == {"small.html", "_overview.html"}
    assert pages["small.html"] == first
    assert main(["grade", "report", str(mixed.path)]) == 0
    assert pages == {one.name: one.read_bytes() for one in mixed.reports.iterdir()}
    assert b'href="small.html"' in pages["_overview.html"]
    capsys.readouterr()
    assert main(["grade", "report", str(mixed.path), "other"]) == 2
    assert "class.yml lists: small" in capsys.readouterr().err


def test_an_assignment_without_files_is_open_in_the_overview_and_leads_nowhere(mixed):
    settings = mixed.path / "class.yml"
    settings.write_text(settings.read_text() + "  later: {part: challenge}\n")
    overview = class_overview(ClassFolder(mixed.path))
    text = overview_text(overview)
    assert re.search(r"later +challenge +\? +\? +\? +\? +\? +\? +-", text)
    assert re.search(r"small +homework +3 +1 +2 +1 +1 +1 +2.5 of 5", text)
    assert "later.html" not in overview_page(overview)
    lines = text.splitlines()
    assert len([line for line in lines if re.match(r"s00\d ", line)]) == 9


@pytest.mark.browser
def test_the_pages_read_well_everywhere(mixed, browser):
    assert main(["grade", "report", str(mixed.path)]) == 0
    for name in ("small.html", "_overview.html"):
        for width, scheme in ((1100, "light"), (360, "dark")):
            assert troubles_of(browser, mixed.reports / name, width=width, scheme=scheme, axe=True) == []


@pytest.mark.browser
def test_nothing_that_others_wrote_breaks_out_of_a_report(mixed, browser, tmp_path):
    picture = class_picture(mixed, "small")
    rows = [
        replace(
            row,
            student=replace(row.student, name=ATTACK),
            reason=ATTACK,
            receipt=replace(row.receipt, notes=(ATTACK,), original_name=ATTACK) if row.receipt else None,
        )
        for row in picture.rows
    ]
    met = tuple(
        replace(one, what=ATTACK, test=ATTACK, exercise=ATTACK, students=tuple(rows)) for one in picture.misconceptions
    )
    picture = replace(
        picture,
        class_title=ATTACK,
        rows=tuple(rows),
        misconceptions=met,
        troubles=met,
        unmatched=HOSTILE,
        strangers=HOSTILE,
        damaged=HOSTILE,
        unsafe=tuple(rows),
        provenance=(("versions", ATTACK),),
        exercises=tuple(replace(one, name=ATTACK, title=ATTACK) for one in picture.exercises),
    )
    path = tmp_path / "report.html"
    path.write_text(report_page(picture, mixed))
    assert troubles_of(browser, path, axe=True) == []
    assert troubles_of(browser, path, width=360) == []
    overview = class_overview(mixed)
    finals = tuple(replace(one, student=replace(one.student, name=ATTACK), reason=ATTACK) for one in overview.finals)
    overview = replace(overview, finals=finals, exam=SimpleNamespace(strangers=HOSTILE), work={"small": ATTACK})
    path.write_text(overview_page(overview))
    assert troubles_of(browser, path, width=360) == []
    text = report_text(picture, mixed) + overview_text(overview)
    assert all(char.isprintable() or char in "\n" for char in text)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_every_page_and_text_has_everybody_whatever_the_mix(data, small_class):
    classroom, picture = small_class
    rows = data.draw(mixes(classroom.assignment("small")))
    picture = replace(
        picture,
        rows=tuple(rows),
        counts={status: sum(row.status == status for row in rows) for status in STATUSES},
    )
    found = report_page(picture, classroom)
    table = found[found.rindex("<h2>Everybody") :]
    assert re.findall(r"<td>(s\d{3})</td>", table) == [row.student.id for row in rows]
    assert all(char.isprintable() or char == "\n" for char in report_text(picture, classroom))


@pytest.fixture(scope="module")
def small_class(tmp_path_factory, making):
    classroom = making.make_class(tmp_path_factory.mktemp("report"), 0, written=True)
    return classroom, class_picture(classroom, "small")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (61, "1 min 1 s"), (3_600, "1 h"), (7_500, "2 h 5 min"),
     (86_400, "1 day"), (90_000, "1 day 1 h"), (200_000, "2 days 7 h")],
)  # fmt: skip
def test_spans_of_time_are_said_in_two_units(seconds, words):
    assert span(seconds) == words


def test_students_of_the_same_name_are_told_apart(small_class):
    classroom, _ = small_class
    assignment = classroom.assignment("small")
    rows = [standing(assignment, student(n, name=name), MISSING) for n, name in enumerate(["A", "A", "B", ""], start=1)]
    assert calls(rows) == {"s001": "A (s001)", "s002": "A (s002)", "s003": "B", "s004": "s004"}
    assert listed([]) == ""
    assert listed("ab") == "a and b"
    assert one_line("x" * 50, 10) == "x" * 9 + "…"


def test_late_work_nobody_knows_when_comes_first(small_class):
    classroom, picture = small_class
    assignment = classroom.assignment("small")
    rows = []
    for number, seconds in enumerate([60, None, 7_200], start=1):
        row = standing(assignment, student(number), LATE, late_by=60)
        receipt: Receipt = replace(row.receipt, late_by_seconds=seconds)
        rows.append(replace(row, late=True, receipt=receipt))
    assert [row.student.id for row in replace(picture, rows=tuple(rows)).late] == ["s002", "s003", "s001"]
    assert rows[0].status == LATE
    assert REJECTED not in {row.status for row in rows}

"""The leaderboard: ranks, ties, tries, made-up names, and no private score before the end."""

import csv
import re
from collections import Counter

import pytest

from course_utils.cli import main
from course_utils.grading.challenge.board import Board, Row, leaderboard, ranks
from course_utils.grading.challenge.board_page import board_page, moved
from course_utils.grading.challenge.ladder import FLOOR, TOP, ladder
from course_utils.grading.challenge.pseudonyms import ANIMALS, MOODS, PLACES, pseudonyms
from course_utils.grading.classroom.roster import Student, write_roster
from course_utils.grading.files import SubmittedFiles

SEED = 1_008_476_235_991_234_567


@pytest.fixture
def contest(make_class):
    """Six students: a tie, a late one, a rejected one, one without work."""
    made = make_class(6)
    made.pack()
    made.hand_in("s001", 0.5, 0.9)
    made.hand_in("s002", 0.7, 0.6)
    made.hand_in("s002", 0.8, 0.6, hours=2)
    made.hand_in("s003", 0.8, 0.7, hours=24 * 20)
    made.hand_in("s004", 0.2, 0.3)
    made.hand_in_files("s005", SubmittedFiles({"predictions.csv": b"nothing"}))
    made.grade()
    return made


def rows(made, **options):
    return {row.student: row for row in leaderboard(made.classroom, "tiny", **options).rows}


# ---- ranks ----


@pytest.mark.parametrize(
    ("scores", "wanted"),
    [
        ([], []),
        ([0.5], [1]),
        ([0.5, 0.9, 0.7], [3, 1, 2]),
        ([0.5, 0.9, 0.9, 0.9, 0.1], [4, 1, 1, 1, 5]),
        ([0.0, 0.0], [1, 1]),
    ],
)
def test_equal_scores_share_a_rank_and_the_next_one_counts_them(scores, wanted):
    assert ranks(scores) == wanted


def test_ranks_follow_public_scores_until_the_end(contest):
    found = rows(contest)
    assert {student: (row.public, row.public_rank) for student, row in found.items()} == {
        "s002": (0.8, 1), "s003": (0.8, 1), "s001": (0.5, 3), "s004": (0.2, 4),
    }  # fmt: skip
    assert all(row.private is None and row.private_rank is None and row.climbed is None for row in found.values())


def test_equal_scores_stand_in_the_order_of_the_names_and_not_of_the_roster(make_class):
    made = make_class(8)
    made.pack()
    for n in range(1, 9):
        made.hand_in(f"s{n:03d}", 0.5)
    made.grade()
    for final in (False, True):
        found = leaderboard(made.classroom, "tiny", final=final).rows
        assert [row.name for row in found] == sorted(row.name for row in found)
        assert [row.student for row in found] != sorted(row.student for row in found)
        assert {row.public_rank for row in found} == {1}


def test_ranks_follow_private_scores_at_the_end_and_say_who_moved(contest):
    found = rows(contest, final=True)
    assert {student: (row.private, row.private_rank, row.climbed) for student, row in found.items()} == {
        "s001": (0.9, 1, 2), "s003": (0.7, 2, -1), "s002": (0.6, 3, -2), "s004": (0.3, 4, 0),
    }  # fmt: skip
    assert [moved(found[s]) for s in ("s001", "s003", "s004")] == ["up 2", "down 1", "same"]


def test_tries_and_lateness_are_stated(contest):
    found = rows(contest)
    assert {student: row.attempts for student, row in found.items()} == {"s001": 1, "s002": 2, "s003": 1, "s004": 1}
    assert [student for student, row in found.items() if row.late] == ["s003"]


def test_a_file_that_could_not_be_read_counts_as_a_try_and_the_last_one_counts(contest):
    contest.hand_in("s005", 0.4, hours=5)
    contest.hand_in_files("s001", SubmittedFiles({"predictions.csv": b"oops"}), hours=6)
    contest.grade()
    found = rows(contest)
    assert found["s005"].attempts == 2
    assert "s001" not in found
    assert leaderboard(contest.classroom, "tiny").absent == {"rejected": 1, "missing": 1}


def test_those_without_a_score_are_counted_and_not_named(contest):
    board = leaderboard(contest.classroom, "tiny")
    assert board.absent == {"rejected": 1, "missing": 1}
    page = board_page(board, contest.classroom)
    assert "Not in the table: 1 with nothing handed in and 1 whose file could not be read." in page
    names = pseudonyms(SEED, [f"s00{n}" for n in range(1, 7)])
    assert names["s001"] in page
    assert names["s005"] not in page
    assert names["s006"] not in page


# ---- what the page tells ----


def test_the_page_before_the_end_holds_nothing_private(contest):
    before = board_page(leaderboard(contest.classroom, "tiny"), contest.classroom)
    contest.hand_in("s001", 0.5, 0.4, hours=0)
    contest.hand_in("s002", 0.8, 0.95, hours=2)
    contest.grade()
    after = board_page(leaderboard(contest.classroom, "tiny"), contest.classroom)
    tries = re.compile(r'<td class="n">\d</td></tr>')
    assert tries.sub("", before) == tries.sub("", after), "only the number of tries differs"
    assert before != after


def test_the_page_names_nobody(contest):
    write_roster(
        contest.classroom.roster_file,
        [Student(f"s00{n}", f"Student <b>{n}</b>", f"s{n}@example.org") for n in range(1, 7)],
    )
    for final in (False, True):
        page = board_page(leaderboard(contest.classroom, "tiny", final=final), contest.classroom)
        assert "Student" not in page
        assert not re.search(r"s00\d|example\.org", page)
        assert str(SEED) not in page


def test_names_are_shown_where_asked_for_and_cannot_break_out(contest):
    write_roster(contest.classroom.roster_file, [Student("s001", "<script>alert(1)</script>"), Student("s002")])
    page = board_page(leaderboard(contest.classroom, "tiny", real_names=True), contest.classroom)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "s002" in page


def test_the_page_says_how_it_works_and_where_the_baselines_are(contest):
    page = " ".join(
        re.sub(r"<[^>]+>", " ", board_page(leaderboard(contest.classroom, "tiny"), contest.classroom)).split()
    )
    for words in (
        "a public one on 80 test images, shown here, and a private one on the other 120",
        "The last file that somebody handed in counts, not the best one.",
        "baseline: the reference",
        "0.9000",
        "due 2027-03-01 12:00",
        "newest attempt 2027-03-12",
        "4 students from 0.2000 to 0.8000: 3 above guessing (0.300); 2 above a start (0.500); 0 above the reference",
    ):
        assert words in page


def test_the_drawing_ends_above_what_it_shows_and_keeps_proportions(plan_file):
    plan = plan_file(("score: 0.3", "score: 0.1"), ("score: 0.5", "score: 0.2"), ("score: 0.9", "score: 0.4"))
    people = tuple(Row(f"s{n}", f"name {n}", 0.1 * n, 5 - n, 1) for n in range(1, 5))
    drawn = ladder(Board("tiny", "A class", plan, False, people, {}, None))
    lines = [float(y) for y in re.findall(r'class="rung"[^>]* y1="([\d.]+)"', drawn)]
    dots = [float(y) for y in re.findall(r'class="dot"[^>]* cy="([\d.]+)"', drawn)]
    assert lines == pytest.approx([FLOOR - (FLOOR - TOP) * score / 0.5 for score in (0.1, 0.2, 0.4)], abs=0.01)
    assert dots == pytest.approx([FLOOR - (FLOOR - TOP) * score / 0.5 for score in (0.1, 0.2, 0.3, 0.4)], abs=0.01)
    assert all(TOP < y <= FLOOR for y in lines + dots)


def test_names_of_lines_that_are_close_are_pushed_apart(plan_file):
    plan = plan_file(("score: 0.5", "score: 0.32"))
    people = tuple(Row(f"s{n}", f"name {n}", 0.8, 1, 1) for n in range(3))
    drawn = ladder(Board("tiny", "A class", plan, False, people, {}, None))
    labels = [float(y) for y in re.findall(r'class="label"[^>]* y="([\d.]+)"', drawn)]
    sides = re.findall(r'class="label"[^>]* text-anchor="(\w+)"', drawn)
    assert sides == ["end", "end", "start"]
    assert labels[0] - labels[1] >= 15


def test_the_page_loads_nothing_and_runs_nothing(contest):
    page = board_page(leaderboard(contest.classroom, "tiny", final=True), contest.classroom)
    assert "<script" not in page
    assert not re.search(r"(?:src|href)=", page)
    assert "default-src &#x27;none&#x27;" in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")


def test_a_board_without_scores_is_a_page_too(tiny):
    for final in (False, True):
        page = board_page(leaderboard(tiny.classroom, "tiny", final=final), tiny.classroom)
        assert "Nobody has a score yet." in page
        assert "4 with nothing handed in" in page


def test_it_depends_on_nothing_but_the_class(contest):
    first, again = (board_page(leaderboard(contest.classroom, "tiny"), contest.classroom) for _ in range(2))
    assert first == again


def test_only_a_challenge_has_one(make_class, capsys):
    made = make_class(name="01_perceptron")
    with pytest.raises(TypeError, match="no data challenge"):
        leaderboard(made.classroom, "01_perceptron")
    assert main(["grade", "leaderboard", str(made.classroom.path), "01_perceptron"]) == 2
    assert "it is no data challenge" in capsys.readouterr().err


# ---- made-up names ----


def test_made_up_names_are_stable_different_and_need_the_seed():
    students = [f"s{n:04d}" for n in range(3000)]
    names = pseudonyms(SEED, students)
    assert len(set(names.values())) == 3000
    assert names == pseudonyms(SEED, students)
    assert pseudonyms(SEED, students[:100]) == {s: names[s] for s in students[:100]}, "new students disturb nobody"
    other = pseudonyms(SEED + 1, students)
    assert sum(names[s] == other[s] for s in students) < 5


def test_the_words_are_many_different_and_plain():
    for words in (MOODS, PLACES, ANIMALS):
        assert len(set(words)) == len(words)
        assert all(re.fullmatch("[a-z]{3,12}", word) for word in words)
    assert len(MOODS) * len(PLACES) * len(ANIMALS) > 200_000


def test_names_do_not_bunch():
    names = pseudonyms(SEED, [f"s{n}" for n in range(6400)]).values()
    for place, words in enumerate((MOODS, PLACES, ANIMALS)):
        counts = Counter(name.split()[place] for name in names)
        assert len(counts) == len(words)
        assert max(counts.values()) < 2 * 6400 / len(words)


# ---- the command ----


def test_the_command_writes_the_page_and_whose_name_is_whose(contest, capsys):
    folder = contest.classroom.path
    assert main(["grade", "leaderboard", str(folder), "tiny"]) == 0
    out = capsys.readouterr().out
    page = (folder / "leaderboards" / "tiny.html").read_text()
    assert page == board_page(leaderboard(contest.classroom, "tiny"), contest.classroom)
    assert "4 students with public scores" in out
    assert "1 whose file could not be read" in out
    with (folder / "reports" / "tiny-names.csv").open(encoding="utf-8-sig", newline="") as stream:
        table = {row["id"]: row["made-up name"] for row in csv.DictReader(stream)}
    assert table == pseudonyms(SEED, [f"s00{n}" for n in range(1, 7)])


def test_the_command_warns_when_private_scores_come_out_early(contest, capsys):
    folder = contest.classroom.path
    settings = folder / "class.yml"
    settings.write_text(settings.read_text().replace("2027-03-01T12:00", "2999-03-01T12:00"))
    assert main(["grade", "leaderboard", str(folder), "tiny", "--final"]) == 0
    assert "note: work may come in until 2999-03-01 12:00; this page tells private scores" in capsys.readouterr().out
    assert "Final leaderboard" in (folder / "leaderboards" / "tiny.html").read_text()
    settings.write_text(settings.read_text().replace("2999", "2001"))
    assert main(["grade", "leaderboard", str(folder), "tiny", "--final"]) == 0
    assert "note:" not in capsys.readouterr().out

"""A student's page on a challenge: one score until the end, then both, and always the made-up name."""

import re

import pytest

from course_utils.cli import main
from course_utils.grading.challenge.pseudonyms import pseudonyms
from course_utils.grading.files import SubmittedFiles

SEED = 1_008_476_235_991_234_567


@pytest.fixture
def pages(tiny):
    """Write the pages; returns their texts by student, without tags."""
    tiny.hand_in("s001", 0.875, 0.6)
    tiny.hand_in_files("s002", SubmittedFiles({"predictions.csv": b"id,label\n"}))
    tiny.hand_in("s003", 0.4, 0.4)
    tiny.hand_in("s003", 0.5, 0.7, hours=24 * 30)
    tiny.grade()

    def write(*options: str) -> dict[str, str]:
        assert main(["grade", "feedback", str(tiny.classroom.path), "tiny", *options]) == 0
        folder = tiny.classroom.feedback / "tiny"
        texts = {path.stem: path.read_text().split("</style>")[1] for path in folder.glob("s*.html")}
        return {student: " ".join(re.sub(r"<[^>]+>", " ", text).split()) for student, text in texts.items()}

    return write


def test_until_the_end_the_public_score_alone_is_told(pages, tiny):
    found = pages()
    assert set(found) == {"s001", "s002", "s003", "s004"}
    assert "public 80 0.8750" in found["s001"]
    assert "0.6000" not in found["s001"]
    assert "Your predictions are in order and have a score." in found["s001"]
    for text in found.values():
        assert "points" not in text.replace("decides your points", ""), text
        assert "private 120" not in text
        assert "partly" not in text


def test_before_the_end_the_page_does_not_depend_on_the_private_score(pages, tiny):
    before = pages()["s001"]
    tiny.hand_in("s001", 0.875, 1.0)
    tiny.grade()
    after = pages()["s001"]

    def hide(text):
        return re.sub(r"so far: \d|Attempt \d|Fingerprint \w+", "", text)

    assert hide(after) == hide(before)
    assert after != before


def test_after_the_end_both_scores_and_the_points_are_told(pages):
    found = pages("--final")
    assert "public 80 0.8750 private 120 0.6000" in found["s001"]
    assert "Your work is graded: 5.5 of 10 points." in found["s001"]
    assert "private 120 0.7000" in found["s003"]
    assert "It came" in found["s003"]


def test_every_page_tells_the_made_up_name_and_the_tries(pages):
    names = pseudonyms(SEED, ["s001", "s002", "s003", "s004"])
    for options in ((), ("--final",)):
        found = pages(*options)
        for student, tries in (("s001", 1), ("s002", 1), ("s003", 2), ("s004", 0)):
            assert f"you are called {names[student]} . Files you handed in so far: {tries}." in found[student]
            assert not any(name in found[student] for other, name in names.items() if other != student)


def test_a_file_that_could_not_be_read_gets_its_reason(pages):
    text = pages()["s002"]
    assert "0 rows, but 200 test images" in text
    assert "Save predictions.csv and the notebook that made it" in text
    assert "not a mark of zero" in text


def test_pages_of_other_assignments_know_no_scores(make_class):
    made = make_class(name="01_perceptron")
    assert main(["grade", "feedback", str(made.classroom.path), "01_perceptron", "--final"]) == 0
    page = (made.classroom.feedback / "01_perceptron" / "s001.html").read_text()
    assert "leaderboard" not in page
    assert "Your scores" not in page

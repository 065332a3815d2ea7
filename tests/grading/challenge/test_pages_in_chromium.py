"""The leaderboard in a browser: accessible in light and dark, no wider than a phone, dots where the scores are."""

import pytest

from course_utils.grading.challenge.board import leaderboard
from course_utils.grading.challenge.board_page import board_page
from course_utils.grading.challenge.ladder import FLOOR, TOP
from course_utils.grading.files import SubmittedFiles
from course_utils.runtime import repo_root

pytestmark = pytest.mark.browser
AXE = repo_root() / "tests/site/vendor/axe-core/axe.min.js"
CHECK = "axe.run(document, { resultTypes: ['violations'] }).then((result) => result.violations)"


@pytest.fixture
def board_files(make_class, tmp_path):
    """The page before and after the end, and one without scores."""
    made = make_class(30)
    made.pack()
    empty = board_page(leaderboard(made.classroom, "tiny"), made.classroom)
    for n in range(1, 28):
        share = 0.2 + 0.6 * (n % 20) / 20
        made.hand_in(f"s{n:03d}", share, min(1.0, share + 0.05 * (n % 3)), hours=n * 20)
    made.hand_in_files("s028", SubmittedFiles({"predictions.csv": b"x"}))
    made.grade()
    found = {"empty": empty}
    for name, final in (("public", False), ("final", True)):
        found[name] = board_page(leaderboard(made.classroom, "tiny", final=final), made.classroom)
    paths = {name: tmp_path / f"{name}.html" for name in found}
    for name, path in paths.items():
        path.write_text(found[name])
    return paths


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_it_breaks_no_rule_and_fits(browser, board_files, scheme, width):
    context = browser.new_context(viewport={"width": width, "height": 740}, color_scheme=scheme)
    page = context.new_page()
    errors = []
    page.on("console", lambda message: message.type == "error" and errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    for name, path in board_files.items():
        page.goto(path.as_uri())
        assert errors == [], name
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = [(rule["id"], [node["target"] for node in rule["nodes"]]) for rule in page.evaluate(CHECK)]
        assert found == [], name
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name
    assert all(url.startswith("file:") for url in requests)
    context.close()


def test_the_style_is_allowed_by_the_page_itself(browser, board_files):
    page = browser.new_page(color_scheme="dark")
    page.goto(board_files["public"].as_uri())
    dashes = page.locator("svg .rung").first.evaluate("line => getComputedStyle(line).strokeDasharray")
    assert dashes.replace("px", "") == "6, 4"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    page.close()


def test_dots_and_lines_are_where_the_scores_are(browser, board_files):
    page = browser.new_page()
    page.goto(board_files["final"].as_uri())
    lines = page.locator("svg .rung").evaluate_all("all => all.map(line => Number(line.getAttribute('y1')))")
    wanted = [FLOOR - (FLOOR - TOP) * score / 1.0 for score in (0.3, 0.5, 0.9)]
    assert lines == pytest.approx(wanted, abs=0.02)
    dots = page.locator("svg .dot").evaluate_all("all => all.map(dot => Number(dot.getAttribute('cy')))")
    cells = page.locator("table.board tbody tr:not(.rung) td:nth-of-type(2)").all_inner_texts()
    assert len(dots) == len(cells) == 27
    assert sorted(dots) == pytest.approx([FLOOR - (FLOOR - TOP) * float(cell) for cell in cells], abs=0.02)
    assert page.locator("svg .before").count() == 27
    page.close()


def test_labels_of_lines_do_not_cover_each_other(browser, board_files):
    for width in (1280, 360):
        page = browser.new_page(viewport={"width": width, "height": 740})
        page.goto(board_files["public"].as_uri())
        boxes = [label.bounding_box() for label in page.locator("svg .label").all()]
        assert len(boxes) == 3
        for number, a in enumerate(boxes):
            for b in boxes[number + 1 :]:
                apart = a["y"] + a["height"] <= b["y"] + 2 or b["y"] + b["height"] <= a["y"] + 2
                assert apart or a["x"] + a["width"] <= b["x"] or b["x"] + b["width"] <= a["x"]
        page.close()

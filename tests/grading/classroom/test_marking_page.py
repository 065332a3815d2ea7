"""The page a marker reads: all of the student's work, none of it able to act, and nothing that must stay hidden."""

import base64
import json
from html.parser import HTMLParser

import nbformat
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from course_utils.grading.classroom.formgrader_folders import page_path
from course_utils.grading.classroom.gradebook import sync
from course_utils.grading.classroom.student_markdown import MAX_FORMATTED, TAGS, harmless, visible
from course_utils.grading.files import SubmittedFiles
from course_utils.grading.outputs import CellOutput
from tests.grading.classroom.conftest import RIGHT, small_notebook
from tests.grading.classroom.made_grades import NAME, enter
from tests.grading.classroom.test_formgrader import HOSTILE, png

PIECES = [
    *(
        "<script>",
        "</script>",
        "<img src=x onerror=a()>",
        "<",
        ">",
        "</div>",
        "<div>",
        "<!--",
        "-->",
        "&lt;",
        "&",
        "&#x3c;",
    ),
    *(
        "$",
        "$$",
        "\\(",
        "\\)",
        "\\[",
        "\\]",
        "\\begin{a}",
        "\\end{a}",
        "`",
        "```",
        "~~~",
        "\n",
        "\n\n",
        "\r",
        " ",
        "    ",
    ),
    *(
        "[a](javascript:b)",
        "[",
        "](",
        ")",
        "![",
        "](data:text/html,x)",
        "http://e.example",
        "<http://e.example>",
        "[^1]",
    ),
    *(
        "# ",
        "- ",
        "1. ",
        "> ",
        "|",
        "|--|",
        "*",
        "**",
        "_",
        "~~",
        "\\",
        "x",
        "é",
        "\x1b",
        "\u202e",
        "\u2028",
        "\x00",
        "\ud800",
    ),
    *("onclick='a'", 'id="why"', "style=x", "a: b\n: c", "- [ ] t", "{% x %}", "{{ x }}"),
]


class Tags(HTMLParser):
    """Elements and attributes of a piece of HTML, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements, self.attributes, self.text, self.open = set(), [], "", 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.add(tag)
        self.attributes += attrs
        self.open += tag not in ("br", "hr")

    def handle_endtag(self, tag):
        self.open -= 1

    def handle_data(self, data):
        self.text += data

    def handle_comment(self, data):
        raise AssertionError("a comment")

    def handle_decl(self, decl):
        raise AssertionError("a declaration")

    def handle_pi(self, data):
        raise AssertionError("an instruction")


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=40).map("".join))
@example(HOSTILE)
@example("<" * MAX_FORMATTED)
@example("> " * 3000 + "a")
@example("x" * (MAX_FORMATTED + 1) + "<script>")
def test_whatever_a_student_writes_becomes_harmless_html(answer):
    from nbconvert.filters.markdown_mistune import markdown2html_mistune

    html = harmless(answer)
    assert "\n" not in html
    page = markdown2html_mistune(html)  # what nbgrader's page does with it
    assert page.strip() == html
    found = Tags(html)
    assert found.elements <= TAGS
    assert found.attributes == [("class", "answer")]
    assert found.open == 0
    assert all(c.isprintable() or c in "\n\t\u200c\u200d" for c in found.text)


def test_an_answer_is_formatted_and_its_formulas_are_left_alone():
    html = harmless(
        "# Verdict\n\n**No**: $a_1 < b_1$ and $a*b*c$\n\n$$\nx^2 \\le y_1\n$$\n\n- one\n- two\n\nso:\n\n    code <b>\n"
    )
    assert "<h1>Verdict</h1>" in html
    assert "<strong>No</strong>: $a_1 &lt; b_1$ and $a*b*c$" in html
    assert "x^2 \\le y_1" in html
    assert html.count("<li>") == 2
    assert "<pre><code>code &lt;b&gt;" in html
    assert Tags(harmless("x < y, x > z & 'so' \"on\"")).text == "x < y, x > z & 'so' \"on\"\n"


def test_links_and_pictures_are_said_and_not_loaded():
    found = Tags(harmless("[my page](http://a.example/x) ![a drawing](http://b.example/y.png) http://c.example"))
    assert found.text.strip() == (
        "my page (http://a.example/x) [picture, not loaded: a drawing http://b.example/y.png] http://c.example"
    )


def test_a_long_answer_is_shown_whole_without_formatting():
    answer = "**word** <b>\n" * 2_000
    found = Tags(harmless(answer))
    assert found.text == answer
    assert found.elements == {"div", "pre"}


def test_text_stays_as_it_was_written_but_for_what_cannot_be_seen():
    assert visible("a\tb\r\nc\rd\xa0e 0xdeadbeef\n") == "a\tb\nc\nd e 0xdeadbeef\n"
    assert visible("\x1b[31m\u202e\x00\x9b\ud800") == "\ufffd[31m\ufffd\ufffd\ufffd\ufffd"


@pytest.fixture
def page_of(new_class, hand_in):
    """Hand in a notebook and return the page that is made of it."""

    def one(files, **details):
        classroom = new_class(2, written=True)
        hand_in(classroom, "s001", files)
        enter(classroom, **details)
        sync(classroom, NAME)
        notebook = nbformat.read(page_path(classroom, "s001", NAME), 4)
        nbformat.validate(notebook)
        return notebook

    return one


def edited(change, **options):
    notebook = json.loads(small_notebook(RIGHT, written="because", **options))
    change(notebook, {cell["id"]: cell for cell in notebook["cells"]})
    return SubmittedFiles({f"{NAME}.ipynb": json.dumps(notebook).encode()})


def test_the_page_holds_the_handed_out_cells_with_the_students_code_and_answer(page_of):
    output = CellOutput("cell 4", "double", "printed\n", (base64.b64encode(png()).decode(),))
    page = page_of(SubmittedFiles({f"{NAME}.ipynb": small_notebook(RIGHT, written="because")}), outputs=(output,))
    cells = {cell.metadata.nbgrader.grade_id: cell for cell in page.cells if "nbgrader" in cell.metadata}
    assert list(cells) == ["double_code", "double", "area_code", "area", "why"]
    assert cells["double_code"].source == RIGHT["double"]
    assert [o.output_type for o in cells["double_code"].outputs] == ["stream", "display_data"]
    assert cells["double"].source == "assert double is not None"  # the check that was handed out
    assert "2 of 2 points" in cells["double"].outputs[0].text
    assert "<p>because</p>" in cells["why"].source
    assert (cells["why"].metadata.nbgrader.points, cells["double"].metadata.nbgrader.points) == (2, 2)
    assert "import numpy as np" in [cell.source for cell in page.cells]


def test_edited_checks_and_metadata_of_the_student_do_not_appear(page_of):
    def change(notebook, cells):
        cells["double"]["source"] = "print('all is well')"
        cells["double"]["metadata"]["nbgrader"]["points"] = 100
        cells["why"]["metadata"]["nbgrader"].update(points=100, grade=False)
        cells["title"]["source"] = "# My own title"
        notebook["metadata"]["evil"] = "<script>"

    page = page_of(edited(change))
    cells = {cell.metadata.nbgrader.grade_id: cell for cell in page.cells if "nbgrader" in cell.metadata}
    assert cells["double"].source == "assert double is not None"
    assert [cells[name].metadata.nbgrader.points for name in ("double", "area", "why")] == [2, 1, 2]
    assert page.cells[1].source == "# A small assignment"
    assert "evil" not in page.metadata
    text = "\n".join(cell.source for cell in page.cells[-4:])
    assert "print('all is well')" in text  # it is code of the student's: shown as that
    assert "<h1>My own title</h1>" in text


def test_cells_of_the_students_own_are_at_the_end(page_of):
    def change(notebook, cells):
        notebook["cells"].insert(2, {"cell_type": "code", "metadata": {}, "source": ["helper = 1\n", "more = 2"]})
        notebook["cells"].append({"cell_type": "markdown", "metadata": {}, "source": "My **answer** is here"})

    page = page_of(edited(change))
    ends = [cell.source for cell in page.cells[-3:]]
    assert ends[0] == "## Other cells of the student"
    assert "<strong>answer</strong>" in ends[1]
    assert ends[2] == "# cell 3\nhelper = 1\nmore = 2"


def test_several_cells_of_one_exercise_are_shown_together(page_of):
    def change(notebook, cells):
        again = {"cell_type": "code", "metadata": {}, "source": "def double(x):\n    return x + x"}
        notebook["cells"].append(again)

    page = page_of(edited(change))
    code = next(c for c in page.cells if c.metadata.get("nbgrader", {}).get("grade_id") == "double_code").source
    assert "# cell 4\ndef double(x):\n    return 2 * x" in code
    assert "return x + x" in code


def test_an_answer_that_is_gone_and_pictures_are_told(page_of):
    def gone(notebook, cells):
        notebook["cells"].remove(cells["why"])

    assert "not in the notebook" in page_of(edited(gone)).cells[-1].source

    def drawn(notebook, cells):
        cells["why"]["attachments"] = {
            "a.png": {"image/png": base64.b64encode(png()).decode()},
            "b.png": {"image/png": "bm90IGEgcGljdHVyZQ=="},
            "c": "nonsense",
            "d.jpg": {"image/jpeg": "aaaa"},
        }

    page = page_of(edited(drawn))
    answer = next(c for c in page.cells if c.metadata.get("nbgrader", {}).get("grade_id") == "why").source
    assert answer.count("<img ") == 1
    assert "3 attached pictures are not shown here" in page.cells[0].source


def test_work_that_could_not_be_read_has_a_page_that_says_so(page_of):
    files = {"a.ipynb": small_notebook(RIGHT, written="one"), "b.ipynb": small_notebook(written="two")}
    page = page_of(SubmittedFiles(files))
    assert "2 different notebooks" in page.cells[0].source
    assert "submissions/small/s001/" in page.cells[0].source
    assert (
        "No answer to show"
        in next(c for c in page.cells if c.metadata.get("nbgrader", {}).get("grade_id") == "why").source
    )


def test_a_page_is_written_anew_only_when_something_in_it_changed(new_class, hand_in):
    classroom = new_class(2, written=True)
    hand_in(classroom, "s001", "right", written="because")
    enter(classroom)
    assert sync(classroom, NAME).pages == 1
    assert sync(classroom, NAME).pages == 0
    enter(classroom, points={"area": 0.0})  # graded anew
    assert sync(classroom, NAME).pages == 1
    path = page_path(classroom, "s001", NAME)
    path.write_bytes(path.read_bytes()[:-20])
    assert sync(classroom, NAME).pages == 1


def test_a_data_challenge_has_a_page_with_its_points(tmp_path):
    from tests.grading.challenge.conftest import SEED, TINY, Made

    made = Made(tmp_path / "class", 2, TINY, SEED)
    made.pack()
    made.hand_in("s001", 0.9)
    made.grade()
    sync(made.classroom, TINY)
    page = nbformat.read(page_path(made.classroom, "s001", TINY), 4)
    cell = next(c for c in page.cells if c.metadata.get("nbgrader", {}).get("grade_id") == "predictions")
    assert (cell.metadata.nbgrader.points, cell.outputs[0].text.partition("\n")[0]) == (10, "Tests: 10 of 10 points")
    assert "predictions.csv" in page.cells[0].source

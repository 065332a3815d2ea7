"""The real formgrader in a real browser: marks and comments reach the ledger, and a student's text can do nothing."""

import base64
import json
import re
import socket
import subprocess
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from course_utils.grading.classroom import receipts
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.formgrader_folders import page_path
from course_utils.grading.classroom.formgrader_page import content_policy
from course_utils.grading.classroom.gradebook import sync
from course_utils.grading.classroom.gradebook_database import gradebook_of
from course_utils.grading.classroom.manual import ManualMarks
from course_utils.grading.classroom.roster import Student, write_roster
from course_utils.grading.files import SubmittedFiles
from course_utils.grading.outputs import CellOutput
from course_utils.runtime import repo_root
from tests.grading.classroom.conftest import RIGHT, hand_in, make_class, small_notebook
from tests.grading.classroom.made_grades import NAME, enter, standing

pytestmark = pytest.mark.browser

RUBRIC = "# Rubric\n\n## why (2 points)\n\n1. **Verdict.** Says that $a_1 < b$.\n\n## double\n\nNot for why.\n"
ACT = "window.pwned=(window.pwned||0)+1;fetch('/formgrader/api/students?stolen=1');alert('pwned')"
HOSTILE = rf"""# why

<script>{ACT}</script>
<SCRIPT SRC=http://evil.example/x.js></SCRIPT>
<img src=x onerror="{ACT}">
<img src="http://evil.example/tracker.png">
![picture](http://evil.example/picture.png) ![here](/formgrader/api/students?tracked=1)
[click](javascript:{ACT}) [data](data:text/html,<script>{ACT}</script>)
<a href="javascript:{ACT}">a link</a> <javascript:alert(1)> <http://evil.example/auto>
<svg/onload="{ACT}"><svg><script>{ACT}</script></svg>
<math><mtext></table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror={ACT}&gt;">
<iframe srcdoc="<script>parent.pwned=1</script>"></iframe><object data="javascript:{ACT}"></object>
<form action="/formgrader/api/grade/x"><input id="why" class="score"><button>Full credit</button></form>
<div id="why" onclick="{ACT}" style="position:fixed;inset:0">cover</div>
<base href="http://evil.example/"><meta http-equiv="refresh" content="0;url=http://evil.example/">
<link rel=stylesheet href=http://evil.example/x.css><style>body{{display:none}}</style>
</div></div></body></html><script>{ACT}</script>
&lt;script&gt;{ACT}&lt;/script&gt; ]]> --> <!-- unclosed

$\href{{javascript:{ACT}}}{{x}}$ $\url{{http://evil.example}}$ $\includegraphics{{http://evil.example/y.png}}$
$\htmlData{{x=1}}{{y}}$ $\htmlId{{why}}{{y}}$ $\def\a{{\a\a}}\a$ $\rule{{9999em}}{{9999em}}$
$</span><script>{ACT}</script>$

$$\begin{{matrix}}<img src=x onerror="{ACT}">\end{{matrix}}$$

```html"><script>{ACT}</script>
</code></pre><script>{ACT}</script>
```

| a | b |
|---|---|
| <img src=x onerror="{ACT}"> | ok |

The claim is **false**: $a_1 < b_2$ and `x < y`. THE END
"""
CODE = f"def double(x):\n    return 2 * x\n# </pre></div><script>{ACT}</script><img src=x onerror={ACT}>\x1b[31m\u202e"
PRINTED = f"</pre><script>{ACT}</script>\x1b]8;;javascript:alert(1)\x07link\x1b]8;;\x07<img src=x onerror={ACT}>"


def png() -> bytes:
    """A picture of one grey pixel."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")

    header = (1).to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    pixels = zlib.compress(b"\0\x80")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def unsigned(written: str) -> SubmittedFiles:
    """Right code and an answer, without the student's name in it."""
    return SubmittedFiles({f"{NAME}.ipynb": small_notebook(RIGHT, written=written)})


def hostile_files() -> SubmittedFiles:
    """A notebook that tries everything, and files whose names do."""
    notebook = json.loads(small_notebook({"double": CODE}, written=HOSTILE, mark=f"<script>{ACT}</script> own cell"))
    for cell in notebook["cells"]:
        if cell["id"] == "why":
            cell["attachments"] = {
                "drawn.png": {"image/png": base64.b64encode(png()).decode()},
                "x.svg": {"image/svg+xml": f"<svg onload='{ACT}'/>"},
            }
    notebook["metadata"] = {"title": f"<script>{ACT}</script>", "widgets": {"x": {}}}
    other = f"<img src=x onerror={ACT.replace('/', '.')}>.ipynb"[:190]
    return SubmittedFiles({f"{NAME}.ipynb": json.dumps(notebook).encode(), other: b"{}"})


@dataclass
class Served:
    """A class, and where its formgrader is."""

    classroom: ClassFolder
    url: str
    token: str

    def page(self, student: str) -> str:
        """The address of a student's page."""
        with gradebook_of(self.classroom) as book:
            return f"{self.url}/formgrader/submissions/{book.find_submission_notebook(NAME, NAME, student).id}/"


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    """s001 to s006 ordinary, s007 hostile, s008 nothing; served by the command that an instructor calls."""
    classroom = make_class(tmp_path_factory.mktemp("formgrader") / "a class", 8, written=True)
    roster = classroom.roster()
    roster[6] = Student("s007", f"<script>{ACT}</script>, <img src=x onerror={ACT}>")
    write_roster(classroom.roster_file, roster)
    (classroom.path / "assignments" / "src" / NAME / "rubric.md").write_text(RUBRIC)
    for n in range(1, 7):
        hand_in(classroom, f"s00{n}", unsigned(f"Because of **reason {n}**: $a_1 < b_{n}$"))
    hand_in(classroom, "s007", hostile_files())
    picture = base64.b64encode(png()).decode()
    enter(classroom, outputs=(CellOutput("cell 4", "double", PRINTED, (picture,)),))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "course_utils.cli", "grade", "formgrader", str(classroom.path)]
    command += ["--no-browser", "--port", str(port)]
    with subprocess.Popen(command, cwd=repo_root(), stdout=subprocess.PIPE, text=True) as server:
        line = ""
        while server.poll() is None and "http://" not in line:
            line = server.stdout.readline()
        found = re.search(r"(http://[^/]+)/formgrader/gradebook\?token=(\S+)", line)
        assert found, line
        try:
            yield Served(classroom, found.group(1), found.group(2))
        finally:
            server.terminate()
            server.wait(timeout=20)


@pytest.fixture
def page(served, browser):
    """A signed-in page that remembers dialogs, requests and errors."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    opened = context.new_page()
    opened.requests, opened.dialogs, opened.troubles = [], [], []
    opened.on("request", lambda request: opened.requests.append(request.url))
    opened.on("dialog", lambda dialog: (opened.dialogs.append(dialog.message), dialog.dismiss()))
    opened.on("pageerror", lambda error: opened.troubles.append(str(error)))
    opened.on("console", lambda m: opened.troubles.append(m.text) if m.type == "error" else None)
    opened.goto(f"{served.url}/formgrader/gradebook?token={served.token}")
    opened.wait_for_load_state("networkidle")
    yield opened
    context.close()


def visit(page, address: str) -> None:
    page.goto(address)
    page.wait_for_load_state("networkidle")
    page.wait_for_function("window.formgrader === undefined || formgrader.loaded")


def test_it_lists_the_class_without_names(served, page):
    visit(page, f"{served.url}/formgrader/gradebook/{NAME}/{NAME}")
    assert page.locator("a.name-hidden:visible").count() == 7
    assert page.locator("a.name-shown:visible").count() == 0
    visit(page, f"{served.url}/formgrader/manage_submissions/{NAME}")
    rows = page.locator("tbody tr").all_inner_texts()
    assert len(rows) == 7
    assert sum("needs manual grading" in row for row in rows) >= 1
    assert page.troubles == []


def test_a_page_shows_work_rubric_and_formulas_and_loads_nothing_from_elsewhere(served, page):
    visit(page, served.page("s001"))
    assert page.locator(".answer strong").inner_text() == "reason 1"
    assert page.locator(".answer .katex").count() == 1
    assert page.locator(".for-marker").filter(has_text="Verdict").locator(".katex").count() == 1
    assert page.locator(".for-marker").filter(has_text="Not for why").count() == 1  # at the exercise it is about
    assert "def double(x)" in page.inner_text("#notebook")
    assert page.locator("img[src^='data:image/png']").count() == 1
    assert not page.locator(".extra-credit").first.is_visible()
    assert "s001" not in page.inner_text("body")  # blind, until the eye is clicked
    page.click("span.glyphicon-eye-open")
    assert "submissions/small/s001" in page.inner_text("body")
    assert {url.partition("/formgrader")[0] for url in page.requests} == {served.url}
    assert (page.troubles, page.dialogs) == ([], [])


def test_a_mark_and_a_comment_typed_there_are_in_the_ledger_when_the_page_says_saved(served, page):
    visit(page, served.page("s002"))
    type_into(page, "#why", "1.5", "grade")
    assert standing(served.classroom, "s002").points == 4.5
    assert page.evaluate("document.activeElement.id") == "why-comment"  # where the tab key went
    type_into(page, "#why-comment", "Nearly: say <b>why</b>.", "comment")
    row = standing(served.classroom, "s002")
    assert (row.points, row.comments["why"]) == (4.5, "Nearly: say <b>why</b>.")
    assert row.manual["why"].source == "formgrader"
    visit(page, served.page("s002"))
    assert page.input_value("#why") == "1.5"
    assert page.input_value("#why-comment") == "Nearly: say <b>why</b>."
    assert "1.5 points" in page.locator(".for-marker").filter(has_text="so far").last.inner_text()
    done = sync(served.classroom, NAME)
    assert (done.taken, done.notices) == (0, [])
    assert page.troubles == []


def test_full_credit_and_the_keyboard_work(served, page):
    visit(page, served.page("s003"))
    with page.expect_response(lambda answer: "/api/grade/" in answer.url and answer.request.method == "PUT"):
        page.locator(".nbgrader_cell", has=page.locator("#why")).locator(".full-credit").click()
    assert standing(served.classroom, "s003").points == 5.0
    before = page.url
    page.keyboard.press("Escape")
    page.keyboard.press("Control+.")
    page.wait_for_url(lambda url: url.partition("?")[0] != before.partition("?")[0])
    assert page.troubles == []


def type_into(page, field: str, text: str, kind: str) -> None:
    """Type as a person does, leave the field, and wait until the page has saved it."""
    with page.expect_response(lambda answer: f"/api/{kind}/" in answer.url and answer.request.method == "PUT"):
        page.click(field)
        page.press(field, "Control+a")
        page.keyboard.type(text)
        page.keyboard.press("Tab")


def put(page, address: str, **data):
    return page.evaluate(
        """async ([address, data]) => {
            const token = document.cookie.match(/_xsrf=([^;]*)/)[1];
            const headers = {"X-XSRFToken": token, "Content-Type": "application/json"};
            const answer = await fetch(address, {method: "PUT", headers, body: JSON.stringify(data)});
            return answer.status;
        }""",
        [address, data],
    )


def test_what_is_no_mark_is_refused_by_the_server(served, page):
    with gradebook_of(served.classroom) as book:
        grade = book.find_grade("why", NAME, NAME, "s004").id
    address = f"/formgrader/api/grade/{grade}"
    for points in (2.5, -1, "many", [1], True):
        assert put(page, address, manual_score=points, extra_credit=None) == 400, points
    assert put(page, address, manual_score=1, extra_credit=1) == 400
    assert standing(served.classroom, "s004").manual == {}
    assert put(page, "/formgrader/api/student/s001", first_name="A") == 403
    assert put(page, f"/formgrader/api/assignment/{NAME}", duedate_notimezone=None) == 403
    assert put(page, address, manual_score="0.5", extra_credit=0) == 200
    assert standing(served.classroom, "s004").points == 3.5


def test_nothing_runs_and_nothing_else_is_open(served, page):
    visit(page, f"{served.url}/formgrader/manage_submissions/{NAME}")
    before = set(served.classroom.path.rglob("*"))
    page.locator("tbody tr .autograde a").first.click()
    page.get_by_text("course grade run").wait_for()
    assert before == set(served.classroom.path.rglob("*"))
    visit(page, f"{served.url}/formgrader/manage_assignments")
    assert "exchange" not in page.inner_text("body").replace("Instructions", "")
    closed = ["api", "api/kernels", "api/contents", "api/terminals", "api/sessions", "tree", "lab", "files/class.yml"]
    for path in (*closed, "nbconvert/html/x.ipynb", "formgrader/submissions/x/../../../class.yml", "custom/custom.css"):
        assert page.request.get(f"{served.url}/{path}").status in (403, 404), path
    with gradebook_of(served.classroom) as book:
        mine = book.find_submission_notebook(NAME, NAME, "s001").id
    for path in ("../../../class.yml", "..%2f..%2f..%2fclass.yml", f"{NAME}.ipynb"):
        assert page.request.get(f"{served.url}/formgrader/submissions/{mine}/{path}").status == 404, path


def test_nobody_gets_in_without_the_token(served, browser):
    context = browser.new_context()
    for path in ("formgrader/gradebook", "formgrader/api/students", f"formgrader/api/submissions/{NAME}"):
        answer = context.request.get(f"{served.url}/{path}", max_redirects=0)
        assert answer.status in (302, 403), path
    address = f"{served.url}/formgrader/gradebook?token={served.token}"
    assert context.request.get(address, headers={"Host": "evil.example"}).status == 403
    context.close()


def test_hostile_work_is_shown_and_does_nothing(served, page):
    visit(page, served.page("s007"))
    page.wait_for_timeout(500)
    assert page.evaluate("window.pwned") is None
    assert page.dialogs == []
    foreign = [url for url in page.requests if not url.startswith(f"{served.url}/formgrader/")]
    assert foreign == []
    assert not [url for url in page.requests if "stolen" in url or "tracked" in url]
    assert not [trouble for trouble in page.troubles if "Content Security Policy" in trouble]  # nothing even tried
    assert page.troubles == []
    text = page.inner_text("#notebook")
    assert "THE END" in text
    assert "<script>window.pwned" in text  # what looked like HTML is there to be read
    assert "own cell" in text
    assert "1 attached pictures are not shown" in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert (
        page.locator("#notebook-container script, #notebook-container iframe, #notebook-container object").count() == 0
    )
    assert page.locator("#notebook-container form, #notebook-container style, #notebook-container link").count() == 0
    attributes = """() => [...document.querySelectorAll("#notebook-container *")].flatMap(
        e => [...e.attributes].map(a => [e.tagName, a.name, a.value]))"""
    acting = re.compile(r"\s*(?:javascript|vbscript|data:text)", flags=re.IGNORECASE)
    assert not [a for a in page.evaluate(attributes) if a[1].startswith("on") or acting.match(a[2])]
    pictures = page.locator("#notebook-container img").evaluate_all("found => found.map(e => e.src.slice(0, 15))")
    assert set(pictures) == {"data:image/png;"}
    assert len(pictures) == 2  # drawn by the code, and attached to the answer
    assert page.locator("[id='why']").count() == 1
    inside = page.locator(".answer").first.evaluate(
        "answer => [...answer.querySelectorAll(':not(.katex *, .katex-error)')].flatMap(e => e.getAttributeNames())"
    )
    assert set(inside) <= {"class"}, inside  # of the spans that hold formulas
    assert page.locator(".answer .katex").count() >= 2
    type_into(page, "#why", "0", "grade")
    assert standing(served.classroom, "s007").points == 3.0
    page.click("span.glyphicon-eye-open")
    assert page.evaluate("window.pwned") is None
    for other in (f"gradebook/{NAME}/{NAME}", f"manage_submissions/{NAME}", "manage_students", "manage_students/s007"):
        visit(page, f"{served.url}/formgrader/{other}")
        assert page.evaluate("window.pwned") is None
    assert page.dialogs == []


def test_the_browser_is_told_to_run_nothing_even_if_something_got_through(served, page):
    """The second wall: raw HTML put into the page's file by hand is not run."""
    path = page_path(served.classroom, "s006", NAME)
    whole = path.read_bytes()
    notebook = json.loads(whole)
    answer = next(c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == "why")
    answer["source"] = (
        f'<script>{ACT}</script><img src=x onerror="{ACT}"><a id=lure href="javascript:{ACT}">x</a>'
        f"<iframe srcdoc='<script>parent.pwned=1</script>'></iframe><img src='http://evil.example/t.png'>"
    )
    path.write_text(json.dumps(notebook))
    try:
        visit(page, served.page("s006"))
        page.click("#lure")
        page.wait_for_timeout(500)
        assert page.evaluate("window.pwned") is None
        assert page.dialogs == []
        assert not [url for url in page.requests if "stolen" in url]
        refused = [trouble for trouble in page.troubles if "Content Security Policy" in trouble]
        assert len(refused) >= 4
        assert page.input_value("#why") == ""  # nbgrader's own scripts run
    finally:
        path.write_bytes(whole)


def test_the_policy_allows_exactly_the_scripts_of_the_empty_page():
    policy = content_policy('<script src="a.js"></script><script>one()</script><span onclick="two()">')
    allowed = {part.partition("; ")[0] for part in policy.split("script-src ")[1:]}
    assert len(re.findall(r"'sha256-[^']+'", " ".join(allowed))) == 2
    assert "'unsafe-inline'" not in " ".join(allowed)
    assert "'unsafe-eval'" not in policy


def test_a_page_of_replaced_work_is_not_shown_and_cannot_be_marked(served, page):
    old = served.page("s005")
    visit(page, old)
    grade = page.evaluate("formgrader.grades.find(g => g.get('name') === 'why').id")
    hand_in(served.classroom, "s005", unsigned("I changed my mind"))
    enter(served.classroom, "s005")
    sync(served.classroom, NAME)
    assert put(page, f"/formgrader/api/grade/{grade}", manual_score=2, extra_credit=None) == 404
    assert standing(served.classroom, "s005").manual == {}
    assert page.request.get(old).status == 404
    new = served.page("s005")
    path = page_path(served.classroom, "s005", NAME)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(new.split("/")[-2].encode(), b"0" * 32))
    assert page.request.get(new).status == 503  # page and gradebook contradict each other
    path.write_bytes(whole)
    assert page.request.get(new).status == 200


def test_the_server_goes_on_with_a_gradebook_that_was_replaced(served, page):
    path = served.classroom.path / "gradebook.db"
    path.rename(path.with_name("gone"))
    assert page.request.get(f"{served.url}/formgrader/api/grades?submission_id=x").status == 503
    assert not path.exists()  # nbgrader alone would have made an empty one
    sync(served.classroom, NAME)
    visit(page, served.page("s001"))
    type_into(page, "#why", "2", "grade")
    assert ManualMarks(served.classroom).history(NAME, "s001")[-1].points == 2.0


def test_no_hidden_test_and_no_rubric_is_in_any_file_that_is_shown(served):
    hidden = (served.classroom.path / "assignments" / "src" / NAME / "hidden.py").read_text()
    secrets = [line.strip() for line in hidden.splitlines() if len(line.strip()) > 25 and "import" not in line]
    assert len(secrets) > 5
    for home in (Path("autograded"), Path(".formgrader")):
        for path in (served.classroom.path / home).rglob("*"):
            text = path.read_text() if path.is_file() else ""
            assert not [secret for secret in secrets if secret in text or json.dumps(secret)[1:-1] in text]
            assert "Verdict" not in text
    assert receipts.latest(served.classroom, NAME)["s001"]

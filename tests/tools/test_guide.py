"""The instructors' guide: its commands are run, its messages are the grader's."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from course_utils.cli.grade import COMMANDS
from course_utils.runtime import repo_root
from tools import guide

PAGES = sorted((repo_root() / "book" / "grading").glob("*.md"))
WILD = "…"


def messages():
    """Every text in the grader's code, what is filled in written as an ellipsis; wrapped ones in one line."""
    found = []
    for folder in ("grading", "cli/grade"):
        for path in (repo_root() / "course_utils" / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    parts = [part.value if isinstance(part, ast.Constant) else WILD for part in node.values]
                    found.append(" ".join("".join(parts).split()))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.append(" ".join(node.value.split()))
    return found


QUOTED = re.findall(r"^### `(.+)`$", (repo_root() / "book/grading/trouble.md").read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize("quoted", QUOTED)
def test_every_message_that_the_guide_explains_is_one_of_the_grader(quoted):
    longest = max(re.split(rf"\(?{WILD}\)?", quoted), key=len).strip(" :;.,")
    assert len(longest) > 10
    assert [text for text in messages() if longest in text], f"no message holds {longest!r}"


def test_a_message_that_is_nowhere_would_be_found():
    assert len(QUOTED) > 12
    assert not [text for text in messages() if "the moon is not in the class folder" in text]


def test_every_command_has_its_place_in_the_reference():
    text = (repo_root() / "book/grading/commands.md").read_text()
    assert re.findall(r"^## (\w+): ", text, flags=re.MULTILINE) == list(COMMANDS)
    for name in COMMANDS:
        assert f"$ course grade {name} --help\n" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_options_that_a_page_names_exist(page):
    text = page.read_text()
    known = (repo_root() / "book/grading/commands.md").read_text()
    for line in re.findall(r"^(?:\$ )?(course (?:grade \w+|pack) .*)$", text, flags=re.MULTILINE):
        for option in re.findall(r"(?<!\S)(--[a-z][a-z-]+)", line.split("#")[0]):
            assert re.search(rf"(?<!\S)\[?{option}\b", known), f"{page.name}: {line}"


def test_a_block_is_taken_apart():
    block = "$ cat > x <<'END'\n> hello\n> END\n$ ls\nx\n...\ny\n"
    first, second = guide.steps(block)
    assert (first.command, first.output) == ("cat > x <<'END'\nhello\nEND", [])
    assert (second.command, second.output) == ("ls", ["x", "...", "y"])
    with pytest.raises(ValueError, match="must begin with"):
        guide.steps("ls\n")


def test_what_differs_from_run_to_run_does_not_count_and_anything_else_does():
    one = "36 graded in 15 s (2.4 a second), due 2027-03-01 23:59, 0123456789abcdef"
    assert guide.shape(one) == guide.shape(
        "36 graded in 2 min 3 s (12.4 a second), due 2028-03-01 08:00, ffff456789abcdef"
    )
    assert guide.shape(one) != guide.shape(one.replace("36", "35"))
    step = guide.Step(["$ x"], "x", ["36 graded in 15 s"])
    assert guide.differences("page", step, ["36 graded in 99 s"]) == []
    assert guide.differences("page", step, ["35 graded in 15 s"])
    helped = guide.Step(["$ x --help"], "x --help", ["usage: x [-h]", "  [--y]"])
    assert guide.differences("page", helped, ["usage: x [-h] [--y]"]) == []
    assert guide.differences("page", helped, ["usage: x [-h] [--z]"])


def test_lines_left_out_on_the_page_are_left_out_of_the_output():
    printed = ["a", "b", "c 15 s", "d"]
    assert guide.shortened(printed, ["a", "...", "c 16 s", "d"]) == ["a", "...", "c 15 s", "d"]
    assert guide.shortened(printed, ["a", "..."]) == ["a", "..."]
    assert guide.shortened(printed, ["a", "...", "gone"]) == printed
    assert guide.shortened(printed, ["a"]) == printed


def test_a_session_keeps_its_place_and_hides_this_machines_folders():
    session = guide.Session()
    try:
        assert session.run("mkdir x && cd x && pwd") == ["/home/you/x"]
        assert session.run("pwd; echo $COLUMNS; false; echo oops >&2") == ["/home/you/x", "80", "oops"]
        assert session.run("echo 'x: 3 of 5 done, about 2 s left'; echo y") == ["y"]
    finally:
        session.close()
    assert not session.home.exists()


def test_questions_are_answered_at_a_terminal_and_the_screen_is_kept():
    (step,) = guide.steps("$ x\n", "3 | well said")
    assert step.typed == ["3", "well said"]
    session = guide.Session()
    try:
        ask = "python3 -c \"a = input('Points: '); b = input('Comment: '); print('saved', a, b)\""
        assert session.run(ask, step.typed) == ["Points: 3", "Comment: well said", "saved 3 well said"]
    finally:
        session.close()


def test_an_output_that_changed_is_shown(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text("text\n\n```console\n$ echo one\none\n$ echo two\nthree\n```\n")
    monkeypatch.setattr(guide, "PAGES", (page,))
    assert guide.run(write=False) == ["page.md: $ echo two", "--- the page", "+++ now", "@@ -1 +1 @@", "-three", "+two"]
    assert "three" in page.read_text()
    assert guide.run(write=True)
    assert page.read_text() == "text\n\n```console\n$ echo one\none\n$ echo two\ntwo\n```\n"
    assert guide.run(write=False) == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="grading in a sandbox is for Linux")
def test_the_guide_is_literally_true():
    """An instructor's session: every command of every page, in an empty folder, prints what the page says."""
    command = [sys.executable, "-m", "tools.guide", "check"]
    done = subprocess.run(command, cwd=repo_root(), capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_page_of_the_guide_shows_this_machine():
    for page in PAGES:
        text = page.read_text()
        assert str(Path.home()) not in text
        assert str(repo_root()) not in text
        assert "Traceback" not in text

"""Hostile and faulty work, graded as a class by one command: every mark as expected, and nothing harmed.

The submissions lie in ``tests/grading/corpus/code``, one file each: what it does, what it earns, and the cells that
replace or join those of a right solution of the small assignment.
"""

import hashlib
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from course_utils.grading.classroom.standing import standings
from course_utils.runtime import repo_root

CODE = Path(__file__).parents[1] / "corpus" / "code"
CASES = sorted(path.stem for path in CODE.glob("*.py"))
NAME = "small"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs Linux")


def sections(case: str) -> tuple[dict[str, str], str]:
    """A case's cells by name, and its heading."""
    head, *parts = re.split(r"^# %% (\w+)\n", (CODE / f"{case}.py").read_text(), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2])), head


def expected(case: str) -> set[float]:
    """The points that a case may earn."""
    line = re.search(r"^# expects: (.+)$", sections(case)[1], flags=re.MULTILINE)
    assert line, f"{case} does not say what it expects"
    return {float(points) for points in re.findall(r"graded ([\d.]+)", line[1])}


def notebook(case: str, making: SimpleNamespace, words: dict[str, str]) -> bytes:
    """A right solution of the small assignment, with the case's cells in it."""
    cells, _ = sections(case)
    cells = {name: fill(text, words) for name, text in cells.items()}
    sources = making.solutions["right"][0] | {name: cells[name] for name in ("double", "area") if name in cells}
    made = json.loads(making.small_notebook(sources, mark=case))
    if "extra" in cells:
        extra = {"cell_type": "code", "id": "extra", "metadata": {}, "outputs": [], "execution_count": None}
        made["cells"].insert(2, extra | {"source": cells["extra"]})
    return json.dumps(made).encode()


def fill(text: str, words: dict[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    return text.replace("\r", "")


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory):
    """What a grader's machine has that no student may reach: a secret file, services, an environment variable."""
    home = tmp_path_factory.mktemp("instructor")
    secret = home / "exam-questions.txt"
    canary = f"canary-{secrets.token_hex(8)}"
    secret.write_text(f"{canary}\n")
    heard: list[str] = []
    listeners = [socket.socket(socket.AF_INET), socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)]
    listeners[0].bind(("0.0.0.0", 0))
    listeners[1].bind(f"\0{canary}")
    listeners[2].bind(str(home / "service.sock"))
    for listener in listeners:
        listener.listen()
        threading.Thread(target=_listen, args=(listener, heard), daemon=True).start()
    yield SimpleNamespace(
        home=home,
        secret=secret,
        canary=canary,
        heard=heard,
        marker=f"orphan-{secrets.token_hex(6)}",
        port=listeners[0].getsockname()[1],
        abstract=canary,
        unix=str(home / "service.sock"),
    )
    for listener in listeners:
        listener.close()


def _listen(listener: socket.socket, heard: list[str]) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        heard.append(str(listener.getsockname()))
        connection.close()


def digests(*roots: Path) -> dict[str, str]:
    """Every file below some folders with the hash of its bytes."""
    files = [path for root in roots for path in ([root] if root.is_file() else sorted(root.rglob("*")))]
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in files if p.is_file() and not p.is_symlink()}


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "course_utils.cli", "grade", *words]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=900, cwd=repo_root(), env=os.environ | environment
    )


@pytest.fixture(scope="module")
def graded(making, surroundings, tmp_path_factory):
    """The whole corpus as one class, graded with two workers, with feedback and report written."""
    classroom = making.make_class(tmp_path_factory.mktemp("corpus") / "class", len(CASES))
    words = {
        "CANARY": surroundings.canary,
        "MARKER": surroundings.marker,
        "CLASS": str(classroom.path),
        "SECRET": str(surroundings.secret),
        "REPO": str(repo_root()),
        "HOST": socket.gethostbyname(socket.gethostname()) if _has_name() else "127.0.0.1",
        "PORT": str(surroundings.port),
        "ABSTRACT": surroundings.abstract,
        "UNIX": surroundings.unix,
        "NAME": NAME,
        "NUL": "\0",
    }
    ids = dict(zip(CASES, (student.id for student in classroom.roster())))
    for case, student in ids.items():
        making.hand_in(classroom, student, making.files({f"{NAME}.ipynb": notebook(case, making, words)}))
    watched = [surroundings.home, classroom.path / "submissions", classroom.path / "assignments"]
    watched += [classroom.path / "class.yml", classroom.path / "roster.csv", repo_root() / "course_utils"]
    before = {p: h for p, h in digests(*watched).items() if "__pycache__" not in p}
    outcome = run("run", str(classroom.path), NAME, "--workers", "2", SECRET_TOKEN=surroundings.canary)
    after = {p: h for p, h in digests(*watched).items() if "__pycache__" not in p}
    pages = [run("feedback", str(classroom.path), NAME), run("report", str(classroom.path), NAME)]
    rows = {row.student.id: row for row in standings(classroom, NAME)}
    return SimpleNamespace(
        classroom=classroom,
        outcome=outcome,
        pages=pages,
        before=before,
        after=after,
        rows={case: rows[student] for case, student in ids.items()},
    )


def _has_name() -> bool:
    try:
        socket.gethostbyname(socket.gethostname())
    except OSError:
        return False
    return True


def test_the_whole_class_is_graded_by_one_command(graded):
    assert graded.outcome.returncode == 0, graded.outcome.stdout[-2000:] + graded.outcome.stderr[-4000:]
    assert all(page.returncode == 0 for page in graded.pages), [page.stderr[-2000:] for page in graded.pages]


@pytest.mark.parametrize("case", CASES)
def test_the_mark_is_the_expected_one(graded, case):
    row = graded.rows[case]
    assert (row.status, row.entry and row.entry.sandboxed) == ("graded", True), row.reason
    found = {name: [(t.test, t.status, t.sentence) for t in e.tests] for name, e in row.grade.exercises.items()}
    assert row.points in expected(case), (row.points, found, row.grade.cells)


@pytest.mark.parametrize("case", [case for case in CASES if "# probes: yes" in sections(case)[1]])
def test_probes_ran_and_found_nothing(graded, case):
    text = "".join(output.text for output in graded.rows[case].grade.outputs)
    assert "PROBED" in text, (text, graded.rows[case].grade.cells)
    assert "LEAK" not in text, text


def test_nothing_in_any_record_was_leaked(graded, surroundings):
    """The canary may stand where a student's own source holds it, as an answer, and nowhere else."""
    for case, row in graded.rows.items():
        outputs = json.dumps([output.text for output in row.grade.outputs])
        assert "LEAK" not in outputs, (case, outputs[:500])
        assert surroundings.canary not in outputs, case


def test_no_file_of_the_instructor_changed(graded):
    assert graded.after == graded.before
    assert len(graded.before) > 50


def test_nobody_reached_a_service(graded, surroundings):
    assert surroundings.heard == []
    with socket.create_connection(("127.0.0.1", surroundings.port), timeout=5):
        deadline = time.monotonic() + 30
        while not surroundings.heard and time.monotonic() < deadline:
            time.sleep(0.01)
    assert surroundings.heard, "the listener does not hear: the test above shows nothing"
    surroundings.heard.clear()


def test_no_process_is_left(graded, surroundings):
    alive = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().decode("utf-8", "replace")
        except OSError:
            continue
        if surroundings.marker in words or "zygote" in words or "student_process" in words:
            alive.append(words.replace("\0", " ")[:200])
    assert not [words for words in alive if str(graded.classroom.path) in words or surroundings.marker in words], alive


def test_pages_hold_no_hidden_text_and_no_script(graded):
    pages = [p for folder in ("feedback", "reports") for p in (graded.classroom.path / folder).rglob("*.html")]
    assert len(pages) > len(CASES)
    source = (graded.classroom.path / "assignments" / "src" / NAME / "hidden.py").read_text()
    secret = set(re.findall(r"def (test_\w+)", source)) | {"rng.normal(size=5)", "rng.integers(2, 9"}
    for page in pages:
        text = page.read_text()
        assert not re.search(r"<script|onerror=['\"]?\w|javascript:", text.replace("&lt;script", "")), page
        if page.is_relative_to(graded.classroom.feedback):
            assert not [word for word in secret if word in text], page
        assert "\x1b" not in text
        assert "\x00" not in text


def test_nothing_raw_reaches_the_terminal(graded):
    for output in (graded.outcome, *graded.pages):
        for text in (output.stdout, output.stderr):
            assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f\u202e\u2066]", text.replace("\x1b[", ""))

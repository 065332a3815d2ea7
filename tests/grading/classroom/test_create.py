"""Making a class and adding to it: outside the course, private, and nothing that a class has is ever overwritten."""

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
import time
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from course_utils.grading.assignment import load_assignment
from course_utils.grading.challenge.secret import check_seed
from course_utils.grading.classroom.create import CannotCreate, available, create
from course_utils.grading.classroom.folder import ClassFolder, NotAClass, Planned, read_config
from course_utils.grading.classroom.frozen import ADDED, OLD_VERSIONS, UNCHANGED, UPDATED, take_in
from course_utils.grading.classroom.ledger import Entry, Ledger
from course_utils.grading.classroom.replay import version_of
from course_utils.grading.classroom.roster import Student
from course_utils.grading.classroom.settings_text import NotOurs, new_settings, with_assignment
from course_utils.runtime import repo_root

ROME = ZoneInfo("Europe/Rome")


@pytest.fixture
def course(tmp_path):
    """An ``assignments`` folder with two small assignments, to take from."""
    root = tmp_path / "course" / "assignments"
    for name in ("01_one", "02_two"):
        write(root, name)
    return root


HIDDEN = '''"""Hidden tests."""
from course_utils.grading.hidden import hidden


@hidden("double", points=2)
def test_double(student, rng):
    assert student.double(2) == 4
'''


def write(root: Path, name: str, text: str = "first", hidden: str = HIDDEN) -> None:
    mark = {"grade_id": "double", "grade": True, "points": 2, "solution": False, "locked": True, "schema_version": 3}
    code = {"grade_id": "double_code", "grade": False, "solution": True, "locked": False, "schema_version": 3}
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": text},
        {
            "cell_type": "code",
            "metadata": {"nbgrader": code},
            "source": "def double(x):\n    raise NotImplementedError()",
        },
        {"cell_type": "code", "metadata": {"nbgrader": mark}, "source": "assert double"},
    ]
    files = {
        f"{name}/{name}.ipynb": json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}),
        f"{name}/checks/__init__.py": f"# {text}\n",
        f"src/{name}/hidden.py": hidden,
    }
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != ".lock"}


def new_class(path: Path, course: Path, **options) -> ClassFolder:
    create(path, source=course, **options)
    return ClassFolder(path)


def test_a_new_class_holds_everything_and_is_private(tmp_path, course):
    path = tmp_path / "class"
    (course / "01_one" / "__pycache__").mkdir()
    (course / "01_one" / "__pycache__" / "x.pyc").touch()
    due = {"01_one": "2027-03-01T23:59", "02_two": "2027-04-01"}
    done = create(path, title='The "class" of ü: #1', timezone="Europe/Rome", due=due, source=course)
    assert done.new
    assert [(one.name, one.change) for one in done.taken] == [("01_one", ADDED), ("02_two", ADDED)]
    classroom = ClassFolder(path)
    config = classroom.config
    assert (config.title, config.timezone) == ('The "class" of ü: #1', "Europe/Rome")
    assert config.assignments == {
        "01_one": Planned(datetime(2027, 3, 1, 23, 59, tzinfo=ROME)),
        "02_two": Planned(datetime(2027, 4, 1, 23, 59, 59, tzinfo=ROME)),
    }
    assert classroom.roster() == []
    assert classroom.assignment("01_one").version == load_assignment("01_one", course).version
    assert not list(path.rglob("__pycache__"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert stat.S_IMODE((path / "class.yml").stat().st_mode) == 0o600
    assert "*" in (path / ".gitignore").read_text().splitlines()
    assert f"course grade collect {path} 01_one" in (path / "README.md").read_text()


def test_seeds_are_secret_and_different(tmp_path, course):
    seeds = {new_class(tmp_path / str(n), course, assignments=[]).config.seed for n in range(5)}
    assert len(seeds) == 5
    for seed in seeds:
        check_seed(seed)


def test_everything_that_the_course_has_is_available():
    assert "01_perceptron" in available()
    for name in available():
        load_assignment(name)


def test_a_class_of_the_real_course_can_be_made(tmp_path):
    done = create(tmp_path / "class")
    assert [one.name for one in done.taken] == available()
    parts = {name: planned.part for name, planned in ClassFolder(tmp_path / "class").config.assignments.items()}
    assert parts["01_perceptron"] == "homework"
    assert {part for name, part in parts.items() if name.startswith("challenge")} <= {"challenge"}


@pytest.mark.parametrize("below", [".", "classes", "classes/2027"])
def test_a_class_inside_the_course_is_refused(tmp_path, below):
    with pytest.raises(CannotCreate, match="inside the course's own folder"):
        create(repo_root() / "build" / "class" / below)
    clone = tmp_path / "clone"
    (clone / ".git").mkdir(parents=True)
    (clone / "course_utils" / "grading").mkdir(parents=True)
    with pytest.raises(CannotCreate, match="inside the course's own folder"):
        create(clone / below / "class")
    link = tmp_path / "link"
    link.symlink_to(clone)
    with pytest.raises(CannotCreate, match="inside the course's own folder"):
        create(link / "class")
    assert not (clone / "class").exists()


def test_a_folder_with_other_things_is_refused_and_left_alone(tmp_path, course):
    (tmp_path / "thesis.tex").write_text("x")
    before = snapshot(tmp_path)
    with pytest.raises(CannotCreate, match=r"is no class .* and not empty \(there is 'course'\)"):
        create(tmp_path, source=course)
    with pytest.raises(CannotCreate, match="is a file"):
        create(tmp_path / "thesis.tex", source=course)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"title": ""}, "the title must be one line of text"),
        ({"title": "a\nseed: 1"}, "the title must be one line"),
        ({"timezone": "Rome"}, "such as Europe/Rome, got 'Rome'"),
        ({"timezone": "../etc"}, "such as Europe/Rome"),
        ({"assignments": ["03_none"]}, "no assignment '03_none'; there are: 01_one, 02_two"),
        ({"assignments": ["../src"]}, "no assignment"),
        ({"due": {"01_one": "soon"}}, "due of 01_one must be a time such as 2027-03-01T23:59, got 'soon'"),
        (
            {"assignments": ["01_one"], "due": {"02_two": "2027-01-01"}},
            "this class does not have: add --assignment 02_two",
        ),
    ],
)
def test_wrong_wishes_are_refused_before_anything_is_made(tmp_path, course, options, why):
    with pytest.raises(CannotCreate, match=why):
        create(tmp_path / "class", source=course, **options)
    assert not (tmp_path / "class").exists()


def test_a_second_time_adds_and_overwrites_nothing(tmp_path, course):
    path = tmp_path / "class"
    classroom = new_class(path, course, assignments=["01_one"], roster=[Student("s1")])
    (path / "README.md").write_text("mine")
    (path / "class.yml").write_text((path / "class.yml").read_text().replace("title: class", "title: Mine # really"))
    (path / "submissions" / "x").write_text("x")
    before = snapshot(path)
    assert create(path, source=course).taken == []
    assert snapshot(path) == before
    done = create(path, assignments=["02_two"], due={"01_one": "2027-01-01T10:00"}, source=course)
    assert not done.new
    after = ClassFolder(path)
    assert after.config.seed == classroom.config.seed
    assert list(after.config.assignments) == ["01_one", "02_two"]
    assert after.config.assignments["01_one"].due.hour == 10
    assert {name for name, data in before.items() if snapshot(path)[name] != data} == {"class.yml"}
    with pytest.raises(CannotCreate, match="never overwritten: edit it there"):
        create(path, roster=[Student("s2")], source=course)
    assert [student.id for student in after.roster()] == ["s1"]


def test_a_roster_can_be_given_later_to_a_class_without_students(tmp_path, course):
    new_class(tmp_path / "class", course)
    create(tmp_path / "class", roster=[Student("s1")], source=course)
    assert [s.id for s in ClassFolder(tmp_path / "class").roster()] == ["s1"]
    (tmp_path / "class" / "roster.csv").write_text("broken")
    with pytest.raises(CannotCreate, match="never overwritten"):
        create(tmp_path / "class", roster=[Student("s2")], source=course)


def test_an_update_keeps_the_old_version_and_says_that_the_next_run_regrades(tmp_path, course):
    path = tmp_path / "class"
    classroom = new_class(path, course)
    old = classroom.assignment("01_one")
    Ledger(classroom).write(Entry("s1", "01_one", old.version, "f" * 64, 1, True, {}))
    write(course, "01_one", "second", HIDDEN.replace("== 4", "== 4, 'no'"))
    assert create(path, source=course).differing == ["01_one"]
    assert classroom.assignment("01_one").version == old.version, "frozen until it is asked for"
    done = create(path, assignments=["01_one"], source=course)
    assert [(one.name, one.change, one.before) for one in done.taken] == [("01_one", UPDATED, old.version)]
    assert done.regraded == ["01_one"]
    assert done.differing == []
    assert ClassFolder(path).assignment("01_one").version == load_assignment("01_one", course).version != old.version
    assert version_of(ClassFolder(path), "01_one", old.version).version == old.version
    assert create(path, assignments=["01_one"], source=course).taken[0].change == UNCHANGED


def test_a_file_that_the_course_dropped_goes_and_the_labels_of_a_challenge_stay(tmp_path, course):
    root = tmp_path / "class" / "assignments"
    (course / "01_one" / "old.csv").write_text("1")
    take_in(root, course, "01_one")
    (root / "src" / "01_one" / "truth.csv").write_text("labels")
    (course / "01_one" / "old.csv").unlink()
    assert take_in(root, course, "01_one").change == UPDATED
    assert not (root / "01_one" / "old.csv").exists()
    assert (root / "src" / "01_one" / "truth.csv").read_text() == "labels"
    assert take_in(root, course, "01_one").change == UNCHANGED


TAKER = """
    import sys
    from pathlib import Path
    from course_utils.grading.classroom.frozen import take_in
    print("ready", flush=True)
    take_in(Path(sys.argv[1]), Path(sys.argv[2]), "01_one")
"""


@pytest.mark.parametrize("seed", range(6))
def test_an_update_killed_at_any_moment_is_completed_and_loses_no_version(tmp_path, course, seed):
    root = tmp_path / "class" / "assignments"
    take_in(root, course, "01_one")
    (root / "src" / "01_one" / "truth.csv").write_text("labels")
    old = load_assignment("01_one", root).version
    for number in range(30):
        (course / "01_one" / f"{number}.csv").write_text("x")
    write(course, "01_one", "second")
    command = [sys.executable, "-c", textwrap.dedent(TAKER), str(root), str(course)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    time.sleep(seed * 0.004)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    done = take_in(root, course, "01_one")
    assert done.now == load_assignment("01_one", course).version
    assert load_assignment("01_one", root / OLD_VERSIONS / old).version == old
    assert (root / "src" / "01_one" / "truth.csv").read_text() == "labels"
    assert not list(root.rglob(".part-*"))


@pytest.mark.parametrize("moment", ["new is written", "old is away", "both are exchanged"])
def test_an_exchange_cut_off_at_its_worst_moments_is_ended(tmp_path, course, moment):
    root = tmp_path / "class" / "assignments"
    take_in(root, course, "01_one")
    folder = root / "src" / "01_one"
    (folder / "truth.csv").write_text("labels")
    part = folder.parent / ".part-01_one-abcd_123"
    shutil.copytree(folder, part / "new")
    if moment == "new is written":
        (part / "new" / "hidden.py").unlink()
    elif moment == "old is away":
        folder.rename(part / "old")
        (part / "old" / "hidden.py").write_text("older")
    else:
        shutil.copytree(folder, part / "old")
        shutil.rmtree(part / "new")
    other = folder.parent / ".part-01_one-more-abcd_123"
    other.mkdir()
    assert take_in(root, course, "01_one").change == UNCHANGED
    assert (folder / "truth.csv").read_text() == "labels"
    assert [path.name for path in folder.parent.glob(".part-*")] == [other.name], "another assignment's is not touched"


def test_a_class_whose_making_was_cut_off_is_completed(tmp_path, course, monkeypatch):
    path = tmp_path / "class"
    real = os.rename
    left = [3]

    def full(*places):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device")
        return real(*places)

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(OSError, match="No space"):
        create(path, source=course, roster=[Student("s1")])
    monkeypatch.undo()
    seed = ClassFolder(path).config.seed
    create(path, source=course, assignments=["01_one", "02_two"])
    classroom = ClassFolder(path)
    assert (classroom.config.seed, [s.id for s in classroom.roster()]) == (seed, ["s1"])
    assert [classroom.assignment(name).name for name in classroom.config.assignments] == ["01_one", "02_two"]
    assert not list(path.rglob(".part-*"))


# ---- the text of class.yml ----

HEAD = new_settings("T", 5, "Europe/Rome")
DUE = Planned(datetime(2027, 3, 1, 23, 59, tzinfo=ROME), "challenge")


def read(tmp_path, text: str):
    (tmp_path / "class.yml").write_text(text)
    return read_config(tmp_path / "class.yml").assignments


@pytest.mark.parametrize(
    "text",
    [
        HEAD,
        HEAD.replace("assignments:", "assignments: {}"),
        HEAD.replace("assignments:", "assignments: null  # none yet"),
        HEAD + "  b: {due: null, part: exam}  # mine\n",
        HEAD + "  # a note\n\n  a: {due: null}\n",
        HEAD + "  a: {}\n  b:\n    part: exam\n",
        HEAD + '  "a": null\n',
        HEAD.replace("assignments:", "assignments:\n  b: {}\n") + "# the end\n",
        "seed: 5\ntimezone: Europe/Rome\nassignments:\n  b: {}\n\ntitle: T\n",
    ],
)
def test_one_line_of_the_settings_changes_and_all_else_stays(tmp_path, text):
    try:
        before = read(tmp_path, text)
    except NotAClass:
        pytest.fail("the text of this test is wrong")
    changed = with_assignment(text, "a", DUE)
    assert read(tmp_path, changed) == {**before, "a": DUE}
    kept = [line for line in text.splitlines() if not re.match(r"\s+[\"']?a[\"']?:|assignments:", line)]
    assert [line for line in changed.splitlines() if line in kept] == kept
    assert with_assignment(changed, "a", DUE) == changed


@pytest.mark.parametrize(
    "text",
    [
        "seed: 5\n",
        "seed: 5\nassignments: {a: {due: null}}\n",
        HEAD + "  a:\n    due: null\n    part: exam\n",
        "{seed: 5, assignments: {}}\n",
    ],
)
def test_settings_in_another_form_are_left_to_a_person(text):
    with pytest.raises(NotOurs, match=r'write below .assignments:.\n  a: \{due: "2027-03-01T23:59", part: challenge\}'):
        with_assignment(text, "a", DUE)


def test_settings_that_would_not_say_what_is_wanted_are_put_back(tmp_path, course):
    path = tmp_path / "class"
    new_class(path, course, assignments=["01_one"])
    text = (path / "class.yml").read_text() + "  # 02_two: comes later\n  02_two : {due: null}\n"
    (path / "class.yml").write_text(text + "  02_two: {due: 2027-01-01}\n")
    with pytest.raises((NotOurs, NotAClass)):
        create(path, due={"02_two": "2027-02-02T10:00"}, source=course)
    assert (path / "class.yml").read_text().startswith(text)

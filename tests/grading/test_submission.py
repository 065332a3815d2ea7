"""Reading what was handed in: only sources of cells are believed, and files that cannot be graded have a reason."""

import copy
import json
import string

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.grading import submission as reading
from course_utils.grading.files import SubmittedFiles
from course_utils.grading.submission import NeedsHuman, Submission, Unreadable, read_submission

NAME = "01_perceptron"
CELLS = ("threshold_unit", "perceptron_rule", "mistake_bound", "surrogate_losses", "multiclass", "kernel")


@pytest.fixture
def read(assignment, notebook):
    """Read the solved notebook, changed by `change(cells by grade id, notebook)`, with other files beside it."""

    def one(change=lambda cells, notebook: None, **others: bytes) -> Submission:
        return read_submission(SubmittedFiles({f"{NAME}.ipynb": notebook(change), **others}), assignment)

    return one


def sources(found):
    return [cell.source for cell in found.cells]


def test_a_solved_notebook_runs_the_graders_setup_and_the_students_cells(assignment, read):
    found = read()
    assert sources(found)[0] == assignment.handed_out.setup[0]
    assert [cell.exercise for cell in found.cells] == ["", *CELLS]
    assert found.changed == set(CELLS)
    assert found.notes == ()
    assert "false as it stands" in found.answers["judge"]


def test_the_untouched_notebook_has_changed_nothing(assignment):
    files = SubmittedFiles({f"{NAME}.ipynb": assignment.notebook.read_bytes(), **assignment.files()})
    found = read_submission(files, assignment)
    assert found.changed == set()
    assert found.helpers == {}
    assert found.notes == ()
    assert found.answers["judge"].strip() == "YOUR ANSWER HERE"


def test_metadata_decides_nothing(assignment, read):
    def lie(cells, notebook):
        cells["kernel"].metadata.nbgrader.points = 10_000
        cells["kernel_code"].metadata.nbgrader.update(grade_id="setup", solution=False, locked=True)
        cells["setup"].source += "\nnp.dot = None"
        for cell in notebook.cells:
            cell.metadata.pop("deletable", None)

    found = read(lie)
    assert any("def polynomial_kernel" in source for source in sources(found))
    assert sources(found)[0] == assignment.handed_out.setup[0]
    assert any("np.dot = None" in source for source in sources(found)[1:]), "it is the student's code, and runs as such"


def test_deleted_edited_and_duplicated_cells_are_noted_and_the_rest_is_graded(read):
    def change(cells, notebook):
        cells["mistake_bound"].source = "pass  # " + cells["mistake_bound"].source
        notebook.cells.append(nbformat.v4.new_code_cell("def extra(): pass", metadata=cells["kernel_code"].metadata))
        notebook.cells.remove(cells["multiclass"])
        notebook.cells.remove(cells["judge"])

    found = read(change)
    notes = "; ".join(found.notes)
    for words in (
        "check mistake_bound was edited",
        "kernel_code is there 2 times",
        "multiclass is missing",
        "judge is",
    ):
        assert words in notes
    assert found.answers["judge"] is None
    assert "def extra(): pass" in sources(found)


def test_line_ends_and_trailing_space_are_no_edit(read):
    def windows(cells, notebook):
        for cell in notebook.cells:
            cell.source = cell.source.replace("\n", " \r\n") + "\n\n"

    assert len(read(windows).cells) == 1 + len(CELLS)


def test_text_cells_and_outputs_do_not_matter(read):
    def noise(cells, notebook):
        cells["kernel_code"].outputs = [nbformat.v4.new_output("stream", text="<script>alert(1)</script>" * 100)]
        cells["title"].attachments = {"a.png": {"image/png": "AAAA" * 1_000}}
        notebook.cells.insert(0, nbformat.v4.new_raw_cell("raw"))
        cells["title"].source = "changed"

    assert len(read(noise).cells) == 1 + len(CELLS)


def test_a_written_answer_is_bounded_text(read):
    def long(cells, notebook):
        cells["judge"].source = "x" * 1_000_000

    def strange(cells, notebook):
        cells["judge"].source = "CANARY"

    assert read(long).answers["judge"].endswith("[cut off here]")
    assert len(read(long).answers["judge"]) < 101_000
    assert read(strange).answers["judge"] == "CANARY"


def test_a_lone_surrogate_in_an_answer_can_be_stored(assignment, notebook):
    def strange(cells, notebook):
        cells["judge"].source = "CANARY"

    raw = notebook(strange).replace(b"CANARY", rb"\ud800 is no text")
    answer = read_submission(SubmittedFiles({"a.ipynb": raw}), assignment).answers["judge"]
    assert answer.encode() == b"? is no text"


# ---- which file counts ----


def choose(assignment, **content):
    return read_submission(SubmittedFiles(content), assignment)


def test_the_name_decides_then_being_the_only_one(assignment, notebook):
    good = notebook()
    other = json.dumps({"cells": []}).encode()
    found = choose(assignment, **{f"work/{NAME}.ipynb": good, "scratch.ipynb": other})
    assert found.notebook == f"work/{NAME}.ipynb"
    assert "other notebooks were not looked at: scratch.ipynb" in found.notes
    renamed = choose(assignment, **{"Homework (1).IPYNB": good})
    assert renamed.notebook == "Homework (1).IPYNB"
    assert renamed.notes == (f"the notebook is called Homework (1).IPYNB and not {NAME}.ipynb",)


def test_copies_count_once_and_debris_never(assignment, notebook):
    good = notebook()
    found = choose(
        assignment,
        **{
            f"a/{NAME}.ipynb": good,
            f"{NAME}.ipynb": good,
            f".ipynb_checkpoints/{NAME}-checkpoint.ipynb": b"{}",
            f"__MACOSX/._{NAME}.ipynb": b"\0\5",
            f"._{NAME}.ipynb": b"\0\5",
        },
    )
    assert found.notebook == f"{NAME}.ipynb"
    assert found.notes == ()


@pytest.mark.parametrize("names", [("a", "b"), (f"a/{NAME}", f"b/{NAME}"), (f"x/{NAME}", f"y/{NAME}", "z")])
def test_several_different_notebooks_need_a_person_who_reads_their_names(assignment, notebook, names):
    def other(cells, notebook):
        cells["judge"].source = "another answer"

    content = {f"{name}.ipynb": notebook(other) if n else notebook() for n, name in enumerate(names)}
    with pytest.raises(NeedsHuman, match=f"{names[0]}.ipynb, {names[1]}.ipynb"):
        choose(assignment, **content)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({}, f"there is no file; hand in {NAME}.ipynb"),
        ({"a.pdf": b"%PDF"}, "no notebook, but other files: a.pdf; hand in"),
        ({f"{n}.txt": b"" for n in range(9)}, "4.txt and 4 more; hand in"),
        ({"._x.ipynb": b""}, "no notebook"),
    ],
)
def test_without_a_notebook_the_student_reads_what_to_hand_in(assignment, content, why):
    with pytest.raises(Unreadable, match=why):
        choose(assignment, **content)


def test_files_beside_the_notebook_come_along_except_what_the_assignment_brings(assignment, notebook):
    checks = assignment.files()
    found = choose(
        assignment,
        **{
            f"work/{NAME}.ipynb": notebook(),
            "work/mine.py": b"x = 1",
            "work/data/points.csv": b"1,2",
            "work/checks/__init__.py": b"def threshold_unit(*a): print('all checks passed')",
            "work/checks/rule.py": checks["checks/rule.py"],
            "work/checks/extra.py": b"",
            "work/Checks/other.py": b"",
            "work/.ssh/key": b"",
            "elsewhere.py": b"",
        },
    )
    assert dict(found.helpers) == {"mine.py": b"x = 1", "data/points.csv": b"1,2"}
    assert found.notes == ("edited, and replaced by the grader's own copy: checks/__init__.py",)


def test_what_is_too_large_beside_the_notebook_is_left_out_with_a_note(read, monkeypatch):
    monkeypatch.setattr(reading, "MAX_HELPERS", 100)
    found = read(**{"model.bin": bytes(101), "a.py": b"1"})
    assert dict(found.helpers) == {"a.py": b"1"}
    assert "model.bin was left out" in found.notes[0]


# ---- what cannot be graded ----


def cut(raw):
    return raw[: len(raw) // 2]


def huge(raw):
    return raw + b" " * reading.MAX_BYTES


def code(text):
    return json.dumps({"cells": [{"cell_type": "code", "source": text}]}).encode()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "UTF-8"),
        ("é".encode("latin-1"), "UTF-8"),
        ('{"cells": []}'.encode("utf-16"), "UTF-8"),
        (cut, "damaged or cut off"),
        (b"[" * 200_000, "damaged"),
        (b'{"cells":' * 100_000 + b"[]" + b"}" * 100_000, "damaged"),
        (b"[" * 2_000_000, "more than 1000000 lists"),
        (b'{"cells": [' + b"{}," * 1_000_000 + b"{}]}", "more than 1000000 lists"),
        (b"[]", "no list of cells"),
        (b"3", "no list of cells"),
        (b"NaN", "no list of cells"),
        (b'"text"', "no list of cells"),
        (b"{}", "no list of cells"),
        (b'{"cells": {}}', "no list of cells"),
        (b'{"cells": [], "cells": 3}', "no list of cells"),
        (b'{"worksheets": [{"cells": []}], "nbformat": 3}', "format 3, which is no longer read"),
        (b'{"cells": []}', "none of its functions or cells are there"),
        (b'{"cells": [1, null, {"cell_type": "code", "source": [1, null, {}], "metadata": []}]}', "none of its"),
        (b'{"cells": [{"cell_type": "code", "source": "x = 1", "metadata": {"nbgrader": 3}}]}', "none of its"),
        (b'{"cells": [{"cell_type": [], "source": NaN, "metadata": {"nbgrader": {"grade_id": {}}}}]}', "none of its"),
        (b'{"cells": [{"cell_type": "code", "source": "\\ud800 = 1e999", "metadata": {}}]}', "none of its"),
        (b'{"cells": [' + b"1," * 2_000_000 + b"1]}", "2000001 cells, at most 1000"),
        (json.dumps({"cells": [{}] * 2_000}).encode(), "2000 cells"),
        (b'{"cells": [' + b"9" * 5_000 + b"]}", "damaged"),
        (code("#" * 600_000), "600000 characters of code"),
        (huge, "at most 20000000 are read: choose Edit"),
    ],
    ids=range(27),
)
def test_what_cannot_be_graded_says_why_and_what_to_do(assignment, content, why):
    raw = content(assignment.notebook.read_bytes()) if callable(content) else content
    with pytest.raises(Unreadable, match=why) as refusal:
        choose(assignment, **{f"{NAME}.ipynb": raw})
    assert any(remedy in str(refusal.value) for remedy in ("hand it in again", "hand in")), "a remedy"


def test_a_byte_order_mark_is_forgiven(assignment):
    assert choose(assignment, **{"a.ipynb": b"\xef\xbb\xbf" + assignment.notebook.read_bytes()}).cells


# ---- anything at all ----

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
words = st.sampled_from(["source", "cell_type", "metadata", "nbgrader", "grade_id", "cells", "outputs", "points"])
values = anything | st.sampled_from(
    ["code", "markdown", "kernel", "judge", "def threshold_unit(x, w, b):\n    return 1"]
)
cells = st.dictionaries(words, values | st.dictionaries(words, values, max_size=3), max_size=5)


def harmless(assignment, files):
    """Reading ends with a submission or one of two exceptions."""
    try:
        found = read_submission(files, assignment)
    except (Unreadable, NeedsHuman):
        return
    assert all(isinstance(cell.source, str) and cell.label.startswith("cell ") for cell in found.cells)
    assert all(answer is None or answer.encode() is not None for answer in found.answers.values())


@given(st.lists(cells | anything, max_size=5), anything)
def test_any_json_is_read_or_refused(assignment, content, rest):
    notebook = {**rest, "cells": content} if isinstance(rest, dict) else {"cells": content}
    harmless(assignment, SubmittedFiles({"a.ipynb": json.dumps(notebook).encode()}))


@given(st.data())
def test_a_notebook_with_any_value_anywhere_is_read_or_refused(assignment, handed_out, data):
    notebook = copy.deepcopy(dict(handed_out))
    for _ in range(data.draw(st.integers(1, 4))):
        place = notebook
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = data.draw(st.sampled_from(keys))
            if isinstance(place[key], dict | list) and place[key] and data.draw(st.integers(0, 3)):
                place = place[key]
                continue
            place[key] = data.draw(values)
            break
    harmless(assignment, SubmittedFiles({"a.ipynb": json.dumps(notebook).encode()}))


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(assignment, raw):
    harmless(assignment, SubmittedFiles({"a.ipynb": raw}))
    harmless(assignment, SubmittedFiles({"a.ipynb": b'{"cells": [' + raw + b"]}"}))


paths = st.lists(st.text(string.ascii_letters + "._ ", min_size=1, max_size=6), min_size=1, max_size=3).map("/".join)


@given(st.dictionaries(paths.map(lambda p: p + ".ipynb") | paths, st.sampled_from([b"", b"{}", b"x"]), max_size=4))
def test_any_names_are_read_or_refused(assignment, content):
    try:
        files = SubmittedFiles(content)
    except ValueError:
        return
    harmless(assignment, files)

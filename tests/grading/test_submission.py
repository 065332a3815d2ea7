"""Reading what was handed in: only sources of cells are believed, and a file that cannot be read has a reason."""

import json
import os

import nbformat
import pytest

from course_utils.grading import submission as reading
from course_utils.grading.submission import Unreadable, read_submission

CELLS = ("threshold_unit", "perceptron_rule", "mistake_bound", "surrogate_losses", "multiclass", "kernel")


def sources(found):
    return [cell.source for cell in found.cells]


def test_a_solved_notebook_runs_the_graders_setup_and_the_students_cells(assignment, write):
    found = read_submission(write("anna"), assignment)
    assert sources(found)[0] == assignment.handed_out.setup[0]
    assert len(found.cells) == 1 + len(CELLS)
    assert found.changed == set(CELLS)
    assert found.notes == ()
    assert "false as it stands" in found.answers["judge"]


def test_the_untouched_notebook_has_changed_nothing(assignment):
    found = read_submission(assignment.notebook, assignment)
    assert found.changed == set()
    assert found.answers["judge"].strip() == "YOUR ANSWER HERE"


def test_metadata_decides_nothing(assignment, write):
    def lie(cells, notebook):
        cells["kernel"].metadata.nbgrader.points = 10_000
        cells["kernel_code"].metadata.nbgrader.update(grade_id="setup", solution=False, locked=True)
        cells["setup"].source += "\nnp.dot = None"
        for cell in notebook.cells:
            cell.metadata.pop("deletable", None)

    found = read_submission(write("liar", lie), assignment)
    assert any("def polynomial_kernel" in source for source in sources(found))
    assert sources(found)[0] == assignment.handed_out.setup[0]
    assert any("np.dot = None" in source for source in sources(found)[1:]), "it is the student's code, and runs as such"


def test_deleted_edited_and_duplicated_cells_are_noted_and_the_rest_is_graded(assignment, write):
    def change(cells, notebook):
        cells["mistake_bound"].source = "pass  # " + cells["mistake_bound"].source
        notebook.cells.append(nbformat.v4.new_code_cell("def extra(): pass", metadata=cells["kernel_code"].metadata))
        notebook.cells.remove(cells["multiclass"])
        notebook.cells.remove(cells["judge"])

    found = read_submission(write("ben", change), assignment)
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


def test_line_ends_and_trailing_space_are_no_edit(assignment, write):
    def windows(cells, notebook):
        for cell in notebook.cells:
            cell.source = cell.source.replace("\n", " \r\n") + "\n\n"

    assert len(read_submission(write("win", windows), assignment).cells) == 1 + len(CELLS)


def test_magics_and_shell_lines_become_calls_that_do_nothing(assignment, write):
    def magic(cells, notebook):
        cells["kernel_code"].source = "%matplotlib inline\n!rm -rf x\n" + cells["kernel_code"].source
        cells["multiclass_code"].source = "%%time\n" + cells["multiclass_code"].source

    found = read_submission(write("magic", magic), assignment)
    for source in sources(found):
        compile(source, "cell", "exec")
    assert any("run_cell_magic('time'" in source for source in sources(found))


def test_text_cells_and_outputs_do_not_matter(assignment, write):
    def noise(cells, notebook):
        cells["kernel_code"].outputs = [nbformat.v4.new_output("stream", text="<script>alert(1)</script>" * 100)]
        notebook.cells.insert(0, nbformat.v4.new_raw_cell("raw"))
        cells["title"].source = "changed"

    assert len(read_submission(write("noise", noise), assignment).cells) == 1 + len(CELLS)


def cut(raw):
    return raw[: len(raw) // 2]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "UTF-8"),
        ("é".encode("latin-1"), "UTF-8"),
        (cut, "damaged or cut off"),
        (b"[" * 200_000, "damaged"),
        (b"[]", "no list of cells"),
        (b"{}", "no list of cells"),
        (b'{"cells": {}}', "no list of cells"),
        (b'{"worksheets": [{"cells": []}], "nbformat": 3}', "no list of cells"),
        (b'{"cells": []}', "not one of 01_perceptron"),
        (b'{"cells": [1, null, {"cell_type": "code", "source": [1, null, {}], "metadata": []}]}', "not one of"),
        (b'{"cells": [{"cell_type": "code", "source": "x = 1", "metadata": {"nbgrader": 3}}]}', "not one of"),
        (json.dumps({"cells": [{}] * 2_000}).encode(), "2000 cells"),
        (json.dumps({"cells": [{"cell_type": "code", "source": "#" * 600_000}]}).encode(), "characters of code"),
    ],
    ids=range(14),
)
def test_what_cannot_be_graded_says_why(assignment, tmp_path, content, why):
    path = tmp_path / "x.ipynb"
    path.write_bytes(content(assignment.notebook.read_bytes()) if callable(content) else content)
    with pytest.raises(Unreadable, match=why):
        read_submission(path, assignment)


def test_links_folders_pipes_and_giants_are_not_read(assignment, tmp_path, monkeypatch):
    (tmp_path / "link.ipynb").symlink_to(assignment.notebook)
    (tmp_path / "folder.ipynb").mkdir()
    os.mkfifo(tmp_path / "pipe.ipynb")
    for name in ("link", "folder", "pipe"):
        with pytest.raises(Unreadable, match="not a plain file"):
            read_submission(tmp_path / f"{name}.ipynb", assignment)
    with pytest.raises(Unreadable, match="cannot be read"):
        read_submission(tmp_path / "nowhere.ipynb", assignment)
    monkeypatch.setattr(reading, "MAX_BYTES", 1_000)
    with pytest.raises(Unreadable, match="at most 1000 are read"):
        read_submission(assignment.notebook, assignment)


def test_a_byte_order_mark_is_forgiven(assignment, tmp_path):
    path = tmp_path / "bom.ipynb"
    path.write_bytes(b"\xef\xbb\xbf" + assignment.notebook.read_bytes())
    assert read_submission(path, assignment).cells

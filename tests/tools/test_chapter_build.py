"""The chapter build: one way, offline, the same bytes twice, costs kept, drift found."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from tools import bands, chapters

SOURCE = """# %% [markdown]
# # A try
# <!-- cost -->

# %% tags=["setup"]
SEED = 0

# %% tags=["band-draw"]
import random
random.seed(SEED)
draw = random.random()

# %% tags=["machine"]
import time; print(time.time_ns())

# %% tags=["band-draw"]
draw_result = {"value": draw}

# %% tags=["raises-exception"]
import urllib.request
urllib.request.urlopen("http://192.0.2.1/")

# %%
import os; print(os.environ["COURSE_PROGRESS"], os.path.exists(os.environ["COURSE_DATA"]))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "99_try.py").write_text(SOURCE)
    monkeypatch.setattr(chapters, "SOURCES", tmp_path / "src")
    monkeypatch.setattr(chapters, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(bands, "SOURCES", tmp_path / "src")
    return tmp_path


def test_the_memory_of_a_chapter_is_its_own_not_that_of_the_process_that_built_it() -> None:
    heavy = bytearray(b"x") * 700_000_000
    del heavy
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")])
    _, _, gigabytes = chapters.execute(nb)
    assert 0.01 < gigabytes < 0.5


def test_a_build_is_repeatable_and_offline_and_drift_is_found(folder: Path) -> None:
    target = folder / "99_try.ipynb"
    assert chapters.differences("99_try")[0].startswith("99_try.ipynb is missing")
    assert chapters.build("99_try", probe=0.01) == []
    first = target.read_bytes()
    assert chapters.differences("99_try") == []
    assert chapters.build("99_try", probe=0.02) == []
    assert target.read_bytes() == first, "a rebuild of unchanged code changed bytes"
    chapters.build("99_try", probe=0.02, fresh=True)
    assert target.read_bytes() != first, "--fresh kept what the machine measured"

    nb = json.loads(target.read_text())
    text = {"".join(cell["source"]): cell.get("outputs", []) for cell in nb["cells"]}
    refused = next(out for source, out in text.items() if "urlopen" in source)
    assert "chapters run without a network" in refused[0]["evalue"]
    last = next(out for source, out in text.items() if source.startswith("import os"))
    assert last[0]["text"] == ["0 False\n"]
    assert "*Cost of running this chapter:" in "".join(nb["cells"][0]["source"])
    assert nb["cells"][1]["metadata"]["tags"] == ["colab", "remove-cell"]

    source = folder / "src" / "99_try.py"
    source.write_text(source.read_text().replace("random.random()", "random.random() + 1"))
    found = chapters.differences("99_try")
    assert found
    assert "source differs from the source" in found[0]


def test_a_chapter_over_its_limits_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chapters, "SECONDS_LIMIT", 0.0)
    monkeypatch.setattr(chapters, "BYTES_LIMIT", 10)
    monkeypatch.setattr(chapters, "MEMORY_LIMIT_GB", 0.0)
    broken = chapters.build("99_try", probe=0.01)
    assert [rule.split(" the limit")[0].split()[1] for rule in broken] == ["runs", "takes", "weighs"]


def test_a_chapter_without_title_or_cost_line_is_refused(folder: Path) -> None:
    source = folder / "src" / "99_try.py"
    source.write_text(SOURCE.replace("# <!-- cost -->", ""))
    with pytest.raises(SystemExit, match="must hold the line"):
        chapters.convert("99_try")
    source.write_text(SOURCE.replace("# # A try", "# A try"))
    with pytest.raises(SystemExit, match="starts with '# Title'"):
        chapters.convert("99_try")


def test_what_the_site_folds_is_folded_in_jupyterlab_and_shows_no_answer(folder: Path) -> None:
    source = folder / "src" / "99_try.py"
    source.write_text(SOURCE + '\n# %% tags=["solution", "hide-cell"]\nanswer = 42\n')
    cells = {tuple(c.metadata.get("tags", [])): c for c in chapters.convert("99_try").cells}
    solution = cells["solution", "hide-cell"]
    assert solution.source.splitlines() == ["# Solution", "answer = 42"]
    assert solution.metadata["jupyter"]["source_hidden"]
    assert cells["colab", "remove-cell"].metadata["jupyter"]["source_hidden"]
    assert "jupyter" not in cells[("machine",)].metadata


def test_a_band_runs_the_tagged_cells_and_nothing_else(folder: Path) -> None:
    code = bands.tagged_code("99_try", "draw")
    assert "time_ns" not in code
    assert bands.run_once(code, "draw", 5) == bands.run_once(code, "draw", 5)
    assert bands.run_once(code, "draw", 5) != bands.run_once(code, "draw", 6)
    with pytest.raises(SystemExit, match="it has band-draw"):
        bands.tagged_code("99_try", "drow")
    with pytest.raises(SystemExit, match="must leave a dictionary draw_result"):
        bands.run_once("pass", "draw", 0)

"""What holds for every stored chapter, read without running it."""

from __future__ import annotations

import ast
import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from course_utils import widgets
from course_utils.runtime import repo_root
from tools import chapters
from tools.normalise import WIDGET_STATE

NAMES = chapters.names()
SECTIONS = ("Checked claims", "Pitfalls", "Exercises", "At scale", "Summary")


def stored(name: str) -> dict[str, Any]:
    return json.loads((chapters.NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))


def prose(nb: dict[str, Any]) -> str:
    return "\n\n".join("".join(c["source"]) for c in nb["cells"] if c["cell_type"] == "markdown")


def images(nb: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """All (cell, output) pairs that hold a raster image."""
    return [
        (cell, output)
        for cell in nb["cells"]
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]


@pytest.fixture(params=NAMES)
def nb(request: pytest.FixtureRequest) -> dict[str, Any]:
    return stored(request.param)


def test_there_are_chapters() -> None:
    assert {"00_start", "00b_features", "01_perceptron", "01b_kernels"} <= set(NAMES)


def test_every_stored_notebook_has_a_source() -> None:
    assert sorted(p.stem for p in chapters.NOTEBOOKS.glob("*.ipynb")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_it_weighs_at_most_500_kb(name: str) -> None:
    assert (chapters.NOTEBOOKS / f"{name}.ipynb").stat().st_size <= chapters.BYTES_LIMIT


def test_it_was_executed_from_the_first_cell_to_the_last(nb: dict[str, Any]) -> None:
    counts = [c["execution_count"] for c in nb["cells"] if c["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1))


def test_errors_stand_only_where_they_are_shown_on_purpose(nb: dict[str, Any]) -> None:
    for cell in nb["cells"]:
        failed = any(output["output_type"] == "error" for output in cell.get("outputs", []))
        expected = "raises-exception" in cell["metadata"].get("tags", [])
        assert failed == expected, "".join(cell["source"])


def test_it_has_the_skeleton_of_a_chapter(nb: dict[str, Any]) -> None:
    headings = re.findall(r"^## (.+)$", prose(nb), re.MULTILINE)
    for section in SECTIONS:
        assert any(h.startswith(section) for h in headings), f"no section '{section}' among {headings}"
    assert prose(nb).count("> **Predict.**") >= 3
    solutions = [c for c in nb["cells"] if "solution" in c["metadata"].get("tags", [])]
    assert len(solutions) >= 4
    assert "<summary>Hint" in prose(nb)


def test_solutions_are_folded(nb: dict[str, Any]) -> None:
    for cell in nb["cells"]:
        if "solution" in cell["metadata"].get("tags", []):
            assert "hide-cell" in cell["metadata"]["tags"]
            assert cell["metadata"]["jupyter"]["source_hidden"] is True


def test_every_picture_has_an_alternative_text_that_says_what_it_shows(nb: dict[str, Any]) -> None:
    assert images(nb)
    seen = set()
    for cell, _ in images(nb):
        alt = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")
        assert len(alt) >= 40, f"alternative text {alt!r} is too short in\n{''.join(cell['source'])}"
        assert not re.match(r"(?i)(an? )?(image|picture|plot|figure|chart) (of|showing)", alt), alt
        assert alt not in seen, f"two pictures share the text {alt!r}"
        seen.add(alt)


def test_a_cell_shows_at_most_one_picture(nb: dict[str, Any]) -> None:
    cells = [id(cell) for cell, _ in images(nb)]
    assert len(cells) == len(set(cells))


def test_pictures_are_opaque_png(nb: dict[str, Any]) -> None:
    for _, output in images(nb):
        data = output["data"]["image/png"]
        raw = base64.b64decode(data if isinstance(data, str) else "".join(data))
        assert raw.startswith(b"\x89PNG")


def test_prose_is_plain_markdown_that_every_viewer_renders(nb: dict[str, Any]) -> None:
    text = re.sub(r"```.*?```", "", prose(nb), flags=re.DOTALL)
    assert not re.search(r"^:::|^\{[a-z]+\}`|\{(ref|term|cite|numref|eq|doc)\}`|^\([\w-]+\)=$", text, re.MULTILINE)


def test_nothing_of_the_machine_that_built_it_is_stored(nb: dict[str, Any]) -> None:
    text = json.dumps(nb)
    for path in (str(repo_root()), str(Path.home()) + "/", "/tmp/"):
        assert path not in text


def test_stored_widgets_carry_the_present_modules(nb: dict[str, Any]) -> None:
    known = {f"{cls.__module__}.{cls.__qualname__}": cls for cls in widgets.ALL}
    models = nb["metadata"].get("widgets", {}).get(WIDGET_STATE, {}).get("state", {}).values()
    modules = [m["state"] for m in models if m["model_module"] == "anywidget"]
    assert len(modules) >= 2, "a chapter has at least two figures to play with"
    for state in modules:
        cls = known[state["_anywidget_id"]]
        fresh = cls()
        assert state["_esm"] == str(fresh._esm), f"{cls.__name__} changed since the chapter was built"
        assert state["_css"] == str(fresh._css)


def test_code_cells_stay_short_enough_to_read(nb: dict[str, Any]) -> None:
    for cell in nb["cells"]:
        if cell["cell_type"] == "code" and "hide-input" not in cell["metadata"].get("tags", []):
            assert len(cell["source"]) <= 60, "".join(cell["source"][:3])


@pytest.mark.parametrize("name", NAMES)
def test_sources_hold_no_name_that_a_later_chapter_could_copy(name: str) -> None:
    """A function defined in one chapter is defined in no other: from its second use on it is imported."""
    mine = defined(name)
    for other in NAMES:
        if other < name:
            assert not mine & defined(other), f"{name} defines again what {other} defines: {mine & defined(other)}"


def defined(name: str) -> set[str]:
    found: set[str] = set()
    for cell in chapters.convert(name).cells:
        if cell.cell_type == "code" and not cell.source.lstrip().startswith(("%", "!")):
            try:
                tree = ast.parse(cell.source)
            except SyntaxError:
                continue
            found |= {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    return found

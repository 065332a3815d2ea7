"""What every widget owes: a self-contained module, small state, a still picture with a sentence."""

from __future__ import annotations

import json
import pkgutil
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

import course_utils.widgets as widgets
from course_utils.widgets.base import CourseWidget, compose_module
from course_utils.widgets.svg import document, number, text

EACH = pytest.mark.parametrize("widget", widgets.ALL, ids=lambda widget: widget.__name__)
FOLDER = Path(widgets.__file__).parent


def test_all_lists_every_widget_module() -> None:
    modules = {path.stem for path in FOLDER.glob("*.js")} - {"kit"}
    assert {widget.__module__.rpartition(".")[2] for widget in widgets.ALL} == modules
    assert modules <= {module.name for module in pkgutil.iter_modules([str(FOLDER)])}
    assert {widget.__name__ for widget in widgets.ALL} <= set(widgets.__all__)


@EACH
def test_state_is_small_plain_and_complete(widget: type[CourseWidget]) -> None:
    made = widget()
    state = made.get_state()
    assert state["_model_module"] == "anywidget"
    assert "layout" not in state, "a layout would be a second model that only Jupyter's manager can mount"
    stored = json.dumps(state)  # raises on bytes, arrays and other widgets
    assert "IPY_MODEL_" not in stored
    # FeatureViewer carries eighty pictures and forty-two more that a network made; the page's weight has its own limit.
    limit = 72_000 if widget.__name__ == "FeatureViewer" else 64_000
    assert len(stored) - len(json.dumps(state["_esm"])) - len(json.dumps(state["_css"])) < limit
    assert len(state["_esm"]) < 40_000
    assert len(state["_css"]) < 12_000


@EACH
def test_module_stands_alone(widget: type[CourseWidget]) -> None:
    source = widget._esm
    assert "import " not in source.replace("important", "")
    for word in ("http://", "https://", "fetch(", "eval(", "innerHTML"):
        assert word not in source.replace("http://www.w3.org/2000/svg", ""), word
    assert "export default { render };" in source


@EACH
def test_rules_of_a_figure_touch_that_figure_alone(widget: type[CourseWidget]) -> None:
    """All figures of a page share its styles: a rule for a part of the kit needs a class of the figure's own."""
    path = FOLDER / f"{widget.__module__.rpartition('.')[2]}.css"
    if not path.exists():
        return
    text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    text = re.sub(r"@[^{]*\{", "", text)
    text = re.sub(r":(?:is|not|where)\(([^)]*)\)", lambda m: m[1].replace(",", " "), text)
    loose = []
    for selectors, rules in re.findall(r"([^{}]+)\{([^{}]*)\}", text):
        if all(rule.strip().startswith("--") for rule in rules.split(";") if rule.strip()):
            continue  # a name for a colour
        for selector in selectors.split(","):
            if all(name == "cw" or name.startswith("cw-") for name in re.findall(r"\.([\w-]+)", selector)):
                loose.append(selector.strip())
    assert loose == []


@EACH
def test_output_has_live_view_and_still_picture(widget: type[CourseWidget]) -> None:
    made = widget()
    data, _ = made._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == made.model_id
    assert data["text/plain"] == f"{widget.__name__}: {made.static_text}"
    assert data["text/html"].startswith('<figure class="course-widget-static">')
    assert len(data["text/html"]) < 40_000
    assert len(made.static_text) >= 40
    assert made.static_text.endswith(".")
    assert "object at 0x" not in json.dumps(data)


@EACH
def test_still_picture_is_valid_and_repeats(widget: type[CourseWidget]) -> None:
    picture = widget().static_svg()
    root = ElementTree.fromstring(picture)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert len(picture) > 1500, "the picture shows the state, not an empty frame"
    assert picture == widget().static_svg()


def test_same_bytes_in_another_process() -> None:
    code = (
        "import hashlib, json; from course_utils.widgets import ALL; made = [one() for one in ALL]; "
        "print(hashlib.sha256(json.dumps([[one.get_state(), one.static_figure()] for one in made], "
        "sort_keys=True).encode()).hexdigest())"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PATH": "", "HOME": str(Path.home())},
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]


def test_module_may_import_the_kit_only(tmp_path: Path) -> None:
    good = tmp_path / "good.js"
    good.write_text('import { h } from "./kit.js";\nexport const one = () => 1;\nexport default { render() {} };\n')
    composed = compose_module(good)
    assert "import {" not in composed
    assert composed.index("export const h") < composed.index("export const one")
    bad = tmp_path / "bad.js"
    bad.write_text('import d3 from "https://esm.sh/d3";\nexport default { render() {} };\n')
    with pytest.raises(ValueError, match=r'bad\.js may import from "\./kit\.js" only'):
        compose_module(bad)
    with pytest.raises(FileNotFoundError, match=r"missing\.js is missing"):
        compose_module(tmp_path / "missing.js")


def test_widget_without_still_picture_says_so() -> None:
    class Bare(CourseWidget):
        _esm = "export default { render() {} };"

    with pytest.raises(NotImplementedError, match="Bare must draw its state in static_svg"):
        Bare().static_svg()
    with pytest.raises(NotImplementedError, match="Bare must describe its state"):
        _ = Bare().static_text


@pytest.mark.parametrize(("value", "written"), [(1.0, "1"), (-0.001, "0"), (2.506, "2.51"), (10, "10"), (0.1, "0.1")])
def test_svg_numbers_are_short(value: Any, written: str) -> None:
    assert number(value) == written


def test_svg_text_is_escaped() -> None:
    ElementTree.fromstring(document(10, 10, [text(0, 0, "a < b & c")]))

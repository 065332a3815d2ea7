"""Each pure function of a widget's ES module gives what its Python twin gives, on many random arguments."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from course_utils.widgets import ALL
from course_utils.widgets import base as widget_base
from tools.node import find_program

DRAWS = 60
RUNNER = Path(__file__).parent / "run_twins.mjs"
KIT = Path(widget_base.__file__).with_name("kit.js").read_text(encoding="utf-8")


def plain(value: Any) -> Any:
    """Turn arrays into lists, as JSON has them."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def same(a: Any, b: Any, tolerance: float) -> bool:
    """Compare two JSON values; numbers may differ by ``tolerance * (1 + |b|)``, all else must be equal."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key], tolerance) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(one, two, tolerance) for one, two in zip(a, b))
    if isinstance(a, bool) or isinstance(b, bool) or not isinstance(a, int | float) or not isinstance(b, int | float):
        return type(a) is type(b) and a == b
    return abs(a - b) <= tolerance * (1 + abs(b))


def run_node(source: str, calls: list[tuple[str, Any]], folder: Path) -> dict[str, Any]:
    module = folder / "widget.mjs"
    module.write_text(source, encoding="utf-8")
    message = json.dumps({"module": module.as_uri(), "calls": calls})
    run = subprocess.run(
        [find_program("node"), str(RUNNER)], input=message, capture_output=True, text=True, encoding="utf-8", timeout=60
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.mark.parametrize("widget", ALL, ids=lambda widget: widget.__name__)
def test_module_and_python_agree(widget: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(20)
    calls = [(twin, plain(twin.draw(rng))) for twin in widget.twins for _ in range(DRAWS)]
    answer = run_node(widget._esm, [(twin.name, arguments) for twin, arguments in calls], tmp_path)
    for (twin, arguments), result in zip(calls, answer["results"], strict=True):
        expected = json.loads(json.dumps(plain(twin.python(*arguments))))
        assert same(result, expected, twin.tolerance), f"{twin.name}{tuple(arguments)}: {result} is not {expected}"
    own = set(answer["exports"]) - set(re.findall(r"^export (?:const|function) (\w+)", KIT, re.MULTILINE)) - {"default"}
    assert own <= {twin.name for twin in widget.twins}, "every exported function of a module needs a twin"
    assert own, "a module exports its pure functions, so that they can be tested"


def test_random_arguments_reach_both_outcomes() -> None:
    """The comparison is worth something only if the draws reach the branches."""
    from course_utils.widgets.perceptron_playground import PerceptronPlayground

    rng = np.random.default_rng(20)
    by_name = {twin.name: twin for twin in PerceptronPlayground.twins}
    margins = [by_name["separator"].python(*by_name["separator"].draw(rng)) for _ in range(DRAWS)]
    assert {None} < {m and len(m["support"]) for m in margins}
    assert {len(m["support"]) for m in margins if m} == {1, 2, 3}
    steps = [by_name["step"].python(*by_name["step"].draw(rng))["mistake"] for _ in range(DRAWS)]
    assert {True, False} == set(steps)


def test_comparison_notices_differences() -> None:
    assert same([1.0, {"a": None}], [1.0 + 1e-12, {"a": None}], 1e-9)
    for a, b in [([1], [1, 2]), (1.0, 1.1), (None, 0), (True, 1), ({"a": 1}, {"b": 1}), ("x", "y")]:
        assert not same(a, b, 1e-9), (a, b)

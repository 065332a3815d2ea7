"""The computation graph: a parser that never executes, the scalar engine's numbers, and the page it lives on."""

from __future__ import annotations

import ast
import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import traitlets

from course_utils.widgets import computation_graph, formula
from course_utils.widgets.computation_graph import (
    EXAMPLES,
    ComputationGraph,
    backward_steps,
    evaluate,
    layout,
    parse,
    run,
)


def torch_function(name: str) -> Callable[[Any], torch.Tensor]:
    return lambda a: getattr(torch, name)(torch.as_tensor(a, dtype=torch.float64))


TORCH = {name: torch_function(name) for name in ("relu", "tanh", "sigmoid", "exp", "log")}
SQUARE = EXAMPLES["squared error"]


def test_example_of_the_chapter_has_the_numbers_on_paper() -> None:
    assert run(SQUARE["expression"], SQUARE["inputs"]) == {
        "value": 1.0,
        "gradients": {"w": 6.0, "x": 4.0, "b": 2.0, "y": -2.0},
        "error": None,
    }


@pytest.mark.parametrize("seed", range(80))
def test_random_formulas_agree_with_torch(seed: int) -> None:
    rng = np.random.default_rng(seed)
    text, inputs = computation_graph._draw_text(rng), computation_graph._draw_inputs(rng)
    ours = run(text, inputs)
    leaves = {name: torch.tensor(v, dtype=torch.float64, requires_grad=True) for name, v in inputs.items()}
    if ours["error"] is not None:
        return
    theirs = eval(text, {"__builtins__": {}}, {**leaves, **TORCH})  # the same text means the same in Python
    assert ours["value"] == pytest.approx(
        float(torch.as_tensor(theirs, dtype=torch.float64).detach()), rel=1e-9, abs=1e-12
    )
    if isinstance(theirs, torch.Tensor) and theirs.requires_grad:
        theirs.backward()
    for name, slope in ours["gradients"].items():
        wanted = leaves[name].grad
        assert slope == pytest.approx(0.0 if wanted is None else float(wanted), rel=1e-8, abs=1e-10)


def test_random_formulas_reach_every_branch() -> None:
    """The comparisons are worth something only if the draws reach what they compare."""
    rng = np.random.default_rng(0)
    drawn = [(computation_graph._draw_text(rng), computation_graph._draw_inputs(rng)) for _ in range(600)]
    kinds = {node["kind"] for text, _ in drawn for node in parse(text)["nodes"]}
    assert kinds == {"name", "number", "power", "neg", "+", "-", "*", "/", "**", *TORCH}
    errors = [run(text, inputs)["error"] for text, inputs in drawn]
    for words in ("above 0", "divided by 0", "no finite slope", "whole exponent", "variable exponent"):
        assert any(error and words in error for error in errors), words
    assert sum(error is None for error in errors) > 300
    broken = [parse(computation_graph._draw_broken(rng)[0])["error"] for _ in range(600)]
    for words in ("has no meaning", "is missing", "no partner", "no function sin", "is a function", "too large"):
        assert any(error and words in error for error in broken), words


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("-2**2", -4),
        ("2**3**2", 512),
        ("2**-1", 0.5),
        ("8/4/2", 1),
        ("7-4-2", 1),
        ("2+3*4", 14),
        ("(2+3)*4", 20),
        ("--3", 3),
        (".5e1 + 1.", 6),
        ("relu(-2) + relu(2)", 2),
        ("(-2)**3", -8),
        ("2*-3", -6),
    ],
)
def test_precedence_is_pythons(text: str, meaning: float) -> None:
    assert run(text, {})["value"] == pytest.approx(meaning)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "the formula is empty"),
        ("2 x", "an operator is missing between 2 and x: write 2 [*] x"),
        ("x ^ 2", r"the character \^ at place 3 has no meaning here: write \*\* for a power"),
        ("x = 3", "the character = at place 3"),
        ("\u00e9 + 1", "the character \u00e9 at place 1"),
        ("sin(x)", "there is no function sin: there are relu, tanh, sigmoid, exp, log"),
        ("tanh", r"tanh is a function: write tanh\(...\)"),
        ("(x + 1", "a closing parenthesis is missing"),
        ("x + 1)", "a closing parenthesis has no partner"),
        ("x +", "ends too early"),
        ("x * / 2", "missing before /"),
        ("1e999", "1e999 is too large"),
        ("+".join("x" * 60), "may have 40 steps"),
        ("a*b*c*d*e*f*g*h*i", "may have 8 names, this one has 9"),
        ("x" * 161, "may have 160 characters"),
        ("x.real", "the character . at place 2"),
        ("x[0]", r"the character \[ at place 2"),
        ("__import__('os')", "there is no function __import__|the character '"),
    ],
)
def test_what_is_no_formula_is_told(text: str, error: str) -> None:
    import re

    parsed = parse(text)
    assert parsed["nodes"] == []
    assert re.search(error, parsed["error"]), parsed["error"]
    with pytest.raises(ValueError, match="expression must be a formula"):
        ComputationGraph(expression=text)


def test_no_text_is_ever_executed() -> None:
    for module in (computation_graph, formula):
        calls = [n.func for n in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(n, ast.Call)]
        assert not {f.id for f in calls if isinstance(f, ast.Name)} & {"eval", "exec", "compile", "__import__"}
    code = ComputationGraph._esm
    assert "eval(" not in code.replace("never eval", "")
    assert "new Function" not in code


def test_backward_steps_pay_one_operation_at_a_time() -> None:
    nodes = parse("x * x + x")["nodes"]  # x, x * x, + in this order
    slopes = evaluate(nodes, {"x": 3.0})["slopes"]
    assert backward_steps(nodes, slopes, 0) == [None, None, None]
    assert backward_steps(nodes, slopes, 1) == [None, None, 1.0]
    assert backward_steps(nodes, slopes, 2) == [1.0, 1.0, 1.0]
    assert backward_steps(nodes, slopes, 3) == [7.0, 1.0, 1.0]


@pytest.mark.parametrize("seed", range(20))
def test_no_two_nodes_share_a_place_and_arrows_go_on(seed: int) -> None:
    nodes = computation_graph._draw_nodes(np.random.default_rng(seed))[0]
    places = layout(nodes)
    assert len({tuple(place) for place in places}) == len(nodes)
    for i, node in enumerate(nodes):
        assert all(places[p][0] < places[i][0] for p in node["parents"])


def test_values_can_be_read_and_set_from_python() -> None:
    made = ComputationGraph("x ** 2 + y", {"x": 3})
    assert made.inputs == {"x": 3.0, "y": 1.0}
    assert (made.value, made.gradients) == (10.0, {"x": 6.0, "y": 1.0})
    made.inputs = {"x": 1.0, "y": 0.0}
    assert made.value == 1.0
    with pytest.raises(traitlets.TraitError, match="a closing parenthesis is missing"):
        made.expression = "(x"
    assert ComputationGraph("log(x)", {"x": -1}).value is None


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="inputs must be names of the expression, x, got 'z'"):
        ComputationGraph("x + 1", {"z": 1})
    with pytest.raises(ValueError, match="inputs must be finite"):
        ComputationGraph("x + 1", {"x": math.inf})


def test_sentence_and_still_picture_tell_value_and_slopes() -> None:
    made = ComputationGraph()
    assert "the value is 1; its slopes are 6 in w, 4 in x, 2 in b, −2 in y" in made.static_text
    assert made.static_svg().count("<circle") == 8
    assert "log needs a number above 0" in ComputationGraph("log(x)", {"x": 0}).static_text
    assert "the value is 5." in ComputationGraph("2 + 3").static_text


@pytest.mark.browser
def test_steps_tell_the_numbers_and_bad_input_is_explained(open_widget: Callable[..., Any]) -> None:
    page = open_widget(ComputationGraph())
    status, card = page.locator("[role=status]"), page.locator(".cw-card")
    step = page.get_by_role("button", name="Step")
    step.click()
    assert "w * x = 6, with slope 3 in w, 2 in x" in status.inner_text()
    page.get_by_role("button", name="Forward").click()
    assert "every slope is stored" in status.inner_text()
    assert card.locator(".cg-grad").count() == 0
    page.get_by_role("button", name="Backward").click()
    assert "w gets 2 · 3 = 6; x gets 2 · 2 = 4" in status.inner_text()
    grads = [text.replace("−", "-") for text in card.locator(".cg-grad").all_text_contents()]
    assert sorted(map(float, grads)) == [-2, 1, 2, 2, 2, 2, 4, 6]

    formula_field = page.get_by_role("textbox", name="Formula")
    formula_field.fill("w * x +")
    assert "ends too early" in status.inner_text()
    assert formula_field.get_attribute("aria-invalid") == "true"
    assert card.locator(".cg-node").count() == 8, "the last good graph stays"
    formula_field.fill("log(w - 5)")
    assert formula_field.get_attribute("aria-invalid") == "false"
    assert "log needs a number above 0" in status.inner_text()
    page.get_by_label("value of w").fill("6")
    assert "the result becomes 0, its slope in w 1" in status.inner_text()
    page.get_by_label("value of w").fill("")
    assert "w needs a number" in status.inner_text()


@pytest.mark.browser
def test_graph_takes_arrow_keys_and_turns_on_a_phone(open_widget: Callable[..., Any]) -> None:
    page = open_widget(ComputationGraph("x * x + x", {"x": 3}))
    graph, status = page.locator(".cg-graph"), page.locator("[role=status]")
    graph.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    assert "on top, 7 in all" in status.inner_text()
    page.keyboard.press("Home")
    assert "Nothing is computed yet" in status.inner_text()
    assert graph.evaluate("(g) => g.viewBox.baseVal.width") >= 380
    page.set_viewport_size({"width": 360, "height": 800})
    page.wait_for_function("(g) => g.viewBox.baseVal.width < 300", arg=graph.element_handle())

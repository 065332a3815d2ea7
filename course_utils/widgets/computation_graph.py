"""A formula as a graph of single steps: values forward, slopes stored, gradients back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import traitlets

from course_utils.check import check_int
from course_utils.scratch.autograd.value import FUNCTIONS, Value
from course_utils.widgets import svg
from course_utils.widgets.base import CourseWidget, Twin
from course_utils.widgets.formula import Node, parse

__all__ = ["EXAMPLES", "ComputationGraph", "backward_steps", "evaluate", "layout", "parse", "run"]

EXAMPLES: dict[str, dict[str, Any]] = {
    "squared error": {"expression": "(w * x + b - y) ** 2", "inputs": {"w": 2, "x": 3, "b": -1, "y": 4}},
    "used twice": {"expression": "x * x + x", "inputs": {"x": 3}},
    "ReLU, shut": {"expression": "(relu(w * x + b) - y) ** 2", "inputs": {"w": -1, "x": 2, "b": 0.5, "y": 1}},
    "logistic unit": {"expression": "-log(sigmoid(w * x + b))", "inputs": {"w": 0.5, "x": 2, "b": -1}},
    "two layers": {"expression": "v * tanh(w * x) + u * x", "inputs": {"v": 1.5, "w": 0.8, "x": 1, "u": -0.5}},
}


def _apply(node: Node, parents: Sequence[Value]) -> Value:
    kind = node["kind"]
    if kind in FUNCTIONS:
        return FUNCTIONS[kind](parents[0])
    if kind == "power":
        return parents[0] ** float(node["number"])
    if kind == "neg":
        return -parents[0]
    a, b = parents
    return {"+": a.__add__, "-": a.__sub__, "*": a.__mul__, "/": a.__truediv__, "**": a.__pow__}[kind](b)


def _why(node: Node, values: Sequence[float]) -> str:
    kind = node["kind"]
    if kind == "log" and values[0] <= 0:
        reason = "log needs a number above 0"
    elif kind == "/" and values[1] == 0:
        reason = "nothing can be divided by 0"
    elif kind == "**" and values[0] <= 0:
        reason = "below a variable exponent the base must be above 0"
    elif kind == "power" and values[0] == 0 and node["number"] < 1:
        reason = "0 to a power below 1 has no finite slope"
    elif kind == "power" and values[0] < 0 and node["number"] != round(node["number"]):
        reason = "a negative base needs a whole exponent"
    else:
        reason = "the result or its slope is too large for a number"
    return f"{node['text']}: {reason}"


def _engine(nodes: Sequence[Node], inputs: Mapping[str, float]) -> tuple[list[Value], str | None]:
    made: list[Value] = []
    for node in nodes:
        parents = [made[i] for i in node["parents"]]
        if node["kind"] == "name":
            made.append(Value(inputs.get(node["text"], 1.0), node["text"]))
        elif node["kind"] == "number":
            made.append(Value(node["number"]))
        else:
            try:
                made.append(_apply(node, parents))
            except ValueError:
                return made, _why(node, [parent.data for parent in parents])
    return made, None


def evaluate(nodes: Sequence[Node], inputs: Mapping[str, float]) -> dict[str, Any]:
    """Compute every node with the scalar engine, up to the first that has no finite value or slope.

    Args:
        nodes: from :func:`parse`.
        inputs: name to number; a name that is missing counts as 1.

    Returns:
        ``values`` and ``slopes`` (one list a node, a slope for each parent) of the nodes that worked, ``error``.
    """
    made, error = _engine(nodes, inputs)
    return {"values": [v.data for v in made], "slopes": [list(v.slopes) for v in made], "error": error}


def backward_steps(nodes: Sequence[Node], slopes: Sequence[Sequence[float]], steps: int) -> list[float | None]:
    """Return what each node has collected after ``steps`` steps back; ``None`` where nothing has arrived yet.

    Step 1 gives the result its 1; each further step lets the next operation, last to first, pay its parents.
    """
    collected: list[float | None] = [None] * len(nodes)
    if steps < 1:
        return collected
    collected[-1] = 1.0
    paying = [i for i in reversed(range(len(nodes))) if nodes[i]["parents"]]
    for i in paying[: steps - 1]:
        for parent, slope in zip(nodes[i]["parents"], slopes[i]):
            collected[parent] = (collected[parent] or 0.0) + slope * (collected[i] or 0.0)
    return collected


def run(text: str, inputs: Mapping[str, float]) -> dict[str, Any]:
    """Parse, evaluate and differentiate with the scalar engine.

    Returns:
        ``value`` of the formula, ``gradients`` (name to derivative), ``error``; the first two ``None`` on an error.
    """
    parsed = parse(text)
    made, error = _engine(parsed["nodes"], inputs)
    error = parsed["error"] or error
    if error is not None:
        return {"value": None, "gradients": None, "error": error}
    made[-1].backward()
    gradients = {node["text"]: v.grad for node, v in zip(parsed["nodes"], made) if node["kind"] == "name"}
    return {"value": made[-1].data, "gradients": gradients, "error": None}


def layout(nodes: Sequence[Node]) -> list[list[float]]:
    """Return a place (level, position) for each node: inputs just before their first use, no two at one place."""
    level = [0] * len(nodes)
    for i, node in enumerate(nodes):
        if node["parents"]:
            level[i] = 1 + max(level[p] for p in node["parents"])
    for i, node in enumerate(nodes):
        users = [level[k] for k, other in enumerate(nodes) if i in other["parents"]]
        if not node["parents"] and users:
            level[i] = min(users) - 1
    position, leaves = [0.0] * len(nodes), 0
    for i, node in enumerate(nodes):
        if node["parents"]:
            position[i] = sum(position[p] for p in node["parents"]) / len(node["parents"])
        else:
            position[i], leaves = float(leaves), leaves + 1
    for column in sorted(set(level)):
        last = -math.inf
        for i in sorted((k for k in range(len(nodes)) if level[k] == column), key=lambda k: (position[k], k)):
            position[i] = last = max(position[i], last + 1)
    return [[float(a), b] for a, b in zip(level, position)]


def _draw_text(rng: np.random.Generator, depth: int = 4) -> str:
    if depth == 0 or rng.random() < 0.2:
        return str(rng.choice(["x", "y", "w", "b_1", "2", "0.5", ".25", "3.", "1e-1", "x", "y"]))
    kind = int(rng.integers(0, 9))
    inner = _draw_text(rng, depth - 1)
    if kind < 4:
        return f"{inner} {'+-*/'[kind]} {_draw_text(rng, depth - 1)}"
    if kind == 4:
        return f"({inner})**{rng.choice(['2', '3', '-1', '0', '0.5', 'y', '-x', '(2)'])}"
    if kind == 5:
        return f"-{inner}" if rng.random() < 0.5 else f"({inner})"
    return f"{rng.choice(list(FUNCTIONS))}({inner})"


def _draw_broken(rng: np.random.Generator) -> tuple[str]:
    text = _draw_text(rng)
    if rng.random() < 0.6:  # drop, double or replace one character
        place = int(rng.integers(len(text)))
        piece = str(rng.choice(["", "(", ")", "*", " 7 x", "^", "\u00e9", "\U0001f600", "sin(", "tanh", "1e999", "\n"]))
        text = text[:place] + piece + text[place + int(rng.integers(2)) :]
    return (text,)


def _draw_inputs(rng: np.random.Generator) -> dict[str, float]:
    return {name: float(rng.choice([0, 1, -2, rng.normal(), rng.normal()])) for name in ("x", "y", "w", "b_1")}


def _draw_nodes(rng: np.random.Generator) -> tuple[list[dict[str, Any]], dict[str, float]]:
    while True:
        nodes = parse(_draw_text(rng))["nodes"]
        if nodes:
            return nodes, _draw_inputs(rng)


def _draw_steps(rng: np.random.Generator) -> tuple[Any, ...]:
    while True:
        nodes, inputs = _draw_nodes(rng)
        done = evaluate(nodes, inputs)
        if done["error"] is None:
            return nodes, done["slopes"], int(rng.integers(0, len(nodes) + 2))


class ComputationGraph(CourseWidget):
    """Step through a formula forwards and backwards, with values and gradients on its graph.

    Args:
        expression: a formula with ``+ - * / **``, parentheses, numbers, names and relu, tanh, sigmoid, exp, log.
        inputs: name to number; names that are missing start at 1.

    ``value`` and ``gradients`` can be read back at any time.

    Raises:
        ValueError: if the expression is no such formula; the message says why.
    """

    title = "Computation graph"
    twins = (
        Twin("parse", parse, _draw_broken),
        Twin("evaluate", evaluate, _draw_nodes),
        Twin("backwardSteps", backward_steps, _draw_steps),
        Twin("run", run, lambda rng: (_draw_text(rng), _draw_inputs(rng))),
        Twin("layout", layout, lambda rng: _draw_nodes(rng)[:1]),
    )

    expression = traitlets.Unicode(EXAMPLES["squared error"]["expression"]).tag(sync=True)
    inputs = traitlets.Dict(EXAMPLES["squared error"]["inputs"]).tag(sync=True)
    examples = traitlets.Dict(EXAMPLES).tag(sync=True)
    example = traitlets.Unicode("squared error").tag(sync=True)
    done = traitlets.Int(0).tag(sync=True)

    def __init__(self, expression: str | None = None, inputs: Mapping[str, float] | None = None, **traits: Any) -> None:
        if expression is None and inputs is None:
            super().__init__(**traits)
            return
        text = EXAMPLES["squared error"]["expression"] if expression is None else expression
        parsed = parse(text)
        if parsed["error"]:
            raise ValueError(f"expression must be a formula, got {text!r}: {parsed['error']}")
        names = [node["text"] for node in parsed["nodes"] if node["kind"] == "name"]
        unknown = sorted(set(inputs or {}) - set(names))
        if unknown:
            raise ValueError(f"inputs must be names of the expression, {', '.join(names)}, got {unknown[0]!r}")
        numbers = {name: float((inputs or {}).get(name, 1.0)) for name in names}
        if not all(map(math.isfinite, numbers.values())):
            raise ValueError(f"inputs must be finite, got {numbers}")
        check_int("done", traits.get("done", 0), minimum=0)
        traits.setdefault("example", "own")
        super().__init__(expression=text, inputs=numbers, **traits)

    @traitlets.validate("expression")
    def _is_a_formula(self, proposal: Any) -> str:
        problem = parse(proposal["value"])["error"]
        if problem:
            raise traitlets.TraitError(f"expression must be a formula, got {proposal['value']!r}: {problem}")
        return str(proposal["value"])

    @property
    def value(self) -> float | None:
        """The formula's value, ``None`` where it has none."""
        return run(self.expression, self.inputs)["value"]

    @property
    def gradients(self) -> dict[str, float] | None:
        """Name to derivative of the value in it, ``None`` where there is none."""
        return run(self.expression, self.inputs)["gradients"]

    @property
    def static_text(self) -> str:
        """One sentence with the value and all gradients."""
        result = run(self.expression, self.inputs)
        if result["error"]:
            return f"Computation graph of {self.expression}; {result['error']}."
        at = ", ".join(f"{name} = {_show(self.inputs.get(name, 1.0))}" for name in result["gradients"])
        slopes = ", ".join(f"{_show(slope)} in {name}" for name, slope in result["gradients"].items())
        where = f" at {at}" if at else ""
        slopes = f"; its slopes are {slopes}" if slopes else ""
        return f"Computation graph of {self.expression}{where}: the value is {_show(result['value'])}{slopes}."

    def static_svg(self) -> str:
        """Draw the whole graph with values above and gradients below its nodes."""
        nodes = parse(self.expression)["nodes"]
        run_once, places = evaluate(nodes, self.inputs), layout(nodes)
        complete = run_once["error"] is None
        collected = backward_steps(nodes, run_once["slopes"], len(nodes) + 1) if complete else [None] * len(nodes)
        wide, high = 110.0, 92.0
        at = [(60 + wide * level, 52 + high * position) for level, position in places]
        parts = []
        for i, node in enumerate(nodes):
            for parent in node["parents"]:
                parts.append(svg.polyline([at[parent], at[i]], stroke=svg.COLORS["gray"], stroke_width=1.5))
        for i, (x, y) in enumerate(at):
            parts.append(svg.circle(x, y, 19, fill="#eef2f6", stroke=svg.COLORS["ink"], stroke_width=1.5))
            parts.append(svg.text(x, y + 5, _symbol(nodes[i]), text_anchor="middle"))
            if i < len(run_once["values"]) and nodes[i]["kind"] != "number":
                words = _show(run_once["values"][i])
                parts.append(svg.text(x, y - 24, words, text_anchor="middle", fill=svg.COLORS["blue"]))
            slope = collected[i]
            if slope is not None and nodes[i]["kind"] != "number":
                parts.append(svg.text(x, y + 37, _show(slope), text_anchor="middle", fill=svg.COLORS["vermillion"]))
        return svg.document(max(x for x, _ in at) + 60, max(y for _, y in at) + 52, parts)


def _symbol(node: Node) -> str:
    if node["kind"] == "power":
        return f"^{_show(node['number'])}"
    if node["kind"] in ("name", "number"):
        return str(node["text"])[:5]
    return {"*": "×", "/": "÷", "-": "−", "neg": "−( )", "**": "a^b", "sigmoid": "σ"}.get(
        node["kind"], str(node["kind"])
    )


def _show(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")

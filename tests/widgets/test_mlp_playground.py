"""The MLP playground: PyTorch's weights after many steps, in Python and in the module, and a card that trains."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from course_utils.widgets.mlp_playground import (
    ACTIVATIONS,
    DATA,
    MlpPlayground,
    evaluate,
    forward,
    gradients,
    initial,
    make_data,
    train,
)
from course_utils.widgets.shuffle import permutation
from tools.node import find_program

CASES = [(activation, sizes, l2) for activation in ACTIVATIONS for sizes, l2 in (([2, 1], 0.0), ([2, 5, 3, 1], 0.01))]
MODULES = {"linear": torch.nn.Identity, "tanh": torch.nn.Tanh, "ReLU": torch.nn.ReLU, "sigmoid": torch.nn.Sigmoid}
SETTINGS = {"lr": 0.1, "batch_size": 7, "seed": 3}


def torch_net(layers: Any, activation: str) -> torch.nn.Sequential:
    parts: list[torch.nn.Module] = []
    for layer in layers:
        linear = torch.nn.Linear(len(layer["W"][0]), len(layer["b"]), dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(layer["W"], dtype=torch.float64))
            linear.bias.copy_(torch.tensor(layer["b"], dtype=torch.float64))
        parts += [linear, MODULES[activation]()]
    return torch.nn.Sequential(*parts[:-1])


def train_torch(layers: Any, activation: str, points: Any, l2: float, steps: int) -> list[np.ndarray]:
    """Train with PyTorch's own layers, loss and optimiser on the same batches."""
    net, table = torch_net(layers, activation), torch.tensor(points, dtype=torch.float64)
    linear = [part for part in net if isinstance(part, torch.nn.Linear)]
    groups = [{"params": [one.weight for one in linear], "weight_decay": l2}, {"params": [one.bias for one in linear]}]
    optimizer = torch.optim.SGD(groups, lr=SETTINGS["lr"])
    in_epoch = math.ceil(len(points) / SETTINGS["batch_size"])
    for t in range(steps):
        turn = t % in_epoch * SETTINGS["batch_size"]
        batch = table[permutation(len(points), SETTINGS["seed"] + t // in_epoch)[turn : turn + SETTINGS["batch_size"]]]
        optimizer.zero_grad()
        F.softplus(-batch[:, 2] * net(batch[:, :2])[:, 0]).mean().backward()
        optimizer.step()
    return [parameter.detach().numpy() for parameter in net.parameters()]


def largest_difference(layers: Any, expected: list[np.ndarray]) -> float:
    mine = [np.asarray(layer[name]) for layer in layers for name in ("W", "b")]
    return max(float(np.abs(a - b).max()) for a, b in zip(mine, expected, strict=True))


@pytest.mark.parametrize(("activation", "sizes", "l2"), CASES)
def test_gradients_equal_autograd(activation: str, sizes: list[int], l2: float) -> None:
    points, layers = make_data("moons", 30, 0.2, 5), initial(sizes, activation, 9)
    net, table = torch_net(layers, activation), torch.tensor(points, dtype=torch.float64)
    loss = F.softplus(-table[:, 2] * net(table[:, :2])[:, 0]).mean()
    penalty = sum((p**2).sum() for p in net.parameters() if p.dim() == 2)
    (loss + l2 / 2 * penalty).backward()
    found = gradients(layers, activation, points, l2)
    assert found["loss"] == pytest.approx(loss.item(), abs=1e-12)
    assert largest_difference(found["layers"], [p.grad.numpy() for p in net.parameters()]) < 1e-12


def test_weights_after_many_steps_are_those_of_torch_in_python_and_in_the_module(tmp_path: Path) -> None:
    steps, points = 150, make_data("circles", 60, 0.1, 2)
    starts = [initial(sizes, activation, 4) for activation, sizes, _ in CASES]
    calls = [("train", [layers, activation, points, {**SETTINGS, "l2": l2}, 0, steps])
             for layers, (activation, _, l2) in zip(starts, CASES)]  # fmt: skip
    module = tmp_path / "widget.mjs"
    module.write_text(str(MlpPlayground._esm), encoding="utf-8")
    message = json.dumps({"module": module.as_uri(), "calls": calls})
    runner = Path(__file__).with_name("run_twins.mjs")
    run = subprocess.run(
        [find_program("node"), str(runner)], input=message, capture_output=True, text=True, encoding="utf-8", timeout=60
    )
    assert run.returncode == 0, run.stderr
    for (_, arguments), from_module, layers in zip(calls, json.loads(run.stdout)["results"], starts, strict=True):
        expected = train_torch(layers, arguments[1], points, arguments[3]["l2"], steps)
        assert largest_difference(train(*arguments), expected) < 1e-9
        assert largest_difference(from_module, expected) < 1e-9
        assert largest_difference(layers, expected) > 0.01, "the weights have moved"


def test_training_in_parts_is_training_at_once() -> None:
    layers, points = initial([2, 4, 1], "tanh", 1), make_data("XOR", 40, 0.1, 0)
    settings = {**SETTINGS, "l2": 0.0}
    parts = train(train(layers, "tanh", points, settings, 0, 13), "tanh", points, settings, 13, 20)
    assert parts == train(layers, "tanh", points, settings, 0, 33)


@pytest.mark.parametrize("kind", DATA)
def test_points_are_balanced_and_inside(kind: str) -> None:
    fit, held = MlpPlayground(kind).points
    for points in (fit, held):
        assert len(points) == 120
        assert sum(p[2] for p in points) == 0
        assert np.abs(np.array(points)).max() <= 3
    assert not {tuple(p) for p in fit} & {tuple(p) for p in held}


def test_hidden_units_solve_what_a_linear_model_cannot() -> None:
    for kind, units in (("XOR", [8]), ("circles", [8])):
        errors = {}
        for hidden in ([], units):
            made = MlpPlayground(kind, hidden, noise=0.0, lr=0.3)
            errors[len(hidden)] = evaluate(made.trained(150), made.activation, made.points[1])["error"]
        assert errors[0] > 0.25
        assert errors[1] < 0.1


def test_changes_from_python_start_again_and_arguments_do_not() -> None:
    made = MlpPlayground(hidden=[3], steps=12, layers=initial([2, 3, 1], "tanh", 99))
    assert made.steps == 12
    assert made.layers == initial([2, 3, 1], "tanh", 99)
    made.hidden = [2, 2]
    assert [len(layer["b"]) for layer in made.layers] == [2, 2, 1]
    assert made.steps == 0
    made.set_state({"hidden": [5], "layers": initial([2, 5, 1], "tanh", 7), "steps": 3})
    assert made.steps == 3, "the page starts again itself"


def test_score_is_the_last_layer() -> None:
    made = MlpPlayground(hidden=[3, 2])
    x = np.array([[0.5, -1.0], [2.0, 0.1]])
    np.testing.assert_array_equal(made.score(x), forward(made.layers, "tanh", x)[-1][:, 0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"data": "rings"}, "data must be one of"),
        ({"activation": "relu"}, "activation must be one of"),
        ({"hidden": [1] * 5}, "number of hidden layers must be at most 4, got 5"),
        ({"hidden": [9]}, "units of a hidden layer must be at most 8, got 9"),
        ({"lr": 0.0}, "lr must be greater than 0, got 0.0"),
        ({"batch_size": 121}, "batch_size must be at most 120, got 121"),
        ({"l2": -1.0}, "l2 must be at least 0"),
        ({"noise": 0.6}, "noise must be at most 0.5"),
    ],
)
def test_wrong_arguments_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MlpPlayground(**options)


@pytest.mark.browser
def test_play_trains_and_pause_stops(open_widget: Callable[..., Any], seen: Any) -> None:
    page = open_widget(MlpPlayground(lr=0.3))
    card, status = page.locator(".cw-card"), page.locator("[role=status]")
    before = status.inner_text()
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("document.querySelectorAll('.mp-fit')[0].points.length > 20")
    page.get_by_role("button", name="Pause").click()
    page.wait_for_timeout(50)
    still = seen(card)
    assert "Paused. Epoch" in status.inner_text() != before
    page.wait_for_timeout(200)
    assert seen(card) == still


@pytest.mark.browser
def test_training_rests_while_the_page_is_hidden(open_widget: Callable[..., Any]) -> None:
    page = open_widget(MlpPlayground())
    page.get_by_role("button", name="Play").click()
    page.evaluate("""() => {
      Object.defineProperty(document, 'hidden', { value: true, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    }""")
    page.get_by_role("button", name="Play").wait_for()
    assert "Paused while the page was hidden" in page.locator("[role=status]").inner_text()


@pytest.mark.browser
def test_pause_and_reset_are_told_before_the_first_step(open_widget: Callable[..., Any]) -> None:
    page = open_widget(MlpPlayground())
    texts = page.evaluate("""async () => {
      const [play, , reset] = document.querySelectorAll('.cw-card button');
      const status = document.querySelector('[role=status]');
      const texts = [];
      for (const button of [play, play, reset]) {
        button.click();
        await Promise.resolve();
        texts.push(status.textContent.split('.')[0]);
      }
      return texts;
    }""")
    assert texts == ["Training", "Paused", "The same start again"]


@pytest.mark.browser
def test_training_rests_while_the_card_is_out_of_sight(open_widget: Callable[..., Any]) -> None:
    page = open_widget(MlpPlayground())
    page.get_by_role("button", name="Play").click()
    page.evaluate("() => { document.body.style.paddingTop = '5000px'; scrollTo(0, 0); }")
    page.wait_for_timeout(150)
    count = "document.querySelectorAll('.mp-fit')[0].points.length"
    before = page.evaluate(count)
    page.wait_for_timeout(300)
    assert page.evaluate(count) == before


@pytest.mark.browser
def test_steps_of_the_page_are_those_of_python(open_widget: Callable[..., Any]) -> None:
    made = MlpPlayground("moons", [3], "ReLU", batch_size=30)
    page = open_widget(made, reduced_motion="reduce")
    page.get_by_role("button", name="Train 30 epochs").click()
    page.wait_for_timeout(50)
    loss = evaluate(made.trained(30), "ReLU", made.points[0])["loss"]
    assert f"Epoch 30: loss {loss:.3f}" in page.locator("[role=status]").inner_text()


@pytest.mark.browser
def test_layers_grow_and_formulas_show_the_numbers(open_widget: Callable[..., Any]) -> None:
    made = MlpPlayground(hidden=[2], start=1)
    page = open_widget(made)
    status = page.locator("[role=status]")
    page.get_by_label("formulas").check()
    assert "The whole network: 9 numbers" in status.inner_text()
    first = made.layers[0]["W"][0]
    written = " ".join(f"{'+' if w >= 0 else '−'} {abs(w):.2f}·x{low}" for w, low in zip(first, "₁₂"))
    shown = page.locator(".mp-formulas p").first.inner_text()
    assert written.removeprefix("+ ").replace("− ", "−", first[0] < 0) in shown, (written, shown)
    page.get_by_role("button", name="Layer 1: one unit more").click()
    assert "Layer 1 has 3 units" in status.inner_text()
    assert page.locator(".mp-formulas p").count() == 4
    page.get_by_label("Hidden layers").press("ArrowRight")
    page.wait_for_timeout(30)
    assert page.locator(".mp-unit").count() == 2 + 3 + 4 + 1
    page.locator(".mp-board").focus()
    page.keyboard.press("ArrowLeft")
    assert status.inner_text().startswith("h₂₁ = tanh(")


@pytest.mark.browser
def test_weights_that_run_away_are_told(open_widget: Callable[..., Any]) -> None:
    page = open_widget(MlpPlayground("circles", [8, 8], "linear", lr=10.0, l2=1.0), reduced_motion="reduce")
    train_button = page.get_by_role("button", name="Train 30 epochs")
    for _ in range(10):
        train_button.click()
    assert "ran away to infinity" in page.locator("[role=status]").inner_text()
    page.get_by_role("button", name="Reset").click()
    assert "Epoch 0: loss" in page.locator("[role=status]").inner_text()


def test_every_layer_size_has_one_weight_an_edge() -> None:
    for sizes in ([2, 1], [2, 8, 8, 8, 8, 1]):
        for layer, (below, above) in zip(initial(sizes, "ReLU", 0), pairwise(sizes), strict=True):
            assert np.shape(layer["W"]) == (above, below)
            assert np.abs(layer["W"]).max() <= math.sqrt(6 / below)

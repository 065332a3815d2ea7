"""The depth figure: the chapter's trace, autograd, the exact recursions, and what the card tells."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from course_utils.scratch.initialisation import signal
from course_utils.widgets.signal_through_depth import (
    ACTIVATIONS,
    LEAK,
    SCHEMES,
    SignalThroughDepth,
    factor,
    predict,
    run,
    trace,
    weights,
    widths,
)

IN_TORCH: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "linear": lambda a: a,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "ReLU": F.relu,
    "leaky ReLU": lambda a: F.leaky_relu(a, LEAK),
}


def settings(**changes: Any) -> dict[str, Any]:
    return {"activation": "ReLU", "scheme": "He", "gain": 1.0, "depth": 12, "width": 16, "narrowing": False, "seed": 3,
            **changes}  # fmt: skip


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_both_ways_are_those_of_autograd(activation: str, scheme: str) -> None:
    config = settings(activation=activation, scheme=scheme, gain=1.3, narrowing=True)
    made, sizes = run(config), widths(16, 12, True)
    x = torch.tensor(made["outputs"][0], requires_grad=True)
    outputs = [x]
    for matrix in weights(sizes, scheme, 1.3, 3):
        outputs.append(IN_TORCH[activation](outputs[-1] @ torch.tensor(matrix).T))
        outputs[-1].retain_grad()
    outputs[-1].backward(torch.tensor(made["gradients"][-1]))
    for ours, theirs, gradient in zip(made["outputs"], outputs, made["gradients"], strict=True):
        np.testing.assert_allclose(ours, theirs.detach(), rtol=1e-9, atol=1e-300)
        np.testing.assert_allclose(gradient, theirs.grad, rtol=1e-7, atol=1e-300)


@pytest.mark.parametrize("activation", ["linear", "sigmoid", "tanh", "ReLU"])
def test_sizes_are_those_of_the_chapters_trace(activation: str) -> None:
    config = settings(activation=activation, scheme="Glorot")
    made = run(config)
    matrices = [torch.tensor(matrix) for matrix in weights(widths(16, 12, False), "Glorot", 1.0, 3)]
    theirs = signal.trace(
        matrices, torch.tensor(made["outputs"][0]), activation.lower(), delta=torch.tensor(made["gradients"][-1])
    )
    ours = trace(config)
    np.testing.assert_allclose(ours["forward"], theirs.activation, rtol=1e-9)
    np.testing.assert_allclose(ours["backward"], theirs.gradient, rtol=1e-9)


def test_weights_have_the_spread_of_their_rule_and_orthogonal_rows_their_angles() -> None:
    for scheme in ("normal 0.01", "normal 1", "LeCun", "Glorot", "He", "orthogonal"):
        (matrix,) = weights([64, 48], scheme, 1.0, 0)
        assert matrix.std() == pytest.approx(factor(scheme, 64, 48), rel=0.03)
    (rows,) = weights([64, 48], "orthogonal", 2.0, 0)
    np.testing.assert_allclose(rows @ rows.T, 4 * np.eye(48), atol=1e-12)
    assert factor("Glorot", 64, 64) == factor("LeCun", 64, 64)
    assert factor("Glorot", 64, 16) > factor("LeCun", 64, 16)
    assert weights([8, 8], "all equal", 1.0, 0)[0].tolist() == [[1 / 8] * 8] * 8


def test_prediction_is_level_where_the_rules_say_so() -> None:
    for activation, scheme in (("ReLU", "He"), ("linear", "LeCun"), ("linear", "orthogonal")):
        said = predict(settings(activation=activation, scheme=scheme, depth=50))
        assert said is not None
        np.testing.assert_allclose([said["forward"], said["backward"]], 1, rtol=1e-9)
    halved = predict(settings(scheme="LeCun", depth=50))
    assert halved is not None
    assert halved["forward"][-1] == pytest.approx(2**-25, rel=1e-9)
    leaky = predict(settings(activation="leaky ReLU", depth=10))
    assert leaky is not None
    assert [leaky["forward"][-1], leaky["backward"][0]] == pytest.approx([(1 + LEAK**2) ** 5] * 2, rel=1e-9)
    funnel = predict(settings(activation="linear", scheme="LeCun", narrowing=True))
    assert funnel is not None
    assert funnel["backward"][0] == pytest.approx(math.sqrt(1 / 4)), "fan-in alone lets a funnel halve the gradient"
    assert predict(settings(scheme="all equal")) is None


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_wide_layers_come_close_to_the_prediction(activation: str) -> None:
    for scheme in ("LeCun", "normal 1") if activation in ("tanh", "sigmoid") else ("LeCun", "He"):
        config = settings(activation=activation, scheme=scheme, depth=4, width=64)
        said = predict(config)
        assert said is not None
        runs = [trace({**config, "seed": seed}) for seed in range(12)]
        for way in ("forward", "backward"):
            seen = np.sqrt(np.mean([np.square(one[way]) for one in runs], axis=0))
            np.testing.assert_allclose(seen, said[way], rtol=0.2)


def test_zero_and_equal_weights_fail_in_their_own_ways() -> None:
    gone = trace(settings(scheme="zero"))
    assert gone["forward"][1:] == [0.0] * 12
    assert gone["backward"][:-1] == [0.0] * 12
    assert gone["dead"] == [16] * 12
    outputs = run(settings(scheme="all equal", activation="tanh"))["outputs"]
    assert all(np.array_equal(layer, np.repeat(layer[:, :1], 16, axis=1)) for layer in outputs[1:])


def test_idle_values_are_counted() -> None:
    made = run(settings())
    seen = trace(settings())
    assert seen["idle"] == pytest.approx([float((x == 0).mean()) for x in made["outputs"][1:]])
    assert seen["dead"] == [int((x == 0).all(axis=0).sum()) for x in made["outputs"][1:]]
    assert all(share > 0.3 for share in trace(settings(activation="tanh", scheme="normal 1"))["idle"])
    assert max(trace(settings(activation="tanh", scheme="normal 0.01"))["idle"]) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"activation": "GELU"}, "activation must be one of"),
        ({"scheme": "Xavier"}, "scheme must be one of"),
        ({"gain": 3}, "gain must be at most 2, got 3"),
        ({"depth": 51}, "depth must be at most 50, got 51"),
        ({"width": 24}, "width must be one of"),
    ],
)
def test_wrong_arguments_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SignalThroughDepth(**options)


def test_sentence_has_the_ends_and_the_prediction() -> None:
    made = SignalThroughDepth("linear", "normal 0.01", depth=5, width=16)
    assert "very wide layers would have" in made.static_text
    assert "all units of a layer compute the same" in SignalThroughDepth(scheme="all equal").static_text
    assert "end with a root mean square of 0," in SignalThroughDepth(scheme="zero").static_text
    assert len(SignalThroughDepth(scheme="zero").static_svg()) > 1500


@pytest.mark.browser
def test_choosing_the_right_start_levels_the_lines(open_widget: Callable[..., Any]) -> None:
    page = open_widget(SignalThroughDepth())
    status = page.locator("[role=status]")
    assert "Activations vanishing" in status.inner_text()
    page.get_by_label("First weights").select_option("He")
    assert "Activations kept" in status.inner_text()
    assert "(very wide layers: 1)" in status.inner_text()
    page.get_by_label("First weights").select_option("normal 1")
    assert "Activations exploding" in status.inner_text()
    page.get_by_label("Activation", exact=True).select_option("sigmoid")
    assert "Gradients exploding" in status.inner_text() or "Gradients vanishing" in status.inner_text()
    assert "are saturated" in status.inner_text()
    page.get_by_label("First weights").select_option("all equal")
    assert "nothing to tell them apart" in status.inner_text()
    assert page.locator(".sd-said").count() == 0
    page.get_by_label("First weights").select_option("zero")
    assert "Gradients gone" in status.inner_text()


@pytest.mark.browser
def test_small_numbers_are_rounded_to_one_digit(open_widget: Callable[..., Any]) -> None:
    made = SignalThroughDepth("sigmoid", "normal 1", depth=40)
    assert 9.5e-7 < made.sizes["backward"][0] < 1e-6
    page = open_widget(made)
    assert "Gradients vanishing: 1·10⁻⁶ at the input" in page.locator("[role=status]").inner_text()


@pytest.mark.browser
def test_pointing_and_arrows_choose_a_layer(open_widget: Callable[..., Any]) -> None:
    page = open_widget(SignalThroughDepth(depth=20))
    charts, caption = page.locator(".sd-charts"), page.locator("figcaption").last
    box = charts.bounding_box()
    page.mouse.click(box["x"] + (58 + 330 / 2) / 400 * box["width"], box["y"] + 40)
    assert caption.inner_text().startswith("Values of layer 10")
    charts.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(20)
    assert caption.inner_text().startswith("Values of layer 11")
    assert "Layer 11: activations" in page.locator("[role=status]").inner_text()
    page.keyboard.press("Home")
    page.wait_for_timeout(20)
    assert caption.inner_text().startswith("Values of the input")


@pytest.mark.browser
def test_largest_network_is_drawn(open_widget: Callable[..., Any]) -> None:
    page = open_widget(SignalThroughDepth("tanh", "orthogonal", 1.0, 50, 64, True, layer=50))
    assert "32 examples, 16 units" in page.locator("figcaption").last.inner_text()
    times = page.evaluate("""async () => {
      const gain = document.querySelector('input[type=range]'), times = [];
      for (let i = 0; i < 9; i++) {
        await new Promise((done) => setTimeout(done));
        const start = performance.now();
        gain.stepUp(); gain.dispatchEvent(new Event('input'));
        await Promise.resolve();
        document.body.getBoundingClientRect();
        times.push(performance.now() - start);
      }
      return times.sort((a, b) => a - b)[4];
    }""")
    print(f"50 layers, 64 narrowing to 16: {times:.1f} ms")

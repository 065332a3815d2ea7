"""The optimisers' figure: PyTorch's steps, exact slopes, the limits of the learning rate, and what the card tells."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from course_utils.widgets.optimiser_surface import (
    GOAL,
    MINIMA,
    RULES,
    SURFACES,
    OptimiserSurface,
    bend,
    first_below,
    height,
    limit,
    slope,
    walk,
)

SHAPE = {"condition": 30.0, "turn": -30.0}
SETTINGS = {"lr": 0.05, "adaptive_lr": 0.1, "alpha": 0.8, "beta": 0.99, "noise": 0.0, "seed": 0}
IN_TORCH: dict[str, Callable[[Any, dict[str, float]], torch.optim.Optimizer]] = {
    "gradient descent": lambda w, o: torch.optim.SGD([w], lr=o["lr"]),
    "momentum": lambda w, o: torch.optim.SGD([w], lr=o["lr"], momentum=o["alpha"]),
    "Nesterov": lambda w, o: torch.optim.SGD([w], lr=o["lr"], momentum=o["alpha"], nesterov=True),
    "RMSProp": lambda w, o: torch.optim.RMSprop([w], lr=o["adaptive_lr"], alpha=o["beta"]),
    "Adam": lambda w, o: torch.optim.Adam([w], lr=o["adaptive_lr"], betas=(o["alpha"], o["beta"])),
}


def in_torch(surface: str, w: torch.Tensor) -> torch.Tensor:
    """Return the loss once more, from its textbook formula."""
    x, y = w
    if surface == "Rosenbrock":
        return (1 - x) ** 2 + 100 * (y - x**2) ** 2
    if surface == "saddle":
        return 2 * x**2 + (y**2 - 1) ** 2 / 4
    if surface == "two basins":
        return x**4 / 4 + x**3 / 6 - 3 * x**2 / 4 + 63 / 64 + y**2
    if surface == "noisy bowl":
        return (x**2 + y**2) / 2
    angle = torch.deg2rad(torch.tensor(SHAPE["turn"], dtype=torch.float64))
    turn = torch.stack([torch.stack([angle.cos(), angle.sin()]), torch.stack([-angle.sin(), angle.cos()])])
    floor = turn @ w
    return (floor[0] ** 2 + SHAPE["condition"] * floor[1] ** 2) / 2


@pytest.mark.parametrize(("rule", "surface"), list(itertools.product(IN_TORCH, SURFACES)))
def test_steps_are_those_of_torch(rule: str, surface: str) -> None:
    options = {**SETTINGS, "lr": SURFACES[surface]["lr"] / 2}
    w = torch.tensor(SURFACES[surface]["start"], dtype=torch.float64, requires_grad=True)
    optimiser, visited = IN_TORCH[rule](w, options), [w.tolist()]
    for _ in range(50):
        optimiser.zero_grad()
        in_torch(surface, w).backward()
        optimiser.step()
        visited.append(w.tolist())
    path = walk(surface, SHAPE, rule, options, visited[0], 50)
    np.testing.assert_allclose(path, visited, rtol=0, atol=1e-6)


@pytest.mark.parametrize("surface", SURFACES)
def test_slopes_and_bends_are_those_of_autograd(surface: str) -> None:
    for place in np.random.default_rng(5).uniform(-2, 2, (20, 2)):
        w = torch.tensor(place, requires_grad=True)
        value = in_torch(surface, w)
        (gradient,) = torch.autograd.grad(value, w)
        matrix = torch.autograd.functional.hessian(lambda v: in_torch(surface, v), w)
        assert height(surface, SHAPE, *place) == pytest.approx(float(value.detach()), abs=1e-9)
        assert slope(surface, SHAPE, *place) == pytest.approx(gradient.tolist(), abs=1e-9)
        assert bend(surface, SHAPE, *place) == pytest.approx(matrix.flatten()[[0, 1, 3]].tolist(), abs=1e-9)
        assert height(surface, SHAPE, *place) >= 0


@pytest.mark.parametrize("surface", SURFACES)
def test_minima_are_where_the_crosses_are(surface: str) -> None:
    for place in MINIMA.get(surface, [[0, 0]]):
        assert height(surface, SHAPE, *place) == pytest.approx(0, abs=1e-12)
        assert slope(surface, SHAPE, *place) == pytest.approx([0, 0], abs=1e-12)


@pytest.mark.parametrize("rule", ["gradient descent", "momentum", "Nesterov"])
@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.9])
def test_just_below_its_limit_a_rule_converges_and_just_above_it_diverges(rule: str, alpha: float) -> None:
    largest = limit(rule, SHAPE["condition"], alpha)
    assert largest is not None
    ends = []
    for lr in (0.98 * largest, 1.02 * largest):
        path = walk("ravine", SHAPE, rule, {**SETTINGS, "lr": lr, "alpha": alpha}, [-1.1, 1.5], 3000)
        ends.append(np.hypot(*path[-1]))
    assert ends[0] < 1e-3
    assert ends[1] > 1e3
    assert limit("Adam", 30, 0.9) is None


def test_newton_jumps_over_the_ravine_and_onto_the_saddle() -> None:
    assert first_below(OptimiserSurface("ravine").losses("Newton", 5), GOAL) == 1
    stuck = OptimiserSurface("saddle").losses("Newton", 100)
    assert stuck[-1] == pytest.approx(0.25, abs=1e-9)
    assert OptimiserSurface("saddle").losses("gradient descent", 100)[-1] < GOAL


def test_turning_the_ravine_slows_adam_but_not_gradient_descent() -> None:
    straight, turned = (OptimiserSurface("ravine", start=[-1.1, 1.5], turn=turn) for turn in (0, -30))
    needed = [first_below(made.losses("Adam", 500), GOAL) for made in (straight, turned)]
    assert needed[1] > 2 * needed[0] > 0
    # the same start, seen from the ravine
    c, s = np.cos(np.pi / 4), np.sin(np.pi / 4)
    same = OptimiserSurface("ravine", turn=-45, start=[c * -0.5 + s * 0.8, s * 0.5 + c * 0.8])
    plain = OptimiserSurface("ravine", turn=0, start=[-0.5, 0.8])
    np.testing.assert_allclose(same.losses("momentum", 60), plain.losses("momentum", 60), atol=1e-9)


def test_noise_is_the_same_for_all_and_comes_from_the_seed() -> None:
    first, again, other = (OptimiserSurface("noisy bowl", seed=seed) for seed in (1, 1, 2))
    assert first.path("Adam") == again.path("Adam") != other.path("Adam")
    losses = np.array(first.losses("gradient descent", 500))[100:]
    expected = 0.1 / (2 - 0.1)  # variance of each weight at rate 0.1 and noise 1; half the sum of two
    assert losses.mean() == pytest.approx(expected, rel=0.35)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"surface": "hill"}, "surface must be one of"),
        ({"shown": ["SGD"]}, "shown must be one of"),
        ({"start": [0, 3]}, r"start\[1\] must be at most 2, got 3"),
        ({"lr": 0}, "lr must be at least 0.0001, got 0"),
        ({"alpha": 1}, "alpha must be at most 0.99, got 1"),
        ({"condition": 0.5}, "condition must be at least 1, got 0.5"),
        ({"steps": 501}, "steps must be at most 500, got 501"),
    ],
)
def test_wrong_arguments_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        OptimiserSurface(**options)


def test_sentence_names_every_walker() -> None:
    made = OptimiserSurface(shown=RULES, lr=0.2, steps=60)
    assert "gradient descent ran away" in made.static_text
    assert "Newton below 0.01" in made.static_text
    assert "no walker chosen" in OptimiserSurface(shown=[]).static_text


@pytest.mark.browser
def test_too_large_a_rate_is_explained(open_widget: Callable[..., Any]) -> None:
    page = open_widget(OptimiserSurface(lr=0.06, condition=30))
    status = page.locator("[role=status]")
    assert "diverges" not in status.inner_text()
    page.get_by_label("Condition number").press("End")
    assert "gradient descent diverges, because η = 0.06 > 2/λₘₐₓ = 0.002" in status.inner_text()
    assert "momentum diverges, because η = 0.06 > 2(1 + α)/λₘₐₓ = 0.0036" in status.inner_text()


@pytest.mark.browser
def test_start_is_dragged_and_walkers_follow(open_widget: Callable[..., Any]) -> None:
    page = open_widget(OptimiserSurface())
    box, line = page.locator(".os-plane").bounding_box(), page.locator(".os-plane .os-line").first
    before = line.get_attribute("d")
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 0.25 * box["height"], steps=3)
    page.mouse.up()
    assert "Start at (1.00, 1.00)" in page.locator("[role=status]").inner_text()
    assert line.get_attribute("d") != before


@pytest.mark.browser
def test_steps_go_on_to_the_end_and_back(open_widget: Callable[..., Any]) -> None:
    page = open_widget(OptimiserSurface("two basins", steps=0, shown=["gradient descent", "momentum"]))
    status = page.locator("[role=status]")
    page.get_by_role("button", name="Step").click()
    assert status.inner_text().startswith("Step 1:")
    page.get_by_role("button", name="To the end").click()
    assert "gradient descent rests at loss 0.651, where the slope is 0" in status.inner_text()
    assert "momentum below 0.01 after 23 steps" in status.inner_text()
    page.get_by_role("button", name="Back").click()
    assert "Step 0" in status.inner_text()
    page.get_by_label("Adam", exact=True).check()
    assert "Adam walks" in status.inner_text()


@pytest.mark.browser
def test_play_stops_when_all_are_there(open_widget: Callable[..., Any]) -> None:
    page = open_widget(OptimiserSurface(shown=["momentum", "Newton"], steps=20))
    page.get_by_role("button", name="Play").click()
    page.get_by_role("button", name="Pause").wait_for()
    page.get_by_role("button", name="Play").wait_for(timeout=10_000)
    assert (
        "momentum below 0.01 after 31 steps; Newton below 0.01 after 1 step."
        in page.locator("[role=status]").inner_text()
    )

"""Plain and residual flow: autograd, the identity that a zero branch is, and the lengths of paths."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from course_utils.widgets.residual_flow import BATCH, EPS, KINDS, ORDERS, SCENES, WIDTH, ResidualFlow, paths, run, trace
from course_utils.widgets.signal_through_depth import weights


def settings(**changes: Any) -> dict[str, Any]:
    return {"depth": 12, "order": "pre", "norm": True, "gain": 1.1, "scale": 0.6, "seed": 4, **changes}


def in_torch(config: dict[str, Any], kind: str, x: torch.Tensor) -> list[torch.Tensor]:
    """Return the trunk at the input and after every block, written with PyTorch's own layers."""
    matrices = [torch.tensor(m) for m in weights([WIDTH] * (config["depth"] + 1), "He", config["gain"], config["seed"])]

    def norm(a: torch.Tensor) -> torch.Tensor:
        return F.batch_norm(a, None, None, training=True, eps=EPS) if config["norm"] else a

    trunk = [x]
    for first, second in zip(matrices[::2], matrices[1::2], strict=True):
        x = trunk[-1]
        if config["order"] == "pre":
            inside = F.linear(F.relu(norm(F.linear(F.relu(norm(x)), first))), second)
        else:
            inside = norm(F.linear(F.relu(norm(F.linear(x, first))), second))
        out = x + config["scale"] * inside if kind == "residual" else inside
        trunk.append(F.relu(out) if config["order"] == "post" else out)
        trunk[-1].retain_grad()
    return trunk


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("norm", [True, False])
def test_both_ways_are_those_of_autograd(kind: str, order: str, norm: bool) -> None:
    config = settings(order=order, norm=norm)
    made = run(config, kind)
    x = torch.tensor(made["outputs"][0], requires_grad=True)
    trunk = in_torch(config, kind, x)
    trunk[-1].backward(torch.tensor(made["gradients"][-1]))
    for ours, theirs, gradient in zip(made["outputs"], trunk, made["gradients"], strict=True):
        assert theirs.grad is not None
        np.testing.assert_allclose(ours, theirs.detach(), rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(gradient, theirs.grad, rtol=1e-5, atol=1e-8)
    for part, way, whole in zip(made["skip"], made["branch"], made["gradients"]):
        np.testing.assert_allclose(part + way, whole, atol=1e-9)
        assert (kind == "residual") == bool(np.any(part))


def test_a_branch_at_zero_is_the_identity_on_both_ways() -> None:
    config = settings(scale=0.0, depth=100)
    seen = trace(config, "residual")
    assert set(seen["forward"]) == {seen["forward"][0]}
    assert set(seen["backward"]) == {seen["backward"][0]}
    assert paths(seen["branch"], seen["skip"])[0] == 1


def test_what_the_scenes_are_there_to_show() -> None:
    """At every one of ten draws: small weights silence the plain stack alone, batch norm makes its gradient explode."""
    for seed in range(10):
        seen = {
            name: {kind: trace({**dials, "depth": 50, "seed": seed}, kind) for kind in KINDS}
            for name, dials in SCENES.items()
        }
        small = seen["no norm, weights too small"]
        assert small["plain"]["backward"][0] < 1e-6
        assert small["residual"]["backward"][0] > 1
        grown = seen["no norm, He start"]["residual"]["forward"][-1]
        assert grown > 100
        assert seen["no norm, branches scaled down"]["residual"]["forward"][-1] < 3
        for name in SCENES:
            if "batch norm" in name:
                assert seen[name]["plain"]["backward"][0] > 300
                assert seen[name]["residual"]["backward"][0] < seen[name]["plain"]["backward"][0] / 10


def test_paths_are_counted_one_by_one() -> None:
    rng = np.random.default_rng(8)
    branch, skip = rng.uniform(0.1, 2, 9).tolist(), rng.uniform(0.1, 2, 9).tolist()
    expected = [0.0] * 10
    for taken in itertools.product([False, True], repeat=9):
        share = math.prod((b if t else s) ** 2 / (b * b + s * s) for t, b, s in zip(taken, branch, skip, strict=True))
        expected[sum(taken)] += share
    np.testing.assert_allclose(paths(branch, skip), expected, rtol=1e-12)
    np.testing.assert_allclose(paths([1] * 6, [1] * 6), [math.comb(6, k) / 64 for k in range(7)])
    assert paths([1.0, 1.0], [0.0, 0.0]) == [0.0, 0.0, 1.0], "a plain stack has one path"


def test_parts_of_the_gradient_are_nearly_at_right_angles() -> None:
    """What ``paths`` rests on: the squares of both parts add up to the whole, within a few percent, block by block."""
    gaps = []
    for seed, order in itertools.product(range(5), ORDERS):
        seen = trace(settings(order=order, scale=1.0, gain=1.0, depth=40, seed=seed), "residual")
        for whole, b, s in zip(seen["backward"], seen["branch"], seen["skip"]):
            gaps.append(whole / math.hypot(b, s) - 1)
    assert abs(float(np.mean(gaps))) < 0.03
    assert float(np.std(gaps)) < 0.1


def test_state_and_words() -> None:
    made = ResidualFlow(20, norm=False, gain=0.7)
    assert made.scene == "no norm, weights too small"
    assert ResidualFlow(gain=0.71).scene == "own"
    assert len(made.sizes["plain"]["forward"]) == 11
    assert "20 layers in blocks of two, pre-activation, without normalisation" in made.static_text
    assert run(made.config, "plain")["outputs"][0].shape == (BATCH, WIDTH)
    with pytest.raises(ValueError, match="depth must be even, two layers a block, got 7"):
        ResidualFlow(7)
    with pytest.raises(ValueError, match="scale must be at most 1, got 2"):
        ResidualFlow(scale=2)


@pytest.mark.browser
def test_dials_and_scenes_move_both_curves(open_widget: Callable[..., Any], seen: Callable[[Any], str]) -> None:
    page = open_widget(ResidualFlow())
    status, card = page.locator("[role=status]"), page.locator(".cw-card")
    before = seen(card)
    page.get_by_label("Try").select_option("no norm, weights too small")
    assert "Plain: the signal vanishes" in status.inner_text()
    assert "Residual: the signal is kept" in status.inner_text()
    assert seen(card) != before
    page.get_by_label("Scale of every branch").press("Home")
    assert "x + 0.00·F(x)" in status.inner_text()
    assert "through it" in status.inner_text()
    assert page.get_by_label("Try").input_value() == "own"
    page.get_by_label("Layers (two in a block)").press("End")
    assert "100 layers" in status.inner_text()
    assert "The plain stack has one path, through all 50" in card.inner_text()
    page.locator(".rw-charts").focus()
    page.keyboard.press("Home")
    assert "Block 1, residual" in status.inner_text()

"""The normalisation figure: PyTorch's outputs and running statistics, who undoes what, and what the card tells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.widgets.normalisation_axes import (
    COUNT,
    KINDS,
    PARTS,
    NormalisationAxes,
    changed,
    follow,
    make_batch,
    members,
    normalise,
)


def in_torch(x: torch.Tensor, kind: str, gamma: torch.Tensor, beta: torch.Tensor, epsilon: float) -> torch.Tensor:
    """Return what the library makes of ``x`` (4, 4, 2, 2) in training mode."""
    if kind == "batch":
        return F.batch_norm(x, None, None, gamma, beta, training=True, eps=epsilon)
    if kind == "instance":
        return F.instance_norm(x, weight=gamma, bias=beta, eps=epsilon)
    if kind == "group":
        return F.group_norm(x, 2, gamma, beta, epsilon)
    return F.layer_norm(x, x.shape[1:], eps=epsilon) * gamma[:, None, None] + beta[:, None, None]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("epsilon", [1e-8, 1e-5, 1.0])
def test_outputs_are_those_of_torch(kind: str, epsilon: float) -> None:
    rng = np.random.default_rng(2)
    for _ in range(10):
        x, gamma, beta = rng.normal(1, 2, COUNT), rng.normal(size=4), rng.normal(size=4)
        theirs = in_torch(torch.tensor(x).reshape(4, 4, 2, 2), kind, torch.tensor(gamma), torch.tensor(beta), epsilon)
        ours = normalise(x.tolist(), kind, gamma.tolist(), beta.tolist(), epsilon)
        np.testing.assert_allclose(ours, theirs.flatten(), rtol=0, atol=1e-9)


def test_training_and_evaluation_are_those_of_torch() -> None:
    layer = nn.BatchNorm2d(4, affine=False).double()
    running: dict[str, Any] = {"mean": [0.0] * 4, "var": [1.0] * 4}
    for seed in range(8):
        layer(torch.tensor(make_batch(seed), dtype=torch.float64).reshape(4, 4, 2, 2))
        running = follow(running, make_batch(seed))
    assert layer.running_mean is not None
    assert layer.running_var is not None
    np.testing.assert_allclose(running["mean"], layer.running_mean, atol=1e-12)
    np.testing.assert_allclose(running["var"], layer.running_var, atol=1e-12)
    made = NormalisationAxes(evaluate=True, running=running)
    theirs = layer.eval()(torch.tensor(made.input))
    np.testing.assert_allclose(made.output, theirs, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_members_are_the_values_that_reach_the_output(kind: str) -> None:
    for index in range(COUNT):
        x = torch.tensor(make_batch(4), dtype=torch.float64).reshape(4, 4, 2, 2).requires_grad_(True)
        y = in_torch(x, kind, torch.ones(4, dtype=torch.float64), torch.zeros(4, dtype=torch.float64), 1e-5)
        y.flatten()[index].backward()
        assert x.grad is not None
        reached = torch.nonzero(x.grad.flatten().abs() > 1e-12).flatten().tolist()
        assert set(reached) <= set(members(kind, index))
        assert len(reached) >= len(members(kind, index)) - 2, "a slope may vanish by chance, not by rule"
        assert index in members(kind, index)
    sizes = {"batch": 16, "layer": 16, "instance": 4, "group": 8}
    assert len(members(kind, 21)) == sizes[kind]


@pytest.mark.parametrize(
    ("part", "undone_by"),
    [
        ("sample 2", {"layer", "instance", "group"}),
        ("channel 1", {"batch", "instance"}),
        ("everything", set(KINDS)),
    ],
)
def test_who_undoes_a_change(part: str, undone_by: set[str]) -> None:
    for scale, shift in ((3.0, 0.0), (1.0, 2.0), (0.5, -4.0)):
        moved = NormalisationAxes(part=part, scale=scale, shift=shift).largest_changes()
        assert {kind for kind, value in moved.items() if value < 0.01} == undone_by
        assert all(moved[kind] > 0.1 for kind in set(KINDS) - undone_by)


def test_evaluation_undoes_nothing() -> None:
    moved = NormalisationAxes(part="everything", shift=2.0, evaluate=True).largest_changes()
    assert moved["batch"] == pytest.approx(2.0, rel=1e-4), "the running statistics do not follow the batch"
    assert moved["layer"] < 1e-6


def test_a_change_touches_its_part_only() -> None:
    x = list(range(COUNT))
    for part, count in (*((part, 16) for part in PARTS[:-1]), ("everything", COUNT)):
        new = np.array(changed(x, part, 2.0, 100.0))
        touched = new != np.array(x)
        assert touched.sum() == count
        np.testing.assert_array_equal(new[touched], 2 * np.array(x)[touched] + 100)
    block = np.array(changed(x, "channel 3", 1.0, 1.0)).reshape(4, 4, 2, 2) - np.array(x).reshape(4, 4, 2, 2)
    assert block[:, 3].all()
    assert not block[:, :3].any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "weight"}, "kind must be one of"),
        ({"part": "sample 4"}, "part must be one of"),
        ({"scale": 0}, "scale must be at least 0.2, got 0"),
        ({"epsilon": 0}, "epsilon must be at least 1e-08, got 0"),
        ({"batch": np.zeros((4, 4, 3, 3))}, "batch must have shape"),
        ({"batch": np.full((4, 4, 2, 2), np.nan)}, "batch must hold finite numbers only"),
    ],
)
def test_wrong_arguments_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NormalisationAxes(**options)


def test_own_numbers_and_sentence() -> None:
    made = NormalisationAxes("instance", np.arange(64.0).reshape(4, 4, 2, 2), marked=0)
    assert made.output[0, 0].ravel().tolist() == pytest.approx([-1.342, -0.447, 0.447, 1.342], abs=1e-3)
    assert "uses the mean 1.50 and standard deviation 1.12 of 4 values and becomes −1.34" in made.static_text
    assert "the running mean 0.00" in NormalisationAxes(evaluate=True).static_text


@pytest.mark.browser
def test_pointing_frames_the_values_that_share_a_mean(open_widget: Callable[..., Any]) -> None:
    page = open_widget(NormalisationAxes())
    block = page.locator(".na-block").first
    for kind, count in (("batch", 16), ("layer", 16), ("instance", 4), ("group", 8)):
        page.get_by_label("Normalisation", exact=True).select_option(kind)
        page.wait_for_timeout(20)
        assert block.locator(".na-lit").count() == count
    box = block.bounding_box()
    before = page.locator("[role=status]").inner_text()
    page.mouse.move(box["x"] + 0.95 * box["width"], box["y"] + 0.95 * box["height"])
    assert "Sample 3, channel 3" in page.locator(".na-sum").inner_text()
    assert page.locator("[role=status]").inner_text() == before, "looking is not choosing"
    page.mouse.move(2, 2)
    page.wait_for_timeout(20)
    assert "Sample 1, channel 1" in page.locator(".na-sum").inner_text()


@pytest.mark.browser
def test_dragging_shifts_the_sample_below_the_pointer(open_widget: Callable[..., Any]) -> None:
    page = open_widget(NormalisationAxes())
    block, status = page.locator(".na-block").first, page.locator("[role=status]")
    box = block.bounding_box()
    x, y = box["x"] + 0.3 * box["width"], box["y"] + 0.7 * box["height"]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 0.25 * box["width"], y, steps=5)
    page.mouse.up()
    assert "Sample 2, plus 2.0" in status.inner_text().replace("Sample 2 plus", "Sample 2, plus")
    assert "undone by layer, instance, group norm" in status.inner_text()
    assert page.locator(".na-undone").count() == 3
    page.get_by_label("Change").select_option("channel 0")
    page.wait_for_timeout(20)
    assert "undone by batch, instance norm" in status.inner_text()
    page.get_by_role("button", name="Take the change back").click()
    page.wait_for_timeout(20)
    assert page.locator(".na-undone").count() == 0


@pytest.mark.browser
def test_running_statistics_are_learned_and_used(open_widget: Callable[..., Any]) -> None:
    page = open_widget(NormalisationAxes())
    status, step = page.locator("[role=status]"), page.get_by_role("button", name="Next batch")
    step.click()
    assert "after 1 batch" in status.inner_text()
    page.get_by_label("Evaluation mode").check()
    assert "from 1 batch;" in status.inner_text()
    assert "no other value matters" in status.inner_text()
    page.wait_for_timeout(20)
    assert page.locator(".na-block").first.locator(".na-lit").count() == 1
    step.click()
    assert "the running statistics stay" in status.inner_text()


@pytest.mark.browser
def test_gamma_and_beta_belong_to_the_marked_channel(open_widget: Callable[..., Any]) -> None:
    page = open_widget(NormalisationAxes())
    gamma = page.get_by_label("γ of the marked channel")
    gamma.press("End")
    assert "γ of channel 1 is 3.00" in page.locator("[role=status]").inner_text()
    block = page.locator(".na-block").first
    block.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(20)
    assert gamma.input_value() == "1"
    page.keyboard.press("ArrowLeft")
    page.wait_for_timeout(20)
    assert gamma.input_value() == "3"

"""The receptive-field figure: the support of PyTorch's input gradient, the closed form, and what the card tells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from course_utils.widgets.receptive_field import MAX_LAYERS, PRESETS, ReceptiveField, cone, geometry


def input_gradient(layers: Any, size: int, depth: int, unit: int) -> tuple[list[int], np.ndarray]:
    """Return the row sizes and the gradient of one unit at the input when every weight is 1."""
    x = torch.ones(1, 1, size, dtype=torch.float64, requires_grad=True)
    rows = [x]
    for layer in layers[:depth]:
        k, s, p, d = (layer[name] for name in ("kernel_size", "stride", "padding", "dilation"))
        if layer["kind"] == "pool" and d == 1 and p <= k // 2:
            rows.append(F.avg_pool1d(rows[-1], k, s, p) * k)
        else:
            rows.append(F.conv1d(rows[-1], torch.ones(1, 1, k, dtype=torch.float64), None, s, p, d))
    rows[-1][0, 0, unit].backward()
    assert x.grad is not None
    return [row.shape[-1] for row in rows], x.grad[0, 0].numpy()


def random_stack(rng: np.random.Generator) -> list[dict[str, Any]]:
    return [
        {"kind": str(rng.choice(["conv", "pool"])), "kernel_size": int(rng.integers(1, 6)),
         "stride": int(rng.integers(1, 4)), "padding": int(rng.integers(0, 4)), "dilation": int(rng.integers(1, 4))}
        for _ in range(rng.integers(1, 5))
    ]  # fmt: skip


def test_cells_and_paths_are_those_of_the_input_gradient() -> None:
    rng, checked, cut = np.random.default_rng(11), 0, 0
    for _ in range(400):
        layers, size = random_stack(rng), int(rng.integers(4, 97))
        rows = geometry(layers, size)
        if rows[-1]["size"] < 1:
            with pytest.raises(RuntimeError):
                input_gradient(layers, size, len(rows) - 1, 0)
            cut += 1
            continue
        depth = int(rng.integers(1, len(rows)))
        unit = int(rng.integers(rows[depth]["size"]))
        sizes, gradient = input_gradient(layers, size, depth, unit)
        assert sizes == [row["size"] for row in rows[: depth + 1]]
        paths = np.zeros(size)
        for cell, count in cone(layers, size, depth, unit)[0]:
            if 0 <= cell < size:
                paths[cell] = count
        np.testing.assert_allclose(paths, gradient, atol=1e-6 * max(1, gradient.max()))
        checked += 1
    assert checked > 200
    assert cut > 20


def test_field_jump_and_centre_are_those_of_the_gradients_support() -> None:
    rng, checked, padded = np.random.default_rng(3), 0, 0
    while checked < 80:
        layers = random_stack(rng)
        rows = geometry(layers, 96)
        depth, here = len(rows) - 1, rows[-1]
        reach = (here["field"] - 1) / 2
        centres = [here["start"] + unit * here["jump"] for unit in range(int(here["size"]))]
        inner = [unit for unit, centre in enumerate(centres) if reach <= centre <= 95 - reach]  # clear of the padding
        if len(inner) < 2:
            continue
        ends = [np.flatnonzero(input_gradient(layers, 96, depth, unit)[1])[[0, -1]] for unit in inner[:2]]
        assert ends[0][1] - ends[0][0] + 1 == here["field"]
        assert ends[1][0] - ends[0][0] == here["jump"]
        assert ends[0].mean() == here["start"] + inner[0] * here["jump"]
        checked, padded = checked + 1, padded + any(layer["padding"] for layer in layers)
    assert padded > 20


@pytest.mark.parametrize(
    ("name", "field", "jump"),
    [("three 3×3", 7, 1), ("one 7×7", 7, 1), ("VGG-like", 32, 4), ("four 3×3, stride 2", 31, 16),
     ("dilation 1, 2, 4", 15, 1), ("dilation 2, 2, 2", 13, 1)],
)  # fmt: skip
def test_presets_have_the_known_fields(name: str, field: int, jump: int) -> None:
    made = ReceptiveField(name)
    assert (made.table[-1]["field"], made.table[-1]["jump"]) == (field, jump)
    layers = PRESETS[name]["layers"]
    strides = np.cumprod([1] + [layer["stride"] for layer in layers])
    spreads = [layer["dilation"] * (layer["kernel_size"] - 1) for layer in layers]
    assert made.table[-1]["field"] == 1 + sum(a * b for a, b in zip(spreads, strides[:-1])), "the closed form"


def test_equal_dilations_leave_holes_and_growing_ones_none() -> None:
    for name, expected in (("dilation 2, 2, 2", 7), ("dilation 1, 2, 4", 15)):
        made = ReceptiveField(name)
        assert len(cone(made.layers, made.size, made.depth, made.unit)[0]) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": "AlexNet"}, "layers must be one of"),
        ({"layers": [{"kernel_size": 3}] * (MAX_LAYERS + 1)}, "number of layers must be at most 10, got 11"),
        ({"layers": [{"stride": 2}]}, "a layer has kernel_size and may have"),
        ({"layers": [{"kernel_size": 3, "groups": 2}]}, "a layer has kernel_size and may have"),
        ({"layers": [{"kernel_size": 3, "stride": 0}]}, "stride must be at least 1, got 0"),
        ({"layers": [{"kernel_size": 3, "kind": "dense"}]}, "kind must be one of"),
        ({"size": 97}, "size must be at most 96, got 97"),
    ],
)
def test_wrong_arguments_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(Exception, match=message):
        ReceptiveField(**options)


def test_defaults_are_filled_in_and_a_stack_that_does_not_fit_still_shows() -> None:
    assert ReceptiveField([{"kernel_size": 5}]).layers[0]["padding"] == 0
    made = ReceptiveField([{"kernel_size": 3}, {"kernel_size": 11, "dilation": 8}], size=10)
    assert made.table[-1]["size"] < 1
    assert made.depth == 1
    assert "unit 4 of row 1" in made.static_text
    assert len(made.static_svg()) > 1500
    assert "receptive field of 1 cells" in ReceptiveField([], size=8).static_text


@pytest.mark.browser
def test_arrows_walk_over_units_and_rows(open_widget: Callable[..., Any]) -> None:
    page = open_widget(ReceptiveField())
    status = page.locator("[role=status]")
    assert "Unit 5 of layer 3 sees input cells 5 to 11" in status.inner_text()
    page.locator(".rf-drawing").focus()
    page.keyboard.press("ArrowRight")
    assert "Unit 6 of layer 3 sees input cells 6 to 12" in status.inner_text()
    page.keyboard.press("ArrowDown")
    assert "Unit 7 of layer 2 sees input cells 7 to 11" in status.inner_text()
    assert page.locator(".rf-seen").count() == 1 + 3 + 5


@pytest.mark.browser
def test_pointing_finds_the_unit_below_the_pointer(open_widget: Callable[..., Any]) -> None:
    page = open_widget(ReceptiveField("four 3×3, stride 2"))
    box = page.locator(".rf-drawing").bounding_box()
    page.mouse.move(box["x"] + 3, box["y"] + 30)
    assert "Unit 0 of layer 4" in page.locator("[role=status]").inner_text()
    assert "a part of it padding" in page.locator("[role=status]").inner_text()
    page.mouse.move(box["x"] + box["width"] - 3, box["y"] + 30 + 54)
    assert "of layer 3" in page.locator("[role=status]").inner_text()


@pytest.mark.browser
def test_stacks_are_built_changed_and_broken(open_widget: Callable[..., Any]) -> None:
    page = open_widget(ReceptiveField())
    status, top = page.locator("[role=status]"), page.locator(".rf-table tbody tr").first
    page.get_by_role("button", name="Add layer").click()
    assert top.inner_text().split() == ["4:", "conv", "3", "9", "9", "1", "4"]
    page.get_by_label("Stride").press("ArrowRight")
    assert top.inner_text().split() == ["4:", "conv", "3", "s2", "5", "9", "2", "4"]
    page.get_by_role("button", name="Move down").click()
    assert "Layer 4 is now layer 3" in status.inner_text()
    assert top.inner_text().split() == ["4:", "conv", "3", "4", "11", "2", "5"]
    for _ in range(3):
        page.get_by_label("Dilation").press("End")
    assert "has no unit" in status.inner_text()
    assert "no unit fits" in page.locator(".rf-sum").inner_text()
    for _ in range(4):
        page.get_by_role("button", name="Remove").click()
    assert page.locator(".rf-table tbody tr").count() == 1
    page.get_by_role("button", name="Remove").click()
    assert "There is no layer to remove" in status.inner_text()
    page.get_by_label("Kernel size").press("ArrowRight")
    assert "There is no layer to change" in status.inner_text()
    page.get_by_role("button", name="Add layer").click()
    assert "Added layer 1" in status.inner_text()

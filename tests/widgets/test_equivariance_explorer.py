"""Both orders of a move and a layer: PyTorch's numbers, the theorems about them, and what the card says."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from course_utils.scratch.equivariance import rotations, shifts
from course_utils.widgets import equivariance_explorer
from course_utils.widgets.equivariance_explorer import (
    BORDERS,
    KERNELS,
    LAYERS,
    REASONS,
    SIDE,
    EquivarianceExplorer,
    layer_output,
    move,
)
from course_utils.widgets.shuffle import random_numbers

STILL = {"right": 0, "down": 0, "turn": 0, "zoom": 1.0, "edge": "circle"}


def by_torch(x: torch.Tensor, name: str, kernel: Any, padding: str) -> torch.Tensor:
    def pad(reach: int) -> torch.Tensor:
        return F.pad(x, (reach,) * 4, mode="circular") if padding == "circle" else F.pad(x, (reach,) * 4)

    weight = torch.tensor(kernel, dtype=torch.float64)[None, None]
    bell = torch.outer(torch.tensor([1.0, 2, 1]), torch.tensor([1.0, 2, 1])).double()[None, None] / 16
    return {
        "convolution": lambda: F.conv2d(pad(2), weight),
        "convolution, stride 2": lambda: F.conv2d(pad(2), weight, stride=2),
        "best of four turns": lambda: F.conv2d(
            pad(2), torch.cat([torch.rot90(weight, k, (2, 3)) for k in range(4)])
        ).amax(1, keepdim=True),
        "max 3×3, stride 1": lambda: (
            F.max_pool2d(pad(1), 3, 1) if padding == "circle" else F.max_pool2d(x, 3, 1, padding=1)
        ),
        "max 2×2, stride 2": lambda: F.max_pool2d(x, 2),
        "blur 3×3, stride 2": lambda: F.conv2d(pad(1), bell, stride=2),
    }[name]()


@pytest.mark.parametrize("padding", BORDERS)
@pytest.mark.parametrize("name", [name for name in LAYERS if name != "dense"])
def test_layers_are_those_of_torch(name: str, padding: str) -> None:
    rng = np.random.default_rng(2)
    for kernel in KERNELS.values():
        x = rng.random((SIDE, SIDE))  # not negative, as pictures are: zeros around them never win a maximum
        mine = layer_output(x, {"name": name, "kernel": kernel, "padding": padding})
        theirs = by_torch(torch.tensor(x)[None, None], name, kernel, padding)[0, 0].numpy()
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-12)


def test_dense_layer_is_one_matrix_of_the_shared_random_numbers() -> None:
    x = np.random.default_rng(0).random((6, 6))
    weights = torch.tensor(list(islice(random_numbers(1), 36 * 36)), dtype=torch.float64).reshape(36, 36) - 0.5
    expected = F.linear(torch.tensor(x.ravel()), weights * math.sqrt(12 / 36)).reshape(6, 6)
    mine = layer_output(x, {"name": "dense", "kernel": KERNELS["random"], "padding": "zeros"})
    np.testing.assert_allclose(mine, expected.numpy(), atol=1e-12)


def test_moves_are_those_of_the_chapter() -> None:
    x = np.random.default_rng(1).random((SIDE, SIDE))
    tensor = torch.tensor(x)[None, None]
    for degrees in (15, -45, 60, 90, -90, 180, 135):
        turned = rotations.turn(tensor, degrees)[0, 0].numpy()
        np.testing.assert_allclose(move(x, {**STILL, "turn": degrees}), turned, atol=1e-9)
    for factor in (0.5, 0.8, 1.3, 2.0):
        np.testing.assert_allclose(
            move(x, {**STILL, "zoom": factor}), rotations.enlarge(tensor, factor)[0, 0].numpy(), atol=1e-9
        )
    for right, down in ((3, -2), (-16, 5), (0, 11)):
        shift = {**STILL, "right": right, "down": down}
        assert np.array_equal(move(x, shift), shifts.roll(tensor, (down, right))[0, 0])
        assert np.array_equal(move(x, {**shift, "edge": "zeros"}), shifts.slide(tensor, (down, right))[0, 0])


@pytest.mark.parametrize("layer", ["convolution", "best of four turns", "max 3×3, stride 1"])
def test_on_the_circle_every_shift_commutes_and_with_zeros_the_border_breaks_it(layer: str) -> None:
    for right, down in ((1, 0), (5, 3), (-16, 16), (0, -7)):
        made = EquivarianceExplorer("cat", layer=layer, padding="circle", right=right, down=down)
        assert made.result["changed"] == 0
        assert made.cause == "none"
    made = EquivarianceExplorer("cat", layer=layer, padding="zeros", right=5, down=3)
    assert made.cause == "border"
    inner = made.result["difference"][5:-2, 7:-2]
    assert np.abs(inner).max() < 1e-12
    assert EquivarianceExplorer("letter F", layer=layer, padding="zeros", right=5, down=3).cause == "none"


@pytest.mark.parametrize("layer", [name for name, one in LAYERS.items() if one["step"] == 2])
def test_stride_two_commutes_with_even_shifts_only(layer: str) -> None:
    even = EquivarianceExplorer("cat", layer=layer, padding="circle", right=4, down=-2)
    assert even.cause == "none"
    assert even.result["shift"] == [2, -1]
    odd = EquivarianceExplorer("cat", layer=layer, padding="circle", right=5, down=-2)
    assert odd.cause == "phase"
    assert odd.result["shift"][0] in (2, 3)
    plain = torch.tensor(odd.result["plain"])[None, None]
    first = torch.tensor(odd.result["first"])[None, None]
    best = min(float((first - shifts.roll(plain, (-1, right))).norm()) for right in (2, 3))
    assert odd.result["relative"] == pytest.approx(best / float(plain.norm()))


def test_quarter_turns_commute_with_what_looks_alike_from_all_sides() -> None:
    for turn in (90, 180, -90):
        for options in ({"kernel": "alike all around"}, {"layer": "best of four turns", "kernel": "random"},
                        {"layer": "max 2×2, stride 2"}, {"layer": "max 3×3, stride 1"}):  # fmt: skip
            assert EquivarianceExplorer("cat", turn=turn, right=0, down=0, **options).cause == "none"
        assert EquivarianceExplorer("cat", turn=turn, right=0, down=0, kernel="random").cause == "direction"
    assert EquivarianceExplorer("cat", turn=90, right=0, down=0, layer="convolution, stride 2").cause == "kept"
    assert EquivarianceExplorer("cat", turn=45, kernel="alike all around").cause == "slanted"
    assert EquivarianceExplorer("cat", zoom=1.5, kernel="alike all around").cause == "zoom"
    assert EquivarianceExplorer("letter F", layer="dense", right=1).cause == "dense"
    assert EquivarianceExplorer(right=0, down=0).cause == "still"


def test_a_cause_is_found_for_every_difference() -> None:
    """No random state ends in "other", the draws reach every cause, and "none" means zero."""
    rng, found = np.random.default_rng(9), set()
    for _ in range(900):
        difference, motion, layer = equivariance_explorer._draw_cause(rng)
        word = equivariance_explorer.cause(difference, motion, layer)
        assert (word in ("none", "still")) == (np.abs(difference).max() <= 1e-9)
        found.add(word)
    assert "other" not in found
    assert found | {"still", "other"} == set(REASONS), found
    spoiled = np.zeros((10, 10))
    spoiled[5, 5] = 1
    layer = {"name": "convolution", "kernel": KERNELS["random"], "padding": "zeros"}
    assert equivariance_explorer.cause(spoiled, {**STILL, "right": 1}, layer) == "other"


def test_fine_stripes_turn_from_white_to_black_under_stride_two() -> None:
    made = EquivarianceExplorer("fine stripes", layer="blur 3×3, stride 2", padding="circle", right=1, down=0)
    assert made.result["changed"] == 0, "the blur sees grey everywhere"
    step = EquivarianceExplorer(
        "fine stripes", layer="convolution, stride 2", kernel="alike all around", right=1, down=0
    )
    assert step.result["relative"] > 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"picture": "dog"}, "picture must be one of"),
        ({"picture": np.zeros((8, 8))}, r"picture must have shape \(32, 32\), got \(8, 8\)"),
        ({"picture": np.full((32, 32), 300)}, "largest value of picture must be at most 255, got 300"),
        ({"layer": "conv"}, "layer must be one of"),
        ({"padding": "mirror"}, "padding must be one of"),
        ({"right": 17}, "right must be at most 16, got 17"),
        ({"turn": 200}, "turn must be at most 180, got 200"),
        ({"zoom": 0.1}, "zoom must be at least 0.5, got 0.1"),
    ],
)
def test_wrong_arguments_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(Exception, match=message):
        EquivarianceExplorer(**options)


def test_an_own_picture_is_taken() -> None:
    own = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE))
    made = EquivarianceExplorer(own)
    assert made.picture == "your own"
    assert np.array_equal(made.numbers * 255, own)
    assert "your own" in made.static_text


@pytest.mark.browser
def test_dragging_moves_the_picture_and_enter_moves_it_back(open_widget: Callable[..., Any]) -> None:
    page = open_widget(EquivarianceExplorer("digit", padding="circle", right=0, down=0))
    status, pad = page.locator("[role=status]"), page.locator(".eq-moved .eq-frame")
    assert "Nothing is moved yet" in status.inner_text()
    box = pad.bounding_box()
    cell = box["width"] / SIDE
    page.mouse.move(box["x"] + 10 * cell, box["y"] + 10 * cell)
    page.mouse.down()
    page.mouse.move(box["x"] + 14 * cell, box["y"] + 7 * cell, steps=5)
    page.mouse.up()
    assert "Moved 4 right, −3 down" in status.inner_text()
    assert "No difference at all" in status.inner_text()
    pad.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press(",")
    assert "Moved 5 right, −3 down, turned by 15°" in status.inner_text()
    page.keyboard.press("Enter")
    assert "Back at the start. Moved 0 right, 0 down" in status.inner_text()


@pytest.mark.browser
def test_the_card_tells_where_a_difference_comes_from(open_widget: Callable[..., Any]) -> None:
    page = open_widget(EquivarianceExplorer())
    status, gap = page.locator("[role=status]"), page.locator(".eq-gap")
    assert REASONS["border"] in status.inner_text()
    page.get_by_label("Padding").select_option("circle")
    assert REASONS["none"] in status.inner_text()
    assert "zero" in gap.inner_text()
    page.get_by_label("Layer", exact=True).select_option("max 2×2, stride 2")
    assert REASONS["phase"] in status.inner_text()
    page.get_by_label("Kernel").select_option("random")
    assert "but this layer has none" in status.inner_text()
    expected = EquivarianceExplorer(layer="max 2×2, stride 2", padding="circle", kernel="random").result
    assert f"{expected['changed']} of 256 numbers differ" in status.inner_text()
    page.get_by_label("Layer", exact=True).select_option("dense")
    assert REASONS["dense"] in status.inner_text()

"""Random changes of a picture: PyTorch's pixels, the promised distributions, and the warnings about labels."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from course_utils import data
from course_utils.scratch.augmentation.affine import affine_matrix, warp
from course_utils.widgets.augmentation_explorer import (
    FILLS,
    LIMITS,
    MEANINGS,
    NOTHING,
    RECIPES,
    SIDE,
    AugmentationExplorer,
    augment,
    colour_axes,
    draw_changes,
    matrix,
    pictures,
    verdict,
)
from course_utils.widgets.packing import unpack_bytes
from course_utils.widgets.shuffle import random_block, random_numbers

STILL = draw_changes(NOTHING, 0, 0)
GREY = {"axes": [[0, 0, 0]] * 3, "spreads": [0, 0, 0]}


def image(size: int = 12, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).random((size, size, 3))


def applied(x: np.ndarray[Any, Any], fill: str = "zeros", colours: Any = None, seed: int = 0, **changes: Any) -> Any:
    return np.reshape(augment(x.ravel(), {**STILL, **changes}, colours or GREY, fill, seed), x.shape)


def test_a_block_of_random_numbers_is_the_same_stream() -> None:
    for seed in (0, 1, 2**31, 2**32 - 1):
        assert random_block(seed, 50).tolist() == list(islice(random_numbers(seed), 50))


def test_no_strength_leaves_every_picture_alone() -> None:
    for name in pictures():
        made = AugmentationExplorer(name, "nothing", seed=3)
        np.testing.assert_allclose(made.draws[5].ravel() * 255, unpack_bytes(made.pictures[name]), atol=1e-9)


@pytest.mark.parametrize("fill", FILLS)
def test_the_affine_map_moves_pixels_as_torch_does(fill: str) -> None:
    rng, size = np.random.default_rng(4), 12
    for seed in range(30):
        x = image(size, seed)
        moves = {"mirror": bool(rng.integers(2)), "right": float(rng.uniform(-5, 5)), "down": float(rng.uniform(-5, 5)),
                 "turn": float(rng.uniform(-180, 180)), "zoom": float(rng.uniform(0.5, 1.5))}  # fmt: skip
        forward = np.array([*matrix(moves), [0, 0, 1]])
        # torch asks where each output pixel comes from, in half-sides
        scale = np.diag([size / 2, size / 2, 1])
        theta = torch.tensor((np.linalg.inv(scale) @ np.linalg.inv(forward) @ scale)[:2])[None]
        grid = F.affine_grid(theta, [1, 3, size, size], align_corners=False)
        batch = torch.tensor(x).permute(2, 0, 1)[None]
        theirs = F.grid_sample(batch, grid, mode="bilinear", padding_mode=fill, align_corners=False)
        np.testing.assert_allclose(applied(x, fill, **moves), theirs[0].permute(1, 2, 0).numpy(), atol=1e-9)


def test_mirror_half_turn_and_whole_shifts_are_exact() -> None:
    x = image()
    np.testing.assert_allclose(applied(x, mirror=True), x[:, ::-1], atol=1e-12)
    np.testing.assert_allclose(applied(x, turn=180.0), x[::-1, ::-1], atol=1e-12)
    np.testing.assert_allclose(applied(x, turn=90.0), np.rot90(x), atol=1e-12)
    shifted = applied(x, right=2.0, down=-3.0)
    np.testing.assert_allclose(shifted[:-3, 2:], x[3:, :-2], atol=1e-12)
    assert not shifted[-3:].any()
    assert matrix({**STILL, "mirror": True, "turn": 90.0})[1] == pytest.approx([1, 0, 0], abs=1e-12)


def test_the_matrix_is_that_of_the_chapter_with_its_axes_swapped() -> None:
    swap = [1, 0, 2]  # the chapter counts (row, column), the card (x, y)
    for turn, zoom, right, down in ((30.0, 1.2, 2.0, -1.0), (-170.0, 0.6, 0.0, 3.5)):
        mine = matrix({"mirror": False, "turn": turn, "zoom": zoom, "right": right, "down": down})
        theirs = affine_matrix(turn, zoom, down, right)[swap][:, swap]
        np.testing.assert_allclose(mine, theirs[:2], atol=1e-12)
        x = image(9)
        expected = np.moveaxis(warp(np.moveaxis(x, 2, 0), affine_matrix(turn, zoom, down, right)), 0, 2)
        np.testing.assert_allclose(applied(x, turn=turn, zoom=zoom, right=right, down=down), expected, atol=1e-9)


def test_light_is_changed_as_the_training_code_does() -> None:
    batch, cut_off = torch.tensor(image()).permute(2, 0, 1)[None].float(), False
    for seed in range(10):
        generator, again = (torch.Generator().manual_seed(seed) for _ in range(2))
        theirs = data.random_color(brightness=0.4, contrast=0.8)(batch, generator)[0].permute(1, 2, 0).numpy()
        factor, offset = (float(torch.rand(1, generator=again)) * 2 - 1 for _ in range(2))
        x = batch[0].permute(1, 2, 0).double().numpy()
        mine = applied(x, factor=1 + 0.8 * factor, offset=0.4 * offset)
        np.testing.assert_allclose(mine, theirs, atol=1e-6)
        cut_off = cut_off or (mine == 0).any() or (mine == 1).any()
    assert cut_off, "some case reaches the cut-off"


def test_colour_moves_along_the_pictures_own_axes() -> None:
    x = 0.4 + 0.2 * image()
    x[..., 0] *= 1.2
    found = colour_axes(x)
    axes, spreads = np.array(found["axes"]), np.array(found["spreads"])
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-3)
    np.testing.assert_allclose(axes.T @ np.diag(spreads**2) @ axes, np.cov(x.reshape(-1, 3).T), atol=1e-4)
    assert list(spreads) == sorted(spreads, reverse=True)
    moved = applied(x, colours=found, colour=[0.5, -0.3, 0.2])
    np.testing.assert_allclose(moved - x, np.broadcast_to((np.array([0.5, -0.3, 0.2]) * spreads) @ axes, x.shape))
    grey = np.repeat(image()[..., :1], 3, axis=2)
    assert colour_axes(grey)["axes"][1:] == [[0, 0, 0], [0, 0, 0]], "a grey picture has one axis"
    tinted = applied(0.5 * grey, colours=colour_axes(grey), colour=[0.3, 9.0, 9.0])
    np.testing.assert_allclose(tinted[..., 0], tinted[..., 2], atol=1e-3)


def test_noise_has_the_promised_size_and_cutout_the_promised_place() -> None:
    x = np.full((SIDE, SIDE, 3), 0.5)
    noisy = applied(x, noise=0.1, seed=5) - 0.5
    assert abs(noisy.mean()) < 4 * 0.1 / math.sqrt(noisy.size)
    assert noisy.std() == pytest.approx(0.1, rel=0.05)
    assert not np.array_equal(noisy, applied(x, noise=0.1, seed=6) - 0.5)
    hole = applied(np.ones((SIDE, SIDE, 3)), cut=[0.5, 0.25, 0.5]) == 0.5
    assert hole.all(2).sum() == (SIDE // 2) * (SIDE // 2)
    assert hole[: SIDE // 2, SIDE // 4 : 3 * SIDE // 4].all()


def test_draws_keep_to_their_strengths() -> None:
    strengths = dict(LIMITS) | {"mirror": 0.3}
    many = [draw_changes(strengths, seed, index) for seed in range(250) for index in range(8)]
    assert np.mean([one["mirror"] for one in many]) == pytest.approx(0.3, abs=4 * math.sqrt(0.21 / 2000))
    parts = [("right", 0, "shift"), ("down", 0, "shift"), ("turn", 0, "turn"), ("zoom", 1, "zoom")]
    for name, centre, strength in [*parts, ("offset", 0, "brightness"), ("factor", 1, "contrast")]:
        values, most = np.array([one[name] for one in many]) - centre, LIMITS[strength]
        assert np.abs(values).max() <= most
        assert values.std() == pytest.approx(most / math.sqrt(3), rel=0.05), f"{name} is uniform"
        assert abs(values.mean()) < 0.1 * most
    colours = np.array([one["colour"] for one in many])
    np.testing.assert_allclose(colours.std(0), LIMITS["colour"], rtol=0.07)
    moves = [
        [one[name] for name, _, _ in parts] + [*one["colour"], *np.abs(one["colour"]), *one["cut"][:2]] for one in many
    ]
    together = np.corrcoef(np.array(moves).T)
    assert np.abs(together - np.eye(len(together))).max() < 0.1, "the parts are drawn apart"


@pytest.mark.parametrize(
    ("picture", "mirror", "turn", "word"),
    [("digit 6", False, 170, "9"), ("digit 6", False, 30, ""), ("digit 6", True, 0, "mirrored 6"),
     ("letter b", True, 10, "is a d"), ("letter b", False, -150, "is a q"), ("letter b", True, 180, "a p"),
     ("arrow", True, 0, "left"), ("arrow", True, 180, ""), ("arrow", False, -90, "up or down"),
     ("cat", True, 180, "")],
)  # fmt: skip
def test_labels_that_change_are_named(picture: str, mirror: bool, turn: float, word: str) -> None:
    said = verdict(MEANINGS[picture], {**STILL, "mirror": mirror, "turn": turn})
    assert word in said
    assert bool(word) == bool(said)


def test_an_arrow_mirrored_and_turned_round_points_right_again() -> None:
    arrow = unpack_bytes(pictures()["arrow"]).reshape(SIDE, SIDE, 3) / 255

    def right_heavy(x: Any) -> float:
        """Columns: where the white head, the tallest part, lies."""
        white = (x.min(2) > 0.9)[8:32, 8:32]
        return float(white.sum(0).argmax()) - 11.5

    assert right_heavy(arrow) > 0
    assert right_heavy(applied(arrow, mirror=True)) < 0
    assert right_heavy(applied(arrow, turn=180.0)) < 0
    assert right_heavy(applied(arrow, mirror=True, turn=180.0)) > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"picture": "dog"}, "picture must be one of"),
        ({"picture": np.zeros((8, 8, 3))}, r"picture must have shape \(40, 40, 3\)"),
        ({"recipe": "AlexNet"}, "recipe must be one of"),
        ({"turn": 200}, "turn must be at most 180.0, got 200"),
        ({"zoom": -0.1}, "zoom must be at least 0, got -0.1"),
        ({"fill": "mean"}, "fill must be one of"),
        ({"chosen": 8}, "chosen must be at most 7, got 8"),
    ],
)
def test_wrong_arguments_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(Exception, match=message):
        AugmentationExplorer(**options)


def test_recipes_and_own_strengths() -> None:
    assert AugmentationExplorer(recipe="digits").strengths == RECIPES["digits"]
    own = AugmentationExplorer("digit 6", "digits", turn=180)
    assert own.recipe == "own"
    assert own.strengths == {**RECIPES["digits"], "turn": 180}
    assert "the label is no longer true" in own.static_text
    assert "the label stays true" in AugmentationExplorer("digit 6", "digits").static_text
    assert AugmentationExplorer(np.zeros((SIDE, SIDE), dtype=int)).picture == "your own"


@pytest.mark.browser
def test_the_card_warns_where_the_label_changes(open_widget: Callable[..., Any]) -> None:
    page = open_widget(AugmentationExplorer("digit 6", "digits"))
    status = page.locator("[role=status]")
    assert "The label stays true in all 8" in status.inner_text()
    assert page.locator(".au-wrong").count() == 0
    page.get_by_label("Recipe").select_option("any angle")
    made = AugmentationExplorer("digit 6", "any angle")
    wrong = [k for k, one in enumerate(made.changes) if verdict(MEANINGS["digit 6"], one)]
    assert 0 < len(wrong) < 8
    assert f"In {len(wrong)} of 8 draws" in status.inner_text()
    assert page.locator(".au-wrong").count() == len(wrong)
    page.locator(".au-tile").nth(wrong[0]).hover()
    assert f"Draw {wrong[0] + 1}: " in status.inner_text()
    assert "Careful: " in status.inner_text()
    page.locator(".au-grid").focus()
    page.keyboard.press("Enter")
    assert "Eight new draws" in status.inner_text()


@pytest.mark.browser
def test_the_matrix_is_that_of_the_chosen_draw(open_widget: Callable[..., Any]) -> None:
    made = AugmentationExplorer("letter b", "strong", chosen=6)
    page = open_widget(made)
    shown = page.locator(".au-matrix").inner_text().replace("−", "-").replace(" ", "")
    for line in matrix(made.changes[6]):
        for value in line:
            assert f"{abs(value):.2f}" in shown
    page.get_by_label("Turn").press("ArrowRight")
    assert page.get_by_label("Recipe").input_value() == "own"

"""Scribbles: the fields of the library on real scenes, what the presets show, and what pen and keys do."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from course_utils.segmentation import dense_crf, grid_crf
from course_utils.segmentation.metrics import confusion_matrix, mean_iou
from course_utils.widgets import crf_scribbles as cs
from course_utils.widgets import tiny_scenes
from course_utils.widgets.crf_scribbles import PRESETS, CrfScribbles, overlaps, painted
from tests.widgets.test_twins import plain, run_node


def image_of(made: CrfScribbles) -> torch.Tensor:
    pixels = tiny_scenes.colors_of(made.scenes[made.scene])
    return torch.tensor(pixels).permute(2, 0, 1).float() / 255


def by_library(made: CrfScribbles) -> tuple[torch.Tensor, float]:
    """Beliefs and energy of their labels from the segmentation package, written without the widget."""
    unary, image = torch.tensor(made.scores), image_of(made)
    if made.model == "dense":
        kernels = dense_crf.Kernels(
            made.appearance, made.smoothness, made.theta_alpha, made.theta_beta, made.theta_gamma
        )
        q = dense_crf.mean_field(unary, image, kernels, made.steps, "pairs")
        return q, dense_crf.energy(q.argmax(0), unary, image, kernels)
    crf = grid_crf.from_logits(unary, made.weight, image.double() if made.edges else None, made.sigma)
    q, _ = grid_crf.mean_field(crf, made.steps)
    return q, grid_crf.energy(crf, q.argmax(0))


STATES = [
    {"steps": 3},
    {"preset": "two alike in colour", "steps": 2, "smoothness": 1.0},
    {"preset": "thin legs vanish", "steps": 6},
    {"model": "grid", "strokes": [[0, 2, 5, 5, 9, 30]], "sigma": 0.3, "steps": 4},
]


def test_page_and_python_do_on_the_scenes_what_the_library_does(tmp_path: Path) -> None:
    calls, made = [], [CrfScribbles(**state) for state in STATES]
    for one in made:
        flat = one.scores.reshape(len(one.names), -1).T.flatten()
        picture = cs.unpack_scene(one.scenes[one.scene])
        calls.append(("meanField", plain((picture, one.settings, flat, len(one.names), one.steps))))
    answers = run_node(CrfScribbles._esm, calls, tmp_path)["results"]
    for one, answer in zip(made, answers, strict=True):
        q, energy = by_library(one)
        np.testing.assert_allclose(one.beliefs, q, atol=2e-4)
        page = np.array(answer["q"]).reshape(36, 48, -1).transpose(2, 0, 1)
        np.testing.assert_allclose(page, q, atol=2e-4)
        assert (np.array(answer["labels"]) == one.labels.flatten()).mean() > 0.999
        assert answer["energies"][-1] == pytest.approx(energy, rel=1e-3)
        assert one.energies[1] == pytest.approx(energy, rel=1e-3)
        table = confusion_matrix(q.argmax(0), torch.tensor(one.truth), len(one.names), ignore=None)
        assert one.iou[1] == pytest.approx(mean_iou(table), abs=0.002)


def legs(made: CrfScribbles, labels: Any) -> float:
    """IoU of the horse below its belly, where it is one or two pixels wide."""
    return overlaps(labels[26:].flatten(), made.truth[26:].flatten(), 2)["iou"][1]


def test_presets_show_what_they_say() -> None:
    noisy = CrfScribbles()
    assert noisy.iou[0] < 0.85 < 0.95 < noisy.iou[1]
    start = CrfScribbles(steps=0).labels
    assert legs(noisy, noisy.labels) > 0.8 > legs(noisy, start)
    thin = CrfScribbles("thin legs vanish", steps=15)
    assert legs(thin, thin.labels) < legs(noisy, start) - 0.1, "a grid that sees no edges eats the legs"
    cured = CrfScribbles("thin legs vanish", steps=15, edges=True)
    assert legs(cured, cured.labels) > legs(thin, thin.labels) + 0.1
    blind = CrfScribbles("position alone")
    assert legs(blind, blind.labels) < legs(noisy, noisy.labels) - 0.3
    few = CrfScribbles("a few strokes")
    lower = few.truth == 2
    assert (few.labels[lower] == 1).mean() > 0.7, "nobody has told it that there are two flowers"
    two = CrfScribbles("two alike in colour")
    assert (two.labels[lower] == 2).mean() > 0.7
    assert (two.labels[two.truth == 1] == 1).mean() > 0.9
    color = CrfScribbles("colour alone")
    assert (color.labels[color.truth == 1] == 1).mean() < 0.6, "without place the two flowers are one"


def test_a_pixel_listens_to_its_like_if_colour_counts() -> None:
    picture = cs.unpack_scene(CrfScribbles().scenes["horse"])
    truth, pixel = np.array(picture["truth"]), 15 * 48 + 20
    by_color = cs.listens_to(picture, {**cs.SETTINGS, "smoothness": 0.0}, pixel)
    by_place = cs.listens_to(picture, {**cs.SETTINGS, "smoothness": 0.0, "theta_beta": 1.0}, pixel)
    share = [voices[truth == 1].sum() / voices.sum() for voices in (by_color, by_place)]
    assert share[0] > 0.95 > 0.75 > share[1]
    grid = cs.listens_to(picture, {**cs.SETTINGS, "model": "grid", "edges": False}, pixel)
    assert np.flatnonzero(grid).tolist() == [pixel - 48, pixel - 1, pixel + 1, pixel + 48]


def test_strokes_cover_what_the_pen_touches() -> None:
    paint = painted([[1, 0, 2, 1, 5, 1], [2, 1, 9, 5], [-1, 0, 4, 1]], 12, 8).reshape(8, 12)
    assert np.argwhere(paint == 1).tolist() == [[1, 2], [1, 3], [1, 5]]
    assert (paint == 2).sum() == 9, "a pen of radius 1 reaches the corners: their distance is below 1.5"
    assert (painted([], 3, 2) == -1).all()


def test_scenes_are_what_they_claim() -> None:
    for scene in (tiny_scenes.horse(), tiny_scenes.flowers()):
        pixels, truth = tiny_scenes.colors_of(scene), tiny_scenes.truth_of(scene)
        assert pixels.shape == (36, 48, 3)
        assert set(np.unique(truth)) == set(range(len(scene["names"])))
    upper, lower = (pixels[truth == label].mean(axis=0) for label in (1, 2))
    leaves = pixels[truth == 0].mean(axis=0)
    assert np.linalg.norm(upper - lower) < 0.4 * np.linalg.norm(upper - leaves), "the flowers are alike, the leaves not"
    ramp = np.arange(36 * 2 * 48 * 2, dtype=float).reshape(72, 96)
    assert tiny_scenes.shrink(ramp)[0, 0] == ramp[:2, :2].mean()
    assert tiny_scenes.blur(np.full((5, 7), 3.0), 1.5) == pytest.approx(np.full((5, 7), 3.0))


def test_stored_state_is_small() -> None:
    stored = CrfScribbles().get_state()
    assert len(json.dumps({name: value for name, value in stored.items() if not name.startswith("_")})) < 16_000
    assert len(Path(cs.__file__).with_suffix(".js").read_bytes()) <= 25 * 1024


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "cats"}, "preset must be one of"),
        ({"model": "sparse"}, "model must be one of"),
        ({"start": "truth"}, "start must be one of"),
        ({"certainty": 0.4}, "certainty must be at least 0.5, got 0.4"),
        ({"theta_beta": 0.0}, "theta_beta must be at least 0.02, got 0.0"),
        ({"weight": 9.0}, "weight must be at most 8.0, got 9.0"),
        ({"steps": 31}, "steps must be at most 30, got 31"),
        ({"pixel": 1728}, "pixel must be at most 1727, got 1728"),
        ({"strokes": [[1, 0, 3]]}, "a stroke must be .label, radius, x, y"),
        ({"strokes": [[3, 0, 3, 3]]}, "label of a stroke must be at most 2, got 3"),
        ({"strokes": [[1, 0, 3, 36]]}, "place of a stroke must be at most 35, got 36"),
    ],
)
def test_wrong_arguments_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CrfScribbles(**options)


def at(page: Any, x: float, y: float) -> tuple[float, float]:
    """The middle of a pixel on the screen."""
    box = page.locator(".cs-stage").bounding_box()
    return box["x"] + (x + 0.5) / 48 * box["width"], box["y"] + (y + 0.5) / 36 * box["height"]


def wait_for(page: Any, words: str) -> str:
    """Wait until the status line holds the words and return it."""
    page.wait_for_function(
        "(words) => document.querySelector('[role=status]').textContent.includes(words)", arg=words, timeout=20_000
    )
    return page.locator("[role=status]").inner_text()


def colors(page: Any, number: int) -> np.ndarray:
    """The red, green and blue in the middle of each pixel of a canvas, (36, 48, 3)."""
    picture = page.locator("canvas").nth(number).evaluate("(canvas) => canvas.toDataURL()")
    data = np.array(Image.open(io.BytesIO(base64.b64decode(picture.split(",")[1]))).convert("RGB"))
    side = len(data) // 36
    return data[side // 2 + 1 :: side, side // 2 + 2 :: side].astype(int)


@pytest.mark.browser
def test_pen_paints_undoes_and_erases(open_widget: Callable[..., Any]) -> None:
    page = open_widget(CrfScribbles(start="nothing", steps=0))
    wait_for(page, "Before any iteration")
    photo = colors(page, 0)
    page.mouse.move(*at(page, 10, 12))
    page.mouse.down()
    page.mouse.move(*at(page, 16, 12), steps=6)
    page.mouse.up()
    assert "Painted horse at (16, 12)" in wait_for(page, "Before any iteration")
    inked = np.argwhere((colors(page, 0) != photo).any(axis=2))
    expected = np.argwhere(painted([[1, 1, 10, 12, 16, 12]], 48, 36).reshape(36, 48) >= 0)
    assert inked.tolist() == expected.tolist()
    page.get_by_role("button", name="Erase").click()
    assert page.get_by_role("button", name="Erase").get_attribute("aria-pressed") == "true"
    page.mouse.click(*at(page, 13, 12))
    wait_for(page, "Painted the eraser at (13, 12)")
    assert (colors(page, 0)[12, 13] == photo[12, 13]).all()
    page.get_by_role("button", name="Undo").click()
    wait_for(page, "Took back a stroke")
    assert (colors(page, 0)[12, 13] != photo[12, 13]).any()
    page.get_by_role("button", name="Clear").click()
    wait_for(page, "All strokes are gone")
    assert (colors(page, 0) == photo).all()
    page.get_by_role("button", name="Undo").click()
    assert "There is no stroke" in page.locator("[role=status]").inner_text()


@pytest.mark.browser
def test_keys_do_what_the_pointer_does(open_widget: Callable[..., Any]) -> None:
    page = open_widget(CrfScribbles(start="nothing", steps=0, pixel=5 * 48 + 5, radius=0))
    wait_for(page, "Before any iteration")
    photo = colors(page, 0)
    page.locator(".cs-stage").focus()
    page.keyboard.press("ArrowRight")
    assert (
        "Pixel (6, 5): background 0.50, horse 0.50; in truth background." in page.locator("[role=status]").inner_text()
    )
    for key in ["Enter", "ArrowRight", "ArrowRight", "ArrowDown", "Enter", "ArrowDown"]:
        page.keyboard.press(key)
    wait_for(page, "Pixel (8, 7)")
    expected = [[5, 6], [5, 7], [5, 8], [6, 8]]
    assert np.argwhere((colors(page, 0) != photo).any(axis=2)).tolist() == expected
    page.keyboard.press("Backspace")
    wait_for(page, "Took back a stroke")
    for _ in range(10):
        page.keyboard.press("ArrowUp")
    assert "Pixel (8, 0)" in page.locator("[role=status]").inner_text(), "the border stops it"


@pytest.mark.browser
def test_steps_lead_where_python_gets(open_widget: Callable[..., Any]) -> None:
    page = open_widget(CrfScribbles(steps=0), reduced_motion="reduce")
    wait_for(page, "Before any iteration: mean IoU 0.81")
    for step in (1, 2):
        page.get_by_role("button", name="Step").click()
        made = CrfScribbles(steps=step)
        said = wait_for(page, f"After {step} iteration")
        assert f"mean IoU {made.iou[1]:.2f}, at the start {made.iou[0]:.2f}" in said
        assert f"energy {made.energies[1]:.0f}" in said
        changed = (made.labels != CrfScribbles(steps=step - 1).labels).sum()
        assert f"{changed} pixels changed" in said
    page.get_by_role("button", name="Run to rest").click()
    steps = int(re.search(r"After (\d+) iter", wait_for(page, "At rest"))[1])
    assert np.abs(CrfScribbles(steps=steps).beliefs - CrfScribbles(steps=steps - 1).beliefs).max() < 1.1e-3
    assert np.abs(CrfScribbles(steps=steps - 1).beliefs - CrfScribbles(steps=steps - 2).beliefs).max() > 0.9e-3
    page.get_by_role("button", name="Before").click()
    wait_for(page, "Before any iteration")
    page.get_by_role("button", name="Before").click()
    assert "It goes no further" in page.locator("[role=status]").inner_text()


@pytest.mark.browser
def test_running_shows_every_iteration(open_widget: Callable[..., Any]) -> None:
    page = open_widget(CrfScribbles("thin legs vanish", steps=0))
    wait_for(page, "Before any iteration")
    page.locator(".cs-chart").evaluate("""(chart) => {
      window.seen = new Set();
      new MutationObserver(() => window.seen.add(chart.textContent)).observe(chart, { childList: true });
    }""")
    page.get_by_role("button", name="Run to rest").click()
    assert "Running until nothing changes" in page.locator("[role=status]").inner_text()
    said = wait_for(page, "At rest")
    assert page.evaluate("window.seen.size") > 4, "iterations are drawn one by one"
    made = CrfScribbles("thin legs vanish", steps=int(re.search(r"After (\d+) iter", said)[1]))
    assert f"mean IoU {made.iou[1]:.2f}" in said


@pytest.mark.browser
def test_dials_and_the_other_field(open_widget: Callable[..., Any]) -> None:
    page = open_widget(CrfScribbles(), width=360)
    wait_for(page, "After 5 iterations")
    page.get_by_role("slider", name="Appearance weight").press("Home")
    said = wait_for(page, "Appearance weight: 0.0. After 5")
    assert f"mean IoU {CrfScribbles(appearance=0.0).iou[1]:.2f}" in said
    page.get_by_role("slider", name="Smoothness weight").press("Home")
    wait_for(page, "Smoothness weight: 0.0. After 5")
    assert "hears nobody" in page.locator(".cs-row").inner_text()
    page.get_by_label("Field", exact=True).select_option("grid")
    said = wait_for(page, "Field: grid. After 5")
    assert f"mean IoU {CrfScribbles(model='grid').iou[1]:.2f}" in said
    assert "half of it to 2 pixels" in page.locator(".cs-row").inner_text()
    page.get_by_label("fades over edges").uncheck()
    said = wait_for(page, "Costs fade over edges: no. After 5")
    assert f"mean IoU {CrfScribbles(model='grid', edges=False).iou[1]:.2f}" in said
    page.get_by_label("Start from").select_option("strokes alone")
    wait_for(page, "Start: nothing. After 5")
    page.get_by_label("Try").select_option("two alike in colour")
    said = wait_for(page, "two alike in colour. After 10")
    assert f"mean IoU {CrfScribbles('two alike in colour').iou[1]:.2f}" in said
    assert page.get_by_role("button", name="lower flower").count() == 1
    page.get_by_role("button", name="Ask").click()
    page.mouse.click(*at(page, 27, 34))
    assert "Pixel (27, 34): leaves 0.00" in page.locator("[role=status]").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert set(PRESETS) == set(page.get_by_label("Try").locator("option").all_inner_texts())

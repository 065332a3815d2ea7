"""Threshold and metrics: counted by hand, the lessons of the presets, and what keys, pointer and page say."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from course_utils.segmentation.boundary import boundary_iou, inner_rim_loop
from course_utils.segmentation.metrics import class_dice, class_iou, confusion_matrix_loop
from course_utils.widgets import metric_explorer as me
from course_utils.widgets.metric_explorer import METRICS, MetricExplorer, measure, pack_map, unpack_map
from tests.widgets.test_twins import plain, run_node


def by_hand(made: MetricExplorer) -> dict[str, Any]:
    """The metrics from sets of pixels, and the mask by moving every pixel of it."""
    shown = made.map
    height, width = made.truth.shape
    on = {divmod(i, width) for i, level in enumerate(shown["levels"]) if (level + 0.5) / 64 >= made.threshold}
    inside = {(i, j) for i in range(height) for j in range(width)}
    for _ in range(abs(made.grow)):
        near = {p: {(p[0] + a, p[1] + b) for a in (-1, 0, 1) for b in (-1, 0, 1)} for p in inside}
        on = {p for p in inside if near[p] & on} if made.grow > 0 else {p for p in inside if near[p] <= on}
    on = {(i + made.dy, j + made.dx) for i, j in on} & inside
    true = {(i, j) for i, j in np.argwhere(made.truth).tolist()}

    def rim(region: set[Any]) -> set[Any]:
        mask = torch.zeros(height, width, dtype=torch.bool)
        for i, j in region:
            mask[i, j] = True
        return {(i, j) for i, j in inner_rim_loop(mask, made.distance).nonzero().tolist()}

    def ratio(a: int, b: int) -> float | None:
        return a / b if b else None

    a, b = rim(on), rim(true)
    return {
        "counts": [len(inside - on - true), len(on & true), len(true - on), len(on - true)],
        "accuracy": 1 - len(on ^ true) / len(inside),
        "iou": ratio(len(on & true), len(on | true)),
        "dice": ratio(2 * len(on & true), len(on) + len(true)),
        "boundary": ratio(len(a & b), len(a | b)),
        "precision": ratio(len(on & true), len(on)),
        "recall": ratio(len(on & true), len(true)),
    }


STATES = [
    {"preset": "a flower", "threshold": 0.34, "grow": -1, "dx": 2, "distance": 1},
    {"preset": "a thin wire", "dy": -5, "grow": 1},
    {"preset": "a large one and a small one", "threshold": 0.2, "distance": 3},
    {"preset": "one pixel too fat", "grow": -2, "dx": -5, "dy": 4, "distance": 4},
    {"preset": "a rare object", "threshold": 0.12},
    {"preset": "nothing there", "threshold": 0.9},
]


def test_page_and_python_count_what_a_hand_counts(tmp_path: Path) -> None:
    made = [MetricExplorer(**state) for state in STATES]
    calls = [("measure", plain((one.map, one.threshold, (one.grow, one.dx, one.dy), one.distance))) for one in made]
    answers = run_node(MetricExplorer._esm, calls, tmp_path)["results"]
    for one, answer in zip(made, answers, strict=True):
        expected = by_hand(one)
        for found in (answer, one.metrics):
            assert found["counts"] == expected["counts"], one.preset
            for name in METRICS:
                wanted = expected[name]
                assert found[name] == (None if wanted is None else pytest.approx(wanted)), (one.preset, name)
        assert one.predicted.sum() == sum(expected["counts"][k] for k in (1, 3))


def test_dice_and_iou_order_masks_alike() -> None:
    pairs = []
    for state in STATES:
        made = MetricExplorer(**state)
        for iou, dice in zip(made.curves["iou"], made.curves["dice"], strict=True):
            assert (iou is None) == (dice is None)
            if iou is not None and dice is not None:
                assert dice == pytest.approx(2 * iou / (1 + iou))
                pairs.append((iou, dice))
    assert len({round(iou, 2) for iou, _ in pairs}) > 30


def test_the_curves_are_the_metrics_at_every_threshold() -> None:
    made = MetricExplorer("a thin wire", dx=1)
    for k in (0, 13, 25, 50):
        at = MetricExplorer("a thin wire", dx=1, threshold=k / 50).metrics
        assert [made.curves[name][k] for name in METRICS] == [at[name] for name in METRICS]
    recall = [value for value in made.curves["recall"] if value is not None]
    assert all(a >= b for a, b in pairwise(recall))
    assert MetricExplorer("a thin wire").curves["recall"][0] == 1.0


def test_presets_teach_what_they_promise() -> None:
    rare = MetricExplorer("a rare object").metrics
    assert rare["accuracy"] > 0.97
    assert (rare["recall"], rare["iou"], rare["precision"]) == (0.0, 0.0, None), "everything is missed"
    assert max(value for value in MetricExplorer("a rare object").curves["iou"] if value) > 0.5, "a threshold finds it"
    nothing = MetricExplorer("nothing there", threshold=1.0).metrics
    assert (nothing["accuracy"], nothing["iou"], nothing["recall"]) == (1.0, None, None)
    assert MetricExplorer("nothing there").metrics["iou"] == 0.0, "one false alarm is enough"
    fat = MetricExplorer("one pixel too fat")
    assert fat.metrics["iou"] > 0.78
    assert fat.metrics["boundary"] < 0.45
    assert fat.metrics["recall"] == 1.0
    assert MetricExplorer("one pixel too fat", grow=-1).metrics["boundary"] > fat.metrics["boundary"] + 0.3
    pair = MetricExplorer("a large one and a small one")
    found = pair.predicted & pair.truth
    assert pair.metrics["iou"] > 0.9
    assert found[:, 28:].sum() < 0.2 * pair.truth[:, 28:].sum(), "the small object is lost and hardly costs anything"
    fall = {}
    for preset in ("a flower", "a thin wire"):
        fall[preset] = MetricExplorer(preset).metrics["iou"] - MetricExplorer(preset, dx=1, dy=1).metrics["iou"]
    assert fall["a thin wire"] > 3 * fall["a flower"], "a pixel is much to what is thin"


def test_a_map_of_your_own() -> None:
    rng = np.random.default_rng(5)
    scores, truth = rng.random((12, 17)), rng.random((12, 17)) > 0.6
    image = rng.integers(0, 256, (3, 12, 17)).astype(np.uint8)
    made = MetricExplorer(scores=scores, truth=truth, image=torch.tensor(image), threshold=0.5)
    predicted, target = torch.tensor(scores >= 0.5).long(), torch.tensor(truth).long()
    table = confusion_matrix_loop(predicted, target, 2)
    assert made.preset == "your own"
    assert made.metrics["iou"] == pytest.approx(class_iou(table)[1].item())
    assert made.metrics["dice"] == pytest.approx(class_dice(table)[1].item())
    assert made.metrics["boundary"] == pytest.approx(boundary_iou(predicted, target, 2)[1].item())
    assert np.abs(np.array(made.map["gray"]).reshape(12, 17) - image.mean(axis=0)).max() <= 4
    assert "your own" in made.static_text
    made.preset = "a flower"
    assert made.truth.shape == (30, 40)
    again = unpack_map(pack_map(np.full((2, 3), 1.0), np.ones((2, 3), dtype=bool), np.zeros((2, 3))))
    assert again["levels"] == [63] * 6
    assert measure(again, 1.0, (0, 0, 0), 1)["recall"] == 0.0, "no level stands for 1: nothing is quite sure"


def test_state_is_small_and_wrong_arguments_are_named() -> None:
    state = {name: value for name, value in MetricExplorer().get_state().items() if not name.startswith("_")}
    assert len(json.dumps(state)) < 20_000
    assert len(Path(me.__file__).with_suffix(".js").read_bytes()) <= 25 * 1024
    ones = np.ones((4, 4))
    for options, message in [
        ({"preset": "a cat"}, "preset must be one of"),
        ({"threshold": 1.2}, "threshold must be at most 1, got 1.2"),
        ({"grow": 4}, "grow must be at most 3, got 4"),
        ({"dx": -6}, "dx must be at least -5, got -6"),
        ({"distance": 0}, "distance must be at least 1, got 0"),
        ({"metric": "f2"}, "metric must be one of"),
        ({"scores": ones}, "give both or neither"),
        ({"scores": 3 * ones, "truth": ones}, "scores must lie in .0, 1., got 3.0 to 3.0: take a sigmoid"),
        ({"scores": ones, "truth": ones[:2]}, "truth must have shape"),
        ({"scores": ones, "truth": ones, "image": ones[:2]}, "image must have shape"),
        ({"scores": np.ones((65, 4)), "truth": np.ones((65, 4))}, "height of scores must be at most 64, got 65"),
    ]:
        with pytest.raises(ValueError, match=message):
            MetricExplorer(**options)


@pytest.mark.browser
def test_threshold_bars_and_best_threshold(open_widget: Callable[..., Any]) -> None:
    page = open_widget(MetricExplorer("a rare object"))
    status, bars = page.locator("[role=status]"), page.locator(".me-bars")
    assert "0 hits, 25 misses, 0 false alarms; Pixel accuracy 0.98, IoU 0.00" in status.inner_text()
    assert "Precision 0/0, Recall 0.00" in status.inner_text()
    assert [bar.split("\n")[-1] for bar in bars.inner_text().split("\n")][-1] == "0.00"
    page.get_by_role("button", name="Its best threshold").click()
    values = MetricExplorer("a rare object").curves["iou"]
    top = int(np.argmax([-1 if value is None else value for value in values]))
    assert f"Best for IoU: threshold {top / 50:.2f}. Threshold {top / 50:.2f}" in status.inner_text()
    now = MetricExplorer("a rare object", threshold=top / 50).metrics
    assert f"IoU {now['iou']:.2f}, Dice {now['dice']:.2f}, Boundary IoU {now['boundary']:.2f}" in status.inner_text()
    page.get_by_role("slider", name="Threshold").press("End")
    assert "Threshold 1.00: 0 hits" in status.inner_text()
    page.get_by_label("Score map").select_option("nothing there")
    assert "IoU 0/0, Dice 0/0, Boundary IoU 0/0" in status.inner_text()
    page.get_by_label("Bold curve").select_option("Recall")
    assert "Bold: Recall." in status.inner_text()
    page.get_by_role("button", name="Its best threshold").click()
    assert "Recall is 0/0 at every threshold" in status.inner_text()
    assert page.locator(".me-curve.me-bold").get_attribute("class").find("me-recall") > 0


@pytest.mark.browser
def test_keys_and_pointer_move_and_grow_the_mask(open_widget: Callable[..., Any]) -> None:
    page = open_widget(MetricExplorer("one pixel too fat"))
    status, stage, bars = page.locator("[role=status]"), page.locator(".me-stage"), page.locator(".me-bars li")
    before = MetricExplorer("one pixel too fat").metrics
    assert page.locator(".me-tick:visible").count() == 0
    stage.focus()
    page.keyboard.press("-")
    now = MetricExplorer("one pixel too fat", grow=-1).metrics
    assert "Shrunk by 1 pixel. " in status.inner_text()
    assert f"Boundary IoU {now['boundary']:.2f}" in status.inner_text()
    off = round(100 * now["boundary"]) - round(100 * before["boundary"])
    assert f"{now['boundary']:.2f} (+{off / 100:.2f})" in bars.nth(3).inner_text()
    assert page.locator(".me-tick:visible").count() == 6
    for key in ["ArrowRight", "ArrowDown", "ArrowDown"]:
        page.keyboard.press(key)
    now = MetricExplorer("one pixel too fat", grow=-1, dx=1, dy=2).metrics
    assert "Shifted to 1 right, 2 down." in status.inner_text()
    assert f"IoU {now['iou']:.2f}," in status.inner_text()
    page.keyboard.press("Enter")
    assert "as the threshold makes it" in status.inner_text()
    box = stage.bounding_box()
    x, y, side = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, box["width"] / 40
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 3 * side, y + 20 * side, steps=4)
    page.mouse.up()
    now = MetricExplorer("one pixel too fat", dx=-3, dy=5).metrics
    assert f"IoU {now['iou']:.2f}, Dice {now['dice']:.2f}" in status.inner_text(), "five pixels are the most"
    hits, misses, alarms = now["counts"][1:]
    assert f"IoU = {hits} / ({hits} + {misses} + {alarms})" in page.locator(".me-facts").inner_text()


@pytest.mark.browser
def test_the_three_kinds_differ_in_pattern(open_widget: Callable[..., Any]) -> None:
    """Told apart without colour: hits are plain, misses striped, false alarms dotted."""
    made = MetricExplorer("a flower", dx=1)
    page = open_widget(made)
    data = page.locator(".me-stage canvas").evaluate(
        "(c) => Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)"
    )
    whole = np.array(data).reshape(300, 400, 4)[..., :3].min(axis=2) == 255
    white = whole.reshape(30, 10, 40, 10).transpose(0, 2, 1, 3).sum(axis=(2, 3))
    predicted, truth = made.predicted, made.truth
    assert set(white[predicted & truth]) == {0}
    assert set(white[~predicted & truth]) == {20}
    assert set(white[predicted & ~truth]) == {16}
    assert white[~predicted & ~truth].max() == 0

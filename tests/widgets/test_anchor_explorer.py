"""The anchor explorer: the library's own answers on many states, the stories of its presets, and what a reader does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from course_utils.data.synthetic import make_scenes
from course_utils.detection.anchors import cell_anchors, grid_anchors
from course_utils.detection.coding import decode
from course_utils.detection.iou import box_iou
from course_utils.detection.matching import match
from course_utils.detection.ssd import SSD
from course_utils.widgets import AnchorExplorer
from course_utils.widgets import anchor_explorer as ae
from tests.widgets.test_twins import plain, run_node


def test_the_page_matches_as_the_library_does(tmp_path: Path) -> None:
    """The ES module against match, on 400 states; written without the widget's own twins."""
    rng = np.random.default_rng(1)
    states = [ae._draw_match(rng) for _ in range(400)]
    found = run_node(AnchorExplorer._esm, [("match", plain(one)) for one in states], tmp_path)["results"]
    kinds: set[Any] = set()
    for (anchors, objects, high, low, force), answer in zip(states, found, strict=True):
        a, b = (torch.tensor(rows, dtype=torch.float64).reshape(-1, 4) for rows in (anchors, objects))
        expected = match(a, b, high, low, force)
        assert answer["indices"] == expected.indices.tolist(), (high, low, force)
        np.testing.assert_allclose(answer["overlaps"], expected.overlaps.numpy(), atol=1e-12)
        forced = (expected.indices >= 0) & (expected.overlaps < high)
        kinds |= {(force, bool(forced.any()))} | {int(i) for i in expected.indices.clamp(max=0).unique()}
    assert kinds >= {("one", True), ("ties", True), ("none", False), 0, -1, -2}
    assert ("none", True) not in kinds


def test_the_three_maps_are_the_detectors(tmp_path: Path) -> None:
    """Every anchor of the page is the one that the course's SSD would use."""
    calls = [("mapsOf", ["three maps", 16, [16], [1], 128])]
    maps = run_node(AnchorExplorer._esm, calls, tmp_path)["results"][0]
    grids = [("gridAnchors", [one["side"], one["side"], one["stride"], one["cell"]]) for one in maps]
    placed = [box for boxes in run_node(AnchorExplorer._esm, grids, tmp_path)["results"] for box in boxes]
    expected = SSD(3, size=128, width=1).anchors
    assert torch.equal(torch.tensor(placed), expected)
    made = AnchorExplorer("SSD's three maps")
    assert np.array_equal(made.anchors, expected.numpy())
    assert len(made.anchors) == 4 * (16**2 + 8**2 + 4**2)


def test_python_says_what_the_library_says() -> None:
    made = AnchorExplorer(stride=8, scales=[24, 48], ratios=[0.5, 1], high=0.6, low=0.2, force="one")
    anchors = grid_anchors((16, 16), 8, cell_anchors([24, 48], [0.5, 1]))
    assert np.array_equal(made.anchors, anchors.numpy())
    boxes = torch.tensor(made.objects, dtype=torch.float32)[:, :4]
    expected = match(anchors, boxes, 0.6, 0.2, "one")
    assert made.found["indices"] == expected.indices.tolist()
    counts = made.counts
    assert counts["positive"] == int(expected.foreground.sum())
    assert counts["negative"] == int(expected.background.sum())
    assert counts["ignored"] == int(expected.ignored.sum())
    assert sum(counts["learned"]) == counts["positive"]
    np.testing.assert_allclose(counts["best"], box_iou(anchors, boxes).amax(0).numpy(), atol=1e-6)
    made.row, made.column, made.anchor = 4, 4, 3
    assert made.index == (4 * 16 + 4) * 4 + 3
    t = torch.tensor([made.offsets], dtype=torch.float64)
    back = decode(t, anchors[[made.index]].double())
    learns = int(expected.indices[made.index])
    object_ = learns if learns >= 0 else int(box_iou(anchors[[made.index]], boxes).argmax())
    np.testing.assert_allclose(back.numpy()[0], boxes[object_].numpy(), atol=1e-5)


def test_one_scale_leaves_the_small_without_an_anchor() -> None:
    made = AnchorExplorer("one scale misses the small")
    sides = [box[2] - box[0] for box in made.objects]
    learned = made.counts["learned"]
    assert [bool(count) for count in learned] == [side > 30 for side in sides]
    assert 0 < learned.count(0) < len(learned)
    forced = AnchorExplorer("one scale misses the small", force="one")
    assert min(forced.counts["learned"]) > 0
    worst = min(forced.counts["best"])
    assert worst < 0.2, "the forced pair hardly overlaps"
    more = AnchorExplorer("one scale misses the small", scales=[16, 24, 48], stride=8)
    assert min(more.counts["learned"]) > 0


def test_ties_make_two_anchors_positive_and_leave_one_object_out() -> None:
    ties = AnchorExplorer("ties and forced matches")
    assert ties.counts["learned"] == [2, 1, 1, 0], "the circle lies between two anchors; ring and heart share one"
    circle, _, ring, heart = (torch.tensor([one[:4]], dtype=torch.float32) for one in ties.objects)
    anchors = torch.from_numpy(ties.anchors)
    first, second = box_iou(anchors, circle)[:, 0].topk(2)[0].tolist()
    assert first == second
    assert int(box_iou(anchors, ring).argmax()) == int(box_iou(anchors, heart).argmax())
    assert AnchorExplorer("ties and forced matches", force="one").counts["learned"] == [1, 1, 1, 1]
    none = AnchorExplorer("ties and forced matches", force="none").counts
    assert none["learned"] == [0, 1, 0, 0], "the square alone reaches 0.7"


def test_background_drowns_the_objects() -> None:
    counts = AnchorExplorer().counts
    assert counts["negative"] > 40 * counts["positive"]
    assert min(counts["learned"]) > 0


def test_no_object_no_positive() -> None:
    made = AnchorExplorer(objects=[])
    assert made.counts == {"positive": 0, "negative": 576, "ignored": 0, "learned": [], "best": []}
    assert made.offsets is None


def test_stored_state_is_small() -> None:
    stored = AnchorExplorer().get_state()
    assert sum(len(repr(value)) for name, value in stored.items() if not name.startswith("_")) < 40_000
    assert len(Path(ae.__file__).with_suffix(".js").read_bytes()) <= 25 * 1024


def test_own_scenes_can_be_shown() -> None:
    scenes = make_scenes(2, 128, seed=9)
    made = AnchorExplorer("ties and forced matches", scenes=scenes)
    assert made.scene == 1
    true = scenes.targets(1, 0.3)
    assert [one[:4] for one in made.objects] == true["boxes"].int().tolist()
    assert all(one["scene"] <= 1 for one in made.presets.values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "cats"}, "preset must be one of"),
        ({"maps": "two maps"}, "maps must be one of"),
        ({"stride": 12}, "stride must be one of"),
        ({"scales": [17]}, "scales must be one of"),
        ({"ratios": []}, "ratios must hold at least one number, got none"),
        ({"force": "all"}, "force must be one of"),
        ({"high": 1.2}, "high must be at most 1, got 1.2"),
        ({"row": -1}, "row must be at least 0, got -1"),
        ({"objects": [[0, 0, 9, 9]]}, r"objects must have shape \(any, 5\), got \(1, 4\)"),
        ({"objects": [[0, 0, 129, 9, 1]]}, "objects must have sides of at least 6 pixels within 0..128"),
        ({"objects": [[0, 0, 5, 9, 1]]}, "objects must have sides of at least 6 pixels"),
        ({"objects": [[0, 0, 9.5, 9, 1]]}, "objects must be whole numbers"),
        ({"objects": [[0, 0, 9, 9, 10]]}, "label must be at most 9, got 10"),
    ],
)
def test_wrong_arguments_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AnchorExplorer(**options)


def at(page: Any, x: float, y: float) -> tuple[float, float]:
    """Where a point of the picture lies on the screen."""
    box = page.locator(".ae-stage").bounding_box()
    return box["x"] + x / 128 * box["width"], box["y"] + y / 128 * box["height"]


def pull(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*at(page, *start))
    page.mouse.down()
    page.mouse.move(*at(page, *end), steps=4)
    page.mouse.up()


@pytest.mark.browser
def test_objects_are_dragged_and_resized(open_widget: Callable[..., Any]) -> None:
    made = AnchorExplorer(objects=[[40, 40, 80, 80, 0], [90, 90, 120, 120, 1]], stride=16, scales=[32], ratios=[1])
    page = open_widget(made)
    status, frames = page.locator("[role=status]"), page.locator(".ae-object")
    pull(page, (60, 40), (68, 48))  # by its tag, in the middle of the upper border
    assert "Moved 1 circle" in status.inner_text()

    def first(index: int = 0) -> list[float]:
        return [float(frames.nth(index).get_attribute(name)) / 4 for name in ("x", "y", "width", "height")]

    assert first() == [48, 48, 40, 40]
    pull(page, (88, 88), (72, 80))
    assert "Resized 1 circle" in status.inner_text()
    assert first() == [48, 48, 24, 32]
    made.objects = [[48, 48, 72, 80, 0], [90, 90, 120, 120, 1]]
    assert f"{made.counts['positive']} positive, {made.counts['ignored']} ignored" in status.inner_text()
    pull(page, (105, 90), (200, 200))
    assert first(1) == [98, 98, 30, 30], "an object stays in the picture"


@pytest.mark.browser
def test_a_click_tells_an_anchors_fate_and_offsets(open_widget: Callable[..., Any]) -> None:
    made = AnchorExplorer()
    page = open_widget(made)
    status = page.locator("[role=status]")
    page.mouse.click(*at(page, 56, 72))  # the middle dot of the cell in row 5, column 4
    assert (
        "Row 5, column 4 of 8 × 8, anchor 5 of 9 (32.0 × 32.0): IoU 0.69 with 4 ring; positive" in status.inner_text()
    )
    made.row, made.column, made.anchor = 4, 3, 4
    told = ", ".join(f"{value:.2f}" for value in made.offsets)
    assert f"Offsets {told}." in status.inner_text()
    assert [cell.inner_text() for cell in page.locator(".ae-codes td:last-child").all()] == told.split(", ")
    assert page.locator(".ae-arrow, .ae-stage circle.ae-point").count() >= 4
    page.mouse.click(*at(page, 116, 4))
    assert "overlaps no object; negative" in status.inner_text()
    assert page.locator(".ae-arrow").count() == 0


@pytest.mark.browser
def test_keys_do_what_the_pointer_does(open_widget: Callable[..., Any]) -> None:
    page = open_widget(AnchorExplorer(objects=[[40, 40, 80, 80, 0], [90, 90, 120, 120, 1]], row=0, column=0, anchor=0))
    status, stage = page.locator("[role=status]"), page.locator(".ae-stage")
    stage.focus()
    for keys, words in [
        (["ArrowRight", "ArrowDown"], "Row 2, column 2 of 8 × 8, anchor 1 of 9"),
        (["Enter"], "anchor 2 of 9"),
        (["o"], "chosen"),
        (["Shift+ArrowLeft"], "Moved"),
        (["w", "w"], "Resized"),
        (["t"], "Resized"),
        (["b"], "The best anchor for"),
    ]:
        for key in keys:
            page.keyboard.press(key)
        assert words in status.inner_text(), keys
    sizes = page.locator(".ae-table tbody tr.ae-now td").first.inner_text()
    assert sizes in ("44 × 42", "34 × 32")


@pytest.mark.browser
def test_dials_change_the_counts(open_widget: Callable[..., Any]) -> None:
    made = AnchorExplorer()
    page = open_widget(made)
    status = page.locator("[role=status]")

    def agrees() -> None:
        counts, told = made.counts, status.inner_text()
        assert f"{counts['positive']} positive, {counts['ignored']} ignored, {counts['negative']:,} negative" in told

    agrees()
    page.get_by_role("slider", name="Positive from IoU").press("ArrowLeft")
    made.high = 0.65
    agrees()
    page.get_by_label("Forced matches").select_option("none")
    made.force = "none"
    agrees()
    page.get_by_label("24", exact=True).check()
    made.scales = [16, 24, 32, 64]
    agrees()
    assert "768 anchors (12 × 8 × 8)" in status.inner_text()
    page.get_by_label("Anchors", exact=True).select_option("three maps")
    made.maps = "three maps"
    agrees()
    page.get_by_label("3:1").check()
    made.maps, made.ratios = "one map", [0.5, 1, 2, 3]
    agrees()
    page.get_by_label("Start from").select_option("one scale misses the small")
    assert "No anchor learns 4 circle, 5 arrow" in status.inner_text()
    assert page.locator(".ae-tag.ae-lost").count() == 2

"""The box playground: the library's own answers on many states, the stories of its scenes, and what a reader does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from course_utils.detection.iou import box_iou
from course_utils.detection.nms import batched_nms, nms, soft_nms
from course_utils.detection.precision_recall import curve_of
from course_utils.detection.true_positives import Detections, Targets
from course_utils.detection.true_positives import judge as judge_all
from course_utils.widgets import box_playground as bp
from course_utils.widgets.box_playground import PRESETS, BoxPlayground, judge, kept, outcome, suppress
from tests.widgets.test_twins import plain, run_node


def state(rng: np.random.Generator, **fixed: Any) -> tuple[Any, dict[str, Any]]:
    rows = bp._draw_detections(rng)
    return rows, {**bp._draw_settings(rng), **fixed}


def by_library(rows: Any, settings: dict[str, Any]) -> list[list[float]]:
    """What the detection package keeps, written without the widget."""
    table = torch.tensor(rows, dtype=torch.float64).reshape(-1, 6)
    table, index = (
        table[table[:, 4] > settings["score_threshold"]],
        [i for i, row in enumerate(rows) if row[4] > settings["score_threshold"]],
    )
    boxes, scores, labels = table[:, :4], table[:, 4], table[:, 5].long()
    if settings["method"] == "greedy":
        # Boxes of different classes put far apart never meet: another way to suppress within each class.
        apart = boxes + 1000 * labels[:, None] * settings["per_class"]
        found = nms(apart, scores, settings["iou_threshold"])
        if settings["per_class"]:
            assert found.tolist() == batched_nms(boxes, scores, labels, settings["iou_threshold"]).tolist()
        return [[index[i], float(scores[i])] for i in found.tolist()]
    apart = boxes + 1000 * labels[:, None] * settings["per_class"]
    limits = (settings["iou_threshold"], settings["sigma"], settings["score_threshold"])
    soft = soft_nms(apart, scores, *limits, settings["method"])
    return [[index[i], float(value)] for i, value in zip(soft.indices.tolist(), soft.scores)]


def close(found: Any, expected: Any) -> bool:
    return [i for i, _ in found] == [i for i, _ in expected] and np.allclose(
        [v for _, v in found], [v for _, v in expected], atol=1e-12
    )


def test_the_page_keeps_what_the_library_keeps(tmp_path: Path) -> None:
    """The ES module itself against nms, batched_nms and soft_nms on 600 states."""
    rng = np.random.default_rng(1)
    states = [
        state(rng, method=method, per_class=per_class)
        for method in bp.METHODS
        for per_class in (False, True)
        for _ in range(100)
    ]
    calls = [("kept", plain(one)) for one in states]
    found = run_node(BoxPlayground._esm, calls, tmp_path)["results"]
    wrong = [one for one, answer in zip(states, found) if not close(answer, by_library(*one))]
    assert wrong == []
    assert sum(len(answer) < len(rows) for answer, (rows, _) in zip(found, states)) > 300, "much is suppressed"


def test_the_page_measures_the_librarys_overlap(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    pairs = [(bp._draw_box(rng), bp._draw_box(rng)) for _ in range(300)]
    found = run_node(BoxPlayground._esm, [("iou", pair) for pair in pairs], tmp_path)["results"]
    a, b = (torch.tensor([pair[k] for pair in pairs], dtype=torch.float64) for k in (0, 1))
    np.testing.assert_allclose(found, box_iou(a, b, paired=True).numpy(), atol=1e-12)


def test_the_steps_end_at_what_is_kept() -> None:
    rng = np.random.default_rng(3)
    for _ in range(300):
        rows, settings = state(rng)
        now, steps = outcome(rows, settings, -1), suppress(rows, settings)
        assert close([[i, now["scores"][i]] for i in now["remaining"]], kept(rows, settings))
        assert [step["taken"] for step in steps] == [i for i, _ in kept(rows, settings)]
        for i, fate in enumerate(now["fate"]):
            if settings["method"] == "greedy" and fate == "gone":
                assert len(now["by"][i]) == 1, "greedy suppresses a box once"
                assert now["by"][i][0][1] > settings["iou_threshold"]
        assert outcome(rows, settings, 0)["remaining"] == sorted(
            (i for i, row in enumerate(rows) if row[4] > settings["score_threshold"]), key=lambda i: (-rows[i][4], i)
        )


def test_the_verdicts_are_those_of_the_evaluation(tmp_path: Path) -> None:
    """Hits, precision and recall of the module against `true_positives.judge`, class by class."""
    rng = np.random.default_rng(4)
    draws = [bp._draw_judge(rng) for _ in range(200)]
    found = run_node(BoxPlayground._esm, [("judge", plain(one)) for one in draws], tmp_path)["results"]
    seen: set[str] = set()
    for (rows, truth), answer in zip(draws, found):
        table = torch.tensor(rows, dtype=torch.float64).reshape(-1, 6)
        true = torch.tensor(truth, dtype=torch.float64).reshape(-1, 5)
        detections = Detections(table[:, :4], table[:, 4], table[:, 5].long())
        targets = Targets(true[:, :4], true[:, 4].long())
        judged = [judge_all([detections], [targets], label) for label in (0, 1)]
        hits = sum(int(one.correct.sum()) for one in judged)
        for label, one in enumerate(judged):
            mine = [v == "hit" for v, row in zip(answer["verdicts"], rows) if row[5] == label]
            assert mine == one.correct[0].tolist()
            if mine and one.objects:
                assert curve_of(one, 0).recall[-1] == pytest.approx(sum(mine) / one.objects)
        assert answer["precision"] == (pytest.approx(hits / len(rows)) if rows else None)
        assert answer["recall"] == (pytest.approx(hits / len(truth)) if truth else None)
        seen |= set(answer["verdicts"])
    assert seen == {"hit", "duplicate", "false alarm"}


def test_duplicates_go_and_a_high_threshold_brings_them_back() -> None:
    def verdicts(**settings: Any) -> list[str]:
        return BoxPlayground(**settings).judged["verdicts"]

    assert verdicts(step=0).count("duplicate") == 7
    assert verdicts().count("duplicate") == 0
    assert verdicts(iou_threshold=0.7).count("duplicate") == 3
    clean = BoxPlayground(score_threshold=0.4)
    assert (clean.judged["precision"], clean.judged["recall"]) == (1.0, 1.0)


def test_a_low_threshold_loses_an_object_that_soft_suppression_keeps() -> None:
    scene = {"preset": "two that overlap", "score_threshold": 0.3}
    first, second = PRESETS["two that overlap"]["truth"]
    assert 0.4 < bp.iou(first, second) < 0.5
    assert BoxPlayground(**scene).judged["recall"] == 1.0
    low = BoxPlayground(**scene, iou_threshold=0.4)
    assert low.judged["found"] == [True, False]
    for method in ("linear", "gaussian"):
        assert BoxPlayground(**scene, iou_threshold=0.4, method=method).judged["recall"] == 1.0


def test_another_class_is_suppressed_unless_each_is_alone() -> None:
    scene = {"preset": "one before the other"}
    assert BoxPlayground(**scene).judged["found"] == [False, True]
    assert BoxPlayground(**scene, per_class=True).judged["found"] == [True, True]


def test_nothing_to_judge_is_no_number() -> None:
    assert judge([], []) == {"verdicts": [], "objects": [], "found": [], "precision": None, "recall": None}
    assert BoxPlayground(detections=[], truth=[]).remaining == []


def test_stored_state_is_small() -> None:
    stored = BoxPlayground().get_state()
    assert sum(len(repr(value)) for name, value in stored.items() if not name.startswith("_")) < 5_000
    assert len(Path(bp.__file__).with_suffix(".js").read_bytes()) <= 25 * 1024


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"detections": [[0, 0, 1, 1]]}, r"detections must have shape \(any, 6\), got \(1, 4\)"),
        ({"detections": [[0, 0, 500, 9, 0.5, 0]]}, "detections must have 0 <= x1 < x2 <= 400"),
        ({"detections": [[9, 0, 9, 9, 0.5, 0]]}, "detections must have 0 <= x1 < x2 <= 400"),
        ({"detections": [[0, 0, 9, 9, 1.5, 0]]}, "score must be at most 1, got 1.5"),
        ({"detections": [[0, 0, 9, 9, 0.5, 2]]}, "label 0 .person. or 1 .horse., got 2"),
        ({"detections": [[0, 0, 9, 9, 0.5, 0]] * 41}, "number of detections must be at most 40, got 41"),
        ({"truth": [[0, 0, float("nan"), 9, 0]]}, "truth must be finite"),
        ({"preset": "cats"}, "preset must be one of"),
        ({"method": "soft"}, "method must be one of"),
        ({"iou_threshold": 1.5}, "iou_threshold must be at most 1, got 1.5"),
        ({"score_threshold": -0.1}, "score_threshold must be at least 0, got -0.1"),
        ({"sigma": 0}, "sigma must be greater than 0, got 0"),
        ({"step": -2}, "step must be at least -1, got -2"),
    ],
)
def test_wrong_arguments_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BoxPlayground(**options)


def at(page: Any, x: float, y: float) -> tuple[float, float]:
    """Where a point of the stage lies on the screen."""
    box = page.locator(".bp-stage").bounding_box()
    return box["x"] + x / 400 * box["width"], box["y"] + y / 280 * box["height"]


def pull(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*at(page, *start))
    page.mouse.down()
    page.mouse.move(*at(page, *end), steps=5)
    page.mouse.up()


def chosen(page: Any) -> list[float]:
    """The frame of the chosen box, x, y, width, height."""
    found = page.locator(".bp-box").evaluate_all(
        "(boxes) => boxes.filter((b) => b.matches('.bp-chosen')).map((b) => "
        "['x', 'y', 'width', 'height'].map((name) => Number(b.getAttribute(name))))"
    )
    return found[0]


@pytest.mark.browser
def test_boxes_are_dragged_resized_drawn_and_deleted(open_widget: Callable[..., Any]) -> None:
    page = open_widget(BoxPlayground([[100, 100, 200, 200, 0.9, 0]], [[110, 110, 200, 200, 0]]))
    status = page.locator("[role=status]")
    pull(page, (150, 170), (170, 150))
    assert "Moved box 1" in status.inner_text()
    assert chosen(page) == pytest.approx([120, 80, 100, 100], abs=1)
    pull(page, (220, 180), (260, 240))
    assert "Resized box 1" in status.inner_text()
    assert chosen(page) == pytest.approx([120, 80, 140, 160], abs=1.5)
    pull(page, (300, 20), (360, 80))
    assert "Added box 2" in status.inner_text()
    assert chosen(page) == pytest.approx([300, 20, 60, 60], abs=1)
    pull(page, (330, 50), (700, -300))
    assert chosen(page) == pytest.approx([340, 0, 60, 60], abs=1), "a box stays on the stage"
    page.mouse.click(*at(page, 20, 20))
    assert page.locator(".bp-box").count() == 2, "a click alone draws nothing"
    page.get_by_role("button", name="Delete").click()
    assert "Deleted box 2" in status.inner_text()
    assert page.locator(".bp-box").count() == 1


@pytest.mark.browser
def test_keys_do_what_the_pointer_does(open_widget: Callable[..., Any]) -> None:
    page = open_widget(BoxPlayground([[100, 100, 200, 200, 0.9, 0], [120, 100, 220, 200, 0.8, 0]], []))
    status, stage = page.locator("[role=status]"), page.locator(".bp-stage")
    stage.focus()
    page.keyboard.press("Enter")
    assert "Box 2: person, score 0.80, IoU 0.67 with box 1" in status.inner_text()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    assert chosen(page) == [124, 100, 100, 104]
    page.keyboard.press("+")
    assert "Score of box 2: 0.85" in status.inner_text()
    page.keyboard.press("c")
    assert "Box 2 now says horse" in status.inner_text()
    page.keyboard.press("a")
    assert "Added box 3" in status.inner_text()
    for _ in range(3):
        page.keyboard.press("Delete")
    assert page.locator(".bp-box").count() == 0
    page.keyboard.press("ArrowRight")
    assert "There is no box" in status.inner_text()
    page.get_by_role("button", name="Next step").click()
    assert "nothing to do" in status.inner_text()


@pytest.mark.browser
def test_steps_tell_who_suppresses_whom(open_widget: Callable[..., Any]) -> None:
    made = BoxPlayground(preset="two that overlap")
    page = open_widget(made)
    status, forward = page.locator("[role=status]"), page.get_by_role("button", name="Next step")
    page.get_by_role("button", name="Before").click()
    assert "Before suppression: 12 boxes" in status.inner_text()
    forward.click()
    first = suppress(made.detections, made.settings)[0]
    assert "Step 1 of 5: box 1, person, 0.95, is the best left and stays" in status.inner_text()
    for index, overlap, *_ in first["lowered"]:
        row = page.locator(f".bp-table tr[data-box='{index}']").inner_text()
        assert f"suppressed by 1, IoU {overlap:.2f}" in row
    assert page.locator(".bp-link").count() == len(first["lowered"])
    assert "waits" in page.locator(".bp-table tr[data-box='1']").inner_text()
    for _ in range(4):
        forward.click()
    assert "Step 5 of 5" in status.inner_text()
    forward.click()
    assert "From the start. Step 1 of 5" in status.inner_text()
    page.get_by_role("button", name="End").click()
    assert "leaves 5 of 12 boxes: 2 hits, 0 duplicates, 3 false alarms, 0 missed" in status.inner_text()


@pytest.mark.browser
def test_the_dials_lose_an_object_and_soft_suppression_finds_it(open_widget: Callable[..., Any]) -> None:
    page = open_widget(BoxPlayground(preset="two that overlap"))
    status = page.locator("[role=status]")
    dial = page.get_by_role("slider", name="Suppress above IoU")
    dial.press("ArrowLeft")
    dial.press("ArrowLeft")
    assert "1 missed; precision 0.25, recall 0.50" in status.inner_text()
    assert page.locator(".bp-lost").count() == 1
    page.get_by_label("Suppression", exact=True).select_option("gaussian")
    assert "0 missed" in status.inner_text()
    assert dial.count() == 0
    page.get_by_role("slider", name="σ of the Gaussian").press("ArrowRight")
    assert "σ 0.6" in status.inner_text()
    page.get_by_label("Scene").select_option("one before the other")
    page.get_by_label("Suppression", exact=True).select_option("greedy")
    dial.press("ArrowRight")
    dial.press("ArrowRight")
    assert "IoU above 0.50" in status.inner_text()
    assert "1 missed" in status.inner_text()
    page.get_by_label("within each class only").check()
    assert "0 missed" in status.inner_text()


@pytest.mark.browser
def test_overlap_is_shown_as_areas(open_widget: Callable[..., Any]) -> None:
    rows = [[100, 100, 200, 200, 0.9, 0], [150, 100, 250, 200, 0.8, 0], [300, 10, 340, 50, 0.7, 1]]
    page = open_widget(BoxPlayground(rows, [[100, 120, 200, 220, 0]]))
    written = page.locator(".bp-sum")
    assert written.inner_text() == "Box 1 and box 2: IoU = 5,000 / 15,000 = 0.33"
    share = page.locator(".bp-bars").evaluate("(e) => e.children[0].offsetWidth / e.children[1].offsetWidth")
    assert share == pytest.approx(1 / 3, abs=0.01)
    page.get_by_label("The chosen box and").select_option("object")
    assert written.inner_text() == "Box 1 and the person: IoU = 8,000 / 12,000 = 0.67"
    page.locator(".bp-table tr[data-box='2']").click()
    assert "Box 3 overlaps no object: IoU 0" in written.inner_text()
    page.get_by_role("slider", name="Score of box 3, horse").press("ArrowRight")
    assert "Score of box 3: 0.71" in page.locator("[role=status]").inner_text()

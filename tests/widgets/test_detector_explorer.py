"""The detector explorer: the page computes what torch computes, its scenes are told truly, and what a reader does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from course_utils.data.synthetic import CLASSES
from course_utils.recipes import small_ssd, stored_weights
from course_utils.widgets import DetectorExplorer
from course_utils.widgets import detector_explorer as de
from course_utils.widgets import small_detector as net
from tests.widgets.test_twins import run_node


@pytest.fixture(scope="module")
def stored() -> Any:
    return stored_weights.restore(small_ssd.build_model(), small_ssd.weights_path(), small_ssd.NAME)


def random_scene(rng: np.random.Generator) -> list[list[int]]:
    count = int(rng.integers(0, 7))
    return [
        [int(rng.integers(10)), *(int(v) for v in rng.integers(5, 91, 2)), int(rng.integers(12, 50))]
        for _ in range(count)
    ]


def in_the_page(made: DetectorExplorer, scenes: list[Any], folder: Path) -> list[dict[str, Any]]:
    """Compose, run and read scenes by the ES module alone, from the stored state."""
    call = json.loads(json.dumps(made.get_state()))
    esm, size, maps = made._esm, de.SIZE, call["network"]["maps"]
    first = [("unpackSprite", [one]) for one in call["sprites"]] + [
        ("unpackGround", [call["grounds"][made.ground], size]),
        ("unpackNetwork", [call["network"]]),
        ("anchorsOf", [maps]),
    ]
    *sprites, ground, layers, anchors = run_node(esm, first, folder)["results"]
    composed = run_node(esm, [("compose", [ground, size, sprites, one]) for one in scenes], folder)["results"]
    x = run_node(esm, [("prepare", [one["pixels"]]) for one in composed], folder)["results"]
    outputs = run_node(esm, [("forward", [one, size, layers, len(maps)]) for one in x], folder)["results"]
    columns = 5 + len(CLASSES)
    found = run_node(esm, [("read", [one, anchors, size, columns, 0.3, 0.45]) for one in outputs], folder)["results"]
    truth = [("truthOf", [c["owner"], size, c["full"], [o[0] for o in s]]) for c, s in zip(composed, scenes)]
    true = run_node(esm, truth, folder)["results"]
    return [
        {"pixels": c["pixels"], "outputs": o, "found": f, "true": t}
        for c, o, f, t in zip(composed, outputs, found, true, strict=True)
    ]


def test_the_page_computes_what_torch_computes(stored: Any, tmp_path: Path) -> None:
    """The whole way, on random scenes: module against the trained network in float32, by its own detect."""
    rng = np.random.default_rng(3)
    made, scenes = DetectorExplorer(ground=1), [random_scene(rng) for _ in range(6)]
    answers = in_the_page(made, scenes, tmp_path)
    seen = 0
    for objects, answer in zip(scenes, answers, strict=True):
        made.objects = objects
        np.testing.assert_allclose(np.array(answer["pixels"]), made.picture.reshape(-1), atol=1e-6)
        x = small_ssd.prepare(torch.from_numpy(made.picture)[None]).float()
        with torch.no_grad():
            expected = stored(x)[0]
        found = torch.tensor(answer["outputs"]).reshape(expected.shape)
        assert float((found - expected).abs().max()) < 1e-3
        (said,) = stored.detect(x, score_threshold=0.3, iou_threshold=0.45)
        assert [int(row[5]) for row in answer["found"]] == said.labels.tolist()
        rows = torch.tensor([row[:5] for row in answer["found"]]).reshape(-1, 5)
        assert torch.allclose(rows[:, :4], said.boxes, atol=1e-2)
        assert torch.allclose(rows[:, 4], said.scores, atol=1e-3)
        np.testing.assert_allclose(np.array(answer["true"]), np.array(made.true_objects), atol=1e-9)
        seen += len(rows)
    assert seen > 5


def test_stored_weights_are_the_measured_ones(stored: Any) -> None:
    layers = net.unpack_network(DetectorExplorer().network)
    convs = [*stored.backbone.convs, *stored.heads]
    for conv, layer in zip(convs, layers, strict=True):
        assert np.array_equal(conv.weight.detach().double().flatten().numpy(), layer["weight"])
        assert np.array_equal(conv.bias.detach().double().numpy(), layer["bias"])
    with pytest.raises(ValueError, match="call round_to_letters first"):
        net.pack_network(small_ssd.build_model())


def test_anchors_are_the_detectors(stored: Any) -> None:
    placed = torch.tensor(net.anchors_of(DetectorExplorer().network["maps"]))
    assert torch.allclose(placed, stored.anchors, atol=1e-4)


def test_sprites_look_like_the_scenes(stored: Any) -> None:
    """Each class, alone at a usual size on each photo, is found and named: the cut-outs are what it was trained on."""
    right = 0
    for ground in range(len(de.GROUNDS)):
        for label in range(len(CLASSES)):
            made = DetectorExplorer(objects=[[label, 48, 48, 32]], ground=ground)
            right += "hit" in made.judged["verdicts"]
    assert right >= 26, f"{right} of 30"


def test_truth_follows_what_can_be_seen() -> None:
    alone = DetectorExplorer(objects=[[1, 40, 40, 30]]).true_objects[0]
    assert alone[5] == 1.0
    assert alone[4] == 1
    front = DetectorExplorer(objects=[[1, 40, 40, 30], [1, 55, 40, 30]]).true_objects
    assert front[0][5] < 0.8
    assert front[1][5] == 1.0
    assert front[0][2] < alone[2], "the box ends where the other begins"
    hidden = DetectorExplorer(objects=[[0, 48, 48, 14], [1, 48, 48, 50]])
    assert hidden.true_objects[0] == [0, 0, 0, 0, 0, 0]
    cut = DetectorExplorer(objects=[[1, 0, 40, 30]]).true_objects[0]
    assert cut[0] == 0
    assert cut[5] == 1.0, "what lies outside does not count as hidden"


def test_presets_tell_their_stories() -> None:
    assert DetectorExplorer("apart").judged["verdicts"] == ["hit"] * 3
    assert all(DetectorExplorer("crowd").judged["found"])
    pair = DetectorExplorer("two of a kind")
    assert pair.judged["found"].count(True) == 1, "suppression takes the second heart"
    milder = DetectorExplorer("two of a kind", iou_threshold=0.6).judged
    assert milder["found"] == [True, True]
    assert "duplicate" in milder["verdicts"], "the price"
    small = DetectorExplorer("smaller and smaller").judged["found"]
    assert small[:2] == [True, True]
    assert not small[-1]
    assert "false alarm" in DetectorExplorer("one before the other", score_threshold=0.05).judged["verdicts"]


def test_the_nearly_hidden_counts_neither_way() -> None:
    row = [0, 0, 10, 10, 0.9, 2]
    assert net.judge([row], [[0, 0, 10, 10, 2, 0.05]]) == {"verdicts": ["hidden"], "found": [False]}
    assert net.judge([row, row], [[0, 0, 10, 10, 2, 0.5]])["verdicts"] == ["hit", "duplicate"]
    assert net.judge([row], [[0, 0, 10, 10, 3, 1.0]])["verdicts"] == ["false alarm"]


def test_state_is_small() -> None:
    stored_state = DetectorExplorer().get_state()
    assert sum(len(json.dumps(value)) for name, value in stored_state.items() if not name.startswith("_")) < 62_000
    assert len(Path(de.__file__).with_suffix(".js").read_bytes()) <= 25 * 1024


def test_the_page_states_the_recorded_precision() -> None:
    facts = DetectorExplorer().facts
    record = json.loads((Path(__file__).parents[2] / "results" / "small_ssd.json").read_text(encoding="utf-8"))
    assert facts == {"mAP": record["kept_mAP"], "scenes": 500}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "cats"}, "preset must be one of"),
        ({"ground": 3}, "ground must be at most 2, got 3"),
        ({"objects": [[0, 1, 2]]}, r"objects must have shape \(any, 4\), got \(1, 3\)"),
        ({"objects": [[10, 40, 40, 30]]}, "label must be at most 9, got 10"),
        ({"objects": [[0, 99, 40, 30]]}, "x must be at most 96, got 99"),
        ({"objects": [[0, 40, 40, 5]]}, "diameter must be at least 10, got 5"),
        ({"objects": [[0, 40, 40, 30]] * 10}, "number of objects must be at most 9, got 10"),
        ({"score_threshold": 1.5}, "score_threshold must be at most 1, got 1.5"),
        ({"shown": "dragon"}, "shown must be one of"),
    ],
)
def test_wrong_arguments_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DetectorExplorer(**options)


def told(made: DetectorExplorer) -> str:
    verdicts, true = made.judged, made.true_objects
    missed = sum(one[5] >= net.LEAST_VISIBLE and not f for one, f in zip(true, verdicts["found"], strict=True))
    rest = [verdicts["verdicts"].count(name) for name in ("hit", "duplicate", "false alarm")]
    words = [f"{n} {w}{'' if n == 1 else 's'}" for n, w in zip(rest, ("hit", "duplicate", "false alarm"))]
    return f"{', '.join(words)}, {missed} missed"


def wait_for(page: Any, words: str) -> None:
    """The answer may follow the picture by a frame."""
    page.wait_for_function("(words) => document.querySelector('[role=status]').textContent.includes(words)", arg=words)


@pytest.mark.browser
class TestInThePage:
    def test_an_object_is_dragged_and_the_boxes_follow(self, open_widget: Callable[..., Any]) -> None:
        made = DetectorExplorer(objects=[[1, 30, 30, 30], [5, 70, 70, 30]])
        page = open_widget(made)
        area = page.locator(".de-frame").bounding_box()

        def at(x: float, y: float) -> tuple[float, float]:
            return area["x"] + x / 96 * area["width"], area["y"] + y / 96 * area["height"]

        wait_for(page, told(made))
        page.mouse.move(*at(30, 30))
        page.mouse.down()
        page.mouse.move(*at(40, 60), steps=3)
        page.mouse.up()
        made.objects = [[1, 40, 60, 30], [5, 70, 70, 30]]
        wait_for(page, "Moved square 1")
        wait_for(page, told(made))
        boxes = page.locator(".de-box").all()
        assert len(boxes) == len(made.detections)
        best = [float(boxes[0].get_attribute(name)) / 5 for name in ("x", "y")]
        assert best == pytest.approx(made.detections[0][:2], abs=0.02)
        page.mouse.move(*at(70, 70))  # the hole of the ring
        page.mouse.down()
        page.mouse.move(*at(20, 20), steps=2)
        page.mouse.up()
        wait_for(page, told(made))
        assert page.locator(".de-hold").get_attribute("cx") == "200", "nothing was held: the square stays chosen"

    def test_keys_move_scale_add_and_remove(self, open_widget: Callable[..., Any]) -> None:
        made = DetectorExplorer(objects=[[1, 30, 30, 30], [5, 70, 70, 30]])
        page = open_widget(made)
        page.locator(".de-frame").focus()
        steps: list[tuple[str, str, list[list[int]]]] = [
            ("ArrowRight", "Moved square 1", [[1, 33, 30, 30], [5, 70, 70, 30]]),
            ("Shift+ArrowDown", "Moved square 1", [[1, 33, 31, 30], [5, 70, 70, 30]]),
            ("Enter", "ring 2 chosen", [[1, 33, 31, 30], [5, 70, 70, 30]]),
            ("-", "ring 2 is 28 pixels wide", [[1, 33, 31, 30], [5, 70, 70, 28]]),
            ("a", "Added a heart", [[1, 33, 31, 30], [5, 70, 70, 28], [6, 48, 48, 30]]),
            ("c", "It is a crescent now", [[1, 33, 31, 30], [5, 70, 70, 28], [7, 48, 48, 30]]),
            ("Enter", "square 1 chosen", [[1, 33, 31, 30], [5, 70, 70, 28], [7, 48, 48, 30]]),
            ("f", "square 1 is in front", [[5, 70, 70, 28], [7, 48, 48, 30], [1, 33, 31, 30]]),
            ("Delete", "Removed square 3", [[5, 70, 70, 28], [7, 48, 48, 30]]),
        ]
        for key, words, objects in steps:
            page.keyboard.press(key)
            wait_for(page, words)
            made.objects = objects
            wait_for(page, told(made))

    def test_thresholds_lose_and_find_the_second_heart(self, open_widget: Callable[..., Any]) -> None:
        made = DetectorExplorer("two of a kind")
        page = open_widget(made)
        wait_for(page, "1 hit, 0 duplicates, 0 false alarms, 1 missed")
        assert page.locator(".de-lost").count() == 1
        dial = page.get_by_role("slider", name="Suppress above IoU")
        for _ in range(3):
            dial.press("ArrowRight")
        made.iou_threshold = 0.6
        wait_for(page, told(made))
        assert page.locator(".de-lost").count() == 0
        assert page.locator(".de-box.de-duplicate").count() == 1
        page.get_by_role("slider", name="Score above").press("End")
        made.score_threshold = 0.95
        wait_for(page, told(made))

    def test_a_detection_tells_its_anchor_and_map(self, open_widget: Callable[..., Any]) -> None:
        made = DetectorExplorer("apart")
        page = open_widget(made)
        page.get_by_role("button", name="Next detection").click()
        row = made.detections[1]
        box = net.anchors_of(made.network["maps"])[int(row[6])]
        wait_for(page, f"{made.classes[int(row[5])]} {row[4]:.2f}: said by anchor")
        drawn = page.locator(".de-anchor")
        assert float(drawn.get_attribute("x")) / 5 == pytest.approx(box[0], abs=1e-3)
        assert float(drawn.get_attribute("width")) / 5 == pytest.approx(box[2] - box[0], abs=1e-3)
        assert (
            page.locator(".de-mark").evaluate_all("(m) => m.filter((e) => e.getAttribute('width') === '1').length") == 1
        )
        page.get_by_label("Class", exact=True).select_option("ring")
        wait_for(page, "scores shown of ring")
        assert (
            page.locator(".de-mark").evaluate_all("(m) => m.filter((e) => e.getAttribute('width') === '1').length") == 0
        )
        peaks = page.locator(".de-heats figcaption").all_inner_texts()
        layers, maps = net.unpack_network(made.network), made.network["maps"]
        outputs = net.forward(net.prepare(made.picture), de.SIZE, layers, len(maps))
        for words, values in zip(peaks, net.score_maps(outputs, maps, 15, CLASSES.index("ring")), strict=True):
            assert words.endswith(f"up to {max(values):.2f}")

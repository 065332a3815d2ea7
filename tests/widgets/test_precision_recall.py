"""Precision-recall builder: the library's own numbers, what an edit costs, and what the reader is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from course_utils.detection.average_precision import average_precision
from course_utils.detection.precision_recall import curve as library_curve
from course_utils.detection.precision_recall import sweep
from course_utils.detection.true_positives import Detections, Targets
from course_utils.widgets.precision_recall import (
    METHODS,
    MOST,
    PRESETS,
    SCORES,
    PrecisionRecall,
    averages,
    counts,
    curve,
    fitted,
    moved,
    outcomes,
    repeated,
    toggled,
)


def boxes_of(numbers: list[int]) -> torch.Tensor:
    """Return one box for each number: equal numbers on the same place, others far apart."""
    return torch.tensor([[20.0 * number, 0, 20.0 * number + 10, 10] for number in numbers]).reshape(-1, 4)


def scene(ranking: list[int], objects: int) -> tuple[list[Detections], list[Targets]]:
    """Return real boxes in one picture for which the library must find what the ranking says."""
    places = [number or 100 + place for place, number in enumerate(ranking)]
    labels = torch.zeros(len(ranking), dtype=torch.long)
    found = Detections(boxes_of(places), torch.linspace(0.9, 0.1, len(ranking)), labels)
    return [found], [Targets(boxes_of(list(range(1, objects + 1))), torch.zeros(objects, dtype=torch.long))]


def test_boxes_give_the_same_curve_counts_and_averages() -> None:
    rng, twice = np.random.default_rng(3), 0
    for _ in range(150):
        objects = int(rng.integers(1, MOST + 1))
        ranking = rng.integers(0, objects + 1, size=int(rng.integers(1, MOST + 1))).tolist()
        detections, targets = scene(ranking, objects)
        made, truth = curve(ranking, objects), library_curve(detections, targets, 0)
        np.testing.assert_allclose(made["precision"], truth.precision)
        np.testing.assert_allclose(made["recall"], truth.recall)
        found = averages(ranking, objects)
        for method in METHODS:
            assert found[method] == pytest.approx(average_precision(detections, targets, 0.5, method)[0], abs=1e-12)
        swept = sweep(detections, targets, detections[0].scores.tolist(), 0)
        for kept in range(1, len(ranking) + 1):
            now = counts(ranking, objects, kept)
            assert (now["right"], now["wrong"]) == (swept.correct[kept - 1], swept.wrong[kept - 1])
            assert now["missed"] == objects - swept.correct[kept - 1]
        twice += outcomes(ranking).count("twice")
    assert twice > 100


def test_presets_teach_what_they_promise() -> None:
    ap = {name: PrecisionRecall(name).averages["voc2010"] for name in PRESETS}
    assert ap["perfect"] == 1
    assert ap["early"] == pytest.approx(8 / 9), "the envelope lifts all eight hits to the last one's 8 of 9"
    assert ap["late"] == pytest.approx((7 + 8 / 9) / 8), "only the last hit pays"
    assert 1 - ap["early"] > 5 * (1 - ap["late"])
    assert ap["twice"] == pytest.approx(averages([n for k in range(1, 8) for n in (k, 0)], 7)["voc2010"])
    half = PrecisionRecall("half").averages
    assert half == pytest.approx({"voc2007": 6 / 11, "voc2010": 0.5, "coco": 51 / 101})
    for preset in PRESETS.values():
        assert len(preset["ranking"]) == len(SCORES)
        assert fitted(preset["ranking"], preset["objects"]) == preset["ranking"]


def test_edits_of_a_ranking() -> None:
    assert outcomes([2, 0, 2, 1]) == ["right", "wrong", "twice", "right"]
    assert toggled([2, 0, 1], 1, 3) == [2, 3, 1]
    assert toggled([2, 0, 1], 1, 2) is None, "every object is found"
    assert toggled([2, 2], 0, 2) == [0, 2], "the duplicate is first now"
    assert repeated([1, 2, 0, 3], 2) == [1, 2, 2, 3], "the nearest above"
    assert repeated([0, 2], 0) == [2, 2], "none above: the nearest below"
    assert repeated([1, 1], 1) == [1, 0], "a duplicate is taken off"
    assert repeated([0, 1], 1) is None
    assert moved([1, 2, 3, 4], 0, 2) == [2, 3, 1, 4]
    assert fitted([5, 0, 3, 5], 2) == [1, 0, 2, 1]
    assert fitted([5, 0, 3, 5], 1) == [1, 0, 0, 1]


def test_order_alone_counts_and_duplicates_cost() -> None:
    ranking = PRESETS["ordinary"]["ranking"]
    with_twice = averages(ranking, 9)["voc2010"]
    without = [number for number, kind in zip(ranking, outcomes(ranking)) if kind != "twice"]
    assert averages(without, 9)["voc2010"] > with_twice
    assert averages([*ranking, 0, 0], 9) == pytest.approx(averages(ranking, 9)), (
        "mistakes after the last hit cost nothing"
    )


def test_state_words_and_wrong_arguments() -> None:
    made = PrecisionRecall(ranking=[1, 0, 1, 2], objects=4, kept=3)
    assert made.preset == "own"
    assert made.counts == {"right": 1, "wrong": 2, "twice": 1, "missed": 3, "precision": 1 / 3, "recall": 1 / 4}
    assert "of the best 3, 1 are right and 2 wrong, 3 objects are missed" in made.static_text
    assert "not defined" in PrecisionRecall(kept=0).static_text
    assert PrecisionRecall(ranking=[1, 2]).objects == 2
    state = {name: value for name, value in PrecisionRecall().get_state().items() if not name.startswith("_")}
    assert len(json.dumps(state)) <= 3_000
    for wrong, words in [
        ({"preset": "best"}, "preset must be one of"),
        ({"ranking": []}, "number of detections must be at least 1, got 0"),
        ({"ranking": [1, -1]}, "object of a detection must be at least 0, got -1"),
        ({"ranking": [1, 0], "scores": [0.5]}, "scores"),
        ({"ranking": [1, 0], "scores": [0.5, 0.6]}, "scores must not rise, got 0.6 after 0.5"),
        ({"objects": 17}, "objects must be at most 16, got 17"),
        ({"kept": 15}, "kept must be at most 14, got 15"),
    ]:
        with pytest.raises(ValueError, match=words):
            PrecisionRecall(**wrong)


@pytest.mark.browser
def test_guess_first_then_the_area(open_widget: Callable[..., Any]) -> None:
    made = PrecisionRecall()
    page = open_widget(made)
    status, chart = page.locator("[role=status]"), page.locator(".pr-chart")
    hidden = [f"{value:.3f}" for value in made.averages.values()]
    assert page.locator(".pr-area").count() == 0
    assert all(number not in page.locator(".cw-card").inner_text() for number in hidden), "the answer waits"
    chart.focus()
    page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("ArrowDown")
    assert "Your guess: 0.59" in status.inner_text()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    assert page.locator(".pr-mark").count() == 5
    assert (
        "Threshold 0.87: 5 of 14 kept, 3 true and 2 false positives (1 on an object found before)"
        in status.inner_text()
    )
    assert "3 / 5 = 0.60" in page.locator(".pr-table").inner_text()
    assert page.locator(".pr-object.pr-found").count() == 3
    box = chart.bounding_box()
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 14 + 0.1 * (box["height"] - 56))
    assert "Your guess: 0.90" in status.inner_text()
    page.get_by_role("button", name="Show the average precision").click()
    area = made.averages["voc2010"]
    assert f"is {area:.3f}; you guessed 0.90, {0.9 - area:.2f} too high" in status.inner_text()
    cut = averages(made.ranking[:5], made.objects)["voc2010"]
    assert f"would fall from {area:.3f} to {cut:.3f}" in status.inner_text()
    assert page.locator(".pr-rules output").all_inner_texts() == hidden
    assert page.locator(".pr-dot").count() == 11
    assert page.locator(".pr-fine").get_attribute("d").count("M") == 101
    page.get_by_label("Ranking", exact=True).select_option("one late mistake")
    assert "guess its average precision" in status.inner_text()
    assert page.locator(".pr-area").count() == 0, "a new ranking asks for a new guess"


@pytest.mark.browser
def test_cards_turn_move_and_repeat(open_widget: Callable[..., Any]) -> None:
    page = open_widget(PrecisionRecall("perfect", revealed=True, kept=14))
    status, cards, card = page.locator("[role=status]"), page.locator(".pr-cards"), page.locator(".pr-card")
    card.nth(0).click()
    first = averages([0, *range(2, 9), *[0] * 6], 8)["voc2010"]
    assert "Card 1 lies on no object: wrong" in status.inner_text()
    assert f"1.000 becomes {first:.3f}" in status.inner_text()
    assert page.locator(".pr-old").count() == 1
    page.keyboard.press("Enter")
    assert f"{first:.3f} becomes 1.000" in status.inner_text()
    page.keyboard.press("ArrowDown")
    assert "Card 1 goes to place 2" in status.inner_text()
    assert "stays 1.000" in status.inner_text()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert "Card 1 is first already" in status.inner_text()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("d")
    assert "Card 2 is on object A again, found by card 1" in status.inner_text()
    twice = averages([1, 1, *range(3, 9), *[0] * 6], 8)["voc2010"]
    assert f"1.000 becomes {twice:.3f}" in status.inner_text()
    page.get_by_role("button", name="Remove duplicates").click()
    assert card.count() == 13
    assert page.get_by_label("Threshold: keep").get_attribute("max") == "13"
    start, end = card.nth(0).bounding_box(), card.nth(12).bounding_box()
    page.mouse.move(start["x"] + 20, start["y"] + 30)
    page.mouse.down()
    page.mouse.move(end["x"] + 20, end["y"] + 30, steps=26)
    page.mouse.up()
    assert card.nth(12).inner_text().split() == ["0.22", "\u2713", "A"]
    rest = averages([*range(3, 9), *[0] * 6, 1], 8)["voc2010"]
    assert page.locator(".pr-rules output").nth(1).inner_text() == f"{rest:.3f}"
    page.get_by_label("Objects to find").fill("4")
    now = fitted([*range(3, 9), *[0] * 6, 1], 4)
    assert (
        f"4 objects to find. Average precision {rest:.3f} becomes {averages(now, 4)['voc2010']:.3f}"
        in status.inner_text()
    )
    cards.focus()
    page.keyboard.press("End")
    page.get_by_label("Surer scores, same order").check()
    assert card.nth(0).inner_text().split()[0] == "0.999"
    assert "the same, and so are the curve and its average precision" in status.inner_text()


@pytest.mark.browser
def test_nothing_kept_and_nothing_left_to_find(open_widget: Callable[..., Any]) -> None:
    page = open_widget(PrecisionRecall(ranking=[1, 2, 0], objects=2, kept=1))
    status = page.locator("[role=status]")
    page.locator(".pr-chart").focus()
    page.keyboard.press("Home")
    assert "nothing is kept, all 2 are missed; recall 0.00, precision is not defined" in status.inner_text()
    page.locator(".pr-card").nth(2).click()
    assert "All 2 objects are found: card 3 can only be a duplicate" in status.inner_text()

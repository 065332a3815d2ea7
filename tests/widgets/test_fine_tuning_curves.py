"""The curve that decides: the record's own numbers, the reader's guess and what it is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from course_utils.runtime import band, load_record
from course_utils.widgets.fine_tuning_curves import (
    PICTURES,
    WAYS,
    FineTuningCurves,
    between,
    crossings,
    judge,
    labels_for,
    size_at,
    wins,
)


@pytest.mark.parametrize("pictures", PICTURES)
def test_curves_are_the_records_bands(pictures: str) -> None:
    made, record = FineTuningCurves(pictures), PICTURES[pictures][0]
    checked = 0
    for way, rows in made.curves.items():
        for size, (low, middle, high) in zip(made.record["sizes"], rows, strict=True):
            truth = band(record, f"{way}_{size}")
            assert (low, middle, high) == pytest.approx((truth.minimum, truth.median, truth.maximum), abs=6e-5)
            checked += 1
    assert checked == len(load_record(record)["metrics"]), "every metric of the record is shown"
    for column, size in enumerate(made.record["sizes"]):
        made.step = 24 * column
        assert made.labels == size
        for way, reading in made.reading.items():
            assert reading == pytest.approx(made.curves[way][column])


def test_lines_are_straight_over_the_logarithm() -> None:
    sizes, values = [16, 128, 1024], [0.3, 0.7, 0.9]
    assert between(sizes, values, 16 * 8**0.5) == pytest.approx(0.5)
    assert size_at(sizes, 12) == 45
    rising = np.interp(np.log(300), np.log(sizes), values)
    assert between(sizes, values, 300) == pytest.approx(rising)
    assert labels_for(sizes, values, between(sizes, values, 300)) == pytest.approx(300)
    assert labels_for(sizes, values, 0.2) == 16
    assert labels_for(sizes, values, 0.95) is None


def test_crossings_are_where_both_lines_are_equal() -> None:
    rng, found = np.random.default_rng(4), 0
    for _ in range(100):
        a, b = rng.random((2, 3)).tolist()
        for n in crossings([16, 128, 1024], a, b):
            found += 1
            assert between([16, 128, 1024], a, n) == pytest.approx(between([16, 128, 1024], b, n))
        changes = int(np.count_nonzero(np.diff(np.sign(np.subtract(a, b)))))
        assert len(crossings([16, 128, 1024], a, b)) == changes
    assert found > 50
    assert crossings([1, 2, 4], [0.1, 0.5, 0.9], [0.5, 0.5, 0.5]) == [2.0]


def test_a_guess_is_judged_by_its_distance() -> None:
    curves = {"scratch": [[0.2, 0.3, 0.4], [0.8, 0.9, 1.0]], "probe": [[0.5, 0.6, 0.7], [0.6, 0.7, 0.8]]}
    assert judge({}, curves) is None
    assert judge({"scratch": [None, None]}, curves) is None
    made = judge({"scratch": [30, 50], "probe": [20, 70]}, curves)
    assert made is not None
    assert made["error"] == pytest.approx((0 + 40 + 40 + 0) / 4)
    assert (made["points"], made["inside"], made["worst"]) == (4, 2, ["scratch", 1])
    assert made["leaders"] == [0, 2], "the probe leads with few labels, scratch with many: both guessed wrong"
    assert judge({"probe": [60, None]}, curves)["leaders"] == [0, 0]  # type: ignore[index]
    assert wins([0.5, 0.6], [0.5, 0.5]) == 1


def test_state_words_and_wrong_arguments() -> None:
    made = FineTuningCurves(guesses={"shapes": {"probe": [50, None, 80]}})
    state = {name: value for name, value in made.get_state().items() if not name.startswith("_")}
    assert len(json.dumps(state)) <= 15_000
    scratch = made.curves["scratch"]
    assert f"from scratch {scratch[0][1]:.0%} and {scratch[-1][1]:.0%}" in made.static_text
    assert "circles: guessed" in made.static_svg()
    assert made.judgement is not None
    assert made.judgement["points"] == 2
    with pytest.raises(ValueError, match="pictures must be one of"):
        FineTuningCurves("faces")
    with pytest.raises(ValueError, match="way must be one of"):
        FineTuningCurves(guesses={"cifar10": {"bold": [1, 2, 3]}})
    with pytest.raises(ValueError, match="number of guesses must be at least 3, got 1"):
        FineTuningCurves(guesses={"shapes": {"probe": [50]}})
    with pytest.raises(ValueError, match="guess must be at most 100, got 101"):
        FineTuningCurves(guesses={"shapes": {"probe": [50, 101, None]}})


@pytest.mark.browser
def test_guess_by_keys_and_pointer_then_the_truth(open_widget: Callable[..., Any]) -> None:
    page = open_widget(FineTuningCurves())
    status, chart = page.locator("[role=status]"), page.locator(".ft-chart")
    assert page.locator(".ft-line.ft-tuned").count() == 1, "only the legend's line: the truth is hidden"
    chart.focus()
    page.keyboard.press("ArrowUp")
    assert "from scratch with 16 labels: 51 %" in status.inner_text()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    assert "128 labels: 40 %. 2 of 12" in status.inner_text()
    page.keyboard.press("Enter")
    assert "linear probe with 128 labels: none yet" in status.inner_text()
    box = chart.bounding_box()
    page.mouse.click(box["x"] + 48, box["y"] + 14 + 0.25 * 240)
    assert "linear probe with 16 labels: 75 %" in status.inner_text()
    page.get_by_role("button", name="Show the truth").click()
    guesses = {"shapes": {"scratch": [51, 40, None], "probe": [75, None, None]}}
    truth = FineTuningCurves(guesses=guesses).judgement
    assert truth is not None
    assert f"Your 3 points are {truth['error']:.1f} off on average; {truth['inside']} of 3" in status.inner_text()
    assert "right at 1 of 1 sizes" in status.inner_text()
    assert page.locator(".ft-line.ft-tuned").count() == 2
    page.get_by_role("button", name="Forget my guess").click()
    assert page.locator(".ft-hollow").count() == 0


@pytest.mark.browser
def test_walking_along_tells_leader_worth_and_crossings(open_widget: Callable[..., Any]) -> None:
    made = FineTuningCurves(revealed=True, step=24, way="tuned")
    page = open_widget(made)
    status = page.locator("[role=status]")
    at = {way: rows[1] for way, rows in made.record["values"].items()}
    middle = {way: [row[1] for row in rows] for way, rows in made.curves.items()}
    first, second = sorted(middle, key=lambda way: -middle[way][1])[:2]
    by, seeds = 100 * (middle[first][1] - middle[second][1]), len(at[first])
    said = f"{WAYS[first]} leads with {100 * middle[first][1]:.1f} %, {by:.1f} points before {WAYS[second]}"
    assert f"{said} (ahead in {wins(at[first], at[second])} of {seeds} seeds)" in status.inner_text()
    labels = labels_for(made.record["sizes"], middle["scratch"], middle["tuned"][1])
    assert labels is not None
    assert f"{labels / 128:.1f} times as many" in status.inner_text()
    page.locator(".ft-chart").focus()
    page.keyboard.press("ArrowLeft")
    assert f"{size_at(made.record['sizes'], 23)} labels" in status.inner_text()
    assert "read off the lines" in status.inner_text()
    pairs = [(a, b) for i, a in enumerate(middle) for b in list(middle)[i + 1 :]]
    crossed = sum(len(crossings(made.record["sizes"], middle[a], middle[b])) for a, b in pairs)
    assert page.locator(".ft-cross p").count() == 1 + crossed
    page.get_by_label("Every seed as a dot").check()
    assert page.locator(".ft-seed").count() == 4 * 3 * seeds
    page.get_by_label("Pictures", exact=True).select_option("five new classes of CIFAR-10")
    assert "50 labels" in status.inner_text()
    assert page.get_by_label("Curve", exact=True).locator("option").count() == 3


@pytest.mark.browser
def test_answers_within_a_frame_with_everything_shown(open_widget: Callable[..., Any]) -> None:
    page = open_widget(FineTuningCurves(revealed=True, seeds=True, way="tuned"))
    times = page.locator(".ft-chart").evaluate(
        """async (area) => {
          const times = [];
          for (let i = 0; i < 40; i++) {
            await new Promise((done) => setTimeout(done));
            const start = performance.now();
            area.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true, cancelable: true }));
            await Promise.resolve();
            area.getBoundingClientRect();
            times.push(performance.now() - start);
          }
          return times.sort((a, b) => a - b);
        }"""
    )
    print(f"median {times[20]:.1f} ms, 95 % under {times[38]:.1f} ms")
    assert times[20] < 16

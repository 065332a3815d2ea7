"""The cost of an inception block: what ``summarise`` says of the network's own blocks, and when a neck pays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from course_utils.models import summarise
from course_utils.models.googlenet import TABLE, Inception, NaiveInception, Widths
from course_utils.widgets.inception_cost import LIMITS, PRESETS, WIDTHS, InceptionCost, break_even, convolutions, costs


def traced(config: dict[str, int], reduced: bool) -> tuple[int, int, int]:
    """Return parameters, multiply-adds and maps of the real block."""
    c, side = config["in_channels"], config["size"]
    widths = Widths(*(config[name] for name in WIDTHS))
    block = Inception(c, widths) if reduced else NaiveInception(c, widths.one, widths.three, widths.five)
    said = summarise(block, (c, side, side))
    return said.parameters, said.multiply_adds, said.rows[-1].shape[0]


@pytest.mark.parametrize("reduced", [True, False])
@pytest.mark.parametrize("name", PRESETS)
def test_costs_are_those_of_the_traced_block(name: str, reduced: bool) -> None:
    made = costs(PRESETS[name], reduced)
    assert (made["parameters"], made["multiply_adds"], made["maps"]) == traced(PRESETS[name], reduced)


def test_random_blocks_too_and_branches_add_up() -> None:
    rng = np.random.default_rng(5)
    for _ in range(12):
        config = {key: int(rng.integers(low, min(high, 96) + 1)) for key, (low, high) in LIMITS.items()}
        for reduced in (True, False):
            made = costs(config, reduced)
            assert (made["parameters"], made["multiply_adds"], made["maps"]) == traced(config, reduced)
            for key in ("parameters", "multiply_adds", "maps"):
                assert made[key] == sum(one[key] for one in made["branches"])


def test_presets_are_googlenets_blocks() -> None:
    assert tuple(PRESETS) == tuple(TABLE)
    channels = 192
    for name, config in PRESETS.items():
        assert tuple(config[key] for key in WIDTHS) == TABLE[name]
        assert config["in_channels"] == channels
        channels = costs(config, True)["maps"]


def test_a_neck_pays_up_to_its_break_even() -> None:
    config = dict(PRESETS["4c"])
    limit = break_even(3, config["in_channels"], config["three"])
    plain = costs(config, False)["branches"][1]["multiply_adds"]
    for neck, pays in ((int(limit), True), (int(limit) + 1, False)):
        config["three_reduce"] = neck
        assert (costs(config, True)["branches"][1]["multiply_adds"] <= plain) is pays
    narrow = [one for one in convolutions(config, True) if one["reduction"]]
    assert [one["kernel"] for one in narrow] == [1, 1]


def test_state_and_words() -> None:
    made = InceptionCost("4a", five=96)
    assert (made.preset, made.five, made.in_channels) == ("own", 96, 480)
    assert InceptionCost("4a").preset == "4a"
    assert made.costs["naive"]["maps"] == 192 + 208 + 96 + 480
    assert "without reductions 303 M multiply-adds" in InceptionCost().static_text
    with pytest.raises(Exception, match="five must be at most 512, got 513"):
        InceptionCost(five=513)
    with pytest.raises(ValueError, match="block must be one of"):
        InceptionCost("6a")


@pytest.mark.browser
def test_knobs_change_ribbons_and_bars(open_widget: Callable[..., Any]) -> None:
    page = open_widget(InceptionCost())
    status, note = page.locator("[role=status]"), page.locator(".cw-note")
    assert "2.37 times fewer" in status.inner_text()
    page.get_by_label("3×3: reduce to").press("End")
    assert "3×3: reduce to 512. " in status.inner_text()
    assert "3×3: a neck of 512 costs more than it saves; it pays below 165 maps" in note.inner_text()
    assert page.get_by_label("Block", exact=True).input_value() == "own"
    page.get_by_label("Block", exact=True).select_option("5b")
    made = InceptionCost("5b").costs
    assert page.locator(".ic-total").all_text_contents() == [str(made[kind]["maps"]) for kind in ("naive", "reduced")]
    page.get_by_label("Bars show").select_option("maps")
    assert page.locator(".ic-value").all_text_contents()[:2] == page.locator(".ic-total").all_text_contents()

"""The explorer of architectures: its words and sums, and how one walks through a network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from course_utils.models import names
from course_utils.widgets import architectures
from course_utils.widgets.architecture_explorer import (
    SUMS,
    ArchitectureExplorer,
    brief,
    entries,
    formula,
    layers,
    middle,
    packed,
    short,
)
from tests.widgets.test_twins import run_node


def row(network: str, at: int) -> dict[str, Any]:
    return layers(packed(), network)[at]


@pytest.mark.parametrize(
    ("value", "written"),
    [(0, "0"), (999, "999"), (1000, "1.00 k"), (34_944, "34.9 k"), (999_600, "1.00 M"), (60_965_224, "61.0 M"),
     (724_406_816, "724 M"), (15_470_264_320, "15.5 G")],
)  # fmt: skip
def test_counts_have_three_digits(value: int, written: str) -> None:
    assert brief(value) == written


def test_formulas_come_out_at_the_counts() -> None:
    """What a formula says, computed, is the number beside it: for every layer of every network."""
    checked = 0
    for network in names():
        if network in ("resnet1202_small", "resnet1001"):
            continue
        for one in layers(packed(), network):
            own, cost = (text.replace("·", "*").replace("×", "*") for text in formula(one))
            if own and not own.startswith("fewer"):
                assert eval(own.replace(" maps", "")) == one["parameters"], (network, one)
            if cost:
                assert eval(cost.replace(" places", "")) == one["multiply_adds"], (network, one)
                checked += 1
    assert checked > 3000


def test_layers_are_named_in_short() -> None:
    assert short("conv", [11, 11, 4, 1], 3) == "11×11 conv /4"
    assert short("conv", [5, 5, 1, 2], 96) == "5×5 conv in 2 groups"
    assert short("conv", [3, 3, 2, 96], 96) == "3×3 depthwise conv /2"
    assert short("linear", [], 10) == "fully connected"
    assert formula(row("lenet5", 2))[0].startswith("fewer")
    assert middle(-1, 1, 2, 7) == [5, 7]


@pytest.mark.parametrize("network", names())
def test_entries_add_up(network: str) -> None:
    column, rows = entries(packed(), network), layers(packed(), network)
    assert sum(one["layers"] for one in column) == len(rows)
    for key in SUMS:
        assert sum(one[key] for one in column) == sum(one[key] for one in rows)


def test_module_counts_every_network_as_python_does(tmp_path: Path) -> None:
    calls = [("entries", [packed(), network]) for network in names()]
    answer = run_node(ArchitectureExplorer._esm, calls, tmp_path)["results"]
    for network, column in zip(names(), answer, strict=True):
        sums = architectures.totals(architectures.load(), network)
        assert {key: sum(one[key] for one in column) for key in SUMS} == {key: sums[key] for key in SUMS}, network


def test_what_is_said_without_scripts() -> None:
    made = ArchitectureExplorer("vgg16", "resnet50")
    assert "VGG-16: depth 16, 138 M parameters, most in fc6, 15.5 G multiply-adds" in made.static_text
    assert "ResNet-50: depth 50, 25.6 M parameters" in made.static_text
    assert made.totals["resnet50"]["parameters"] == 25_557_032
    assert made.static_svg().count("ResNet-50") == 1


def test_wrong_names_are_told() -> None:
    with pytest.raises(Exception, match="network must be one of"):
        ArchitectureExplorer("resnet51")
    with pytest.raises(Exception, match="other must be one of"):
        ArchitectureExplorer("resnet50", other="none")


@pytest.mark.browser
def test_blocks_are_opened_and_closed_by_keys(open_widget: Callable[..., Any]) -> None:
    page = open_widget(ArchitectureExplorer("resnet50"))
    status, rows = page.locator("[role=status]"), page.locator(".ae-row")
    count = rows.count()
    page.locator(".ae-scroll").focus()
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    assert "conv2_x.1–2 of ResNet-50: Bottleneck, 256×56×56" in status.inner_text()
    page.keyboard.press("ArrowRight")
    assert rows.count() == count + 2
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert "Opened conv2_x.1: 4 layers" in status.inner_text()
    assert rows.count() == count + 6
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert "conv2 of ResNet-50: 3×3 conv, 64×56×56" in status.inner_text()
    assert "36,992" in page.locator(".ae-facts").inner_text()
    assert "= 3·3·64 × 64 × 56·56 places" in page.locator(".ae-facts").inner_text()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert "Closed conv2_x.1–2" in status.inner_text()
    assert rows.count() == count


@pytest.mark.browser
def test_pointer_opens_and_chooses(open_widget: Callable[..., Any]) -> None:
    page = open_widget(ArchitectureExplorer("googlenet"))
    count = page.locator(".ae-row").count()
    page.locator(".ae-row", has_text="inception_3a").click()
    assert "inception_3a of GoogLeNet" in page.locator("[role=status]").inner_text()
    page.locator(".ae-here .ae-mark").click()
    assert page.locator(".ae-row").count() == count + 8, "six convolutions, a pooling, and where they meet"


@pytest.mark.browser
def test_two_networks_are_compared_on_one_scale(open_widget: Callable[..., Any]) -> None:
    page = open_widget(ArchitectureExplorer("resnet18"))
    page.get_by_label("Beside it").select_option("vgg16")
    assert "ResNet-18 has 0.084 times the parameters of VGG-16" in page.locator("[role=status]").inner_text()
    assert page.locator(".ae-side").count() == 2
    assert page.locator(".ae-totals tbody tr").nth(2).inner_text().split()[1:] == [
        "11.7",
        "M",
        "138",
        "M",
        "×",
        "0.084",
    ]
    widths = page.locator(".ae-list .ae-parameters").evaluate_all("(all) => all.map((one) => one.style.width)")
    assert widths.count("100%") == 1, "one longest bar in both columns together"
    page.locator(".ae-side").nth(1).locator(".ae-row").nth(2).click()
    page.get_by_role("button", name="Most parameters").click()
    assert "fc6 of VGG-16: fully connected, 4096; 74 % of the parameters" in page.locator("[role=status]").inner_text()


@pytest.mark.browser
def test_the_field_is_drawn_to_scale(open_widget: Callable[..., Any]) -> None:
    page = open_widget(ArchitectureExplorer("alexnet"))

    def share() -> float:
        seen, whole = (float(page.locator(f".ae-{part}").get_attribute("width")) for part in ("seen", "frame"))
        return seen / whole

    assert abs(share() - 11 / 224) < 1e-3
    page.locator(".ae-row").nth(6).click()
    assert abs(share() - 163 / 224) < 1e-3
    assert "163×163 pixels" in page.locator(".ae-facts").inner_text()
    page.locator(".ae-row").nth(8).click()
    assert "the whole input" in page.locator(".ae-facts").inner_text()

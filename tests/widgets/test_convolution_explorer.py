"""The convolution explorer: PyTorch's numbers, the lecture's example, and what its card says to a reader."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from course_utils.widgets.convolution_explorer import (
    KERNELS,
    OPERATIONS,
    ConvolutionExplorer,
    convolve,
    pictures,
    terms,
)


def by_torch(picture: Any, kernel: Any, settings: dict[str, Any]) -> Any:
    weight = torch.tensor(kernel, dtype=torch.float64)
    weight = weight.flip(0, 1) if settings["operation"] == "convolution" else weight
    layer = F.conv_transpose2d if settings["transposed"] else F.conv2d
    options = {name: settings[name] for name in ("stride", "padding", "dilation")}
    return layer(torch.tensor(picture, dtype=torch.float64)[None, None], weight[None, None], **options)[0, 0]


def test_output_is_that_of_torch_on_many_states() -> None:
    rng = np.random.default_rng(5)
    outcomes = {"output": 0, "none": 0}
    for _ in range(400):
        picture = rng.normal(size=rng.integers(2, 13, 2)).tolist()
        kernel = rng.normal(size=rng.integers(1, 6, 2)).tolist()
        settings = {"stride": int(rng.integers(1, 5)), "padding": int(rng.integers(0, 5)),
                    "dilation": int(rng.integers(1, 4)), "transposed": bool(rng.integers(2)),
                    "operation": str(rng.choice(OPERATIONS))}  # fmt: skip
        mine = convolve(picture, kernel, settings)
        if mine is None:
            outcomes["none"] += 1
            with pytest.raises(RuntimeError):
                by_torch(picture, kernel, settings)
            with pytest.raises(ValueError, match="must be at least 1"):
                _ = ConvolutionExplorer(picture, kernel, **settings).output
        else:
            outcomes["output"] += 1
            np.testing.assert_allclose(mine, by_torch(picture, kernel, settings).numpy(), atol=1e-12)
    assert min(outcomes.values()) > 20, outcomes


def test_lecture_example_gives_42_and_56() -> None:
    assert ConvolutionExplorer().output[1, 1] == 42
    assert ConvolutionExplorer(operation="convolution").output[1, 1] == 56


def test_a_preset_is_taken_by_its_name_in_both_ways() -> None:
    for made in (ConvolutionExplorer("digit", "Sobel"), ConvolutionExplorer(picture_preset="digit", kernel="Sobel")):
        assert made.picture == pictures()["digit"]
        assert (made.picture_preset, made.kernel_preset) == ("digit", "Sobel")
    assert ConvolutionExplorer(pictures()["dot"]).picture_preset == "own"


def test_a_dot_shows_the_kernel_as_it_is_or_turned() -> None:
    kernel = np.array(KERNELS["numbered"])
    assert np.array_equal(ConvolutionExplorer("dot", "numbered", operation="convolution").output[1:4, 1:4], kernel)
    assert np.array_equal(ConvolutionExplorer("dot", "numbered").output[1:4, 1:4], kernel[::-1, ::-1])
    spread = ConvolutionExplorer("dot", "numbered", transposed=True).output
    assert np.array_equal(spread[3:6, 3:6], kernel), "transposed correlation lays the kernel down as it is"


def test_padding_is_shown_as_zeros_outside_the_picture() -> None:
    settings = {"stride": 1, "padding": 1, "dilation": 1, "transposed": False, "operation": "correlation"}
    corner = terms(pictures()["lecture"], KERNELS["numbered"], settings, 0, 0)
    assert len(corner) == 9
    assert [term[4] for term in corner] == [0, 0, 0, 0, 35, 40, 0, 40, 40]
    assert all(term[4] == 0 for term in corner if min(term[:2]) < 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stride": 0}, "stride must be at least 1, got 0"),
        ({"dilation": 4}, "dilation must be at most 3, got 4"),
        ({"picture": "cat"}, "picture must be one of"),
        ({"operation": "product"}, "operation must be one of"),
        ({"picture": [[1, 2, 3]]}, "rows of picture must be at least 2, got 1"),
        ({"picture": [[1, 2], [3]]}, "picture must be rows of equally many|inhomogeneous"),
        ({"kernel": np.ones((6, 6))}, "rows of kernel must be at most 5, got 6"),
        ({"kernel": [[float("nan")]]}, "kernel must be rows of equally many finite numbers"),
    ],
)
def test_wrong_arguments_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ConvolutionExplorer(**options)


def test_sentence_says_why_there_is_no_output() -> None:
    made = ConvolutionExplorer(kernel=np.ones((3, 3)), dilation=3)
    assert "floor((5 + 2*0 - 3*(3 - 1) - 1) / 1) + 1 = -1, must be at least 1" in made.static_text
    assert "none" in made.static_svg()


@pytest.mark.browser
def test_pointing_at_an_output_writes_its_sum(open_widget: Callable[..., Any]) -> None:
    page = open_widget(ConvolutionExplorer())
    card, total = page.locator(".cw-card"), page.locator(".cx-sum")
    assert total.inner_text().endswith("58·0 = 42")
    page.get_by_label("Operation").select_option("convolution")
    assert total.inner_text().endswith("= 56")
    box = card.locator(".cx-grid").nth(2).bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.84, box["y"] + box["height"] * 0.84)
    assert total.inner_text().startswith("Output [2, 2] = ")
    assert "row 2, column 2" in card.locator("[role=status]").inner_text()
    assert card.locator(".cx-grid").nth(0).locator(".cx-window").count() == 9


@pytest.mark.browser
def test_every_written_sum_adds_up(open_widget: Callable[..., Any]) -> None:
    page = open_widget(ConvolutionExplorer("digit", "Sobel", padding=1, stride=2))
    page.locator(".cx-grid").nth(2).focus()
    page.keyboard.press("Home")
    for _ in range(4):
        left, right = page.locator(".cx-sum").inner_text().replace("−", "-").split("] = ")[1].rsplit(" = ", 1)
        pairs = re.findall(r"\(?(-?[\d.]+)\)?·\(?(-?[\d.]+)\)?", left)
        assert len(pairs) == 9
        assert sum(float(x) * float(w) for x, w in pairs) == pytest.approx(float(right))
        page.keyboard.press("ArrowRight")


@pytest.mark.browser
def test_numbers_are_typed_into_cells(open_widget: Callable[..., Any]) -> None:
    page = open_widget(ConvolutionExplorer())
    status, weights = page.locator("[role=status]"), page.locator(".cx-grid").nth(1)
    weights.focus()
    for key in ["ArrowRight", "ArrowDown", "-", "1", ".", "5"]:
        page.keyboard.press(key)
    page.wait_for_timeout(20)
    assert "Kernel row 1, column 1 is now −1.5" in status.inner_text()
    assert page.locator(".cx-total").inner_text() == "−33"  # 42 − 1.5 · 50
    assert page.get_by_label("Kernel", exact=True).input_value() == "own"


@pytest.mark.browser
def test_impossible_sizes_say_why_and_come_back(open_widget: Callable[..., Any]) -> None:
    page = open_widget(ConvolutionExplorer(dilation=3))
    assert "reaches over 7 cells and the input, with its padding, has 5" in page.locator(".cx-none").inner_text()
    assert "= −1" in page.locator(".cx-size").inner_text()
    assert not page.locator(".cx-grid").nth(2).is_visible()
    page.get_by_label("Padding").press("ArrowRight")
    page.wait_for_timeout(20)
    assert page.locator(".cx-grid").nth(2).is_visible()
    assert "Output 1 × 1" in page.locator("[role=status]").inner_text()


@pytest.mark.browser
def test_slide_walks_over_the_output_and_stops(open_widget: Callable[..., Any]) -> None:
    page = open_widget(ConvolutionExplorer(row=2, column=0))
    page.get_by_role("button", name="Slide").click()
    page.wait_for_function("document.querySelector('.cx-sum').textContent.startsWith('Output [2, 2]')")
    page.get_by_role("button", name="Slide").wait_for()


@pytest.mark.browser
def test_largest_state_draws_every_cell(open_widget: Callable[..., Any]) -> None:
    rng = np.random.default_rng(0)
    made = ConvolutionExplorer(rng.integers(0, 9, (12, 12)), rng.integers(-3, 4, (5, 5)), 4, 0, 3, True)
    page = open_widget(made)
    times = page.evaluate("""async () => {
      const times = [], areas = document.querySelectorAll('.cx-grid');
      for (const [area, key] of [[areas[2], 'ArrowRight'], [areas[0], '7']])
        for (let i = 0; i < 12; i++) {
          await new Promise((done) => setTimeout(done));
          const start = performance.now();
          area.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
          await Promise.resolve();
          document.body.getBoundingClientRect();
          times.push(performance.now() - start);
        }
      return [times.slice(0, 12).sort((a, b) => a - b)[6], times.slice(12).sort((a, b) => a - b)[6]];
    }""")
    print(f"57 by 57 outputs: look {times[0]:.1f} ms, edit {times[1]:.1f} ms")
    assert page.locator(".cx-grid").nth(2).locator(".cx-cell").count() == 57 * 57

"""Upsampling and dilation: PyTorch's transposed convolution, interpolation and gradients, and what the card tells."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from course_utils.segmentation.dilation import fields_of, hybrid_rates, support, support_map
from course_utils.segmentation.upsampling import crop_of, triangle, upsample_by_zero_insertion
from course_utils.widgets.upsampling_explorer import (
    PRESETS,
    SIGNALS,
    UpsamplingExplorer,
    cone,
    cure,
    distances,
    interpolated,
    kernel_of,
    paths,
    phases,
    reaching,
    shared,
    transposed,
)


def torch_transposed(values: Sequence[float], kernel: Sequence[float], stride: int) -> torch.Tensor:
    x, weight = (torch.tensor(list(one), dtype=torch.float64)[None, None] for one in (values, kernel))
    return F.conv_transpose1d(x, weight, stride=stride)[0, 0]


def input_gradient(rates: Sequence[int], outputs: int, unit: int) -> np.ndarray:
    """Return the gradient of one output of a stack of 3-tap layers with weights of 1, none of them padded."""
    x = torch.zeros(1, 1, outputs + 2 * sum(rates), dtype=torch.float64, requires_grad=True)
    out: torch.Tensor = x * 1
    for rate in rates:
        out = F.conv1d(out, torch.ones(1, 1, 3, dtype=torch.float64), dilation=rate)
    assert out.shape[-1] == outputs
    (gradient,) = torch.autograd.grad(out[0, 0, unit], x)
    return gradient[0, 0].numpy()


def test_output_is_pytorchs_and_what_reaches_it_are_the_terms_of_its_sum() -> None:
    rng = np.random.default_rng(5)
    for _ in range(300):
        size, stride, count = (int(rng.integers(1, high)) for high in (7, 5, 9))
        values, kernel = rng.normal(size=count).tolist(), rng.normal(size=size).tolist()
        out = torch_transposed(values, kernel, stride)
        np.testing.assert_allclose(transposed(values, kernel, stride), out.numpy(), atol=1e-12)
        at = int(rng.integers(len(out)))
        found = reaching(count, size, stride, at)
        assert sum(values[i] * kernel[tap] for i, tap in found) == pytest.approx(out[at].item())
        ones = torch_transposed([1.0] * count, [1.0] * size, stride)
        assert len(found) == ones[at].item()


def test_taps_come_evenly_exactly_when_the_stride_divides_the_kernel() -> None:
    for size in range(1, 7):
        for stride in range(1, 5):
            made = UpsamplingExplorer(kernel_size=size, stride=stride)
            inner = made.taps[size - 1 : stride * 5 + 1]
            counts = [taps for taps, _ in phases(made.kernel, stride)]
            assert (len(set(counts)) == 1) == (size % stride == 0)
            for i, taps in enumerate(inner):
                assert taps == counts[(i + size - 1) % stride]
            if size <= 5 * stride and stride > 1 and size > 1:
                assert len(inner) > 1, "there are pixels away from the borders"


def test_triangles_are_the_librarys() -> None:
    for factor in range(1, 5):
        np.testing.assert_allclose(kernel_of("bilinear", 2 * factor - 1), triangle(factor, True))
        if factor % 2 == 0:
            np.testing.assert_allclose(kernel_of("bilinear", 2 * factor), triangle(factor))
    for size in range(1, 7):
        assert all(0.1 <= weight <= 1.2 for weight in kernel_of("random", size))
        assert kernel_of("random", 6)[:size] == kernel_of("random", size)
    assert len(set(kernel_of("random", 6))) > 3


def test_comparison_lines_are_pytorchs_interpolation() -> None:
    rng, checked = np.random.default_rng(8), 0
    for _ in range(300):
        size, stride = int(rng.integers(1, 9)), int(rng.integers(1, 5))
        values = rng.integers(0, 10, int(rng.integers(2, 8))).tolist()
        x = torch.tensor(values, dtype=torch.float64)[None, None]
        if size >= stride and (size - stride) % 2 == 0:
            crop = crop_of(size, stride)
            for mode, name in (("nearest", "nearest"), ("bilinear", "linear")):
                drawn = interpolated(values, size, stride, mode)
                wanted = F.interpolate(x, scale_factor=stride, mode=name)[0, 0].tolist()
                assert drawn[:crop] == [None] * crop
                assert drawn[crop : len(drawn) - crop] == pytest.approx(wanted)
                checked += 1
        if size == 2 * stride - 1:
            crop = crop_of(size, stride, align_corners=True)
            drawn = interpolated(values, size, stride, "bilinear")[crop:][: stride * (len(values) - 1) + 1]
            wanted = F.interpolate(x, size=len(drawn), mode="linear", align_corners=True)[0, 0].tolist()
            assert drawn == pytest.approx(wanted)
            checked += 1
    assert checked > 100
    assert interpolated([1, 2], 3, 2, "nearest") == [1, 1, 2, 2, None], "half way between two the right one counts"


def test_bilinear_and_nearest_kernels_interpolate_and_only_borders_fade() -> None:
    values = SIGNALS["varied"]
    for stride in (1, 2, 3):
        inside, border = distances(values, kernel_of("bilinear", 2 * stride), stride, "bilinear")
        if stride > 1:
            assert inside == pytest.approx(0)
            assert border is not None
            assert border > 0.1
        assert distances(values, kernel_of("ones", stride), stride, "nearest") in ([0, None], [0, 0])
    grid = torch.outer(torch.tensor(values), torch.tensor(values)).double()[None, None]
    whole = upsample_by_zero_insertion(grid, 2, borders=False)[0, 0]
    line = torch.tensor(transposed(values, kernel_of("bilinear", 4), 2), dtype=torch.float64)[1:-1]
    np.testing.assert_allclose(torch.outer(line, line), whole, err_msg="the picture is rows times columns")
    uneven = UpsamplingExplorer(kernel_size=3, stride=2, weights="bilinear")
    assert [taps for taps, _ in phases(uneven.kernel, 2)] == [2, 1]
    assert [total for _, total in phases(uneven.kernel, 2)] == [1, 1], "weights can make up for uneven counts"


def test_paths_and_cone_are_those_of_the_gradient() -> None:
    rng, holes = np.random.default_rng(2), 0
    for _ in range(150):
        rates, unit = rng.integers(1, 6, int(rng.integers(0, 5))).tolist(), int(rng.integers(7))
        gradient = input_gradient(rates, 7, unit)
        drawn = np.zeros(len(gradient))
        for index, count in cone(rates, unit)[0]:
            drawn[index] = count
        np.testing.assert_array_equal(drawn, gradient)
        field = paths(rates)
        np.testing.assert_array_equal(field, gradient[unit : unit + len(field)])
        assert len(field) == (fields_of(rates)[-1] if rates else 1)
        np.testing.assert_array_equal(np.array(field) > 0, support(rates))
        beside = input_gradient(rates, 7, unit + 1 if unit < 6 else unit - 1)
        assert shared(rates) == np.count_nonzero((gradient > 0) & (beside > 0))
        holes += 0 in field
    assert holes > 30


def test_equal_rates_leave_holes_and_the_cure_keeps_the_field() -> None:
    made = UpsamplingExplorer("dilated")
    assert (len(made.paths), made.holes, sum(made.paths)) == (13, 6, 27)
    assert "sees 7 of 13 inputs" in made.static_text
    assert support_map([2, 2, 2]).sum().item() == 49
    assert cure([2, 2, 2], 5) == list(hybrid_rates(3, 2)) == PRESETS["1, 2, 3: its hybrid cure"]
    assert cure([4, 4, 4], 5) is None
    rng, cured = np.random.default_rng(9), 0
    for _ in range(60):
        rates = rng.integers(1, 6, int(rng.integers(1, 5))).tolist()
        better = cure(rates, 5)
        if better:
            assert len(better) == len(rates)
            assert fields_of(better)[-1] == fields_of(rates)[-1]
            assert support(better).all()
            cured += not support(rates).all()
    assert cured > 5


def test_state_is_small_and_wrong_arguments_are_named() -> None:
    made = UpsamplingExplorer()
    state = {name: value for name, value in made.get_state().items() if not name.startswith("_")}
    assert len(json.dumps(state)) < 3000
    assert made.output == [1, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 1]
    assert UpsamplingExplorer(values=[1, 9]).signal == "own"
    assert UpsamplingExplorer("dilated", rates=[1, 0, 5]).paths == paths([1, 5])
    assert len(UpsamplingExplorer("dilated", rates=[]).static_svg()) > 500
    for options, message in [
        ({"mode": "sideways"}, "mode must be one of"),
        ({"kernel_size": 7}, "kernel_size must be at most 6, got 7"),
        ({"stride": 0}, "stride must be at least 1, got 0"),
        ({"weights": "gaussian"}, "weights must be one of"),
        ({"values": [1]}, "number of values must be at least 2, got 1"),
        ({"values": [1, 10]}, "value must be at most 9, got 10"),
        ({"values": "noise"}, "values must be one of"),
        ({"compare": "cubic"}, "compare must be one of"),
        ({"rates": [1] * 5}, "number of rates must be at most 4, got 5"),
        ({"rates": [6]}, "rate must be at most 5, got 6"),
    ]:
        with pytest.raises(Exception, match=message):
            UpsamplingExplorer(**options)


@pytest.mark.browser
def test_arrows_pointer_and_knobs_of_the_transposed_convolution(open_widget: Callable[..., Any]) -> None:
    page = open_widget(UpsamplingExplorer(kernel_size=4, weights="bilinear", values="varied"))
    status, drawing, facts = page.locator("[role=status]"), page.locator(".ue-drawing"), page.locator(".ue-facts")
    assert "Output 7 = 1·0.25 + 4·0.75 = 3.25: 2 of 4 taps meet an input." in status.inner_text()
    assert "Even: 4 is a multiple of 2." in facts.inner_text()
    drawing.focus()
    page.keyboard.press("Home")
    assert "Output 0 = 2·0.25 = 0.5: 1 of 4 taps meets" in status.inner_text()
    page.keyboard.press("ArrowRight")
    assert "Output 1 = 2·0.75 = 1.5" in status.inner_text()
    place = drawing.bounding_box()
    page.mouse.click(place["x"] + place["width"] / 2, place["y"] + 180)
    assert "Output 7 = " in status.inner_text() or "Output 6 = " in status.inner_text()
    page.get_by_label("Compare with").select_option("bilinear")
    assert "Against bilinear: equal inside, up to" in facts.inner_text()
    page.get_by_label("Kernel size").press("ArrowLeft")
    assert "Taps in turn: 2, 1. Uneven: 3 is no multiple of 2." in facts.inner_text()
    assert "these weights make up for it" in facts.inner_text()
    page.get_by_label("Kernel", exact=True).select_option("all ones")
    assert "Kernel: 1, 1, 1." in status.inner_text()
    assert "a constant input gets a pattern" in facts.inner_text()
    page.get_by_label("Stride").press("End")
    assert "Taps in turn: 1, 1, 1, 0." in facts.inner_text()
    page.get_by_label("Input").select_option("step")
    assert "Input: step." in status.inner_text()
    drawing.focus()
    page.keyboard.press("Home")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert "Output 3 = 0: 0 of 3 taps meet an input." in status.inner_text()


@pytest.mark.browser
def test_holes_are_counted_and_cured(open_widget: Callable[..., Any]) -> None:
    page = open_widget(UpsamplingExplorer("dilated"))
    status = page.locator("[role=status]")
    said = (
        "Output 3, rates 2, 2, 2: 7 of 13 inputs of its field reach it, by 27 paths; 6 holes. In two dimensions 49 of"
    )
    assert said in status.inner_text()
    assert "shares 0 of its inputs" in status.inner_text()
    page.get_by_role("button", name="Cure the holes").click()
    assert "Cured: 1, 2, 3 instead of 2, 2, 2, same field" in status.inner_text()
    assert "13 of 13 inputs of its field reach it, by 27 paths; no holes" in status.inner_text()
    page.get_by_role("button", name="Cure the holes").click()
    assert "There is no hole to cure" in status.inner_text()
    page.get_by_label("Rates, first layer first").select_option("4, 4, 4: gridding, coarser")
    assert "7 of 25" in status.inner_text()
    page.get_by_role("button", name="Cure the holes").click()
    assert "No 3 growing rates up to 5" in status.inner_text()
    page.get_by_label("Rate 4").press("ArrowRight")
    assert "Layer 4: rate 1." in status.inner_text()
    for number in range(1, 5):
        page.get_by_label(f"Rate {number}").press("Home")
    assert "rates none: 1 of 1 inputs" in status.inner_text()
    page.get_by_role("button", name="Cure the holes").click()
    assert "There is no hole to cure" in status.inner_text()
    page.locator(".ue-drawing").focus()
    page.keyboard.press("End")
    assert "Output 6" in status.inner_text()
    page.get_by_label("Show").select_option("upsampling: transposed convolution")
    assert "Output 7 = 1·1 = 1" in status.inner_text()


@pytest.mark.browser
@pytest.mark.parametrize("mode", ["transposed", "dilated"])
def test_every_control_of_both_modes_is_heard_and_fits_a_phone(
    open_widget: Callable[..., Any], mode: str, use_each: Callable[[Any, Any], None]
) -> None:
    page = open_widget(UpsamplingExplorer(mode, kernel_size=6, stride=4, rates=[5] * 4), width=360)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    status = page.locator("[role=status]")
    for control in page.locator(".cw-card").locator("button, select:not(.cw-wide select), input").all():
        before, tag = status.inner_text(), control.evaluate("(e) => e.tagName")
        if tag == "SELECT":
            control.select_option(index=0 if control.evaluate("(e) => e.selectedIndex") else 1)
        elif tag == "BUTTON":
            control.press("Enter")
        else:
            control.press("ArrowLeft" if mode == "transposed" else "ArrowRight")
        assert status.inner_text() != before, control.evaluate("(e) => e.outerHTML")
    use_each(page, page.locator(".cw-card"))

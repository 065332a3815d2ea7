"""The pooling explorer: PyTorch's numbers and gradients, the chapter's own layers, and what the card says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from course_utils.scratch.equivariance.shifts import expected_unchanged
from course_utils.scratch.pooling.blur_pool import binomial_kernel, weighted_pool
from course_utils.scratch.pooling.lp_pool import lp_pool, lp_pool_backward
from course_utils.widgets import pooling_explorer
from course_utils.widgets.pooling_explorer import (
    KINDS,
    PoolingExplorer,
    compare,
    gradient,
    pool,
    rolled,
    slopes,
    tables,
)


def by_torch(x: torch.Tensor, settings: dict[str, Any]) -> torch.Tensor:
    size, stride = settings["kernel_size"], settings["stride"]
    if settings["kind"] == "max":
        return F.max_pool2d(x, size, stride)
    if settings["kind"] == "Lp":
        return F.lp_pool2d(x, settings["p"], size, stride)
    if settings["kind"] == "blur":
        return F.conv2d(x, torch.tensor(binomial_kernel(size))[None, None], stride=stride)
    return F.avg_pool2d(x, size, stride, divisor_override=1 if settings["kind"] == "sum" else None)


@pytest.mark.parametrize("kind", KINDS)
def test_results_and_gradients_are_those_of_torch(kind: str) -> None:
    rng = np.random.default_rng(1)
    for _ in range(60):
        settings = {**pooling_explorer._draw_settings(rng), "kind": kind}
        table = np.asarray(pooling_explorer._draw_table(rng), dtype=float)
        # torch's Lp takes no sizes: compare where no number is negative. Above 0 its slope is smooth.
        table = np.abs(table) + 0.1 if kind == "Lp" else table
        x = torch.tensor(table)[None, None].requires_grad_()
        theirs = by_torch(x, settings)
        theirs.sum().backward()
        np.testing.assert_allclose(pool(table.tolist(), settings), theirs.detach()[0, 0].numpy(), atol=1e-9)
        np.testing.assert_allclose(gradient(table.tolist(), settings), x.grad[0, 0].numpy(), atol=1e-9)
        row, column = int(rng.integers(theirs.shape[2])), int(rng.integers(theirs.shape[3]))
        single = torch.autograd.grad(by_torch(x, settings)[0, 0, row, column], x)[0][0, 0]
        np.testing.assert_allclose(gradient(table.tolist(), settings, [row, column]), single.numpy(), atol=1e-9)


def test_norms_of_numbers_below_zero_are_those_of_the_chapter() -> None:
    rng = np.random.default_rng(2)
    for p in (1.0, 1.5, 2.0, 3.0, 16.0):
        x = rng.normal(size=(6, 6))
        settings = {"kind": "Lp", "kernel_size": 3, "stride": 2, "p": p}
        np.testing.assert_allclose(pool(x, settings), lp_pool(x[None, None], 3, 2, p)[0, 0], atol=1e-12)
        expected = lp_pool_backward(np.ones((1, 1, 2, 2)), x[None, None], 3, 2, p)[0, 0]
        np.testing.assert_allclose(gradient(x, settings), expected, atol=1e-12)
    zeros = {"kind": "Lp", "kernel_size": 2, "stride": 2, "p": 2.0}
    assert not np.any(gradient(np.zeros((6, 6)), zeros))


def test_blur_is_the_chapters_weighted_pooling() -> None:
    x = np.random.default_rng(3).normal(size=(7, 7))
    for size in (1, 2, 3, 4, 5):
        mine = pool(x, {"kind": "blur", "kernel_size": size, "stride": 2, "p": 2})
        np.testing.assert_allclose(mine, weighted_pool(x[None, None], binomial_kernel(size), 2)[0, 0], atol=1e-12)


def test_of_equal_maxima_the_first_receives_everything() -> None:
    made = PoolingExplorer(np.full((6, 6), 3), "max", 2)
    assert np.argwhere(made.received).tolist() == [[i, j] for i in (0, 2, 4) for j in (0, 2, 4)]
    assert made.received.sum() == made.output.size


def test_a_gradient_is_shared_out_and_none_is_lost() -> None:
    rng = np.random.default_rng(4)
    for kind, total in (("max", 1), ("average", 1), ("blur", 1), ("sum", 9)):
        table = rng.normal(size=(8, 8)).tolist()
        settings = {"kind": kind, "kernel_size": 3, "stride": 1, "p": 2}
        assert np.sum(gradient(table, settings)) == pytest.approx(36 * total)
        assert sum(slope for *_, slope in slopes(table, settings, 2, 3)) == pytest.approx(total)


def test_a_shift_keeps_the_predicted_share_of_maxima() -> None:
    """The share on the card, (k - d) / (k + d), on many tables of numbers without ties."""
    rng = np.random.default_rng(6)
    for size, by in ((2, 1), (3, 1), (3, 2), (2, 3)):
        settings, same, total = {"kind": "max", "kernel_size": size, "stride": size, "p": 2}, 0, 0
        for _ in range(120):
            table = rng.permutation(100).reshape(10, 10).tolist()
            found = compare(pool(table, settings), pool(rolled(table, by), settings))
            same, total = same + found["same"], total + found["total"]
        share = expected_unchanged(size, by)
        # windows that overlap after the shift are not independent: three times the binomial spread, twice over
        assert same / total == pytest.approx(share, abs=6 * np.sqrt(max(share * (1 - share), 0.002) / total))


def test_the_card_reads_what_the_chapter_measures() -> None:
    x = np.asarray(tables()["digit"], dtype=float)
    made = PoolingExplorer("digit", "average", 2, shift=1)
    before = F.avg_pool2d(torch.tensor(x)[None, None], 2)
    after = F.avg_pool2d(torch.roll(torch.tensor(x), 1, 1)[None, None], 2)
    assert made.steadiness["relative"] == pytest.approx(float((after - before).norm() / before.norm()))
    assert made.steadiness["same"] == int((after == before).sum())
    assert PoolingExplorer("digit", shift=0).steadiness["same"] == 16
    assert compare([[0.0]], [[1.0]]) == {"same": 0, "total": 1, "relative": 0.0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"table": "cat"}, "table must be one of"),
        ({"table": np.ones((4, 6))}, "rows of table must be at least 5, got 4"),
        ({"table": np.ones((6, 11))}, "columns of table must be at most 10, got 11"),
        ({"table": np.full((6, 6), np.nan)}, "table must be rows of equally many finite numbers"),
        ({"kind": "median"}, "kind must be one of"),
        ({"kernel_size": 6}, "kernel_size must be at most 5, got 6"),
        ({"stride": 0}, "stride must be at least 1, got 0"),
        ({"p": 0.5}, "p must be at least 1, got 0.5"),
        ({"shift": 5}, "shift must be at most 4, got 5"),
    ],
)
def test_wrong_arguments_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(Exception, match=message):
        PoolingExplorer(**options)


def test_stride_follows_the_window_unless_it_is_given() -> None:
    assert PoolingExplorer(kernel_size=3).stride == 3
    assert PoolingExplorer(kernel_size=3, stride=1).output.shape == (6, 6)
    assert PoolingExplorer(kernel_size=5).stride == 4, "the slider ends there"
    assert PoolingExplorer(np.eye(5)).preset == "own"


@pytest.mark.browser
def test_pointing_at_a_result_frames_its_window(open_widget: Callable[..., Any]) -> None:
    page = open_widget(PoolingExplorer())
    grids, status = page.locator(".pe-grid"), page.locator("[role=status]")
    box = grids.nth(1).bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] * 0.9)
    assert "Row 3, column 3" in status.inner_text()
    assert grids.nth(0).locator(".pe-window").count() == 4
    assert page.locator(".pe-sum").inner_text() == "Pooled [3, 3] = the largest of 9, 0, 0, 0 = 9"
    found = PoolingExplorer().steadiness
    assert f"{found['same']} of 16 results are the same" in status.inner_text()
    assert grids.nth(2).locator(".pe-same").count() == found["same"]


@pytest.mark.browser
def test_numbers_are_typed_and_the_gradient_follows(open_widget: Callable[..., Any]) -> None:
    page = open_widget(PoolingExplorer(np.zeros((6, 6), dtype=int)))
    status, grids = page.locator("[role=status]"), page.locator(".pe-grid")
    grids.nth(0).focus()
    for key in ["ArrowRight", "ArrowDown", "1", "2"]:
        page.keyboard.press(key)
    assert "Input row 3, column 3 is now 12" in status.inner_text()
    assert "the largest of 0, 0, 0, 12 = 12" in page.locator(".pe-sum").inner_text()
    received = [int(text) for text in grids.nth(3).locator(".pe-number").all_text_contents()]
    assert received[3 * 6 + 3] == 1
    assert received[2 * 6 + 2] == 0
    page.get_by_label("Gradient of one result only").check()
    assert "1 of 36 inputs receive a gradient" in status.inner_text()
    page.get_by_label("Pooling", exact=True).select_option("average")
    assert "4 of 36 inputs receive a gradient" in status.inner_text()
    assert "(0 + 0 + 0 + 12) / 4 = 3" in page.locator(".pe-sum").inner_text()
    page.get_by_label("Pooling", exact=True).select_option("blur")
    assert "(1·0 + 1·0 + 1·0 + 1·12) / 4 = 3" in page.locator(".pe-sum").inner_text()
    page.get_by_label("Pooling", exact=True).select_option("Lp")
    written = page.locator(".pe-sum").inner_text().replace("\u2060", "")  # keeps | and the number on one line
    assert "(|0|^2 + |0|^2 + |0|^2 + |12|^2)^(1/2) = 12" in written


@pytest.mark.browser
def test_the_widest_window_and_the_largest_table_are_drawn(open_widget: Callable[..., Any]) -> None:
    page = open_widget(PoolingExplorer(np.arange(100).reshape(10, 10) - 50, "Lp", 5, 1))
    assert page.locator(".pe-grid").nth(1).locator(".pe-cell").count() == 36
    assert "…" in page.locator(".pe-sum").inner_text()
    page.get_by_role("slider", name="Window").press("Home")
    assert page.locator(".pe-grid").nth(1).locator(".pe-cell").count() == 100

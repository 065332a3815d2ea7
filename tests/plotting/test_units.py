"""Walls of patches and curves over layers draw what they are given."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from course_utils.plotting.units import layer_curves, mosaic, overlay, patch_walls


def test_a_mosaic_puts_each_picture_in_its_place() -> None:
    pictures = np.arange(5.0)[:, None, None, None] * np.ones((5, 3, 2, 3))
    wall = mosaic(pictures, columns=3, gap=1, ground=9.0)
    assert wall.shape == (3, 5, 11)
    assert wall[0, 0].tolist() == [0, 0, 0, 9, 1, 1, 1, 9, 2, 2, 2]
    assert wall[2, 4].tolist() == [3, 3, 3, 9, 4, 4, 4, 9, 9, 9, 9]
    assert (wall[:, 2] == 9).all()
    with pytest.raises(ValueError, match="k of at least 1"):
        mosaic(np.zeros((0, 3, 2, 2)))


def test_walls_have_one_row_a_layer_and_one_picture_a_unit() -> None:
    draw = np.random.default_rng(0)
    figure = patch_walls(
        {"one": draw.random((3, 9, 3, 4, 4)), "two": draw.random((2, 9, 3, 8, 8))}, {"one": ["a", "b", "c"]}
    )
    axes = figure.axes
    assert len(axes) == 6
    assert [len(a.images) for a in axes] == [1, 1, 1, 1, 1, 0]
    assert [a.get_title() for a in axes[:3]] == ["a", "b", "c"]
    assert axes[3].get_ylabel() == "two"


def test_curves_show_the_median_and_the_spread() -> None:
    figure, axes = plt.subplots()
    layer_curves(axes, ["a", "b"], {"net": [[1, 2], [3, 5], [2, 9]], "base": [[0, 1]]}, "value", dashed=["base"])
    assert axes.lines[0].get_ydata().tolist() == [2, 5]
    assert axes.lines[1].get_linestyle() == "--"
    assert len(axes.collections) == 2
    plt.close(figure)


def test_an_overlay_dims_what_is_silent() -> None:
    figure, axes = plt.subplots()
    strong = np.zeros((4, 4), dtype=bool)
    strong[0, 0] = True
    overlay(axes, np.ones((3, 4, 4)), strong, truth=strong)
    shown = axes.images[0].get_array()
    assert shown[0, 0, 0] == 1
    assert shown[2, 2, 0] == pytest.approx(0.3)
    plt.close(figure)

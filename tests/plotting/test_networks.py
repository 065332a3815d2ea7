"""Diagrams draw every unit and edge; slopes break at jumps; bands hold their medians."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from course_utils.plotting.networks import layer_positions, median_band, network_diagram, value_and_slope
from course_utils.plotting.style import COLORS

WEIGHTS = {("x", "h"): 2.0, ("h", "y"): -1.5, ("x", "y"): 0.5}
PLACES = {"x": (0.0, 0.0), "h": (1.0, 0.5), "y": (2.0, 0.0)}


def test_layers_are_centred():
    assert layer_positions([1, 3]) == [[(0.0, 0.0)], [(1.0, 1.0), (1.0, 0.0), (1.0, -1.0)]]


def test_every_unit_and_edge_is_drawn():
    axes = Figure().subplots()
    network_diagram(axes, PLACES, WEIGHTS, labels={"h": "sum"})
    assert len(axes.patches) == 3
    assert sorted(text.get_text() for text in axes.texts if text.get_text()) == ["-1.5", "0.5", "2", "sum", "x", "y"]
    arrows = [text.arrow_patch for text in axes.texts if getattr(text, "arrow_patch", None)]
    assert [to_hex(arrow.get_edgecolor()).upper() for arrow in arrows] == [
        COLORS["blue"], COLORS["vermillion"], COLORS["blue"]
    ]  # fmt: skip
    assert [arrow.get_linestyle() for arrow in arrows] == ["-", "--", "-"]


def test_an_edge_into_nowhere_is_refused():
    with pytest.raises(ValueError, match="'z' of edge"):
        network_diagram(Figure().subplots(), PLACES, {("x", "z"): 1.0})


def test_a_jump_of_the_slope_is_left_open():
    axes = Figure().subplots()
    a = np.linspace(-1, 1, 101)
    value_and_slope(axes, a, np.maximum(a, 0), (a > 0).astype(float), "ReLU")
    drawn = np.asarray(axes.lines[-1].get_ydata())
    assert np.isnan(drawn).sum() == 1
    assert "ReLU" in {axes.get_title(), axes.get_title(loc="left")}


def test_the_median_lies_in_its_band():
    axes = Figure().subplots()
    values = np.array([[1.0, 5.0], [2.0, 9.0], [6.0, 7.0]])
    median_band(axes, [0, 1], values, color=COLORS["blue"], label="three")
    assert np.asarray(axes.lines[0].get_ydata()).tolist() == [2, 7]
    outline = axes.collections[0].get_paths()[0].vertices
    assert (outline[:, 1].min(), outline[:, 1].max()) == (1, 9)

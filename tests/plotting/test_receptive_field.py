"""Cones, coverage and reading points are drawn from arrays, as many as there are."""

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest

from course_utils.plotting.receptive_field import draw_cone, draw_coverage, draw_readings


@pytest.fixture
def axes():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def test_a_cone_has_a_line_for_each_connection_and_a_dot_for_each_unit(axes):
    positions = [np.arange(5.0), np.arange(1, 4.0)]
    draw_cone(axes, positions, [np.array([[1, 1], [1, 2], [1, 3]])])
    lines = [line for line in axes.lines if line.get_linestyle() == "-"]
    dots = sum(len(line.get_xdata()) for line in axes.lines if line.get_linestyle() == "None")
    assert len(lines) == 3
    assert dots == 8
    assert [t.get_text() for t in axes.get_yticklabels()] == ["input", "layer 1"]


def test_holes_stay_white(axes):
    draw_coverage(axes, np.array([[1, 0, 2]]))
    assert axes.images[0].get_array().mask.tolist() == [[False, True, False]]


def test_every_reading_point_is_drawn(axes):
    rows, columns = np.indices((3, 3)) + 0.5
    draw_readings(axes, np.zeros((5, 5)), rows, columns)
    assert len(axes.lines[-1].get_xdata()) == 9
    assert len(axes.lines) == 7


def test_a_missing_layer_is_named(axes):
    with pytest.raises(ValueError, match="positions after the input and edges must have the same length, got 1 and 0"):
        draw_cone(axes, [np.arange(3.0), np.arange(1.0)], [])

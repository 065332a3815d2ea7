"""What is drawn is what was given: numbers, links, blocks, times."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from course_utils.plotting import CYCLE
from course_utils.plotting.convolution import links, number_grid, structured_matrix, times_by_size


def test_every_number_stands_in_its_cell_and_the_frame_around_the_window():
    axes = Figure().subplots()
    numbers = np.array([[1, -2, 0.5], [4, 0, 7]])
    number_grid(axes, numbers, window=(0, 1, 2, 2))
    written = {text.get_position(): float(text.get_text()) for text in axes.texts}
    assert written == {(c, r): numbers[r, c] for r in range(2) for c in range(3)}
    frame = axes.patches[0]
    assert (*frame.get_xy(), frame.get_width(), frame.get_height()) == (0.5, -0.5, 2, 2)
    low, high = axes.images[0].get_clim()
    assert low == -high < -7  # zero is white


def test_equal_weights_have_equal_colours_and_no_weight_no_line():
    axes = Figure().subplots()
    links(axes, [[0, 1, -1], [-1, 0, 1]])
    lines = axes.lines[:-2]  # the last two are the rows of units
    assert len(lines) == 4
    drawn = {(line.get_xdata()[0], line.get_xdata()[1]): to_rgb(line.get_color()) for line in lines}
    assert drawn[(-1, -0.5)] == drawn[(0, 0.5)] == to_rgb(CYCLE[0])
    assert drawn[(0, -0.5)] == drawn[(1, 0.5)] == to_rgb(CYCLE[1])


def test_borders_lie_between_blocks():
    axes = Figure().subplots()
    structured_matrix(axes, np.eye(6), blocks=(3, 2))
    heights = sorted(line.get_ydata()[0] for line in axes.lines if line.get_ydata()[0] == line.get_ydata()[1])
    places = sorted(line.get_xdata()[0] for line in axes.lines if line.get_xdata()[0] == line.get_xdata()[1])
    assert heights == [2.5]
    assert places == [1.5, 3.5]
    assert axes.images[0].get_clim() == (-1, 1)


def test_times_are_in_milliseconds():
    axes = Figure().subplots()
    times_by_size(axes, [3, 9], {"direct": [0.001, 0.01], "other": [0.002, 0.002]})
    assert axes.lines[0].get_ydata() == pytest.approx([1, 10])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["direct", "other"]


def test_a_vector_is_refused():
    with pytest.raises(ValueError, match=r"numbers must have shape \(any, any\)"):
        number_grid(Figure().subplots(), np.arange(3))

"""What the drawings of pooling and moving put on the axes."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from course_utils.plotting.equivariance import (
    bin_rows,
    filter_groups,
    number_table,
    paired_bands,
    two_orders,
    winner_map,
)

mpl.use("agg")
RNG = np.random.default_rng(0)


def test_a_table_writes_every_number_and_outlines_the_windows() -> None:
    axes = Figure().subplots()
    number_table(axes, np.array([[1.0, 2.0], [3.0, 4.0]]), windows=[(0, 0, 2), (0, 1, 1)], rings=[(1, 0)], title="t")
    assert [text.get_text() for text in axes.texts] == ["1", "2", "3", "4"]
    outlined, small, ring = axes.patches
    assert outlined.get_width() > 1.5 > small.get_width()
    assert ring.center == (0, 1)


def test_equal_results_are_said_to_have_no_difference() -> None:
    x, y = RNG.random((8, 8)), RNG.normal(size=(6, 6))
    same = two_orders(x, (x, y), (y, y.copy()), "shift", "filter")
    assert "none" in same.axes[7].texts[0].get_text()
    other = two_orders(x, (x, y), (y, y + 0.5 * np.abs(y).max()), "shift", "filter")
    assert "%" in other.axes[7].texts[0].get_text()
    assert [axes.get_title() for axes in same.axes[:4]] == ["picture", "shift …", "… then filter", "difference"]


def test_a_given_difference_is_drawn_in_place_of_the_computed_one() -> None:
    x, y = RNG.random((8, 8)), RNG.normal(size=(6, 6))
    figure = two_orders(x, (x, y), (y, y), gap=np.ones((6, 6)))
    assert "%" in figure.axes[7].texts[0].get_text()


def test_bins_are_bars_over_their_pixels() -> None:
    axes = Figure().subplots()
    bin_rows(axes, 5, [(0, 2), (1, 5)])
    assert len(axes.patches) == 5
    left, right = axes.lines[1].get_xdata()
    assert (round(left), round(right)) == (1, 5)


def test_a_group_shows_filters_pictures_and_the_largest_response() -> None:
    responses = RNG.normal(size=(3, 2))
    figure = filter_groups(RNG.normal(size=(2, 4, 4)), RNG.random((3, 4, 4)), responses)
    bars = figure.axes[-1]
    assert len(bars.patches) == 6
    np.testing.assert_array_equal(bars.lines[0].get_ydata(), responses.max(axis=1))
    with pytest.raises(ValueError, match="responses must have shape"):
        filter_groups(RNG.normal(size=(2, 4, 4)), RNG.random((3, 4, 4)), responses.T)


def test_pairs_are_dots_by_name_from_the_top() -> None:
    axes = Figure().subplots()
    paired_bands(axes, ["a", "b"], [[0.1, 0.2], [0.3]], [[0.5], [0.6, 0.7]])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "a"]
    assert axes.lines[0].get_ydata()[0] == 1
    with pytest.raises(ValueError, match="same length"):
        paired_bands(axes, ["a"], [[0.1], [0.2]], [[0.3]])


def test_the_map_colours_by_sign() -> None:
    axes = Figure().subplots()
    winner_map(axes, np.array([[-1.0, 1.0], [-1.0, 1.0]]), (1, 10, 1, 10))
    assert axes.get_xscale() == "log"
    assert len(axes.collections) == 2
    with pytest.raises(ValueError, match="scale must be one of"):
        winner_map(axes, np.zeros((2, 2)), (1, 10, 1, 10), "cubic")

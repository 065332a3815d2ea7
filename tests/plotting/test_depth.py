"""What is drawn is what was given, and what leaves the picture is marked."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from course_utils.plotting.depth import effect_rows, percentile_tracks, shared_statistics, signal_curves


def test_curves_are_the_values_and_an_exit_is_marked():
    axes = Figure().subplots()
    signal_curves(
        axes, {"steady": [1, 1, 1], "dies": [1, 1e-2, 1e-9], "grows": [1, 1e3, np.inf]}, floor=1e-4, ceiling=1e4
    )
    steady, dies, dead, grows, gone = axes.lines
    np.testing.assert_array_equal(steady.get_xydata(), [[0, 1], [1, 1], [2, 1]])
    np.testing.assert_array_equal(dies.get_xydata(), [[0, 1], [1, 1e-2]])
    assert (dead.get_marker(), dead.get_xydata().tolist()) == ("v", [[2, 1e-4]])
    np.testing.assert_array_equal(grows.get_xydata(), [[0, 1], [1, 1e3]])
    assert (gone.get_marker(), gone.get_xydata().tolist()) == ("^", [[2, 1e4]])
    assert axes.get_yscale() == "log"
    assert len(axes.get_legend_handles_labels()[1]) == 3


def test_a_gradient_that_enters_the_picture_is_marked_where_it_enters():
    axes = Figure().subplots()
    signal_curves(axes, {"vanishes on the way back": [1e-9, 1e-8, 1e-2, 1]}, floor=1e-4, first=1)
    line, mark = axes.lines
    np.testing.assert_array_equal(line.get_xydata(), [[3, 1e-2], [4, 1]])
    assert mark.get_xydata().tolist() == [[2, 1e-4]]


def test_cells_of_one_set_are_coloured():
    axes = Figure().subplots()
    shared_statistics(axes, [[0, 1, 0, 0], [0, 2, 0, 1]], "t", channels=2, caption="c")
    colours = [tuple(np.round(p.get_facecolor(), 2)) for p in axes.patches]
    assert len(colours) == 8
    assert colours[1] == colours[7] != colours[0]
    assert colours[5] not in (colours[0], colours[1])
    assert axes.patches[1].get_y() > axes.patches[5].get_y()  # the first example on top
    with pytest.raises(ValueError, match="multiple of 3 columns"):
        shared_statistics(axes, np.zeros((2, 4)), "t", channels=3)


def test_percentiles_are_band_and_line():
    axes = Figure().subplots()
    percentile_tracks(axes, [0, 10], [[-1, 0, 1], [-2, 0.5, 3]])
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), [[0, 0], [10, 0.5]])
    corners = axes.collections[0].get_paths()[0].vertices
    assert corners[:, 1].min() == -2
    assert corners[:, 1].max() == 3
    with pytest.raises(ValueError, match="steps and tracks"):
        percentile_tracks(axes, [0], [[-1, 0, 1], [-2, 0.5, 3]])


def test_effects_show_every_seed_and_the_median():
    axes = Figure().subplots()
    effect_rows(axes, {"a": [0.1, 0.3, 0.2], "b": [-1.0, 0.0, 1.0]}, {"a": 0.25}, unit="points")
    dots_a, median_a, own_a, dots_b, median_b, nothing = axes.lines
    np.testing.assert_array_equal(dots_a.get_xdata(), [0.1, 0.3, 0.2])
    assert median_a.get_xdata()[0] == 0.2
    assert own_a.get_xydata().tolist() == [[0.25, 1]]
    np.testing.assert_array_equal(dots_b.get_xdata(), [-1, 0, 1])
    assert np.abs(np.asarray(dots_b.get_ydata())).max() < 0.3  # the second row is at height 0
    assert median_b.get_xdata()[0] == 0
    assert nothing.get_xdata()[0] == 0
    assert [t.get_text() for t in axes.get_yticklabels()] == ["b", "a"]

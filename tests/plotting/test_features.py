"""What the drawings of features put on the axes."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from course_utils.plotting.features import few_shades, gradient_glyphs, label_curves, matched_points, score_table

mpl.use("agg")


def test_glyphs_lie_along_the_edge_not_along_the_gradient() -> None:
    axes = Figure().subplots()
    histograms = np.zeros((1, 1, 9))
    histograms[0, 0, 0] = 1  # gradient at about 10 degrees, nearly to the right
    gradient_glyphs(axes, np.random.default_rng(0).random((8, 8)), histograms, 8)
    ((start, end),) = axes.collections[0].get_segments()
    assert abs(end[1] - start[1]) > 4 * abs(end[0] - start[0])


def test_matches_are_one_line_each() -> None:
    axes = Figure().subplots()
    points = np.array([[1.0, 2.0], [3.0, 4.0]])
    matched_points(axes, np.zeros((9, 9)), np.zeros((9, 9)), points, points, np.array([True, False]))
    assert len(axes.lines) == 2
    assert axes.lines[0].get_color() != axes.lines[1].get_color()


def test_curves_are_named_at_the_end_without_overlap() -> None:
    axes = Figure().subplots()
    label_curves(axes, [10, 100], {"a": [0.1, 0.9], "b": [0.2, 0.901], "c": [0.3, 0.5]}, emphasis="a")
    heights = sorted(text.xyann[1] for text in axes.texts)
    assert np.diff(heights).min() > 0.02
    with pytest.raises(ValueError, match="same length"):
        label_curves(axes, [10, 100], {"a": [0.1]})


def test_table_writes_every_score() -> None:
    axes = Figure().subplots()
    score_table(axes, np.array([[0.25, 1.0]]), ["row"], ["x", "y"])
    assert [text.get_text() for text in axes.texts] == ["0.25", "1.00"]


def test_few_shades_keep_the_extremes_and_stay_close() -> None:
    image = np.random.default_rng(0).random((40, 40)) * 3 - 1
    shaded = few_shades(image, 16)
    assert len(np.unique(shaded)) <= 16
    assert np.abs(shaded - image).max() <= 0.5 * np.ptp(image) / 15 + 1e-9
    assert shaded.min() == pytest.approx(image.min())
    assert shaded.max() == pytest.approx(image.max())

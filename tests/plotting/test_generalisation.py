"""Curves with bands, and strips of pictures with names."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from course_utils.plotting.generalisation import band_curve, picture_strips
from course_utils.runtime.records import Band


def test_a_band_curve_spans_minimum_to_maximum() -> None:
    axes = Figure().subplots()
    bands = [Band(0.1, 0.2, 0.4, 20), Band(0.3, 0.5, 0.6, 20)]
    band_curve(axes, [1, 2], bands, "both", values=[0.2, 0.55])
    outline = axes.collections[0].get_paths()[0].vertices
    assert outline[:, 1].min() == pytest.approx(0.1)
    assert outline[:, 1].max() == pytest.approx(0.6)
    assert axes.lines[0].get_ydata().tolist() == [0.2, 0.5]
    assert list(axes.lines[1].get_ydata()) == [0.2, 0.55]
    with pytest.raises(ValueError, match="x and bands must have the same length, got 1 and 2"):
        band_curve(axes, [1], bands)


def test_strips_hold_each_picture_once_grey_or_colour() -> None:
    strips = {
        "grey": np.full((3, 4, 4), 0.5),
        "with a channel": np.full((2, 1, 4, 4), 255, dtype=np.uint8),
        "colour": np.full((1, 3, 4, 4), 51, dtype=np.uint8),
    }
    figure = picture_strips(strips)
    shown = [axes.images[0].get_array() for axes in figure.axes]
    assert len(shown) == 6
    assert [text.get_text() for text in figure.texts] == list(strips)
    assert shown[5].shape == (4, 4, 3)
    assert float(shown[5].max()) == pytest.approx(0.2)
    assert float(shown[3].max()) == 255

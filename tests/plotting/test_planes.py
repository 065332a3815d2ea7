"""Lines are where the weights say, and axes keep their limits."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from course_utils.plotting.planes import descent_on_bowl, separating_line, weight_picture


@pytest.mark.parametrize("w", [(1.0, 2.0, -0.5), (0.0, -3.0, 1.0), (2.0, 0.0, 0.0)])
def test_the_line_is_where_the_score_is_zero(w):
    axes = Figure().subplots()
    axes.set(xlim=(-2, 2), ylim=(-1, 1))
    separating_line(axes, w)
    x, y = axes.lines[0].get_data()
    np.testing.assert_allclose(w[0] * np.asarray(x) + w[1] * np.asarray(y) + w[2], 0, atol=1e-9)
    assert axes.get_xlim() == (-2, 2)
    assert axes.get_ylim() == (-1, 1)
    tip, foot = np.array(axes.texts[0].xy), np.array(axes.texts[0].get_position())
    assert np.dot(w[:2], tip) + w[2] > 1e-9  # the arrow points to the positive side
    assert np.linalg.norm(tip - foot) == pytest.approx(0.5)


def test_no_direction_no_line():
    with pytest.raises(ValueError, match="no separating line"):
        separating_line(Figure().subplots(), (0, 0, 1))


def test_zero_weights_are_drawn_in_the_middle_of_the_scale():
    axes = Figure().subplots()
    weight_picture(axes, [0, 1, -2, 0], (2, 2))
    assert axes.images[0].get_clim() == (-2, 2)
    assert axes.images[0].get_array().tolist() == [[0, 1], [-2, 0]]


def test_the_descent_is_drawn_point_by_point():
    axes = Figure().subplots()
    descent_on_bowl(axes, [1.0, 10.0], np.array([[2.0, 1.0], [1.0, 0.5]]))
    np.testing.assert_array_equal(axes.lines[0].get_data(), [[2.0, 1.0], [1.0, 0.5]])

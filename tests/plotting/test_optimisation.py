"""Valleys lie where their centre is, paths are drawn point by point, rows stand in order."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from course_utils.plotting.optimisation import band_rows, valley, walk
from course_utils.runtime import Band


def test_the_valley_keeps_its_limits_and_marks_its_lowest_point():
    axes = Figure().subplots()
    valley(axes, [[2.0, 0.5], [0.5, 1.0]], [0.3, -0.2], (-1, 2), (-2, 1))
    assert axes.get_xlim() == (-1, 2)
    assert axes.get_ylim() == (-2, 1)
    np.testing.assert_allclose(np.ravel(axes.lines[0].get_data()), [0.3, -0.2])
    for collection in axes.collections:  # level lines are level: the same height all along
        for path in collection.get_paths():
            offset = path.vertices - [0.3, -0.2]
            if len(offset) > 3:
                height = np.einsum("ni,ij,nj->n", offset, [[2.0, 0.5], [0.5, 1.0]], offset)
                assert len(np.unique(np.round(height / height.max(), 1))) <= 9
    with pytest.raises(ValueError, match="matrix must have shape"):
        valley(axes, [1.0, 2.0], [0, 0], (-1, 1), (-1, 1))


def test_a_walk_is_its_points():
    axes = Figure().subplots()
    walk(axes, [[0, 1], [2, 3]], "plain", number=9)
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), [[0, 1], [2, 3]])
    assert axes.lines[0].get_label() == "plain"


def test_rows_read_from_top_to_bottom():
    axes = Figure().subplots()
    band_rows(axes, {"first": Band(0, 1, 2, 20), "second": Band(1, 2, 3, 20)}, {"second": 2.5})
    heights = {t.get_text(): y for t, y in zip(axes.get_yticklabels(), axes.get_yticks())}
    assert heights["first"] > heights["second"]
    diamonds = [line for line in axes.lines if line.get_marker() == "D"]
    np.testing.assert_allclose(diamonds[0].get_xydata(), [[2.5, heights["second"]]])

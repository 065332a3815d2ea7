"""Graphs and slices are drawn with the numbers they were given."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from course_utils.plotting.graphs import contour_slice, draw_graph, graph_places

EDGES = [("x", "a"), ("w", "a"), ("a", "h"), ("h", "y"), ("x", "y")]


@pytest.fixture
def axes():
    return Figure().subplots()


def test_columns_follow_the_longest_way():
    places = graph_places(EDGES)
    assert {node: place[0] for node, place in places.items()} == {"x": 0, "w": 0, "a": 1, "h": 2, "y": 3}
    assert places["x"][1] > places["w"][1]
    assert places["a"][1] == 0


def test_cycles_are_refused():
    with pytest.raises(ValueError, match="must not close a cycle"):
        graph_places([("a", "b"), ("b", "c"), ("c", "a")])


def test_graph_shows_names_values_gradients_and_weights(axes):
    draw_graph(
        axes, EDGES, names={"h": "tanh"}, values={"x": 1.5, "y": -2.0}, gradients={"w": 0.25},
        edge_words={("a", "h"): "0.7"},
    )  # fmt: skip
    words = [text.get_text() for text in axes.texts]
    for expected in ("tanh", "1.50", "−2.00", "0.25", "0.7", "x"):
        assert expected in words
    assert "h" not in words
    assert sum(1 for text in axes.texts if getattr(text, "arrow_patch", None) is not None) == len(EDGES)


def test_slice_has_contours_and_a_centre(axes):
    grid = np.linspace(-1, 1, 9)
    surface = 0.01 + grid[:, None] ** 2 + grid[None] ** 2
    contour_slice(axes, grid, surface)
    assert len(axes.collections) >= 2
    assert axes.lines[0].get_xydata().tolist() == [[0, 0]]
    with pytest.raises(ValueError, match="surface must be greater than 0"):
        contour_slice(axes, grid, surface - 1)
    with pytest.raises(ValueError, match="surface must have shape"):
        contour_slice(axes, grid, surface[:3])

"""Boxes lie on the edges of pixels, carry their words, and wrong ones differ by more than colour."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_utils.plotting.boxes import MATCHED, UNMATCHED, box_grid, draw_boxes, draw_picture
from course_utils.plotting.style import COLORS


def rectangles(axes) -> list[Rectangle]:
    return [patch for patch in axes.patches if isinstance(patch, Rectangle)]


def test_a_box_covers_exactly_its_pixels() -> None:
    """Drawn in ink on a picture of one black pixel: inside the box everything is that pixel."""
    picture = np.full((3, 8, 8), 255, dtype=np.uint8)
    picture[:, 2, 5] = 0
    figure = Figure(figsize=(2, 2), dpi=100)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    draw_picture(axes, picture)
    draw_boxes(axes, [[5, 2, 6, 3]])
    canvas.draw()
    (box,) = rectangles(axes)
    x1, y1, x2, y2 = box.get_window_extent().extents.round().astype(int)
    box.set_visible(False)
    canvas.draw()
    shown = np.asarray(canvas.buffer_rgba())[::-1, :, 0]  # rows count from below, as the extents do
    assert (shown[y1 + 1 : y2 - 1, x1 + 1 : x2 - 1] < 20).all()
    assert (shown < 20).sum() == pytest.approx((y2 - y1) * (x2 - x1), rel=0.1)


def test_words_stand_at_the_corner() -> None:
    figure, axes = plt.subplots()
    draw_picture(axes, np.zeros((10, 10)))
    draw_boxes(axes, [[1, 2, 3, 4], [7, 5, 9, 9], [-3, -2, 4, 4]], labels=["cat", "dog", "cow"], scores=[0.987, 0.5, 0])
    assert [text.get_text() for text in axes.texts] == ["cat 0.99", "dog 0.50", "cow 0.00"]
    # The second begins in the last third of the picture, the third outside.
    assert [text.get_position() for text in axes.texts] == [(1, 2), (9, 5), (0, 0)]
    assert [text.get_horizontalalignment() for text in axes.texts] == ["left", "right", "left"]
    assert [(box.get_x(), box.get_y(), box.get_width(), box.get_height()) for box in rectangles(axes)] == [
        (1, 2, 2, 2),
        (7, 5, 2, 4),
        (-3, -2, 7, 6),
    ]
    plt.close(figure)


def test_right_and_wrong_differ_in_colour_and_in_line() -> None:
    figure, axes = plt.subplots()
    draw_boxes(axes, np.array([[0, 0, 1, 1], [2, 2, 3, 3]]), matched=np.array([True, False]))
    right, wrong = rectangles(axes)
    assert plt.matplotlib.colors.to_hex(right.get_edgecolor()).upper() == MATCHED
    assert plt.matplotlib.colors.to_hex(wrong.get_edgecolor()).upper() == UNMATCHED
    assert right.get_linestyle() == "solid"
    assert wrong.get_linestyle() != "solid"
    plt.close(figure)


def test_dark_words_on_light_colours() -> None:
    figure, axes = plt.subplots()
    draw_boxes(axes, [[0, 0, 1, 1]], labels=["a"], color="yellow")
    draw_boxes(axes, [[0, 0, 1, 1]], labels=["a"], color="blue")
    assert [text.get_color() for text in axes.texts] == [COLORS["ink"], "white"]
    plt.close(figure)


def test_no_boxes_draw_nothing() -> None:
    figure, axes = plt.subplots()
    draw_boxes(axes, np.zeros((0, 4)), labels=[], scores=[])
    draw_boxes(axes, [])
    assert not axes.patches
    plt.close(figure)


def test_a_grid_has_a_picture_and_its_boxes_in_each_place() -> None:
    draw = np.random.default_rng(0)
    boxes = [np.array([[1, 1, 4, 4]]), np.zeros((0, 4)), np.array([[0, 0, 3, 3], [2, 2, 6, 6]])]
    figure = box_grid(
        draw.random((3, 3, 8, 8)),
        boxes,
        truth=[boxes[2], boxes[1], boxes[0]],
        titles=["a", "b", "c"],
        scores=[[0.5], [], [0.1, 0.2]],
        matched=[[True], [], [False, True]],
        columns=2,
    )
    assert [len(axes.images) for axes in figure.axes] == [1, 1, 1, 0]
    assert [len(rectangles(axes)) for axes in figure.axes] == [2 * 2 + 1, 0, 2 * 1 + 2, 0]
    assert [axes.get_title() for axes in figure.axes] == ["a", "b", "c", ""]
    assert [text.get_text() for text in figure.axes[2].texts] == ["0.10", "0.20"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda axes: draw_boxes(axes, [1, 2, 3, 4]), "boxes must have shape"),
        (lambda axes: draw_boxes(axes, [[1, 2, 3, 4]], labels=[]), "labels and boxes"),
        (lambda axes: draw_boxes(axes, [[1, 2, 3, 4]], color="teal"), "color must be one of blue"),
        (lambda axes: draw_picture(axes, np.zeros((2, 4, 4))), "picture must have shape"),
        (lambda axes: box_grid(np.zeros((0, 4, 4)), []), "at least one picture"),
        (lambda axes: box_grid(np.zeros((2, 4, 4)), [[]]), "boxes and pictures"),
    ],
)
def test_what_cannot_be_drawn_is_refused(call, message: str) -> None:
    figure, axes = plt.subplots()
    with pytest.raises(ValueError, match=message):
        call(axes)
    plt.close(figure)

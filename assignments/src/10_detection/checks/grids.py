"""Exercise 3: anchors."""

import numpy as np

from course_utils.grading.answers import Wrong, ask, compare, passed, read_array

from .entries import first_wrong

CELL = np.array([[-1.0, -2, 1, 2], [-6, -5, 6, 5]])
CENTRES = np.array([[4.0, 4], [12, 4], [20, 4], [4, 12], [12, 12], [20, 12]])  # of 2 rows and 3 columns, stride 8


def anchors(cell_anchors, grid_anchors) -> None:
    """Exercise 3."""
    _cell(cell_anchors)
    _grid(grid_anchors)
    passed(3, "One box for each number that the network will say.")


def _around(sides):
    return np.array([[-w / 2, -h / 2, w / 2, h / 2] for w, h in sides])


def _cell(cell_anchors):
    name = "cell_anchors([10, 20], [4, 1])"
    got = read_array(ask(cell_anchors, [10.0, 20.0], [4.0, 1.0]), (4, 4), name)
    right = _around([(5, 20), (10, 40), (10, 10), (20, 20)])
    whole = np.array([[0, 0, 5, 20], [0, 0, 10, 40], [0, 0, 10, 10], [0, 0, 20, 20]])
    mistakes = [
        (right[:, [1, 0, 3, 2]], "cell_anchors takes the ratio for width over height: it is height over width"),
        (
            _around([(2.5, 40), (5, 80), (10, 10), (20, 20)]),
            "cell_anchors makes h / w the square of the ratio: it needs the ratio's square root, so that w h stays size squared",
        ),
        (
            _around([(10, 40), (20, 80), (10, 10), (20, 20)]),
            "cell_anchors changes the area: w h is size squared for every ratio, so w gets smaller where h gets larger",
        ),
        (
            _around([(2.5, 10), (5, 20), (10, 10), (20, 20)]),
            "cell_anchors changes the area: w h is size squared for every ratio, so h gets larger where w gets smaller",
        ),
        (
            right[[0, 2, 1, 3]],
            "cell_anchors goes through the ratios of each size: all sizes with the first ratio come first",
        ),
        (2 * right, "cell_anchors goes a whole side to each side of the centre: half a side"),
        (np.round(right), "cell_anchors rounds the corners"),
        (np.floor(right), "cell_anchors rounds the corners"),
        (whole, "cell_anchors gives (0, 0, w, h): corners, with the centre at the origin"),
    ]
    compare(got, right, mistakes, f"{name} is not right: {first_wrong(got, right)}")
    name = "cell_anchors([7], [0.5, 2, 3])"
    got = read_array(ask(cell_anchors, [7.0], [0.5, 2.0, 3.0]), (3, 4), name)
    right = _around([(7 * 2**0.5, 7 / 2**0.5), (7 / 2**0.5, 7 * 2**0.5), (7 / 3**0.5, 7 * 3**0.5)])
    mistakes = [
        (np.round(right), "cell_anchors rounds the corners"),
        (np.floor(right), "cell_anchors rounds the corners"),
    ]
    compare(got, right, mistakes, f"{name} is not right: {first_wrong(got, right)}")


def _moved(centres, cell=CELL):
    return np.concatenate([cell + np.tile(c, 2) for c in np.asarray(centres, dtype=float)])


def _grid(grid_anchors):
    name = "grid_anchors(2, 3, 8, cell), with 2 anchors a cell,"
    value = ask(grid_anchors, 2, 3, 8, CELL)
    if getattr(value, "shape", None) == (2, 3, 2, 4):
        raise Wrong(f"{name} has shape (2, 3, 2, 4): reshape it to one box a row, (12, 4)")
    got = read_array(value, (12, 4), name)
    right = _moved(CENTRES)
    half = right.copy()
    half[:, 2:] = np.tile(CELL[:, 2:], (6, 1))
    kinds = right.reshape(6, 2, 4)
    mistakes = [
        (
            _moved(CENTRES - 4),
            "grid_anchors puts anchors at the corners of cells: the centre of cell (i, j) lies half a stride further",
        ),
        (_moved(CENTRES[:, ::-1]), "grid_anchors takes the row for x: x goes with the columns, y with the rows"),
        (
            _moved(CENTRES[[0, 3, 1, 4, 2, 5]]),
            "grid_anchors goes through the map column by column: row by row, in each row column by column",
        ),
        (
            _moved([[4, 4], [12, 4], [4, 12], [12, 12], [4, 20], [12, 20]]),
            "grid_anchors exchanges rows and columns of the map",
        ),
        (
            kinds.swapaxes(0, 1).reshape(12, 4),
            "grid_anchors goes through the whole map for each anchor: all anchors of one cell stand together",
        ),
        (half, "grid_anchors moves only the first corner of each anchor: both corners move with the centre"),
        (
            np.clip(right, 0, [24, 16, 24, 16]),
            "grid_anchors cuts anchors off at the border: they may stick out of the picture",
        ),
        (np.maximum(right, 0), "grid_anchors cuts anchors off at the border: they may stick out of the picture"),
        (_moved(CENTRES / 8), "grid_anchors counts in cells: a cell is `stride` pixels wide"),
        (_moved((CENTRES - 4) + 0.5), "grid_anchors adds half a pixel: the centre lies half a stride from the corner"),
    ]
    compare(got, right, mistakes, f"{name} is not right: {first_wrong(got, right)}")
    got = read_array(ask(grid_anchors, 1, 2, 5, CELL[:1]), (2, 4), "grid_anchors(1, 2, 5, cell), with 1 anchor a cell,")
    right = [[1.5, 0.5, 3.5, 4.5], [6.5, 0.5, 8.5, 4.5]]
    compare(got, right, otherwise=f"grid_anchors(1, 2, 5, cell) is not right: {first_wrong(got, right)}")

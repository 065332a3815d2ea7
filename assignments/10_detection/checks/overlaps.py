# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Exercise 1: how well two boxes agree."""

import numpy as np

from .answers import Wrong, ask, compare, passed, read_array
from .entries import first_wrong

A = np.array([[0.0, 0, 4, 2], [2, 1, 6, 5]])
B = np.array([[2.0, 0, 6, 2], [0, 0, 4, 2], [1, 1, 3, 2], [0, 0, 8, 4]])
SHARED = np.array([[4.0, 8, 2, 8], [4, 2, 1, 12]])
OF_A, OF_B = np.array([[8.0], [16]]), np.array([[8.0, 8, 2, 32]])
RIGHT = np.array([[1 / 3, 1, 1 / 4, 1 / 4], [1 / 5, 1 / 11, 1 / 17, 1 / 3]])


def iou(box_area, box_iou) -> None:
    """Exercise 1."""
    _area(box_area)
    _overlaps(box_iou)
    _apart(box_iou)
    _without_area(box_iou)
    _empty(box_iou)
    _units(box_iou)
    passed(1, "One question, asked in every exercise below.")


def _area(box_area):
    boxes = np.array([[1.0, 2, 4, 7], [0, 0, 10, 1], [3, 3, 3, 9]])
    got = read_array(ask(box_area, boxes), (3,), "box_area(boxes)")
    mistakes = [
        ([24, 22, 7], "box_area counts one column and one row too many: corners lie on the edges of pixels, so no + 1"),
        ([28, 10, 27], "box_area takes x2 and y2 for width and height: the width is x2 - x1"),
        ([8, 11, 6], "box_area adds the sides: multiply them"),
        ([16, 22, 12], "box_area adds the sides: multiply them"),
    ]
    right = [15, 10, 0]
    compare(got, right, mistakes, f"box_area is not width times height: {first_wrong(got, right)}")
    empty = read_array(ask(box_area, np.zeros((0, 4))), (0,), "box_area of no boxes")
    compare(empty, np.zeros(0))


def _overlaps(box_iou):
    value = ask(box_iou, A, B)
    if getattr(value, "shape", None) == (4, 2):
        raise Wrong(
            "box_iou(a, b) should have one row for each box of a and one column for each of b, yours has rows for b"
        )
    got = read_array(value, (2, 4), "box_iou(a, b), of 2 boxes with 4,")
    inclusive = [[9 / 21, 1, 6 / 15, 15 / 45], [10 / 30, 6 / 34, 4 / 27, 20 / 50]]
    mistakes = [
        (inclusive, "box_iou counts one column and one row too many: corners lie on the edges of pixels, so no + 1"),
        (
            SHARED / (OF_A + OF_B),
            "box_iou counts what is shared twice in the union: identical boxes get 1/2 in place of 1. Subtract it once",
        ),
        (SHARED / np.minimum(OF_A, OF_B), "box_iou divides by the smaller box: divide by what both cover together"),
        (SHARED / np.maximum(OF_A, OF_B), "box_iou divides by the larger box: divide by what both cover together"),
        (SHARED / OF_A, "box_iou divides by the box of a alone: divide by what both cover together"),
        (SHARED / OF_B, "box_iou divides by the box of b alone: divide by what both cover together"),
        (SHARED, "box_iou gives the area that is shared: divide it by what both cover together"),
    ]
    otherwise = f"box_iou is not right for boxes that overlap: {first_wrong(got, RIGHT)}"
    compare(got, RIGHT, mistakes, otherwise)


def _apart(box_iou):
    a = np.array([[0.0, 0, 2, 2], [1, 1, 2, 2]])
    b = np.array([[3.0, 4, 6, 8], [3, 0, 5, 2], [0, 5, 2, 6], [2, 0, 4, 2], [2, 2, 3, 3], [0, 0, 2, 1]])
    got = read_array(ask(box_iou, a, b), (2, 6), "box_iou(a, b), of boxes that are apart,")
    right = np.zeros((2, 6))
    right[0, 5] = 0.5
    if close_to(got[0, 0], 1 / 7):
        raise Wrong(
            "box_iou says 1/7 for (0, 0, 2, 2) and (3, 4, 6, 8), which are far apart: a negative width times a negative height is a "
            "positive area. Set each *side* of what is shared to 0 where it is negative, before you multiply"
        )
    if (got < 0).any():
        raise Wrong("box_iou is negative for boxes that are apart in one direction: they share nothing, IoU is 0")
    if got[0, 3] > 0 or got[0, 4] > 0:
        raise Wrong("box_iou is above 0 for boxes that only touch: a line or a point has no area")
    otherwise = f"box_iou is not right for boxes that are apart or touch: {first_wrong(got, right)}"
    compare(got, right, otherwise=otherwise)


def close_to(value, wanted) -> bool:
    """Whether one number is nearly another."""
    return abs(value - wanted) < 1e-4


def _without_area(box_iou):
    a = np.array([[1.0, 1, 1, 4], [0, 0, 2, 2]])
    b = np.array([[1.0, 1, 1, 4], [2, 2, 2, 2], [0, 0, 2, 2]])
    with np.errstate(all="ignore"):
        value = ask(box_iou, a, b)
    if np.isnan(_floats(value)).any():
        raise Wrong("box_iou is NaN for two boxes without area: 0 / 0. Return 0 where both together cover nothing")
    got = read_array(value, (2, 3), "box_iou(a, b), of boxes without area,")
    right = np.array([[0.0, 0, 0], [0, 0, 1]])
    same = right.copy()
    same[0, 0] = 1
    mistakes = [
        (same, "box_iou says 1 for two equal boxes without area: where both together cover nothing, return 0"),
        (
            right + np.array([[1, 1, 0], [0, 0, 0]]),
            "box_iou says 1 for boxes without area: where both cover nothing, return 0",
        ),
    ]
    compare(got, right, mistakes, f"box_iou is not right for boxes without area: {first_wrong(got, right)}")


def _floats(value):
    try:
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        return np.zeros(0)


def _empty(box_iou):
    none = np.zeros((0, 4))
    for a, b, shape in ((none, B, (0, 4)), (B, none, (4, 0)), (none, none, (0, 0))):
        name = f"box_iou of {len(a)} boxes with {len(b)}"
        compare(read_array(ask(box_iou, a, b), shape, name), np.zeros(shape))


def _units(box_iou):
    got = read_array(ask(box_iou, A / 400, B / 400), (2, 4), "box_iou(a, b), in shares of a picture of 400 pixels,")
    otherwise = (
        "box_iou depends on the unit: the same boxes, as shares of a picture of 400 pixels, get other numbers. A small number "
        "added to the union is not small there; + 1 is no better"
    )
    compare(got, RIGHT, otherwise=f"{otherwise}. {first_wrong(got, RIGHT)}")

# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Exercise 4: codes for boxes, and who learns what."""

import numpy as np

from .answers import Wrong, ask, compare, passed, read_array
from .entries import first_wrong

LN2 = float(np.log(2))


def matching(encode, decode, match) -> None:
    """Exercise 4."""
    _encode(encode)
    _decode(decode)
    _back(encode, decode)
    _thresholds(match)
    _forced(match)
    _edges(match)
    passed(4, "Every object has somebody who learns it.")


def _encode(encode):
    boxes, anchors = np.array([[4.0, 10, 44, 20]]), np.array([[0.0, 0, 10, 20]])
    name = "encode([[4, 10, 44, 20]], [[0, 0, 10, 20]])"
    got = read_array(ask(encode, boxes, anchors), (1, 4), name)
    mistakes = [
        ([[0.4, 0.5, 2 * LN2, -LN2]], "encode measures from corner to corner: the codes compare the centres"),
        ([[19 / 40, 0.5, 2 * LN2, -LN2]], "encode divides by the sides of the box: divide by those of its anchor"),
        ([[19, 5, 2 * LN2, -LN2]], "encode gives the move in pixels: divide by the sides of the anchor"),
        ([[19 / 20, 5 / 10, 2 * LN2, -LN2]], "encode divides x by the height and y by the width"),
        ([[1.9, 0.25, 4, 0.5]], "encode gives the ratio of the sides: take its logarithm"),
        ([[1.9, 0.25, 3, -0.5]], "encode gives the growth of the sides, w / w_a - 1: take the logarithm of w / w_a"),
        ([[1.9, 0.25, 30, -10]], "encode gives the difference of the sides: take the logarithm of their ratio"),
        ([[1.9, 0.25, -2 * LN2, LN2]], "encode divides the anchor's sides by the box's: it is w / w_a"),
        ([[-1.9, -0.25, 2 * LN2, -LN2]], "encode goes from the box to the anchor: from the anchor to the box"),
        ([[-1.9, -0.25, -2 * LN2, LN2]], "encode exchanges boxes and anchors"),
        ([[1.9, 0.25, 2, -1]], "encode takes logarithms of base 2: the natural one, so that `exp` undoes it"),
        ([[19, 2.5, 10 * LN2, -5 * LN2]], "encode divides by SSD's variances, 0.1 and 0.2: the codes here are without"),
    ]
    right = [[1.9, 0.25, 2 * LN2, -LN2]]
    compare(got, right, mistakes, f"{name} is not right: {first_wrong(got, right)}")
    boxes, anchors = np.array([[10.0, 10, 30, 50], [0, 0, 8, 8]]), np.array([[10.0, 10, 30, 50], [2, 4, 18, 12]])
    got = read_array(ask(encode, boxes, anchors), (2, 4), "encode of two boxes")
    right = [[0, 0, 0, 0], [-6 / 16, -4 / 8, -LN2, 0]]
    compare(got, right, otherwise=f"encode is not right for two boxes: {first_wrong(got, right)}")


def _decode(decode):
    codes, anchors = np.array([[0.5, -0.25, LN2, 0]]), np.array([[0.0, 0, 10, 20]])
    name = "decode([[0.5, -0.25, ln 2, 0]], [[0, 0, 10, 20]])"
    got = read_array(ask(decode, codes, anchors), (1, 4), name)
    mistakes = [
        ([[10 - 5 * LN2, 5, 10 + 5 * LN2, 5]], "decode multiplies the sides by the codes: by exp of the codes"),
        (
            [[10 - 5 * (1 + LN2), -5, 10 + 5 * (1 + LN2), 15]],
            "decode lets the sides grow by the share of the code: multiply them by exp of the codes",
        ),
        ([[-4.5, -0.25, 15.5, 19.75]], "decode moves the centre by t pixels: by t times the anchor's side"),
        ([[5, -5, 25, 15]], "decode moves the centre by t times the new sides: times the anchor's sides"),
        ([[10, 5, 30, 25]], "decode takes the centre for the first corner: go back by half a side"),
        ([[10, 5, 20, 20]], "decode gives (centre, sides): give the corners"),
        ([[-5, -15, 15, 5]], "decode moves the anchor's first corner: it is the centre that moves"),
        ([[-10, -15, 30, 25]], "decode goes a whole side to each side of the centre: half a side"),
    ]
    right = [[0, -5, 20, 15]]
    compare(got, right, mistakes, f"{name} is not right: {first_wrong(got, right)}")
    codes, anchors = np.array([[0, 0, 0, 0], [-0.5, 1, -LN2, 2 * LN2]]), np.array([[3.0, 4, 5, 8], [10, 10, 30, 20]])
    got = read_array(ask(decode, codes, anchors), (2, 4), "decode of two codes")
    right = [[3, 4, 5, 8], [5, 5, 15, 45]]
    compare(got, right, otherwise=f"decode is not right for two codes: {first_wrong(got, right)}")


def _back(encode, decode):
    boxes = np.array([[1.0, 2, 8, 5], [-4, 0, 3, 30], [20, 6, 21, 7]])
    anchors = np.array([[0.0, 0, 6, 6], [0, 4, 16, 20], [18, 2, 24, 12]])
    codes = read_array(ask(encode, boxes, anchors), (3, 4), "encode(boxes, anchors)")
    got = read_array(ask(decode, codes, anchors), (3, 4), "decode(encode(boxes, anchors), anchors)")
    compare(got, boxes, otherwise=f"decode does not undo encode: {first_wrong(got, boxes)}")
    none = np.zeros((0, 4))
    for function, name in ((encode, "encode"), (decode, "decode")):
        read_array(ask(function, none, none), (0, 4), f"{name} of no boxes")


def _spans(*spans):
    """Boxes of height 10 from the spans of their x: IoU is that of the spans."""
    return np.array([[start, 0, end, 10] for start, end in spans], dtype=float).reshape(-1, 4)


def read_answers(value, count, objects, name):
    """Read what anchors learn."""
    got = read_array(value, (count,), name)
    if not np.isin(got, np.arange(-2, objects)).all():
        raise Wrong(
            f"{name} gives {got.tolist()}: numbers of objects from 0 to {objects - 1}, -1 for background, -2 for left out"
            if objects
            else f"{name} gives {got.tolist()}: with no objects everything is background, -1"
        )
    return got


def _thresholds(match):
    objects = _spans((0, 10), (30, 40), (60, 64))
    anchors = _spans((0, 10), (1, 11), (3, 13), (8, 18), (31, 41), (58, 68), (100, 110), (54, 66))
    name = "match(anchors, objects, 0.7, 0.3)"
    value = ask(match, anchors, objects, 0.7, 0.3)
    numbers = read_array(value, (8,), name)
    if numbers[0] == 1 and numbers[4] == 2:
        raise Wrong("match numbers the objects from 1: the first one has the number 0")
    got = read_answers(value, 8, 3, name)
    iou = "The anchors' highest IoU are 1, 0.82, 0.54, 0.11, 0.82, 0.4, 0 and 0.33"
    mistakes = [
        (
            [0, 0, -2, -1, 1, -2, -1, -2],
            "match leaves object 2 to nobody: its highest IoU is 0.4, below `high`, so it is forced upon that anchor",
        ),
        (
            [0, 0, -1, -1, 1, -1, -1, -1],
            "match leaves object 2 to nobody: its highest IoU is 0.4, below `high`, so it is forced upon that anchor",
        ),
        (
            [0, 0, 0, 0, 1, 2, 0, 2],
            "match gives every anchor the object it overlaps most, however little: look at `high` and `low`",
        ),
        (
            [0, 0, 0, 0, 1, 2, -1, 2],
            "match gives every anchor the object it overlaps most, however little: look at `high` and `low`",
        ),
        (
            [0, 0, -1, -1, 1, 2, -1, -1],
            "match makes everything below `high` background: between `low` and `high` it is left out, -2",
        ),
        (
            [0, 0, 0, -1, 1, 2, -1, -2],
            "match does not force an object upon an anchor that reached `high`, and takes the next one: it is forced whatever "
            "was said above, as long as nobody was *forced* upon that anchor",
        ),
        ([0, 0, -2, -2, 1, 2, -2, -2], "match leaves out everything below `high`: below `low` it is background, -1"),
        ([0, 0, -1, -2, 1, 2, -2, -1], "match exchanges -1 and -2: -1 is background, -2 is left out"),
        ([0, 0, 0, -1, 1, 2, -1, 2], "match gives an object to every anchor that reaches `low`: from `high` on"),
        ([0, -2, -2, -1, 1, 2, -1, -2], "match gives each object to one anchor alone: all that reach `high` take it"),
        ([0, -1, -1, -1, 1, 2, -1, -1], "match gives each object to one anchor alone: all that reach `high` take it"),
    ]
    right = [0, 0, -2, -1, 1, 2, -1, -2]
    compare(got, right, mistakes, f"{name} should be {right}, yours is {got.astype(int).tolist()}. {iou}")


def _forced(match):
    anchors = _spans((1, 11), (9, 19))
    name = "match of two objects that want the same anchor"
    iou = "IoU of anchor 0 with the objects at 0 to 10 and 4 to 14: 0.82, 0.54. Of anchor 1: 0.05, 0.33"
    got = read_answers(ask(match, anchors, _spans((0, 10), (4, 14)), 0.7, 0.4), 2, 2, name)
    mistakes = [
        (
            [1, -1],
            "match lets a later object take an anchor away from an earlier one: the pair with the higher IoU has it",
        ),
        (
            [0, -1],
            "match leaves an object to nobody: both objects want anchor 0, the one with the higher IoU gets it, and the other "
            "one is forced upon the best anchor that is still free, whatever the IoU",
        ),
    ]
    compare(got, [0, 1], mistakes, f"{name} should be [0, 1], yours is {got.astype(int).tolist()}. {iou}")
    got = read_answers(ask(match, anchors, _spans((4, 14), (0, 10)), 0.7, 0.4), 2, 2, name)
    order = "match serves the objects in the order of the list: the pair with the highest IoU of all is served first"
    mistakes = [([0, 1], order), ([0, -1], order), ([1, -1], mistakes[1][1])]
    compare(got, [1, 0], mistakes, f"{name} should be [1, 0], yours is {got.astype(int).tolist()}")
    name = "match of an object that overlaps no anchor"
    got = read_answers(ask(match, _spans((0, 10), (20, 30)), _spans((21, 31), (100, 110)), 0.7, 0.3), 2, 2, name)
    mistakes = [
        ([1, 0], "match forces an object upon an anchor that it does not even touch: only pairs with an IoU above 0")
    ]
    compare(got, [-1, 0], mistakes, f"{name} should be [-1, 0], yours is {got.astype(int).tolist()}")
    name = "match of three anchors and two objects that reach `high` crosswise"
    objects = np.array([[0, 0, 10, 10], [0, 2.2, 10, 12.2]])
    anchors = np.array([[0, 0, 10, 10], [0, 1, 10, 11], [0, 3.8, 10, 13.8]])
    got = read_answers(ask(match, anchors, objects, 0.7, 0.3), 3, 2, name)
    sentence = (
        "match does not force an object upon an anchor that reached `high` for another one: it is forced whatever was said "
        "above, as long as nobody was *forced* upon that anchor"
    )
    iou = "IoU with object 0: 1, 0.82, 0.45; with object 1: 0.64, 0.79, 0.72"
    otherwise = f"{name} should be [0, 1, 1], yours is {got.astype(int).tolist()}. {iou}"
    compare(got, [0, 1, 1], [([0, 0, 1], sentence)], otherwise)


def _edges(match):
    name = "match(anchors, objects, 0.5, 0.25)"
    got = read_answers(ask(match, _spans((0, 1), (0, 2), (0, 4)), _spans((0, 1)), 0.5, 0.25), 3, 1, name)
    mistakes = [
        ([0, -2, -2], "match asks for more than `high`: an IoU of exactly `high` is enough"),
        ([0, 0, -1], "match calls an IoU of exactly `low` background: only what is less"),
        ([0, -2, -1], "match takes exactly `high` for too little and exactly `low` for background: at least, and less"),
    ]
    compare(got, [0, 0, -2], mistakes, f"{name}, with IoU 1, 0.5 and 0.25, should be [0, 0, -2]")
    got = read_answers(ask(match, _spans((0, 2), (2, 4), (1, 3)), _spans((0, 2), (2, 4)), 0.3, 0.1), 3, 2, name)
    mistakes = [([0, 1, 1], "match takes the last of equal objects: the first")]
    compare(got, [0, 1, 0], mistakes, "match is not right for an anchor that overlaps two objects equally")
    got = read_answers(ask(match, _spans((0, 2), (2, 4)), np.zeros((0, 4)), 0.5, 0.4), 2, 0, "match of no objects")
    compare(got, [-1, -1], otherwise="match with no objects is background, -1, everywhere")

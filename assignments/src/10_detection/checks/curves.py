"""Exercise 5: hits, the curve, average precision."""

import numpy as np

from course_utils.grading.answers import Wrong, ask, compare, passed, read_array, read_number, read_tuple

from .entries import first_wrong
from .kept import STABLE


def precision(hits, curve, average_precision) -> None:
    """Exercise 5."""
    _first_on_each(hits)
    _which_object(hits)
    _small_sets(hits)
    _curve(curve)
    _area(average_precision)
    passed(5, "Every table of detectors is made of this number.")


def _spans(*spans):
    return np.array([[start, 0, end, 10] for start, end in spans], dtype=float).reshape(-1, 4)


def read_verdicts(value, count, name):
    """Read True and False for boxes."""
    got = read_array(value, (count,), name)
    if not np.isin(got, (0, 1)).all():
        raise Wrong(f"{name} gives {got.tolist()}: True or False for each box")
    return got


def _first_on_each(hits):
    boxes = _spans((2, 12), (1, 11), (21, 31), (40, 50), (26, 36), (0, 10), (1.5, 11.5))
    scores, objects = np.array([0.6, 0.9, 0.8, 0.7, 0.5, 0.4, 0.3]), _spans((0, 10), (20, 30))
    name = "hits(boxes, scores, objects, 0.5)"
    got = read_verdicts(ask(hits, boxes, scores, objects, 0.5), 7, name)
    mistakes = [
        (
            [1, 1, 1, 0, 0, 1, 1],
            "hits counts two boxes on one object: only the first one, by score, is a hit; the other is a false alarm",
        ),
        ([1, 0, 1, 0, 0, 0, 0], "hits goes through the boxes as they came: by falling score"),
        ([0, 0, 1, 0, 0, 0, 1], "hits goes through the boxes by rising score: by falling score"),
        ([0, 0, 1, 0, 0, 1, 0], "hits gives the object to the best-fitting box: to the first one by score"),
        ([1, 1, 0, 0, 0, 0, 0], "hits gives its verdicts by falling score: in the order in which the boxes came"),
        ([0, 1, 1, 0, 1, 0, 0], "hits asks whether boxes touch an object: their IoU has to be at least `least`"),
        ([1, 0, 0, 1, 1, 1, 1], "hits says True for the false alarms"),
    ]
    right = [0, 1, 1, 0, 0, 0, 0]
    compare(got, right, mistakes, f"{name} should be {[bool(v) for v in right]}, yours is {[bool(v) for v in got]}")
    name = "hits of two boxes with equal scores on one object"
    got = read_verdicts(ask(hits, _spans((0, 9), (0, 10)), np.array([0.5, 0.5]), _spans((0, 10)), 0.5), 2, name)
    mistakes = [([0, 1], f"{name}: the first in the list is the hit, however well the second one fits")]
    compare(got, [1, 0], mistakes, f"{name} should be True, False")
    objects, scores = _spans(*((20 * n, 20 * n + 10) for n in range(12))), np.array([0.5, 0.25] * 24)
    name = "hits of 48 boxes, four on each of 12 objects, with two different scores,"
    got = read_verdicts(ask(hits, np.repeat(objects, 4, axis=0), scores, objects, 0.5), 48, name)
    one_each = (got.reshape(12, 4).sum(axis=1) == 1).all() and (scores[got == 1] == 0.5).all()
    sentence = f"hits does not take the box that comes first in the list of equal scores. {STABLE}"
    compare(got, np.arange(48) % 4 == 0, [(got, sentence)] if one_each else [], f"{name} is not right")


def _which_object(hits):
    scores = np.array([0.9, 0.8])
    got = read_verdicts(ask(hits, _spans((0, 10), (1, 11)), scores, _spans((0, 10), (3, 13)), 0.5), 2, "hits")
    sentence = (
        "hits lets a box fall back on another object when the one that it overlaps most is taken: the rule looks at that one alone, and the "
        "box is a false alarm"
    )
    compare(got, [1, 0], [([1, 1], sentence)], "hits is not right where two objects overlap")
    got = read_verdicts(ask(hits, _spans((5, 15), (0, 10)), scores, _spans((0, 10)), 0.5), 2, "hits")
    sentence = "hits lets a false alarm use up an object: a box whose IoU is less than `least` takes nothing"
    touch = "hits asks whether boxes touch an object: their IoU has to be at least `least`"
    compare(got, [0, 1], [([0, 0], sentence), ([1, 0], touch)], "hits is not right after a box that misses")
    got = read_verdicts(ask(hits, _spans((0, 2), (2, 4)), scores, _spans((0, 1), (2, 4)), 0.5), 2, "hits")
    sentence = "hits asks for an IoU greater than `least`: exactly `least` is enough"
    compare(got, [1, 1], [([0, 1], sentence)], "hits is not right where the IoU is exactly `least`")
    equal = ask(hits, _spans((1, 3), (0, 2)), scores, _spans((0, 2), (2, 4)), 0.3)
    mistakes = [
        ([1, 1], "hits takes the last of equal objects: the first"),
        ([0, 1], "hits does not use `least`: here it is 0.3"),
    ]
    compare(read_verdicts(equal, 2, "hits"), [1, 0], mistakes, "hits is not right for equal objects, with `least` 0.3")
    low, high = [0.0, 0, 10, 10], [0.0, 2, 10, 12]
    name = "hits of two boxes, each on an object of its own that overlaps the other,"
    boxes = np.array([low, [0, 5, 10, 15]])
    got = read_verdicts(ask(hits, boxes, scores, np.array([low, high]), 0.5), 2, name)
    sentence = "hits lets one box use up two objects: a hit takes the one object with which its IoU is highest"
    compare(got, [1, 1], [([1, 0], sentence)], f"{name} should be True, True")
    got = read_verdicts(ask(hits, np.array([low, high]), scores, np.array([high, low]), 0.5), 2, name)
    sentence = "hits takes an object that reaches `least`, not the one with the highest IoU"
    compare(got, [1, 1], [([1, 0], sentence)], f"{name} should be True, True")


def _small_sets(hits):
    none = np.zeros((0, 4))
    got = read_verdicts(ask(hits, _spans((0, 10)), np.array([0.9]), none, 0.5), 1, "hits without objects")
    compare(got, [0], otherwise="hits without objects: every box is a false alarm")
    read_verdicts(ask(hits, none, np.zeros(0), _spans((0, 10)), 0.5), 0, "hits without boxes")
    read_verdicts(ask(hits, none, np.zeros(0), none, 0.5), 0, "hits without boxes or objects")


def _curve(curve):
    name = "curve(scores, right, 6)"
    scores, right = np.array([0.2, 0.9, 0.4, 0.7, 0.5]), np.array([True, True, False, True, False])
    parts = read_tuple(ask(curve, scores, right, 6), 2, name)
    p, r = (read_array(part, (5,), f"the {word} of {name}") for part, word in zip(parts, ("precision", "recall")))
    got, found = np.stack([p, r]), np.array([1.0, 2, 2, 2, 3])
    first = np.arange(1, 6)
    want = np.stack([found / first, found / 6])
    unsorted, rising = np.array([1.0, 2, 2, 3, 3]), np.array([1.0, 1, 1, 2, 3])
    repaired = np.maximum.accumulate(want[0][::-1])[::-1]
    mistakes = [
        (want[::-1], "curve gives recall, precision: the other way round"),
        (np.stack([unsorted / first, unsorted / 6]), "curve goes through the boxes as they came: by falling score"),
        (np.stack([rising / first, rising / 6]), "curve goes through the boxes by rising score: by falling score"),
        (
            np.stack([found / first, found / 3]),
            "curve divides recall by the hits: by the number of objects, found or not",
        ),
        (np.stack([found / first, found / 5]), "curve divides recall by the number of boxes: by the number of objects"),
        (np.stack([found / 6, found / 6]), "curve divides precision by the number of objects: by the boxes so far, k"),
        (
            np.stack([found / 5, found / 6]),
            "curve divides precision by the number of all boxes: by the boxes so far, k",
        ),
        (
            np.stack([found / np.arange(5).clip(1), found / 6]),
            "curve divides by one box too few: the first box is k = 1",
        ),
        (np.stack([repaired, found / 6]), "curve repairs the precision: that is a step of average_precision"),
    ]
    compare(got, want, mistakes, f"{name} is not right: {first_wrong(got, want)} (row 0 is precision, row 1 recall)")
    parts = read_tuple(ask(curve, np.full(2, 0.5), np.array([True, False]), 1), 2, "curve of equal scores")
    got = np.stack([read_array(part, (2,), "a row of curve") for part in parts])
    compare(got, [[1, 0.5], [1, 1]], otherwise="curve of equal scores: the box that comes first goes first")
    scores, right = np.array([0.5, 0.25] * 24), np.arange(48) % 5 < 2
    name = "curve of 48 boxes with two different scores"
    parts = read_tuple(ask(curve, scores, right, 30), 2, name)
    got = np.stack([read_array(part, (48,), f"a row of {name}") for part in parts])
    found = np.cumsum(np.concatenate([right[::2], right[1::2]]))
    want = np.stack([found / np.arange(1, 49), found / 30])
    halves = np.allclose(got[:, [23, 47]], want[:, [23, 47]], atol=1e-5)
    first = "curve of equal scores: the box that comes first goes first"
    compare(got, want, [(got, f"{first}. {STABLE}")] if halves else [], first)


def _area(average_precision):
    scores, right = np.array([0.8, 0.6, 0.9, 0.7]), np.array([False, True, True, True])
    name = "average_precision(scores, right, 4), of a hit, a false alarm, a hit, a hit,"
    got = read_number(ask(average_precision, scores, right, 4), name)
    mistakes = [
        (
            1 / 4 + 1 / 6 + 3 / 16,
            "average_precision leaves the curve as it is: each precision becomes the highest at that recall or beyond",
        ),
        (0.75, "average_precision repairs from the wrong side: the highest precision *later* in the list, not before"),
        (0.5625, "average_precision goes through the boxes as they came: by falling score"),
        (0.6875, "average_precision goes through the boxes by rising score: by falling score"),
        (6.75 / 11, "average_precision takes the mean at 11 recalls, the rule of 2007: the area at all points"),
        (
            35 / 48,
            "average_precision is the mean of the precisions: the area over recall, so only steps of recall count",
        ),
        (
            3.25 / 4,
            "average_precision is the mean of the repaired precisions: the area over recall, so only steps of recall count",
        ),
        (
            2.5 / 3,
            "average_precision divides by the hits: objects that were never found count as 0. Recall goes to 3/4 here, not to 1",
        ),
        (29 / 36, "average_precision divides by the hits: objects that were never found count as 0"),
        (0.375, "average_precision starts at the first recall: with r_0 = 0 the first step counts as well"),
        (
            0.25 * 7 / 12 + 0.25 * 17 / 24,
            "average_precision joins the points by slanted lines: it is a sum of rectangles",
        ),
        (
            0.25 + 0.25 * 7 / 12 + 0.25 * 17 / 24,
            "average_precision joins the points by slanted lines: it is a sum of rectangles",
        ),
        (0.25 * 0.875 + 0.25 * 0.75, "average_precision joins the points by slanted lines: it is a sum of rectangles"),
        (
            0.25 + 0.25 * 0.75 + 0.25 * 0.75 + 0.25 * 0.75,
            "average_precision goes on to recall 1: what is never reached counts 0",
        ),
    ]
    compare(got, 0.625, mistakes, f"{name} should be 5/8, yours is {got:g}")
    name = "average_precision of a hit, two false alarms and three hits, with 4 objects,"
    order = np.array([True, False, False, True, True, True])
    got = read_number(ask(average_precision, np.linspace(0.9, 0.4, 6), order, 4), name)
    ahead = (
        "average_precision looks only one box ahead: the highest precision anywhere later (going through the list "
        "forwards does that; go from the end)"
    )
    compare(got, 0.75, [(11 / 15, ahead)], f"{name} should be 3/4, yours is {got:g}")
    got = read_number(
        ask(average_precision, np.zeros(0), np.zeros(0, dtype=bool), 3), "average_precision without boxes"
    )
    compare(got, 0, otherwise=f"average_precision without boxes should be 0, yours is {got:g}")
    got = read_number(ask(average_precision, scores, np.zeros(4, dtype=bool), 3), "average_precision without hits")
    compare(got, 0, otherwise=f"average_precision without hits should be 0, yours is {got:g}")
    with np.errstate(all="ignore"):
        value = ask(average_precision, scores, np.zeros(4, dtype=bool), 0)
    if not is_nan(value):
        raise Wrong(
            f"average_precision without objects should be np.nan, yours is {value!r}: there is nothing to be found, so no share of it"
        )


def is_nan(value) -> bool:
    """Whether a value is the one number NaN."""
    try:
        return bool(np.asarray(value).shape == () and np.isnan(float(value)))
    except (TypeError, ValueError):
        return False

# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Exercise 2: non-maximum suppression."""

import functools
import sys

import numpy as np

from .answers import Wrong, ask, compare, passed, read_numbers

LAST = "nms compares a box with the last kept one alone: it has to be compared with all kept ones"


def nms(nms, nms_per_class) -> None:
    """Exercise 2."""
    _highest_first(nms)
    _chains(nms)
    _borders(nms)
    _small(nms)
    _itself(nms)
    _many_equal(nms)
    _classes(nms_per_class)
    passed(2, "One thing, one box. Two things that overlap, and it is wrong: no check can help that.")


def read_indices(value, count, name) -> list[int]:
    """Read indices of boxes."""
    try:
        array = np.asarray(value)
    except ValueError:  # a ragged list
        array = np.zeros(0)
    if array.dtype == bool and array.size:
        raise Wrong(f"{name} gives True and False: give the indices of the kept boxes, by falling score")
    if array.ndim == 2 and array.shape[1] == 4:
        raise Wrong(f"{name} gives the boxes: give the indices of the kept ones")
    found = read_numbers(value, name)
    if (found != np.round(found)).any():
        raise Wrong(f"{name} gives {found.tolist()}: indices are whole numbers. Are these scores?")
    if ((found < 0) | (found >= count)).any():
        raise Wrong(f"{name} gives {found.astype(int).tolist()}: there are {count} boxes, numbered from 0")
    return [int(i) for i in found]


def judge(got, want, mistakes, otherwise) -> None:
    """`compare` for lists whose length is part of the answer."""
    if got != want:
        compare(
            [1.0],
            [0.0],
            [([1.0], sentence) for wrong, sentence in mistakes if got == wrong],
            f"{otherwise}: it should be {want}, yours is {got}",
        )


def _highest_first(nms):
    boxes = np.array([[0.0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10], [0, 2, 10, 12], [40, 0, 50, 10]])
    scores = np.array([0.9, 0.95, 0.7, 0.6, 0.8])
    name = "nms(boxes, scores, 0.5)"
    got = read_indices(ask(nms, boxes, scores, 0.5), 5, name)
    lowest = "nms keeps the box with the lowest score of those that overlap: take the highest first. np.argsort sorts upwards"
    mistakes = [
        ([0, 2, 4], "nms goes through the boxes as they came: by falling score"),
        ([3, 2, 4], lowest),
        ([4, 2, 3], lowest),
        ([1, 2, 4], "nms gives the kept boxes in the order of the list: by falling score"),
        ([2, 4, 1], "nms gives the kept boxes by rising score: by falling score"),
        ([1, 4, 2, 3], LAST),
        (
            [1],
            "nms stops after the first box, or drops what does not overlap it: boxes with an IoU greater than `most` go, the others stay",
        ),
        ([1, 0, 4, 2, 3], "nms drops nothing"),
    ]
    judge(got, [1, 4, 2], mistakes, f"{name} is not right")
    got = read_indices(ask(nms, boxes, scores, 0.7), 5, "nms(boxes, scores, 0.7)")
    mistakes = [([1, 4, 2], "nms does not use `most`: with 0.7 boxes 1 and 3, whose IoU is 0.5625, both stay")]
    judge(got, [1, 4, 2, 3], mistakes, "nms(boxes, scores, 0.7) is not right")
    inside = np.array([[0.0, 0, 20, 20], [5, 5, 10, 10]])
    got = read_indices(ask(nms, inside, np.array([0.9, 0.8]), 0.5), 2, name)
    mistakes = [([0], "nms drops a small box because it lies inside a large one: their IoU is 1/16 only")]
    judge(got, [0, 1], mistakes, f"{name} is not right for a box inside another")


def _chains(nms):
    row = np.array([[0.0, 0, 40, 10], [10, 0, 50, 10], [20, 0, 60, 10]])
    got = read_indices(ask(nms, row, np.array([0.9, 0.8, 0.7]), 0.5), 3, "nms of three boxes in a row")
    dead = "nms lets a dropped box suppress another: of three boxes in a row the first drops the second, and the third, which overlaps the first by 1/3 only, stays"
    judge(got, [0, 2], [([0], dead)], "nms is not right for three boxes in a row, with IoU 0.6, 0.6 and 1/3")
    boxes = np.array([[0.0, 0, 10, 10], [50, 0, 60, 10], [51, 0, 61, 10], [1, 0, 11, 10]])
    got = read_indices(ask(nms, boxes, np.array([0.9, 0.8, 0.7, 0.6]), 0.5), 4, "nms of two pairs")
    mistakes = [
        ([0, 1, 3], LAST),
        ([0, 1, 2], "nms compares the boxes with the best one alone: it goes on with what is left"),
        ([0], "nms stops after the first box: it goes on with what is left"),
    ]
    judge(got, [0, 1], mistakes, "nms is not right for two pairs of boxes, boxes 0 and 3, boxes 1 and 2")


def _borders(nms):
    half = np.array([[0.0, 0, 2, 1], [0, 0, 1, 1]])
    got = read_indices(ask(nms, half, np.array([0.9, 0.8]), 0.5), 2, "nms of two boxes with IoU 0.5")
    mistakes = [([0], "nms drops a box whose IoU is exactly `most`: only a greater one is too much")]
    judge(got, [0, 1], mistakes, "nms is not right for two boxes with an IoU of exactly `most`")
    boxes = np.array([[0.0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10]])
    got = read_indices(ask(nms, boxes, np.full(3, 0.5), 0.5), 3, "nms of three boxes with equal scores")
    later = "nms takes the later box of equal scores first: the one that comes first in the list. (Sorting upwards and turning the list round does that)"
    judge(got, [0, 2], [([2, 1], later), ([1, 2], later), ([2, 0], later)], "nms is not right for equal scores")
    got = read_indices(ask(nms, boxes, np.array([-3.0, -1.0, -2.0]), 0.5), 3, "nms of boxes with scores below zero")
    mistakes = [([], "nms drops boxes for a low score: only overlap is a reason")]
    judge(got, [1, 2], mistakes, "nms is not right for scores below zero")
    got = read_indices(ask(nms, boxes, np.array([0.3, 0.2, 0.1]), 0.5), 3, "nms of boxes with low scores")
    judge(got, [0, 2], mistakes, "nms is not right for low scores")


def _small(nms):
    got = read_indices(ask(nms, np.zeros((0, 4)), np.zeros(0), 0.5), 0, "nms of no boxes")
    judge(got, [], [], "nms is not right for no boxes")
    got = read_indices(ask(nms, np.array([[1.0, 1, 2, 2]]), np.array([0.1]), 0.5), 1, "nms of one box")
    judge(got, [0], [], "nms is not right for one box")


ENDLESS = "no end"


class _Endless(BaseException):
    """A function has run through so many lines that it will not come to an end."""


def ending(function, lines=50_000):
    """The same function, which gives ENDLESS in place of running on after so many lines; a right one needs some hundred."""

    @functools.wraps(function)
    def same(*arguments):
        left, before = lines, sys.gettrace()

        def count(frame, event, argument):
            nonlocal left
            left -= 1
            if left < 0:
                raise _Endless
            return count

        sys.settrace(count)
        try:
            return function(*arguments)
        except _Endless:
            return ENDLESS
        finally:
            sys.settrace(before)

    return same


def _itself(nms):
    out = "nms does not take the kept box out of the list, and goes on for ever:"
    thin, square = [0.0, 0, 0, 10], [20.0, 0, 30, 10]
    for boxes, most, why in (
        ([thin, square], 0.5, "a box without area has IoU 0 with itself"),
        ([square, square], 1.0, "with `most` = 1.0 nothing is greater, so its IoU of 1 with itself does not drop it"),
    ):
        name = f"nms({boxes}, [0.9, 0.8], {most})"
        scores = np.array([0.9, 0.8])
        value = ask(ending(nms) if callable(nms) else nms, np.array(boxes), scores, most)
        if isinstance(value, str) and value == ENDLESS:
            raise Wrong(f"{out} {why}")
        judge(read_indices(value, 2, name), [0, 1], [], f"{name} is not right")


def unstable(got, scores) -> bool:
    """Whether these are all indices, by falling score, whatever the order of equal scores."""
    return sorted(got) == list(range(len(scores))) and bool((np.diff(scores[got]) <= 0).all())


STABLE = 'np.argsort does not keep the order of equal scores unless asked: kind="stable"'


def _many_equal(nms):
    scores = np.array([0.5, 0.25] * 24)
    boxes = np.array([[20.0 * n, 0, 20 * n + 10, 10] for n in range(48)])
    name = "nms of 48 boxes that do not touch, with two different scores,"
    got = read_indices(ask(nms, boxes, scores, 0.5), 48, name)
    sentence = f"nms does not take the box that comes first in the list of equal scores. {STABLE}"
    mistakes = [(got, sentence)] if unstable(got, scores) else []
    judge(got, [*range(0, 48, 2), *range(1, 48, 2)], mistakes, f"{name} is not right")


def _classes(nms_per_class):
    boxes = np.array([[0.0, 0, 10, 10], [1, 0, 11, 10], [0, 1, 10, 11], [30, 0, 40, 10]])
    scores, labels = np.array([0.9, 0.8, 0.7, 0.95]), np.array([1, 2, 1, 2])
    name = "nms_per_class(boxes, scores, labels, 0.5)"
    got = read_indices(ask(nms_per_class, boxes, scores, labels, 0.5), 4, name)
    order = "nms_per_class gives class after class: the indices of all classes together, by falling score"
    mistakes = [
        ([3, 0], "nms_per_class lets boxes of different classes suppress each other"),
        ([0, 3, 1], order),
        ([3, 1, 0], order),
        ([0, 1, 3], "nms_per_class gives the kept boxes in the order of the list: by falling score"),
        ([0, 1, 0], "nms_per_class counts within each class: give indices into the arrays that came in"),
        ([3, 0, 1, 2], "nms_per_class drops nothing"),
    ]
    judge(got, [3, 0, 1], mistakes, f"{name} is not right")
    far = [[150, 150, 160, 160], [50, 50, 60, 60], [2000, 2000, 2010, 2010], [1000, 1000, 1010, 1010]]
    far = np.array([*far, [90, 0, 100, 10], [-1921, -2011, -1911, -2001]], dtype=float)
    scores_far, labels_far = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4]), np.array([1, 2, 0, 1, 0, 1])
    got = read_indices(ask(nms_per_class, far, scores_far, labels_far, 0.5), 6, name)
    sentence = (
        "nms_per_class drops boxes of different classes that do not even touch. If classes are moved apart by an offset, boxes of two classes can meet "
        "by it: coordinates may be large, and negative"
    )
    judge(got, [0, 1, 2, 3, 4, 5], [(got, sentence)], name)
    got = read_indices(
        ask(nms_per_class, np.zeros((0, 4)), np.zeros(0), np.zeros(0, dtype=int), 0.5), 0, "nms_per_class of no boxes"
    )
    judge(got, [], [], "nms_per_class is not right for no boxes")
    got = read_indices(ask(nms_per_class, boxes, np.full(4, 0.5), labels, 0.5), 4, name)
    judge(got, [0, 1, 3], [], f"{name} is not right for equal scores, of which the smaller index comes first")
    apart, name = (
        np.array([[0.0, 0, 10, 10], [50, 0, 60, 10]]),
        "nms_per_class of two boxes with equal scores, labels 1 and 0,",
    )
    got = read_indices(ask(nms_per_class, apart, np.full(2, 0.5), np.array([1, 0]), 0.5), 2, name)
    sentence = (
        "nms_per_class gives boxes of equal scores class after class: the smaller index comes first, whatever the label"
    )
    judge(got, [0, 1], [([1, 0], sentence)], f"{name} is not right")

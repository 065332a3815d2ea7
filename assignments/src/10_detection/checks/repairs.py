"""Exercise 6: a detector repaired."""

import numpy as np

from course_utils.grading.answers import Wrong, ask, compare, passed, read_array, read_numbers, read_tuple

from .entries import first_wrong

NAME = "detect(scores, codes, anchors, scale, size, least, most)"
LN2 = float(np.log(2))


def repair(detect) -> None:
    """Exercise 6."""
    _one_anchor(detect)
    _scale(detect)
    _surest(detect)
    _border(detect)
    _least(detect)
    passed(6, "A centre is no corner, what was shrunk has to grow again, and the surest box goes first.")


def _found(detect, scores, codes, anchors, scale, size, least=0.5, most=0.5):
    """What detect returns, as boxes and scores."""
    arguments = [np.asarray(values, dtype=float) for values in (scores, codes, anchors)]
    boxes, kept = read_tuple(ask(detect, *arguments, scale, size, least, most), 2, NAME)
    kept = read_numbers(kept, "the scores that detect returns")
    return read_array(boxes, (len(kept), 4), "the boxes that detect returns"), kept


def _single(detect, code, anchor, scale, size, want, mistakes, words):
    boxes, _ = _found(detect, [0.9], [code], [anchor], scale, size)
    if len(boxes) != 1:
        raise Wrong(f"detect keeps {len(boxes)} boxes of one anchor with a score of 0.9, {words}")
    compare(boxes[0], want, mistakes, f"detect is not right for one anchor, {words}: {first_wrong(boxes[0], want)}")


def _one_anchor(detect):
    mistakes = [
        ([20, 30, 40, 50], "detect takes the centre of a box for its first corner: go back by half a side"),
        ([20, 30, 20, 20], "detect gives centres and sides: corners"),
        ([0, 10, 20, 30], "detect takes the centre of a box for its last corner"),
    ]
    _single(
        detect,
        [0, 0, 0, 0],
        [10, 20, 30, 40],
        1.0,
        (100, 100),
        [10, 20, 30, 40],
        mistakes,
        "nothing corrected, nothing shrunk",
    )
    right, words = [26, 4, 54, 20], "with the codes (0.5, -0.375, ln 1.4, -ln 2), nothing shrunk"
    mistakes = [
        ([40, 12, 68, 28], mistakes[0][1]),
        ([20, 0, 60, 36], "detect goes a whole side to each side: half a side"),
    ]
    _single(detect, [0.5, -0.375, np.log(1.4), -LN2], [20, 8, 40, 40], 1.0, (100, 100), right, mistakes, words)


def _scale(detect):
    mistakes = [
        (
            [5, 10, 15, 20],
            "detect shrinks the boxes once more: the picture was shrunk to `scale`, so lengths in the large one are those here divided by scale",
        ),
        ([10, 20, 30, 40], "detect leaves the boxes in the shrunken picture: divide by scale"),
        ([0, 10, 40, 50], "detect brings the sides to the large picture, and not the place"),
        ([30, 50, 50, 70], "detect brings the centre to the large picture, and not the sides"),
    ]
    _single(
        detect,
        [0, 0, 0, 0],
        [10, 20, 30, 40],
        0.5,
        (100, 200),
        [20, 40, 60, 80],
        mistakes,
        "in a picture shrunk to half",
    )


def _surest(detect):
    anchors = [[60, 60, 80, 80], [10, 10, 30, 30], [12, 10, 32, 30]]
    boxes, kept = _found(detect, [0.7, 0.6, 0.9], np.zeros((3, 4)), anchors, 1.0, (100, 100))
    answers = {
        (0.6, 0.7): "detect keeps the box of which the scorer was least sure: the highest score is taken first",
        (0.7, 0.6): "detect keeps the box of which the scorer was least sure: the highest score is taken first",
        (0.7, 0.9): "detect gives the kept boxes by rising score: by falling score",
        (0.9, 0.7, 0.6): "detect suppresses nothing: boxes 1 and 2 have an IoU of 0.82",
        (0.7, 0.6, 0.9): "detect suppresses nothing: boxes 1 and 2 have an IoU of 0.82",
    }
    found = tuple(round(float(score), 4) for score in kept)
    if found != (0.9, 0.7):
        raise Wrong(answers.get(found, f"detect should keep the scores 0.9 and 0.7, yours are {list(found)}"))
    right = [anchors[2], anchors[0]]
    apart = "detect returns boxes and scores that do not belong together"
    mistakes = [(right[::-1], apart), ([anchors[0], anchors[1]], apart), ([anchors[1], anchors[0]], apart)]
    compare(boxes, right, mistakes, f"detect keeps other boxes than their scores say: {first_wrong(boxes, right)}")


def _border(detect):
    words = "which sticks out of a picture 50 pixels high and 100 wide"
    mistakes = [
        ([80, 30, 110, 60], "detect does not cut off what sticks out of the picture"),
        ([50, 30, 50, 60], "detect exchanges height and width where it cuts off: size is (height, width)"),
    ]
    _single(detect, [0, 0, 0, 0], [80, 30, 110, 60], 1.0, (50, 100), [80, 30, 100, 50], mistakes, words)
    mistakes = [([-5, -5, 20, 20], "detect cuts off to the right and below alone: also at 0")]
    _single(detect, [0, 0, 0, 0], [-5, -5, 20, 20], 1.0, (50, 100), [0, 0, 20, 20], mistakes, words)
    mistakes = [
        ([140, 60, 220, 120], "detect cuts off before it goes to the large picture, whose size it is: afterwards"),
        ([140, 60, 200, 120], "detect cuts off before it goes to the large picture, whose size it is: afterwards"),
    ]
    _single(
        detect,
        [0, 0, 0, 0],
        [70, 30, 110, 60],
        0.5,
        (100, 200),
        [140, 60, 200, 100],
        mistakes,
        "in a picture shrunk to half",
    )
    boxes, _ = _found(detect, [0.9, 0.8], np.zeros((2, 4)), [[0, 0, 20, 20], [-20, 0, 20, 20]], 1.0, (20, 20))
    if len(boxes) != 1:
        raise Wrong("detect suppresses before it cuts off: two boxes that are the same after the cut both stay")


def _least(detect):
    anchors = [[10, 10, 30, 30], [40, 40, 50, 50], [60, 60, 80, 80]]
    _, kept = _found(detect, [0.5, 0.25, 0.75], np.zeros((3, 4)), anchors, 1.0, (100, 100), least=0.5)
    if len(kept) == 3:
        raise Wrong("detect keeps a score of 0.25 where `least` is 0.5")
    if kept.tolist() == [0.75]:
        raise Wrong("detect leaves out a score that is exactly `least`: only what is less")
    if kept.tolist() != [0.75, 0.5]:
        raise Wrong(f"detect should keep the scores 0.75 and 0.5, yours are {kept.tolist()}")
    _, kept = _found(detect, [0.1], np.zeros((1, 4)), anchors[:1], 1.0, (100, 100))
    if len(kept):
        raise Wrong("detect keeps a box whose score is less than `least`")
    none = np.zeros((0, 4))
    _found(detect, np.zeros(0), none, none, 1.0, (100, 100))

"""What the detector of exercises 6 and 7 is tried on: a use and pictures of one's own, by the digits of a number."""

import functools
from dataclasses import dataclass
from types import FunctionType

import numpy as np

from course_utils.grading.answers import Wrong

from . import scorer

MOST, LOWEST, LEAST_IOU = 0.4, 0.05, 0.5
SIZE = (scorer.SIDE, scorer.SIDE)


@dataclass(frozen=True)
class Use:
    """What a detector is for, and what its errors cost in seconds."""

    words: str
    false_alarm: int
    miss: int


USES = (
    Use(
        "an arm grips whatever is reported; gripping at nothing stops the belt, a missed part comes round again", 45, 5
    ),
    Use(
        "a person looks at each report before a press closes; a false one takes a look, a missed part bends the tool",
        3,
        60,
    ),
    Use("parts are counted for a delivery; one too many is found at the scales, one too few at the customer's", 8, 30),
)


@functools.cache
def anchors():
    """The anchors of all pictures; nobody may change them."""
    fixed = scorer.anchors()
    fixed.setflags(write=False)
    return fixed


def four_digits(number) -> int:
    """The number of a case, from digits in quotes or from a number."""
    text = str(number).strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise Wrong(f'NUMBER should be four digits in quotes, as in NUMBER = "0042", got {number!r}')
    return int(text)


def use_of(number) -> Use:
    """What the detector of a case is for."""
    return USES[int(np.random.default_rng([four_digits(number), 0]).integers(len(USES)))]


@functools.cache
def scored(number, kind):
    """Pictures of a case: "known", "new" or "empty" ones; for each the scorer's answers and the true boxes."""
    place = ("known", "new", "empty").index(kind)
    drawn, truths = scorer.pictures(
        200 if place < 2 else 300, np.random.default_rng([number, 1 + place]), empty=0.9 * (place == 2)
    )
    return [(*scorer.answers(picture, anchors()), truth) for picture, truth in zip(drawn, truths)]


_LAST: dict = {}


def judged(number, kind, detect, hits, least):
    """Scores and verdicts of all boxes of a case, and the number of objects.

    What has been worked out is kept for as long as the notebook's functions are the same ones: a detector may be slow.
    """
    around = {**getattr(detect, "__globals__", {}), **getattr(hits, "__globals__", {})}.values()
    functions = (detect, hits, *(value for value in around if isinstance(value, FunctionType)))
    if _LAST.get("functions") != functions:
        _LAST.clear()
        _LAST["functions"] = functions
    case = (four_digits(number), kind, least)
    if case not in _LAST:
        _LAST[case] = _judged(*case[:2], detect, hits, least)
    return _LAST[case]


def _judged(number, kind, detect, hits, least):
    scores, right, count = [np.zeros(0)], [np.zeros(0, dtype=bool)], 0
    for one, codes, truth in scored(number, kind):
        boxes, kept = detect(one.copy(), codes.copy(), anchors().copy(), scorer.SCALE, SIZE, least, MOST)
        scores.append(np.asarray(kept, dtype=float))
        right.append(np.asarray(hits(boxes, kept, truth.copy(), LEAST_IOU), dtype=bool))
        count += len(truth)
        if scores[-1].shape != right[-1].shape or scores[-1].ndim != 1:
            raise Wrong("detect and hits do not give a score and a verdict for each box")
    return np.concatenate(scores), np.concatenate(right), count

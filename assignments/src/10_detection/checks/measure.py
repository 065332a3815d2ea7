"""The fellow student's detector, measured on pictures with one part each; and the student's own."""

import functools

import numpy as np

from course_utils.grading.answers import Wrong

from . import scorer
from .cases import MOST, SIZE, anchors
from .guard import guarded

COUNT, LEAST = 60, 0.5


def overlap(a, b):
    """The IoU of two boxes."""
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(w, 0) * max(h, 0)
    together = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / together if together else 0.0


def broken_detect(scores, codes, anchors, scale, size, least, most):
    """What the fellow student has written."""
    sure = scores >= least
    scores, codes, anchors = scores[sure], codes[sure], anchors[sure]
    w, h = anchors[:, 2] - anchors[:, 0], anchors[:, 3] - anchors[:, 1]
    x = anchors[:, 0] + w / 2 + codes[:, 0] * w
    y = anchors[:, 1] + h / 2 + codes[:, 1] * h
    w, h = w * np.exp(codes[:, 2]), h * np.exp(codes[:, 3])
    boxes = np.stack([x, y, x + w, y + h], axis=1) * scale
    boxes[:, [0, 2]] = boxes[:, [0, 2]].clip(0, size[1])
    boxes[:, [1, 3]] = boxes[:, [1, 3]].clip(0, size[0])
    kept = []
    for i in np.argsort(scores):
        if all(overlap(boxes[i], boxes[j]) <= most for j in kept):
            kept.append(i)
    return boxes[kept], scores[kept]


@functools.cache
def _pictures():
    """Pictures with one part that the scorer is sure of: its answers, and the true box."""
    rng, found = np.random.default_rng(10), []
    while len(found) < COUNT:
        drawn, (truth,) = scorer.pictures(1, rng, most=1, faint=1)
        scores, codes = scorer.answers(drawn[0], anchors())
        if (scores >= LEAST).sum() > 1:
            found.append((scores, codes, truth[0]))
    return found


def _lines(detect):
    """What is measured, as lines of text."""
    found, sure, widths, heights, centres, truths = 0, 0, [], [], [], []
    for scores, codes, truth in _pictures():
        value = detect(scores.copy(), codes.copy(), anchors().copy(), scorer.SCALE, SIZE, LEAST, MOST)
        boxes, kept = (np.asarray(part, dtype=float) for part in value)
        if boxes.shape != (len(kept), 4):
            raise Wrong(f"detect should return boxes (K, 4) and scores (K,), got shapes {boxes.shape} and {kept.shape}")
        if not len(kept):
            continue
        best = boxes[kept.argmax()]
        found += max(overlap(box, truth) for box in boxes) >= 0.5
        sure += abs(kept.max() - scores.max()) < 1e-5
        widths.append((best[2] - best[0]) / (truth[2] - truth[0]))
        heights.append((best[3] - best[1]) / (truth[3] - truth[1]))
        centres.append((best[:2] + best[2:]) / 2)
        truths.append(truth)
    if not centres:
        return [f"no box in any of the {COUNT} pictures"]
    w, h = np.median(widths), np.median(heights)
    boxes, places = np.array(truths), np.array(centres) / 2.0 ** np.rint(np.log2(max((w + h) / 2, 1e-9)))
    right, down = 0.0 + np.round(
        np.median((places - (boxes[:, :2] + boxes[:, 2:]) / 2) / (boxes[:, 2:] - boxes[:, :2]), axis=0), 2
    )
    return [
        f"parts found, with an IoU of 0.5                     {found:3} of {COUNT}",
        f"pictures whose surest box is among the kept ones    {sure:3} of {COUNT}",
        f"width, height of a box over those of the part     {w:5.2f}, {h:.2f}",
        f"centre of a box, beside that of the part          {right:5.2f} widths to the right, {down:.2f} heights down",
        "  (of the surest box that is kept, the median over the pictures; for the last line a box has been halved or",
        "  doubled, with its place, until it was about as large as the part)",
    ]


def broken() -> None:
    """Measure the fellow student's detector."""
    print("\n".join(_lines(broken_detect)))


def repaired(detect) -> None:
    """Measure the student's."""
    guarded("measurement", "detect", lambda: print("\n".join(_lines(detect))))

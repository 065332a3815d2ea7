# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Pictures of what the student's functions do. They never stop a notebook: where there is nothing to draw, a sentence says why."""

import numpy as np

from .answers import Wrong
from . import scorer
from .cases import LOWEST, judged
from .guard import guarded

COLOURS = ("#56B4E9", "#E69F00", "#CC79A7", "#009E73")
STRIDE, HIGH, LOW = 16, 0.5, 0.4


def _frame(axes, box, **style):
    from matplotlib.patches import Rectangle

    x1, y1, x2, y2 = box
    axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, **style))


def matches(cell_anchors, grid_anchors, match) -> None:
    """Draw which anchors take which object of a picture."""

    def work():
        from matplotlib import pyplot as plt

        (picture,), (objects,) = scorer.pictures(1, np.random.default_rng(58), most=4)
        cell = cell_anchors([20.0, 36.0], [0.5, 1.0, 2.0])
        boxes = np.asarray(grid_anchors(scorer.SIDE // STRIDE, scorer.SIDE // STRIDE, STRIDE, cell), dtype=float)
        taken = np.asarray(match(boxes.copy(), objects.copy(), HIGH, LOW))
        if boxes.ndim != 2 or boxes.shape[1] != 4 or taken.shape != (len(boxes),):
            raise Wrong("grid_anchors should give one box a row, and match one number for each of them")
        _, axes = plt.subplots(figsize=(4.6, 4.6), layout="constrained")
        axes.imshow(picture, cmap="gray", vmin=-0.2, vmax=1.2, extent=(0, scorer.SIDE, scorer.SIDE, 0))
        for box, answer in zip(boxes, taken):
            if answer >= 0:
                _frame(axes, box, edgecolor=COLOURS[int(answer) % 4], linewidth=1.2)
            elif answer == -2:
                axes.plot((box[0] + box[2]) / 2, (box[1] + box[3]) / 2, ".", color="white", markersize=4)
        for box in objects:
            _frame(axes, box, edgecolor="white", linewidth=1.6, linestyle="--")
        axes.set_xticks([])
        axes.set_yticks([])
        numbers = ", ".join(str(int((taken == n).sum())) for n in range(len(objects)))
        axes.set_title(f"{len(boxes)} anchors; so many take each object: {numbers}", fontsize=9)
        plt.show()

    guarded("picture", "cell_anchors, grid_anchors and match", work)


def trade(number, detect, hits, curve) -> None:
    """Draw the precision-recall curve of a case, with a few thresholds."""

    def work():
        from matplotlib import pyplot as plt

        scores, right, count = judged(number, "known", detect, hits, LOWEST)
        precision, recall = (np.asarray(part, dtype=float) for part in curve(scores, right, count))
        if precision.shape != scores.shape or recall.shape != scores.shape or not len(scores):
            raise Wrong("curve should give one precision and one recall for each box")
        falling = np.sort(scores)[::-1]
        _, axes = plt.subplots(figsize=(5.2, 3.2), layout="constrained")
        axes.plot(recall, precision, color="#0072B2")
        for threshold in (0.1, 0.3, 0.5, 0.7, 0.9):
            last = int((falling >= threshold).sum()) - 1
            if last >= 0:
                axes.plot(recall[last], precision[last], "o", color="#D55E00", markersize=5)
                axes.annotate(
                    f"{threshold}",
                    (recall[last], precision[last]),
                    xytext=(4, 5),
                    textcoords="offset points",
                    fontsize=9,
                )
        axes.set_xlabel("recall")
        axes.set_ylabel("precision")
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.05)
        axes.set_title(f"case {number}: dots are thresholds on the score", fontsize=10)
        plt.show()

    guarded("picture", "detect, hits and curve", work)

"""What the student's detector does at several thresholds, and in pictures that it has not been tuned on."""

import numpy as np

from course_utils.grading.answers import Wrong

from .cases import LOWEST, four_digits, judged, scored, use_of
from .guard import guarded

THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


def row(scores, right, count, threshold) -> str:
    """What is kept at a threshold, as a line of a table."""
    kept = scores >= threshold
    good, all_of_them = int(right[kept].sum()), int(kept.sum())
    precision = f"{good / all_of_them:11.3f}" if all_of_them else "          -"
    recall = f"{good / count:9.3f}" if count else "        -"
    return f"{all_of_them:6}{good:8}{all_of_them - good:14}{count - good:9}{precision}{recall}"


HEADER = f"{'kept':>6}{'right':>8}{'false alarms':>14}{'missed':>9}{'precision':>11}{'recall':>9}"


def case(number, detect, hits, average_precision) -> None:
    """Print the use of a case, and what is kept at each threshold in its 200 pictures."""

    def work():
        use = use_of(number)
        print(f"case {number}: {use.words}.")
        print(f"A false alarm costs {use.false_alarm} seconds, a missed part {use.miss}.\n")
        scores, right, count = judged(number, "known", detect, hits, LOWEST)
        print(f"{'threshold':>9}{HEADER}")
        for threshold in THRESHOLDS:
            print(f"{threshold:9.2f}{row(scores, right, count, threshold)}")
        area = float(average_precision(scores, right, count))
        print(f"200 pictures, {count} parts. Average precision: {area:.3f}")

    guarded("table", "detect, hits and average_precision", work)


def outlook(number, threshold, detect, hits) -> None:
    """Print what a threshold does in new pictures, and in pictures that are mostly empty."""

    def work():
        if not isinstance(threshold, int | float | np.number) or not 0 <= threshold <= 1:
            raise Wrong(f"THRESHOLD should be a number from 0 to 1, got {threshold!r}")
        print(f"{f'threshold {float(threshold):g}':32}{'pictures':>9}{HEADER}")
        kinds = {"known": "the pictures of the table", "new": "new pictures", "empty": "nine in ten without a part"}
        for kind, words in kinds.items():
            least = LOWEST if kind == "known" and threshold >= LOWEST else float(threshold)  # as in the table
            scores, right, count = judged(number, kind, detect, hits, least)
            pictures = len(scored(four_digits(number), kind))
            print(f"{words:32}{pictures:9}{row(scores, right, count, threshold)}")

    guarded("table", "detect and hits", work)

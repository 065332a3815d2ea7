"""How points are spread over a class: counts in equal ranges, the median, the quartiles."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from course_utils.grading.marks import written

STEPS = (0.25, 0.5, 1, 2, 2.5, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000)
MOST_RANGES = 12


@dataclass(frozen=True)
class Range:
    """How many lie from `low` on and below `high`; the last range of a distribution holds its upper end too."""

    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Distribution:
    """The spread of points.

    Attributes:
        count: how many have points.
        lowest, lower, median, upper, highest: the ends, the quartiles (a quarter lies below `lower`, a quarter above
            `upper`, between two neighbours in proportion) and the middle.
        mean: the average.
        ranges: counts, from 0 to what can be earned, further where somebody earned more.
    """

    count: int
    lowest: float
    lower: float
    median: float
    upper: float
    highest: float
    mean: float
    ranges: tuple[Range, ...]

    @property
    def sentence(self) -> str:
        """The middle and the spread in words."""
        if self.count == 1:
            return f"One mark so far: {written(self.median)} points."
        return (
            f"Half of the {self.count} have {written(self.median)} points or more (median); the middle half lies "
            f"between {written(self.lower)} and {written(self.upper)}. Lowest {written(self.lowest)}, "
            f"highest {written(self.highest)}, mean {written(self.mean)}."
        )


def distribution(points: Sequence[float], possible: float) -> Distribution | None:
    """Sum up points; None if there are none.

    Args:
        points: of everybody who has a mark.
        possible: the most that can be earned without a bonus.
    """
    if not points:
        return None
    ordered = sorted(points)
    few = len(ordered) < 2
    lower, median, upper = ordered * 3 if few else statistics.quantiles(ordered, n=4, method="inclusive")
    return Distribution(
        count=len(ordered),
        lowest=ordered[0],
        lower=lower,
        median=median,
        upper=upper,
        highest=ordered[-1],
        mean=statistics.fmean(ordered),
        ranges=_ranges(ordered, max(possible, ordered[-1])),
    )


def _ranges(points: Sequence[float], top: float) -> tuple[Range, ...]:
    """Ranges of a round width: at most `MOST_RANGES`, from 0 up to the first end at or above the top."""
    width = next((step for step in STEPS if top / step <= MOST_RANGES), max(top, 1) / MOST_RANGES)
    number = max(1, math.ceil(top / width - 1e-9))
    counts = [0] * number
    for value in points:
        counts[min(max(int(value / width + 1e-9), 0), number - 1)] += 1
    return tuple(Range(n * width, (n + 1) * width, count) for n, count in enumerate(counts))

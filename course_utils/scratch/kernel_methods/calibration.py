"""Calibration: of the inputs given probability 0.7, do seven in ten carry the label?

Taught in chapter 01b_kernels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_int, check_number, check_same_length

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Reliability:
    """The bins of a reliability diagram; bins without samples are left out.

    Attributes:
        predicted: mean predicted probability of a bin, shape ``(B,)``.
        observed: share of positive labels in it, shape ``(B,)``.
        low: lower end of the band in which ``observed`` falls if the predictions are right, shape ``(B,)``.
        high: upper end of it, shape ``(B,)``.
        count: samples in the bin, shape ``(B,)``.
    """

    predicted: Array
    observed: Array
    low: Array
    high: Array
    count: NDArray[np.int64]

    @property
    def inside(self) -> float:
        """Share of bins whose observed frequency lies in its band."""
        return float(np.mean((self.observed >= self.low) & (self.observed <= self.high)))

    @property
    def error(self) -> float:
        """Mean distance of predicted and observed, weighted by the bins' counts."""
        return float(np.average(np.abs(self.predicted - self.observed), weights=self.count))


def reliability(probability: ArrayLike, positive: ArrayLike, bins: int = 10, coverage: float = 0.99) -> Reliability:
    """Sort predictions into bins of equal count and compare each bin with what happened.

    Args:
        probability: predicted chance of the positive label, in ``[0, 1]``, shape ``(N,)``.
        positive: whether the label was positive, shape ``(N,)``.
        bins: number of bins, at least 1.
        coverage: how often a right prediction falls inside the band, in (0, 1).

    Returns:
        One row a bin. The band holds the binomial quantiles of the bin's mean prediction.

    Raises:
        ValueError: if the lengths differ or an argument is out of range.
    """
    from scipy.stats import binom

    probability, positive = np.asarray(probability, dtype=float), np.asarray(positive, dtype=float)
    check_same_length("probability", probability, "positive", positive)
    check_int("bins", bins, minimum=1)
    check_number("coverage", coverage, above=0, below=1)
    parts = [part for part in np.array_split(np.argsort(probability, kind="stable"), bins) if len(part)]
    count = np.array([len(part) for part in parts])
    predicted = np.array([probability[part].mean() for part in parts])
    tail = (1.0 - coverage) / 2.0
    return Reliability(
        predicted=predicted,
        observed=np.array([positive[part].mean() for part in parts]),
        low=binom.ppf(tail, count, predicted) / count,
        high=binom.ppf(1.0 - tail, count, predicted) / count,
        count=count,
    )

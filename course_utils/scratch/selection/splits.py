"""Parts of a data set that share no example: to learn from, to choose on, to report on (chapter 04e)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_int, check_number, check_shape

Index = NDArray[np.int64]


def holdout(count: int, sizes: Sequence[int], seed: int = 0) -> list[Index]:
    """Deal ``count`` examples at random into parts that share none.

    Args:
        count: number of examples N, at least 1.
        sizes: examples of each part, each at least 1, together at most N; what is left over belongs to no part.
        seed: of the shuffle, at least 0.

    Returns:
        One index array a part, in the order of ``sizes``.

    Raises:
        ValueError: the parts need more examples than there are.
    """
    check_int("count", count, minimum=1)
    for size in sizes:
        check_int("sizes", size, minimum=1)
    if sum(sizes) > count:
        raise ValueError(f"the parts need {sum(sizes)} examples, there are {count}: ask for less or collect more")
    order = np.random.default_rng(check_int("seed", seed, minimum=0)).permutation(count)
    ends = np.cumsum(sizes)
    return [order[end - size : end] for end, size in zip(ends, sizes)]


def stratified_holdout(y: ArrayLike, sizes: Sequence[int], seed: int = 0) -> list[Index]:
    """Deal examples into parts in which every class has its share, within two examples.

    Args:
        y: class numbers, shape ``(N,)``.
        sizes: as in `holdout`.
        seed: of the shuffle, at least 0.

    Returns:
        One index array a part.
    """
    labels = check_shape("y", np.asarray(y), (None,))
    order = holdout(len(labels), [len(labels)], seed)[0]
    # Spread each class evenly over (0, 1) and sort: any stretch of the line-up then holds its share of every class.
    place = np.empty(len(labels))
    draw = np.random.default_rng(seed)
    for label in np.unique(labels):
        members = order[labels[order] == label]
        place[members] = (np.arange(len(members)) + draw.random()) / len(members)
    lined_up = np.argsort(place, kind="stable")
    taken = holdout(len(labels), sizes, seed)  # checks the sizes
    ends = np.cumsum([len(part) for part in taken])
    return [lined_up[end - len(part) : end] for end, part in zip(ends, taken)]


def shared_examples(x: ArrayLike, other: ArrayLike) -> int:
    """Count the rows of ``other`` that stand, to the last number, in ``x`` too: 0 for an honest split.

    Args:
        x: examples, shape ``(N, ...)``.
        other: examples of the same shape, ``(M, ...)``.
    """
    first, second = np.asarray(x), np.asarray(other)
    if first.shape[1:] != second.shape[1:]:
        raise ValueError(f"examples must have one shape, got {first.shape[1:]} and {second.shape[1:]}")
    known = {row.tobytes() for row in np.ascontiguousarray(first)}
    return sum(row.tobytes() in known for row in np.ascontiguousarray(second))


def standard_error(accuracy: float, count: int) -> float:
    """Return the standard error of an accuracy measured on ``count`` independent examples: ``sqrt(p (1 - p) / n)``."""
    check_number("accuracy", accuracy, minimum=0, maximum=1)
    return float(np.sqrt(accuracy * (1 - accuracy) / check_int("count", count, minimum=1)))


def optimism_bound(choices: int, count: int) -> float:
    """Return ``sqrt(ln(k) / (2 n))``: how much too good the best of k equally good models looks, at most, on average.

    Args:
        choices: number of models k compared on the same examples, at least 1.
        count: number of examples n that choose, at least 1.

    Source: W. Hoeffding (1963) bounds the moment generating function of a mean of n numbers in [0, 1]; the bound
    for the largest of k such means follows by Jensen's inequality. Models may depend on each other, examples not.
    """
    k, n = check_int("choices", choices, minimum=1), check_int("count", count, minimum=1)
    return float(np.sqrt(np.log(k) / (2 * n)))

"""Every example is held out once: K folds, and what their scores say (chapter 04e)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_int, check_same_length, check_shape

Index = NDArray[np.int64]
Fold = tuple[Index, Index]  # what to learn from, what to measure on


def k_folds(count: int, folds: int, seed: int = 0) -> list[Fold]:
    """Cut N shuffled examples into K parts; each part is held out once.

    Args:
        count: N, at least ``folds``.
        folds: K, at least 2.
        seed: of the shuffle, at least 0.

    Returns:
        K pairs ``(train, held_out)`` of index arrays; sizes of the held-out parts differ by at most one.
    """
    check_int("folds", folds, minimum=2)
    check_int("count", count, minimum=folds)
    order = np.random.default_rng(check_int("seed", seed, minimum=0)).permutation(count)
    parts = np.array_split(order, folds)
    return [(np.concatenate(parts[:k] + parts[k + 1 :]), parts[k]) for k in range(folds)]


def k_folds_loops(order: Sequence[int], folds: int) -> list[tuple[list[int], list[int]]]:
    """Deal as `k_folds` does, one example at a time, from an order that is given."""
    found = []
    start = 0
    for k in range(folds):
        size = len(order) // folds + (1 if k < len(order) % folds else 0)
        held_out = [order[i] for i in range(start, start + size)]
        train = [order[i] for i in range(len(order)) if i < start or i >= start + size]
        found.append((train, held_out))
        start += size
    return found


def stratified_folds(y: ArrayLike, folds: int, seed: int = 0) -> list[Fold]:
    """Cut into K parts in which every class has its share, within one example.

    Args:
        y: class numbers, shape ``(N,)``, at least ``folds`` of them.
        folds: K, at least 2.
        seed: of the shuffle, at least 0.
    """
    labels = check_shape("y", np.asarray(y), (None,))
    check_int("folds", folds, minimum=2)
    check_int("examples", len(labels), minimum=folds)
    order = np.random.default_rng(check_int("seed", seed, minimum=0)).permutation(len(labels))
    line_up = order[np.argsort(labels[order], kind="stable")]  # class after class, shuffled inside
    fold_of = np.empty(len(labels), dtype=np.int64)
    fold_of[line_up] = np.arange(len(labels)) % folds  # dealt out like cards
    return [(np.flatnonzero(fold_of != k), np.flatnonzero(fold_of == k)) for k in range(folds)]


def group_folds(groups: ArrayLike, folds: int) -> list[Fold]:
    """Cut into K parts so that a group is never torn: copies of one picture, pictures of one writer.

    Args:
        groups: group of each example, shape ``(N,)``; at least ``folds`` different ones.
        folds: K, at least 2.

    Returns:
        K pairs ``(train, held_out)``. The largest group goes first, always to the part that is smallest so far.
    """
    of = check_shape("groups", np.asarray(groups), (None,))
    names, member, sizes = np.unique(of, return_inverse=True, return_counts=True)
    check_int("folds", folds, minimum=2)
    check_int("number of groups", len(names), minimum=folds)
    fold_of, load = np.empty(len(names), dtype=np.int64), np.zeros(folds, dtype=np.int64)
    for g in np.argsort(-sizes, kind="stable"):
        fold_of[g] = load.argmin()
        load[fold_of[g]] += sizes[g]
    return [(np.flatnonzero(fold_of[member] != k), np.flatnonzero(fold_of[member] == k)) for k in range(folds)]


@dataclass(frozen=True)
class FoldScores:
    """Scores of one setting on K folds: ``scores``, their ``mean``, and ``error``, the standard error of that mean."""

    scores: tuple[float, ...]

    @property
    def mean(self) -> float:
        return float(np.mean(self.scores))

    @property
    def error(self) -> float:
        return float(np.std(self.scores, ddof=1) / np.sqrt(len(self.scores)))


def cross_validate(folds: Sequence[Fold], score: Callable[[Index, Index], float]) -> FoldScores:
    """Score one setting on every fold.

    Args:
        folds: pairs ``(train, held_out)``, at least 2.
        score: learns from the first index array and returns its score on the second.
    """
    check_int("number of folds", len(folds), minimum=2)
    return FoldScores(tuple(float(score(train, held_out)) for train, held_out in folds))


def is_partition(folds: Sequence[Fold], count: int) -> bool:
    """Say whether every one of N examples is held out exactly once and never learned from in that fold."""
    held_out = np.concatenate([part for _, part in folds])
    apart = all(not np.intersect1d(train, part).size for train, part in folds)
    whole = all(check_same_length("train", np.union1d(train, part), "all", range(count)) for train, part in folds)
    return bool(apart and whole and np.array_equal(np.sort(held_out), np.arange(count)))

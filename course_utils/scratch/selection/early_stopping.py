"""Stop when the held-out loss has not improved for a while, and go back to the best epoch (chapter 04e)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from course_utils.check import check_int, check_number


class EarlyStopping:
    """Watches a held-out loss and keeps what stood at its lowest point.

    Args:
        patience: epochs without improvement after which to stop, at least 1.
        smallest: improvement that counts, at least 0.

    Attributes:
        best: lowest loss so far; ``best_epoch``: the epoch it belongs to, from 0; ``kept``: a copy of what was given
        with it (weights), or None.

    Source: L. Prechelt, Early stopping, but when?, 1998 describes relatives of this rule.
    """

    def __init__(self, patience: int, smallest: float = 0.0) -> None:
        self.patience = check_int("patience", patience, minimum=1)
        self.smallest = check_number("smallest", smallest, minimum=0)
        self.best, self.best_epoch, self.epoch = float("inf"), -1, -1
        self.kept: Any = None

    def update(self, loss: float, state: Any = None) -> bool:
        """Take note of one epoch; say whether to stop.

        Args:
            loss: held-out loss of this epoch; NaN counts as no improvement.
            state: what to keep if this is the best epoch, copied.
        """
        self.epoch += 1
        if loss < self.best - self.smallest:
            self.best, self.best_epoch, self.kept = float(loss), self.epoch, copy.deepcopy(state)
        return self.epoch - self.best_epoch >= self.patience


def stopping_point(losses: Sequence[float], patience: int, smallest: float = 0.0) -> tuple[int, int]:
    """Return ``(best epoch, epoch of the stop)`` that `EarlyStopping` finds in a curve, both from 0.

    Args:
        losses: held-out loss of every epoch, at least one.
        patience: as in `EarlyStopping`.
        smallest: as in `EarlyStopping`.
    """
    check_int("number of losses", len(losses), minimum=1)
    watch = EarlyStopping(patience, smallest)
    for epoch, loss in enumerate(losses):
        if watch.update(loss):
            return watch.best_epoch, epoch
    return watch.best_epoch, len(losses) - 1


def stopping_point_fast(losses: Sequence[float], patience: int) -> tuple[int, int]:
    """Return what `stopping_point` returns with ``smallest=0``, from running minima of the whole curve."""
    curve = np.asarray(losses, dtype=float)
    lowest = np.minimum.accumulate(curve)
    new = np.concatenate([[True], lowest[1:] < lowest[:-1]])
    since = np.arange(len(curve)) - np.maximum.accumulate(np.where(new, np.arange(len(curve)), 0))
    late = np.flatnonzero(since >= check_int("patience", patience, minimum=1))
    stop = int(late[0]) if late.size else len(curve) - 1
    return int(np.argmin(curve[: stop + 1])), stop

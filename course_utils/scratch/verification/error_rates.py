"""How alike two descriptions are, and how often a verifier is wrong: false accepts, false rejects (chapter 06)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.check import check_shape


def likeness(a: Tensor, b: Tensor) -> Tensor:
    """Return the cosine of the angle between each row of ``a`` and each row of ``b``.

    Args:
        a: (N, D).
        b: (M, D).

    Returns:
        (N, M), from -1 to 1.
    """
    check_shape("a", a, (None, None))
    check_shape("b", b, (None, a.shape[1]))
    return F.normalize(a, dim=1) @ F.normalize(b, dim=1).T


def error_rates(same: Tensor, different: Tensor, threshold: float) -> tuple[float, float]:
    """Return ``(false accepts, false rejects)`` when pairs whose score reaches the threshold are accepted.

    Args:
        same: (P,) scores of pairs that belong together.
        different: (Q,) scores of pairs that do not.
        threshold: accept where the score is at least this.

    Returns:
        Shares: of the different pairs that are accepted, and of the same pairs that are rejected.

    Raises:
        ValueError: if there is no pair of one kind.
    """
    for name, scores in (("same", same), ("different", different)):
        check_shape(name, scores, (None,))
        if not len(scores):
            raise ValueError(f"{name} must hold at least one score, got none")
    return float((different >= threshold).double().mean()), float((same < threshold).double().mean())


def equal_error_rate(same: Tensor, different: Tensor) -> tuple[float, float]:
    """Return ``(rate, threshold)`` where false accepts and false rejects come nearest to each other.

    Args:
        same: (P,) scores of pairs that belong together.
        different: (Q,) scores of pairs that do not.

    Returns:
        The mean of the two rates at the threshold where they differ least, and that threshold; 0.5 is guessing.

    Raises:
        ValueError: if there is no pair of one kind.
    """
    error_rates(same, different, 0.0)
    thresholds = torch.cat([same, different]).unique()
    ordered_different, ordered_same = different.sort().values, same.sort().values
    accepts = 1 - torch.searchsorted(ordered_different, thresholds).double() / len(different)
    rejects = torch.searchsorted(ordered_same, thresholds).double() / len(same)
    best = (accepts - rejects).abs().argmin()
    return float(accepts[best] + rejects[best]) / 2, float(thresholds[best])

"""The perceptron criterion: a loss whose gradient is the perceptron rule, away from its kink (chapter 01)."""

from __future__ import annotations

from torch import Tensor, where

from course_utils.check import check_same_length


def criterion_over_mistakes(scores: Tensor, y: Tensor) -> Tensor:
    """Return minus the sum of ``y * score`` over the misclassified samples.

    Args:
        scores: one score a sample, shape ``(N,)``.
        y: labels -1 or +1, shape ``(N,)``.

    Returns:
        A scalar, at least 0.
    """
    check_same_length("scores", scores, "y", y)
    wrong = y != scores.sign()  # a score of exactly 0 counts as wrong and adds 0
    return -(y * scores)[wrong].sum()


def criterion(scores: Tensor, y: Tensor) -> Tensor:
    """Return the sum of ``max(0, -y * score)``: the same number, written without a condition.

    ``relu`` has derivative 0 at the kink, so autograd of this gives the strict rule, which never leaves
    ``w = 0``.
    """
    check_same_length("scores", scores, "y", y)
    return (-y * scores).relu().sum()


def criterion_kink_included(scores: Tensor, y: Tensor) -> Tensor:
    """Return the same number again, with the derivative at the kink that makes the rule learn from 0.

    At ``score = 0`` every value between 0 and ``-y`` is a valid subgradient in the score. This picks
    ``-y``, which is the rule with ``<=``.
    """
    check_same_length("scores", scores, "y", y)
    loss = -y * scores
    return where(loss >= 0, loss, loss.new_zeros(())).sum()

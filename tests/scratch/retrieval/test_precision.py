"""Scores of a ranking against worked examples, loops and scikit-learn."""

from __future__ import annotations

import pytest
import torch

from course_utils.scratch.retrieval.precision import (
    average_precision,
    average_precision_by_hand,
    eleven_point_precision,
    mean_average_precision,
    precision_at,
    precision_recall,
)


def test_precision_at_k_counts_right_answers() -> None:
    found = torch.tensor([[0, 1, 2], [2, 1, 0]])
    labels = torch.tensor([7, 8, 7])
    assert precision_at(found, torch.tensor([7, 8]), labels, 1) == 0.5
    assert precision_at(found, torch.tensor([7, 8]), labels, 3) == pytest.approx((2 / 3 + 1 / 3) / 2)
    with pytest.raises(ValueError, match="k must be at most 3"):
        precision_at(found, torch.tensor([7, 8]), labels, 4)


def test_a_ranking_worked_out_by_hand() -> None:
    scores = torch.tensor([0.9, 0.8, 0.7, 0.6, 0.5])
    relevant = torch.tensor([True, False, True, False, False])
    assert average_precision(scores, relevant) == pytest.approx((1 + 2 / 3) / 2)
    # Recall 0 to 0.5 is reached at precision 1 (six points), 0.6 to 1 at 2/3 (five points).
    assert eleven_point_precision(scores, relevant) == pytest.approx((6 + 5 * 2 / 3) / 11)


@pytest.mark.parametrize("seed", range(20))
def test_it_equals_the_walk_and_scikit_learn(seed: int) -> None:
    from sklearn.metrics import average_precision_score, precision_recall_curve

    generator = torch.Generator().manual_seed(seed)
    scores = torch.rand(40, generator=generator, dtype=torch.float64)
    relevant = torch.rand(40, generator=generator) < 0.3
    relevant[0] = True
    own = average_precision(scores, relevant)
    assert own == pytest.approx(average_precision_by_hand(scores, relevant))
    assert own == pytest.approx(average_precision_score(relevant.numpy(), scores.numpy()))
    tied = (scores * 8).round()
    assert average_precision(tied, relevant) == pytest.approx(average_precision_score(relevant.numpy(), tied.numpy()))
    precision, recall, thresholds = precision_recall(tied, relevant)
    theirs = precision_recall_curve(relevant.numpy(), tied.numpy())
    assert precision.flip(0).tolist() == pytest.approx(theirs[0][:-1].tolist())
    assert recall.flip(0).tolist() == pytest.approx(theirs[1][:-1].tolist())
    assert thresholds.flip(0).tolist() == pytest.approx(theirs[2].tolist())


def test_a_perfect_and_the_worst_ranking() -> None:
    relevant = torch.tensor([True, True, False, False])
    assert average_precision(torch.tensor([4.0, 3, 2, 1]), relevant) == 1
    assert average_precision(torch.tensor([1.0, 2, 3, 4]), relevant) == pytest.approx((1 / 3 + 2 / 4) / 2)


def test_a_column_without_a_relevant_item_is_left_out() -> None:
    scores, relevant = torch.tensor([[0.9, 0.1], [0.1, 0.9]]), torch.tensor([[True, False], [False, False]])
    assert mean_average_precision(scores, relevant) == 1
    with pytest.raises(ValueError, match="at least one item"):
        mean_average_precision(scores, torch.zeros(2, 2, dtype=torch.bool))
    with pytest.raises(ValueError, match="at least one item"):
        average_precision(scores[:, 0], relevant[:, 1])
    with pytest.raises(ValueError, match="finite"):
        average_precision(torch.tensor([1.0, float("nan")]), torch.tensor([True, False]))

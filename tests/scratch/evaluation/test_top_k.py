"""Top-k error against a person who makes the guesses, and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import top_k_accuracy_score

from course_utils.scratch.evaluation.top_k import ranks, top_k_error, top_k_error_by_hand, top_k_guesses


@pytest.mark.parametrize("n", [1, 7, 60])
@pytest.mark.parametrize("classes", [2, 6, 20])
def test_it_is_what_a_person_counts_with_ties_too(n: int, classes: int) -> None:
    rng = np.random.default_rng(n * classes)
    for scores in (rng.normal(size=(n, classes)), rng.integers(0, 3, size=(n, classes))):  # the second full of ties
        labels = rng.integers(0, classes, size=n)
        for k in range(1, classes + 1):
            error = top_k_error(scores, labels, k)
            assert error == top_k_error_by_hand(scores, labels, k)
            guessed = (top_k_guesses(scores, k) == labels[:, None]).any(axis=1)
            assert error == pytest.approx(1 - guessed.mean())
        assert top_k_error(scores, labels, classes) == 0


def test_it_is_scikit_learns_where_nothing_is_tied() -> None:
    rng = np.random.default_rng(0)
    scores, labels = rng.normal(size=(200, 12)), rng.integers(0, 12, size=200)
    for k in (1, 2, 5):
        theirs = top_k_accuracy_score(labels, scores, k=k, labels=np.arange(12))
        assert top_k_error(scores, labels, k) == pytest.approx(1 - theirs)


def test_a_constant_answer_earns_what_guessing_earns() -> None:
    labels = np.arange(100) % 10
    assert top_k_error(np.zeros((100, 10)), labels, 1) == 0.9
    assert top_k_error(np.zeros((100, 10)), labels, 5) == 0.5
    assert ranks(np.zeros((3, 4)), [0, 1, 3]).tolist() == [0, 1, 3]


@pytest.mark.parametrize(
    ("scores", "labels", "k", "message"),
    [
        (np.zeros((2, 3)), [0, 3], 1, "labels must be integers from 0 to 2"),
        (np.zeros((2, 3)), [0, -1], 1, "labels must be integers from 0 to 2"),
        (np.zeros((2, 3)), [0.0, 1.0], 1, "labels must be integers"),
        (np.zeros((2, 3)), [0, 1], 4, "k must be"),
        (np.zeros((2, 3)), [0], 1, "same length"),
        (np.full((2, 3), np.nan), [0, 1], 1, "scores must be finite"),
        (np.zeros((0, 3)), np.zeros(0, dtype=int), 1, "at least one label"),
    ],
)
def test_wrong_input_is_named(scores: np.ndarray, labels: list, k: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        top_k_error(scores, labels, k)

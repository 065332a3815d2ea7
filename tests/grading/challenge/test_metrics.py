"""The scores are those of scikit-learn, averaged over the classes that occur in the truth."""

import numpy as np
import pytest
from sklearn import metrics as reference

from course_utils.grading.challenge.metrics import METRICS, confusion

TWINS = {
    "accuracy": lambda t, p: reference.accuracy_score(t, p),
    "balanced_accuracy": lambda t, p: reference.recall_score(t, p, labels=np.unique(t), average="macro"),
    "macro_f1": lambda t, p: reference.f1_score(t, p, labels=np.unique(t), average="macro", zero_division=0),
    "mean_iou": lambda t, p: reference.jaccard_score(t, p, labels=np.unique(t), average="macro", zero_division=0),
}


def test_every_metric_has_a_twin():
    assert set(TWINS) == set(METRICS)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("count", [1, 7, 400])
def test_it_equals_scikit_learn(name, classes, count, rng):
    for share in (0.0, 0.3, 0.9, 1.0):
        truth = rng.integers(0, classes, count)
        predicted = np.where(rng.random(count) < share, truth, rng.integers(0, classes, count))
        ours = METRICS[name].score(truth, predicted, classes)
        assert ours == pytest.approx(TWINS[name](truth, predicted), abs=1e-12)
        assert isinstance(ours, float)


@pytest.mark.parametrize("name", METRICS)
def test_a_class_that_never_occurs_changes_nothing_and_a_right_answer_scores_one(name):
    truth = np.array([0, 0, 2, 2, 2])
    assert METRICS[name].score(truth, truth, 5) == 1.0
    assert METRICS[name].score(truth, np.array([1, 1, 1, 1, 1]), 5) == 0.0
    assert METRICS[name].score(truth, truth, 3) == METRICS[name].score(truth, truth, 50)


def test_uneven_classes_are_what_the_averages_are_for():
    truth, lazy = np.array([0] * 90 + [1] * 10), np.zeros(100, dtype=int)
    assert METRICS["accuracy"].score(truth, lazy, 2) == 0.9
    assert METRICS["balanced_accuracy"].score(truth, lazy, 2) == 0.5
    assert METRICS["macro_f1"].score(truth, lazy, 2) == pytest.approx(0.5 * 180 / 190)
    assert METRICS["mean_iou"].score(truth, lazy, 2) == pytest.approx(0.45)


def test_confusion_counts_true_classes_in_rows():
    table = confusion(np.array([0, 0, 1]), np.array([1, 0, 1]), 3)
    assert table.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]

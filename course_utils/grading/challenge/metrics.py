"""What a challenge can be scored by: numbers from 0 to 1 of true and predicted classes, more is better.

Averages over classes run over the classes that occur in the truth, so no prediction can change what is averaged.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]


def confusion(truth: Labels, predicted: Labels, num_classes: int) -> NDArray[np.int64]:
    """Count examples by true class (row) and predicted class (column), shape ``(K, K)``."""
    return np.bincount(truth * num_classes + predicted, minlength=num_classes**2).reshape(num_classes, num_classes)


def accuracy(truth: Labels, predicted: Labels, num_classes: int) -> float:
    """Share of examples whose class is right."""
    return float(np.mean(truth == predicted))


def balanced_accuracy(truth: Labels, predicted: Labels, num_classes: int) -> float:
    """Mean over classes of the share of a class's examples that are found."""
    table = confusion(truth, predicted, num_classes)
    there = table.sum(axis=1) > 0
    return float(np.mean(np.diag(table)[there] / table.sum(axis=1)[there]))


def macro_f1(truth: Labels, predicted: Labels, num_classes: int) -> float:
    """Mean over classes of F1, twice the hits over the true and the predicted examples of a class together."""
    table = confusion(truth, predicted, num_classes)
    there = table.sum(axis=1) > 0
    return float(np.mean(2 * np.diag(table)[there] / (table.sum(axis=1) + table.sum(axis=0))[there]))


def mean_iou(truth: Labels, predicted: Labels, num_classes: int) -> float:
    """Mean over classes of intersection over union: examples of a class that are found, over true or predicted ones."""
    table = confusion(truth, predicted, num_classes)
    there = table.sum(axis=1) > 0
    union = table.sum(axis=1) + table.sum(axis=0) - np.diag(table)
    return float(np.mean(np.diag(table)[there] / union[there]))


@dataclass(frozen=True)
class Metric:
    """One way to score.

    Attributes:
        title: as students read it.
        says: what it measures, as the end of a sentence.
        score: from truth and predictions, int64 ``(N,)`` with N at least 1, and the number of classes, to 0..1.
    """

    title: str
    says: str
    score: Callable[[Labels, Labels, int], float]


METRICS: dict[str, Metric] = {
    "accuracy": Metric("accuracy", "the share of images whose class is right", accuracy),
    "balanced_accuracy": Metric(
        "balanced accuracy", "the share of a class's images that are found, averaged over classes", balanced_accuracy
    ),
    "macro_f1": Metric("macro F1", "the F1 score of each class, averaged over classes", macro_f1),
    "mean_iou": Metric("mean IoU", "intersection over union of each class, averaged over classes", mean_iou),
}

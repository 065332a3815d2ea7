"""Scores of a segmentation, all from one table: how many pixels of each true class got each predicted class.

Conventions, where the literature is divided:

* A pixel whose true class is ``ignore`` counts nowhere, whatever was predicted there (VOC marks object borders so).
* A class that is neither in the truth nor in the prediction has no score (0 / 0). It is NaN in scores by class, and
  means leave it out, as torchmetrics does. A class that is only predicted, or only true, has IoU 0 and does count.
* ``mean_accuracy`` averages over the classes in the truth: a class that is only predicted has no recall.
* Everything is summed over the whole data set before dividing (VOC), not averaged over images.

Source: J. Long, E. Shelhamer, T. Darrell, "Fully convolutional networks for semantic segmentation", CVPR 2015,
section 5 (the four scores); M. Everingham et al., "The PASCAL visual object classes challenge", 2010.
"""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils.check import check_int, check_shape

IGNORE = 255


def check_labels(name: str, labels: Tensor, num_classes: int, ignore: int | None = None) -> Tensor:
    """Return a map of classes as int64, after a look that all lie in 0..num_classes-1 or equal ``ignore``.

    Raises:
        TypeError: if the labels are no integers.
        ValueError: if one is out of range.
    """
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise TypeError(f"{name} must hold integers, got {labels.dtype}; for scores take .argmax(1) first")
    labels = labels.long()
    counted = labels if ignore is None else labels[labels != ignore]
    if counted.numel() and not (counted.min() >= 0 and counted.max() < num_classes):
        text = "" if ignore is None else f" or be {ignore}"
        raise ValueError(
            f"{name} must lie in 0..{num_classes - 1}{text}, got {int(counted.min())}..{int(counted.max())}"
        )
    return labels


def confusion_matrix_loop(predicted: Tensor, target: Tensor, num_classes: int, ignore: int | None = IGNORE) -> Tensor:
    """Count pixel by pixel: the slow twin of `confusion_matrix`."""
    table = torch.zeros(num_classes, num_classes, dtype=torch.int64)
    for guess, truth in zip(predicted.flatten().tolist(), target.flatten().tolist(), strict=True):
        if truth != ignore:
            table[truth, guess] += 1
    return table


def confusion_matrix(predicted: Tensor, target: Tensor, num_classes: int, ignore: int | None = IGNORE) -> Tensor:
    """Count how many pixels of each true class got each predicted class.

    Tables of several batches add up to the table of the data set.

    Args:
        predicted: classes, integers in 0..num_classes-1, any shape.
        target: true classes, same shape; ``ignore`` where a pixel shall not count.
        num_classes: K, with the background.
        ignore: the label that does not count; None if there is none.

    Returns:
        int64 (K, K): rows are the true class, columns the predicted one.

    Raises:
        TypeError: if the labels are no integers.
        ValueError: if shapes differ or a label is out of range.
    """
    check_int("num_classes", num_classes, minimum=1)
    check_shape("predicted", predicted, target.shape)
    target = check_labels("target", target, num_classes, ignore)
    counted = torch.ones_like(target, dtype=torch.bool) if ignore is None else target != ignore
    guess = check_labels("predicted", predicted[counted], num_classes)
    pairs = target[counted] * num_classes + guess
    return torch.bincount(pairs, minlength=num_classes**2).view(num_classes, num_classes)


def _parts(confusion: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Right pixels, true pixels and predicted pixels of each class, in float64."""
    k = len(confusion)
    table = check_shape("confusion", confusion, (k, k)).double()
    return table.diagonal(), table.sum(1), table.sum(0)


def pixel_accuracy(confusion: Tensor) -> float:
    """Return the share of counted pixels with the right class; NaN if no pixel counts."""
    right, true, _ = _parts(confusion)
    return float(right.sum() / true.sum())


def class_accuracy(confusion: Tensor) -> Tensor:
    """Return for each class the share of its true pixels that were found, (K,); NaN where it has none."""
    right, true, _ = _parts(confusion)
    return right / true


def class_iou(confusion: Tensor) -> Tensor:
    """Return intersection over union of each class, (K,); NaN for a class neither true nor predicted anywhere."""
    right, true, predicted = _parts(confusion)
    return right / (true + predicted - right)


def class_dice(confusion: Tensor) -> Tensor:
    """Return the Dice score ``2 |A and B| / (|A| + |B|)`` of each class, (K,): its F1; NaN as for `class_iou`.

    It is ``2 IoU / (1 + IoU)``: both put single classes in the same order, but not their means.
    """
    right, true, predicted = _parts(confusion)
    return 2 * right / (true + predicted)


def mean_accuracy(confusion: Tensor) -> float:
    """Return the mean of `class_accuracy` over the classes that are in the truth."""
    return float(class_accuracy(confusion).nanmean())


def mean_iou(confusion: Tensor) -> float:
    """Return the mean of `class_iou` over the classes that are true or predicted somewhere."""
    return float(class_iou(confusion).nanmean())


def mean_dice(confusion: Tensor) -> float:
    """Return the mean of `class_dice` over the classes that are true or predicted somewhere."""
    return float(class_dice(confusion).nanmean())


def frequency_weighted_iou(confusion: Tensor) -> float:
    """Return the IoU of the classes, averaged with their shares of the true pixels as weights."""
    _, true, _ = _parts(confusion)
    iou = class_iou(confusion).nan_to_num(0.0)  # a class without IoU has weight 0
    return float((iou * true).sum() / true.sum())


def scores(confusion: Tensor) -> dict[str, float]:
    """Return all means by name: what a table of results shows in a line."""
    return {
        "pixel accuracy": pixel_accuracy(confusion),
        "mean accuracy": mean_accuracy(confusion),
        "mean IoU": mean_iou(confusion),
        "weighted IoU": frequency_weighted_iou(confusion),
        "mean Dice": mean_dice(confusion),
    }

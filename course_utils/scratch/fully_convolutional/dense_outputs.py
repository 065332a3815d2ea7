"""An output with a shape: class probabilities at every pixel, and their loss (chapter 05d)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_shape

Array = NDArray[np.floating]


def pixel_softmax_loop(logits: ArrayLike) -> Array:
    """Normalise each pixel by loops: the slow twin of `pixel_softmax`."""
    logits = np.asarray(logits, dtype=float)
    n, classes, height, width = check_shape("logits", logits, (None, None, None, None)).shape
    out = np.zeros(logits.shape)
    for image in range(n):
        for r in range(height):
            for q in range(width):
                scores = [float(logits[image, k, r, q]) for k in range(classes)]
                powers = [math.exp(score - max(scores)) for score in scores]
                out[image, :, r, q] = [power / sum(powers) for power in powers]
    return out


def pixel_softmax(logits: ArrayLike) -> Array:
    """Return class probabilities at every pixel: softmax over the channels, place by place.

    Args:
        logits: scores, shape (N, K, H, W).

    Returns:
        Same shape; at least 0, and over the K channels of each pixel they sum to 1.
    """
    logits = np.asarray(logits, dtype=float)
    check_shape("logits", logits, (None, None, None, None))
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def pixel_cross_entropy(logits: ArrayLike, labels: ArrayLike) -> tuple[float, Array]:
    """Return the mean over all pixels of minus the log-probability of the right class, and its gradient.

    Args:
        logits: scores, shape (N, K, H, W).
        labels: class of each pixel, integers in 0..K-1, shape (N, H, W).

    Returns:
        ``(loss, grad)``; the gradient is (probability - 1 for the right class) / number of pixels, shape of logits.

    Raises:
        ValueError: if the shapes do not belong together or a label is out of range.
    """
    logits, labels = np.asarray(logits, dtype=float), np.asarray(labels)
    n, classes, height, width = check_shape("logits", logits, (None, None, None, None)).shape
    check_shape("labels", labels, (n, height, width))
    if labels.size and not (labels.min() >= 0 and labels.max() < classes):
        raise ValueError(f"labels must lie in 0..{classes - 1}, got {labels.min()}..{labels.max()}")
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    right = labels[:, None].astype(np.int64)
    loss = float((log_sum - np.take_along_axis(shifted, right, axis=1)).mean())
    grad = np.exp(shifted - log_sum)
    np.put_along_axis(grad, right, np.take_along_axis(grad, right, axis=1) - 1, axis=1)
    return loss, grad / labels.size

"""Scores near boundaries: what mean IoU hides, because most pixels lie far inside.

Two views. A *trimap* keeps only the pixels near a true boundary and scores those. *Boundary IoU* compares the inner
rims of the true and the predicted region of a class, so that a prediction can also lose where it puts a false edge.
Distances are in pixels along rows and columns, diagonal steps count 1 (a square neighbourhood).

Source: P. Kohli, L. Ladicky, P. Torr, "Robust higher order potentials", IJCV 2009 (trimap); B. Cheng et al.,
"Boundary IoU", CVPR 2021, and its reference implementation (erosion by a 3 x 3 square; the image's edge is a rim).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.check import check_int, check_shape
from course_utils.segmentation.metrics import IGNORE, check_labels, confusion_matrix


def _spread(mask: Tensor, distance: int) -> Tensor:
    """Return where a True lies within ``distance``, for bool (N, H, W)."""
    return F.max_pool2d(mask[:, None].float(), 2 * distance + 1, stride=1, padding=distance)[:, 0] > 0


def _as_maps(name: str, labels: Tensor) -> Tensor:
    """Return labels as (N, H, W); a single map (H, W) gets N = 1."""
    maps = labels[None] if labels.ndim == 2 else labels
    return check_shape(name, maps, (None, None, None))


def edges(labels: Tensor, ignore: int | None = IGNORE) -> Tensor:
    """Return where a label changes: pixels with another class above, below, left or right.

    Args:
        labels: int (H, W) or (N, H, W).
        ignore: label that makes no boundary, neither with itself nor with a class.

    Returns:
        Bool, same shape: True on both sides of each boundary.
    """
    maps = _as_maps("labels", labels)
    seen = torch.ones_like(maps, dtype=torch.bool) if ignore is None else maps != ignore
    out = torch.zeros_like(maps, dtype=torch.bool)
    down = (maps[:, 1:] != maps[:, :-1]) & seen[:, 1:] & seen[:, :-1]
    right = (maps[:, :, 1:] != maps[:, :, :-1]) & seen[:, :, 1:] & seen[:, :, :-1]
    out[:, 1:] |= down
    out[:, :-1] |= down
    out[:, :, 1:] |= right
    out[:, :, :-1] |= right
    return out.view(labels.shape)


def trimap(labels: Tensor, width: int, ignore: int | None = IGNORE) -> Tensor:
    """Return the band of pixels at most ``width`` from a boundary; 1 is the two pixels that touch it.

    Args:
        labels: int (H, W) or (N, H, W).
        width: of the band on each side, at least 1.
        ignore: label that makes no boundary and is in no band.

    Returns:
        Bool, same shape as ``labels``.
    """
    check_int("width", width, minimum=1)
    maps = _as_maps("labels", labels)
    band = _spread(edges(maps, ignore), width - 1)
    if ignore is not None:
        band &= maps != ignore
    return band.view(labels.shape)


def trimap_loop(labels: Tensor, width: int, ignore: int | None = IGNORE) -> Tensor:
    """Ask of each pixel whether a boundary is near, for one map (H, W): the slow twin of `trimap`."""
    height, columns = labels.shape
    table = labels.tolist()

    def on_edge(i: int, j: int) -> bool:
        near = ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1))
        inside = [table[a][b] for a, b in near if 0 <= a < height and 0 <= b < columns]
        return table[i][j] != ignore and any(other not in (ignore, table[i][j]) for other in inside)

    out = torch.zeros(height, columns, dtype=torch.bool)
    for i in range(height):
        for j in range(columns):
            rows = range(max(0, i - width + 1), min(height, i + width))
            line = range(max(0, j - width + 1), min(columns, j + width))
            out[i, j] = table[i][j] != ignore and any(on_edge(a, b) for a in rows for b in line)
    return out


def trimap_confusion(
    predicted: Tensor, target: Tensor, num_classes: int, width: int, ignore: int | None = IGNORE
) -> Tensor:
    """Return the confusion table (K, K) of the pixels near a true boundary; every score of `metrics` reads it.

    Args:
        predicted: classes (H, W) or (N, H, W).
        target: true classes, same shape.
        num_classes: K.
        width: of the band on each side of a boundary, in pixels.
        ignore: label that does not count.
    """
    check_shape("predicted", predicted, target.shape)
    band = trimap(target, width, ignore)
    return confusion_matrix(predicted[band], target[band], num_classes, ignore)


def inner_rim(mask: Tensor, distance: int) -> Tensor:
    """Return the pixels of a region that are at most ``distance`` from its outside; beyond the image is outside.

    Args:
        mask: bool (H, W) or (N, H, W).
        distance: thickness of the rim, at least 1.
    """
    check_int("distance", distance, minimum=1)
    maps = _as_maps("mask", mask)
    outside = F.pad(~maps, (distance,) * 4, value=True)
    near = _spread(outside, distance)[:, distance:-distance, distance:-distance]
    return (maps & near).view(mask.shape)


def inner_rim_loop(mask: Tensor, distance: int) -> Tensor:
    """Erode one region (H, W) a pixel at a time: the slow twin of `inner_rim`."""
    height, width = mask.shape
    left = mask.clone()
    for _ in range(distance):
        before = left.clone()
        for i in range(height):
            for j in range(width):
                whole = 0 < i < height - 1 and 0 < j < width - 1
                left[i, j] = whole and bool(before[i - 1 : i + 2, j - 1 : j + 2].all())
    return mask & ~left


def boundary_iou(
    predicted: Tensor, target: Tensor, num_classes: int, distance: int = 2, ignore: int | None = IGNORE
) -> Tensor:
    """Return the IoU of the inner rims of each class.

    Args:
        predicted: classes (H, W) or (N, H, W).
        target: true classes, same shape; ignored pixels are in no rim, and no rim runs along them.
        num_classes: K.
        distance: thickness of the rims in pixels; the paper takes 2 % of the image's diagonal.

    Returns:
        float64 (K,), summed over the images before dividing; NaN for a class in neither.
    """
    check_shape("predicted", predicted, target.shape)
    truth = check_labels("target", _as_maps("target", target), num_classes, ignore)
    counted = torch.ones_like(truth, dtype=torch.bool) if ignore is None else truth != ignore
    guess = _as_maps("predicted", predicted)
    out = torch.full((num_classes,), torch.nan, dtype=torch.float64, device=truth.device)
    for k in range(num_classes):
        # Ignored pixels may belong to any class: they extend both regions and are then left out.
        a = inner_rim((truth == k) | ~counted, distance) & counted
        b = inner_rim((guess == k) | ~counted, distance) & counted
        union = (a | b).sum()
        if union:
            out[k] = (a & b).sum().double() / union
    return out


def mean_boundary_iou(
    predicted: Tensor, target: Tensor, num_classes: int, distance: int = 2, ignore: int | None = IGNORE
) -> float:
    """Return the mean of `boundary_iou` over the classes that are true or predicted somewhere."""
    return float(boundary_iou(predicted, target, num_classes, distance, ignore).nanmean())

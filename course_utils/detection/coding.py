r"""Boxes as corrections of anchors: what a detector's regression predicts.

A box $(x, y, w, h)$, centre and sides, is written relative to an anchor $(x_a, y_a, w_a, h_a)$:

$$t_x = (x - x_a) / w_a, \quad t_y = (y - y_a) / h_a, \quad t_w = \log(w / w_a), \quad t_h = \log(h / h_a)$$

so that the same four numbers mean the same correction at every place and size, and any four numbers make a box.

Sources: R. Girshick and others, "Rich feature hierarchies", CVPR 2014, appendix C; S. Ren and others,
"Faster R-CNN", NIPS 2015, equation 2; W. Liu and others, "SSD", ECCV 2016.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from course_utils.check import check_number, check_same_length, check_shape
from course_utils.detection.boxes import check_boxes

# SSD divides by "variances" (0.1, 0.1, 0.2, 0.2), Fast R-CNN multiplies by their inverses: the same four numbers.
SSD_WEIGHTS = (10.0, 10.0, 5.0, 5.0)
# A network that has just begun may ask for a box e^50 times as wide; no anchor needs more than this.
LARGEST_LOG = math.log(1000 / 16)


def weights_from_variances(variances: Sequence[float]) -> tuple[float, float, float, float]:
    """Return the weights that do what SSD's variances do: ``t / variance = weight * t``.

    Raises:
        ValueError: if there are not four, or one is not positive.
    """
    x, y, w, h = (1 / v for v in _four("variances", variances))
    return x, y, w, h


def encode(boxes: Tensor, anchors: Tensor, weights: Sequence[float] = (1, 1, 1, 1)) -> Tensor:
    """Write each box as a correction of its anchor.

    Args:
        boxes: xyxy, (N, 4), width and height positive.
        anchors: xyxy, (N, 4), width and height positive; anchor i belongs to box i.
        weights: factors of $t_x, t_y, t_w, t_h$; larger ones make small errors count more in the loss.

    Returns:
        (N, 4): the four $t$, each times its weight.

    Raises:
        TypeError: if an argument is no tensor of floats.
        ValueError: if lengths differ, a side is zero (its logarithm is minus infinity), or a weight is not positive.
    """
    check_boxes("boxes", boxes, positive=True)
    check_boxes("anchors", anchors, positive=True)
    check_same_length("boxes", boxes, "anchors", anchors)
    x, y, w, h = _centre_and_sides(boxes)
    x_a, y_a, w_a, h_a = _centre_and_sides(anchors)
    t = torch.stack(((x - x_a) / w_a, (y - y_a) / h_a, (w / w_a).log(), (h / h_a).log()), dim=-1)
    return t * t.new_tensor(_four("weights", weights))


def decode(
    codes: Tensor,
    anchors: Tensor,
    weights: Sequence[float] = (1, 1, 1, 1),
    largest_log: float | None = LARGEST_LOG,
) -> Tensor:
    """Apply corrections to anchors: the inverse of `encode`.

    Args:
        codes: (N, 4), or (N, K, 4) for K boxes from one anchor (one a class).
        anchors: xyxy, (N, 4), width and height positive.
        weights: as given to `encode`.
        largest_log: $t_w$ and $t_h$ are cut off here, so that no wild prediction overflows; None to leave them.

    Returns:
        xyxy boxes, the shape of ``codes``.

    Raises:
        TypeError: if an argument is no tensor of floats.
        ValueError: if shapes do not fit, a number is not finite, an anchor has no area, or a weight is not positive.
    """
    check_boxes("anchors", anchors, positive=True)
    if isinstance(codes, Tensor) and codes.ndim == 3:
        check_shape("codes", codes, (None, None, 4))
    check_boxes(
        "codes", codes.reshape(-1, 4) if isinstance(codes, Tensor) and codes.ndim == 3 else codes, ordered=False
    )
    check_same_length("codes", codes, "anchors", anchors)
    t_x, t_y, t_w, t_h = (codes / codes.new_tensor(_four("weights", weights))).unbind(dim=-1)
    if largest_log is not None:
        t_w, t_h = t_w.clamp(max=largest_log), t_h.clamp(max=largest_log)
    x_a, y_a, w_a, h_a = (part[:, None] if codes.ndim == 3 else part for part in _centre_and_sides(anchors))
    x, y = x_a + t_x * w_a, y_a + t_y * h_a
    w, h = w_a * t_w.exp(), h_a * t_h.exp()
    return torch.stack((x - w / 2, y - h / 2, x + w / 2, y + h / 2), dim=-1)


def _centre_and_sides(boxes: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    x1, y1, x2, y2 = boxes.unbind(dim=-1)
    return (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1


def _four(name: str, values: Sequence[float]) -> list[float]:
    if len(values) != 4:
        raise ValueError(f"{name} must be four numbers, got {len(values)}")
    return [check_number(name, value, above=0) for value in values]

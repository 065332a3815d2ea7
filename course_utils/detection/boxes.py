"""Boxes as four numbers: three ways to write them, their area, and what to do with those that leave the picture.

A box is measured on the edges of pixels: pixel ``(row, column)`` covers ``[column, column + 1] x [row, row + 1]``, so
``(0, 0, 1, 1)`` is the first pixel and has area 1. No ``+ 1`` appears anywhere.

- ``xyxy``: left, top, right, bottom, ``(x1, y1, x2, y2)``; what every other module of the package expects.
- ``xywh``: left, top, width, height; how COCO stores truth.
- ``cxcywh``: centre, width, height; what anchors and box regression reason in.
"""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils.check import check_choice, check_int, check_number, check_shape

FORMATS = ("xyxy", "xywh", "cxcywh")


def check_boxes(name: str, boxes: Tensor, ordered: bool = True, positive: bool = False) -> Tensor:
    """Return ``boxes`` if they are finite floats of shape (N, 4), with corners in order.

    Args:
        name: how the caller names the argument, for the message.
        boxes: (N, 4); N may be 0.
        ordered: read them as ``xyxy`` and refuse ``x2 < x1`` and ``y2 < y1``; zero width or height is allowed.
        positive: refuse zero width and height too.

    Raises:
        TypeError: if ``boxes`` is no tensor of floats.
        ValueError: if the shape is wrong, a number is NaN or infinite, or corners are out of order.
    """
    if not isinstance(boxes, Tensor):
        raise TypeError(
            f"{name} must be a tensor, got {type(boxes).__name__}; use torch.tensor(..., dtype=torch.float32)"
        )
    if not boxes.is_floating_point():
        raise TypeError(f"{name} must be floating point, got {boxes.dtype}; use {name}.float()")
    check_shape(name, boxes, (None, 4))
    finite = torch.isfinite(boxes).all(dim=1)
    if not finite.all():
        first = int((~finite).nonzero()[0])
        raise ValueError(f"{name} must be finite, got {boxes[first].tolist()} in row {first}")
    if ordered or positive:
        sides = boxes[:, 2:] - boxes[:, :2]
        wrong = ((sides <= 0) if positive else (sides < 0)).any(dim=1)
        if wrong.any():
            first = int(wrong.nonzero()[0])
            rule = "x1 < x2 and y1 < y2" if positive else "x1 <= x2 and y1 <= y2"
            raise ValueError(f"{name} must have {rule}, got {boxes[first].tolist()} in row {first}")
    return boxes


def convert(boxes: Tensor, source: str, target: str) -> Tensor:
    """Write boxes in another format.

    Args:
        boxes: (N, 4) in the format ``source``.
        source: ``"xyxy"``, ``"xywh"`` or ``"cxcywh"``.
        target: the same choices.

    Returns:
        (N, 4), a new tensor of the same dtype and device.

    Raises:
        TypeError: if ``boxes`` is no tensor of floats.
        ValueError: if a format is unknown, the shape is wrong, or a number is not finite.
    """
    check_choice("source", source, FORMATS)
    check_choice("target", target, FORMATS)
    a, b, c, d = check_boxes("boxes", boxes, ordered=False).unbind(dim=1)
    if source == target:
        return boxes.clone()
    if source == "xywh":
        x1, y1, x2, y2 = a, b, a + c, b + d
    elif source == "cxcywh":
        x1, y1, x2, y2 = a - c / 2, b - d / 2, a + c / 2, b + d / 2
    else:
        x1, y1, x2, y2 = a, b, c, d
    if target == "xywh":
        return torch.stack((x1, y1, x2 - x1, y2 - y1), dim=1)
    if target == "cxcywh":
        return torch.stack(((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1), dim=1)
    return torch.stack((x1, y1, x2, y2), dim=1)


def upcast(boxes: Tensor) -> Tensor:
    """Return half-precision boxes as float32, others as they are.

    An area overflows float16 from 256 x 256 pixels on.
    """
    return boxes.float() if boxes.dtype in (torch.float16, torch.bfloat16) else boxes


def area(boxes: Tensor) -> Tensor:
    """Return width times height.

    Args:
        boxes: xyxy, (N, 4).

    Returns:
        (N,), square pixels, in the dtype of ``boxes``; float32 for half precision.

    Raises:
        TypeError: if ``boxes`` is no tensor of floats.
        ValueError: if the shape is wrong, a number is not finite, or corners are out of order.
    """
    x1, y1, x2, y2 = upcast(check_boxes("boxes", boxes)).unbind(dim=1)
    return (x2 - x1) * (y2 - y1)


def clip(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Cut boxes off at the border of the picture.

    Args:
        boxes: xyxy, (N, 4). A box wholly outside becomes one of zero width or height on the border.
        size: ``(height, width)`` of the picture, in pixels.

    Returns:
        (N, 4), a new tensor.

    Raises:
        TypeError: if ``boxes`` is no tensor of floats.
        ValueError: if the shape is wrong, a number is not finite, corners are out of order, or ``size`` is below 1.
    """
    height, width = (check_int("size", side, minimum=1) for side in size)
    x1, y1, x2, y2 = check_boxes("boxes", boxes).unbind(dim=1)
    return torch.stack((x1.clamp(0, width), y1.clamp(0, height), x2.clamp(0, width), y2.clamp(0, height)), dim=1)


def large_enough(boxes: Tensor, minimum: float) -> Tensor:
    """Return the indices of boxes whose two sides are at least ``minimum``.

    Args:
        boxes: xyxy, (N, 4).
        minimum: pixels, at least 0.

    Returns:
        int64 (K,), rising.

    Raises:
        TypeError: if ``boxes`` is no tensor of floats.
        ValueError: if ``boxes`` or ``minimum`` break a rule.
    """
    check_number("minimum", minimum, minimum=0)
    check_boxes("boxes", boxes)
    return ((boxes[:, 2:] - boxes[:, :2]) >= minimum).all(dim=1).nonzero().flatten()

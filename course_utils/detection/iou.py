"""How well two boxes agree: intersection over union, and the forms that still tell something when it is zero.

IoU is 0 for all boxes that do not touch, near or far, and so is its gradient. The generalised form looks at the
smallest box C around both, the distance form at the distance of the centres, the complete form at the proportions too.

Sources: H. Rezatofighi and others, "Generalized Intersection over Union", CVPR 2019; Z. Zheng and others,
"Distance-IoU Loss", AAAI 2020 (distance and complete form).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_utils.check import check_same_length, check_shape
from course_utils.detection.boxes import check_boxes, upcast


def box_iou_by_counting(a: Tensor, b: Tensor) -> Tensor:
    """Paint each pair on a grid and count pixels: the slow twin of `box_iou`, for boxes with whole-numbered corners.

    Args:
        a: xyxy, (N, 4), whole numbers.
        b: xyxy, (M, 4), whole numbers.

    Returns:
        (N, M).

    Raises:
        ValueError: if a corner is no whole number.
    """
    for name, boxes in (("a", a), ("b", b)):
        if (check_boxes(name, boxes) != boxes.round()).any():
            raise ValueError(f"{name} must have whole-numbered corners to be painted")
    result = a.new_zeros(len(a), len(b))
    if len(a) == 0 or len(b) == 0:
        return result
    corners = torch.cat((a, b)).reshape(-1, 2)
    left, top = corners.min(dim=0).values.int().tolist()
    right, bottom = corners.max(dim=0).values.int().tolist()

    def paint(box: Tensor) -> Tensor:
        canvas = torch.zeros(bottom - top, right - left, dtype=torch.bool)
        x1, y1, x2, y2 = box.int().tolist()
        canvas[y1 - top : y2 - top, x1 - left : x2 - left] = True
        return canvas

    for i in range(len(a)):
        for j in range(len(b)):
            first, second = paint(a[i]), paint(b[j])
            both, either = int((first & second).sum()), int((first | second).sum())
            result[i, j] = both / either if either else 0.0
    return result


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    """``part / whole``, and 0 where the whole is 0; its gradient is 0 there too, not NaN."""
    # Where the whole is 0 the part is 0 too, so any divisor will do.
    return part / whole.masked_fill(whole <= 0, 1)


def _area(box: Tensor) -> Tensor:
    x1, y1, x2, y2 = box
    return (x2 - x1) * (y2 - y1)


def _intersection_and_union(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = a, b
    # Without the clamps two negative sides, of boxes apart in both directions, would make a positive area.
    width = (torch.minimum(ax2, bx2) - torch.maximum(ax1, bx1)).clamp(min=0)
    height = (torch.minimum(ay2, by2) - torch.maximum(ay1, by1)).clamp(min=0)
    intersection = width * height
    return intersection, _area(a) + _area(b) - intersection


def iou_of_rows(a: Tensor, b: Tensor) -> Tensor:
    """Return the IoU of boxes that lie as four rows, x1, y1, x2, y2, whose shapes broadcast; nothing is checked."""
    # Never above 1, rounding or not: rounding keeps the order, so the sum of two areas is at least twice the smaller.
    return _ratio(*_intersection_and_union(a, b))


def box_iou(a: Tensor, b: Tensor, paired: bool = False) -> Tensor:
    r"""Return the area of $A \cap B$ over the area of $A \cup B$.

    Args:
        a: xyxy, (N, 4).
        b: xyxy, (M, 4).
        paired: compare row with row instead of all with all; then N = M.

    Returns:
        (N, M), or (N,) when paired; in [0, 1]. Two boxes without area have IoU 0 (torchvision: NaN).

    Raises:
        TypeError: if an argument is no tensor of floats.
        ValueError: if a shape is wrong, a number is not finite, or corners are out of order.
    """
    a, b, dtype = _aligned(a, b, paired)
    return iou_of_rows(a, b).to(dtype)


def generalised_box_iou(a: Tensor, b: Tensor, paired: bool = False) -> Tensor:
    r"""Return GIoU, $\text{IoU} - |C \setminus (A \cup B)| / |C|$, C the smallest box around both.

    Args:
        a: xyxy, (N, 4).
        b: xyxy, (M, 4).
        paired: compare row with row; then N = M.

    Returns:
        (N, M), or (N,) when paired; in [-1, 1], never above IoU; towards -1 the further the boxes are apart.

    Raises:
        TypeError: if an argument is no tensor of floats.
        ValueError: if a shape is wrong, a number is not finite, or corners are out of order.
    """
    a, b, dtype = _aligned(a, b, paired)
    _, union = _intersection_and_union(a, b)
    width, height = _around(a, b)
    around = width * height
    # Of a box inside another the rounded union may exceed C: without the clamp GIoU would exceed IoU.
    return (iou_of_rows(a, b) - _ratio((around - union).clamp(min=0), around)).to(dtype)


def distance_box_iou(a: Tensor, b: Tensor, paired: bool = False) -> Tensor:
    r"""Return DIoU, $\text{IoU} - \rho^2 / c^2$: $\rho$ between the centres, $c$ the diagonal of the box around both.

    Args:
        a: xyxy, (N, 4).
        b: xyxy, (M, 4).
        paired: compare row with row; then N = M.

    Returns:
        (N, M), or (N,) when paired; in (-1, 1].

    Raises:
        TypeError: if an argument is no tensor of floats.
        ValueError: if a shape is wrong, a number is not finite, or corners are out of order.
    """
    a, b, dtype = _aligned(a, b, paired)
    return _distance_form(a, b)[0].to(dtype)


def complete_box_iou(a: Tensor, b: Tensor, paired: bool = False) -> Tensor:
    r"""Return CIoU, $\text{DIoU} - \alpha v$, where $v$ compares the proportions.

    $v = \frac{4}{\pi^2} (\arctan\frac{w_b}{h_b} - \arctan\frac{w_a}{h_a})^2$ and $\alpha = v / (1 - \text{IoU} + v)$,
    which counts as a constant in the gradient.

    Args:
        a: xyxy, (N, 4).
        b: xyxy, (M, 4).
        paired: compare row with row; then N = M.

    Returns:
        (N, M), or (N,) when paired; never above DIoU.

    Raises:
        TypeError: if an argument is no tensor of floats.
        ValueError: if a shape is wrong, a number is not finite, or corners are out of order.
    """
    a, b, dtype = _aligned(a, b, paired)
    distance_form, iou = _distance_form(a, b)
    angle_a, angle_b = (torch.atan2(x2 - x1, y2 - y1) for x1, y1, x2, y2 in (a, b))
    v = 4 / math.pi**2 * (angle_b - angle_a) ** 2
    with torch.no_grad():
        alpha = _ratio(v, 1 - iou + v)
    return (distance_form - alpha * v).to(dtype)


def mask_iou_loop(a: Tensor, b: Tensor) -> Tensor:
    """Compare each pair pixel by pixel: the slow twin of `mask_iou`."""
    result = torch.zeros(len(a), len(b))
    for i in range(len(a)):
        for j in range(len(b)):
            either = int((a[i] | b[j]).sum())
            result[i, j] = int((a[i] & b[j]).sum()) / either if either else 0.0
    return result


def mask_iou(a: Tensor, b: Tensor) -> Tensor:
    """Return the IoU of masks: pixels in both over pixels in either.

    Args:
        a: bool (N, H, W).
        b: bool (M, H, W).

    Returns:
        float32 (N, M), in [0, 1]; 0 for two empty masks.

    Raises:
        TypeError: if a mask is not bool.
        ValueError: if the shapes do not fit.
    """
    for name, masks in (("a", a), ("b", b)):
        if not isinstance(masks, Tensor) or masks.dtype != torch.bool:
            raise TypeError(f"{name} must be a tensor of bool, got {getattr(masks, 'dtype', type(masks).__name__)}")
    check_shape("a", a, (None, None, None))
    check_shape("b", b, (None, a.shape[1], a.shape[2]))
    # A product with a row of zeros and ones counts: pixels in both. float32 counts exactly up to 16 million.
    flat_a, flat_b = a.flatten(1).float(), b.flatten(1).float()
    intersection = flat_a @ flat_b.T
    return _ratio(intersection, flat_a.sum(dim=1, keepdim=True) + flat_b.sum(dim=1) - intersection)


def _aligned(a: Tensor, b: Tensor, paired: bool) -> tuple[Tensor, Tensor, torch.dtype]:
    """Check both and turn them so that they broadcast: (4, N, 1) and (4, M), or (4, N) and (4, N) when paired."""
    check_boxes("a", a)
    check_boxes("b", b)
    if paired:
        check_same_length("a", a, "b", b)
    dtype = torch.promote_types(a.dtype, b.dtype)
    # All x1 side by side in memory, all y1, ...: with a stride of 4 between them the sums take several times as long.
    a, b = (upcast(boxes.to(dtype)).T.contiguous() for boxes in (a, b))
    return (a if paired else a[:, :, None]), b, dtype


def _around(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Width and height of the smallest box around both."""
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = a, b
    return torch.maximum(ax2, bx2) - torch.minimum(ax1, bx1), torch.maximum(ay2, by2) - torch.minimum(ay1, by1)


def _distance_form(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """DIoU, and the IoU in it."""
    iou = iou_of_rows(a, b)
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = a, b
    rho_x, rho_y = (ax1 + ax2 - bx1 - bx2) / 2, (ay1 + ay2 - by1 - by2) / 2
    width, height = _around(a, b)
    return iou - _ratio(rho_x**2 + rho_y**2, width**2 + height**2), iou

r"""RoI align: RoI pooling without rounding. Each bin averages the map at a few exact places, read between the cells.

Reading a map at $(y, x)$ between cells is linear in $y$ and in $x$, and so is averaging over a grid of places. So for a
region all of it is two matrices, one for the rows of bins and one for their columns:

$$ Z = A_y V A_x^T, \qquad \partial V = A_y^T\, \partial Z\, A_x $$

Source: K. He and others, "Mask R-CNN", ICCV 2017, section 3. Borders as in torchvision's ``roi_align``: a place up to
one cell outside the map reads its border, one further out reads 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from course_utils.check import check_int, check_number, check_shape
from course_utils.detection.boxes import upcast
from course_utils.detection.roi_pooling import check_output_size, check_rois

CHUNK = 64  # regions at once, so that their half-finished maps, (64, columns, H, C), fit into memory


def sample_places(
    start: Tensor, end: Tensor, bins: int, sampling_ratio: int, spatial_scale: float, aligned: bool
) -> tuple[Tensor, Tensor]:
    """Return where regions are read, along one axis, in cells of the map.

    Args:
        start: (K,), left or top of the regions, pixels.
        end: (K,), right or bottom.
        bins: along this axis.
        sampling_ratio: places a bin; 0 for as many as the bin has cells, rounded up, region by region.
        spatial_scale: cells a pixel.
        aligned: see `roi_align`.

    Returns:
        ``(places, counts)``: (K, bins, G) with the largest number G of places, and (K,) how many of them count.
    """
    offset = 0.5 if aligned else 0.0
    first = start * spatial_scale - offset
    length = end * spatial_scale - offset - first
    if not aligned:
        length = length.clamp(min=1)
    step = length / bins
    counts = step.ceil() if sampling_ratio == 0 else torch.full_like(step, sampling_ratio)
    most = int(counts.max()) if len(counts) else 0
    number = torch.arange(bins, dtype=step.dtype, device=step.device)[:, None]
    within = torch.arange(most, dtype=step.dtype, device=step.device) + 0.5
    part = within * step[:, None] / counts.clamp(min=1)[:, None]  # (K, G)
    return first[:, None, None] + number * step[:, None, None] + part[:, None, :], counts


def reading_weights(places: Tensor, counts: Tensor, size: int) -> Tensor:
    """Return the matrix that reads a map along one axis at each place and averages over each bin's places.

    Args:
        places: (K, bins, G), cells; cell i stands at i.
        counts: (K,), how many of the G places count.
        size: cells of the map along this axis.

    Returns:
        (K, bins, size). A bin whose places all lie inside has weights that sum to 1.
    """
    valid = (
        (places >= -1)
        & (places <= size)
        & (torch.arange(places.shape[2], device=places.device) < counts[:, None, None])
    )
    at = places.clamp(0, size - 1)
    low = at.floor()
    share = at - low  # of the cell after
    weight = valid.to(places.dtype) / counts.clamp(min=1)[:, None, None]
    low = low.long()
    matrix = places.new_zeros(*places.shape[:2], size)
    matrix.scatter_add_(2, low, weight * (1 - share))
    return matrix.scatter_add_(2, (low + 1).clamp(max=size - 1), weight * share)


class RoIAlign(torch.autograd.Function):
    """The two matrices forward, their transposes backward."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, picture: Tensor, weights_y: Tensor, weights_x: Tensor) -> Tensor:
        """Return the averages, (K, C, rows, columns)."""
        ctx.save_for_backward(picture, weights_y, weights_x)
        ctx.shape = features.shape
        _, channels, height, width = features.shape
        rows, columns = weights_y.shape[1], weights_x.shape[1]
        out = features.new_zeros(len(picture), channels, rows, columns)
        for number, members in _chunks(picture):
            plane = features[number].permute(2, 1, 0).reshape(width, height * channels)
            across = weights_x[members].reshape(-1, width) @ plane  # (k * columns, H * C)
            down = weights_y[members, None] @ across.reshape(-1, columns, height, channels)  # (k, columns, rows, C)
            out[members] = down.permute(0, 3, 2, 1)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        """Give each cell the gradient of every bin that read it, with the weight it was read with."""
        picture, weights_y, weights_x = ctx.saved_tensors
        _, channels, height, width = ctx.shape
        out = grad.new_zeros(ctx.shape)
        for number, members in _chunks(picture):
            down = weights_y[members, None].transpose(2, 3) @ grad[members].permute(0, 3, 2, 1)  # (k, columns, H, C)
            across = weights_x[members].reshape(-1, width).T @ down.reshape(-1, height * channels)  # (W, H * C)
            out[number] += across.reshape(width, height, channels).permute(2, 1, 0)
        return out, None, None, None


def _chunks(picture: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Go through the regions of one picture after the other, at most `CHUNK` at once."""
    for number in picture.unique().tolist():
        for members in (picture == number).nonzero().flatten().split(CHUNK):
            yield number, members


def roi_align(
    features: Tensor,
    rois: Tensor,
    output_size: int | tuple[int, int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = 0,
    aligned: bool = True,
) -> Tensor:
    """Return a grid of averages for each region.

    Args:
        features: (N, C, H, W).
        rois: (K, 5), the picture's number and xyxy in pixels; `roi_pooling.rois_of` makes them from lists of boxes.
        output_size: bins, one number or ``(rows, columns)``.
        spatial_scale: cells a pixel, 1 / stride.
        sampling_ratio: places a bin and axis, 0 for as many as the bin has cells, rounded up.
        aligned: cell i is the interval [i, i + 1], with its value in the middle: a region shifts by half a cell. False
            for the first programs, where value i stands at i and a region is at least one cell large (torchvision's
            default).

    Returns:
        (K, C, rows, columns), differentiable in ``features``, not in ``rois``.

    Raises:
        TypeError: if an argument is no tensor of floats.
        ValueError: if a shape is wrong, a box breaks a rule, or a number is out of range.
    """
    whole, rois, (rows, columns) = _checked(features, rois, output_size, spatial_scale, sampling_ratio)
    _, x1, y1, x2, y2 = rois.unbind(dim=1)
    along_y = sample_places(y1, y2, rows, sampling_ratio, spatial_scale, aligned)
    along_x = sample_places(x1, x2, columns, sampling_ratio, spatial_scale, aligned)
    weights_y = reading_weights(*along_y, size=features.shape[2])
    weights_x = reading_weights(*along_x, size=features.shape[3])
    pooled: Tensor = RoIAlign.apply(whole, rois[:, 0].long(), weights_y, weights_x)
    return pooled.to(features.dtype)


def read(plane: Tensor, y: float, x: float) -> Tensor:
    """Return a map's value between its cells: the four around, each with the area opposite to it.

    Args:
        plane: (H, W).
        y: vertical place, cells; the value of row i stands at i.
        x: horizontal place.
    """
    height, width = plane.shape
    if not (-1 <= y <= height and -1 <= x <= width):
        return plane.new_zeros(())
    y, x = min(max(y, 0.0), height - 1.0), min(max(x, 0.0), width - 1.0)
    top, left = int(y), int(x)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    v, h = y - top, x - left
    above = (1 - h) * plane[top, left] + h * plane[top, right]
    below = (1 - h) * plane[bottom, left] + h * plane[bottom, right]
    return (1 - v) * above + v * below


def roi_align_loop(
    features: Tensor,
    rois: Tensor,
    output_size: int | tuple[int, int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = 0,
    aligned: bool = True,
) -> Tensor:
    """Read place by place: the slow twin of `roi_align`, differentiable by autograd."""
    whole, rois, (rows, columns) = _checked(features, rois, output_size, spatial_scale, sampling_ratio)
    offset = 0.5 if aligned else 0.0
    out = []
    for number, *box in rois.tolist():
        left, top, right, bottom = (v * spatial_scale - offset for v in box)
        height, width = bottom - top, right - left
        if not aligned:
            height, width = max(height, 1.0), max(width, 1.0)
        many_y, many_x = (sampling_ratio or math.ceil(side / n) for side, n in ((height, rows), (width, columns)))
        for plane in whole[int(number)]:
            for i in range(rows):
                for j in range(columns):
                    total = plane.new_zeros(())
                    for a in range(many_y):
                        for b in range(many_x):
                            y = top + (i + (a + 0.5) / many_y) * height / rows
                            x = left + (j + (b + 0.5) / many_x) * width / columns
                            total = total + read(plane, y, x)
                    out.append(total / max(many_y * many_x, 1))
    shape = (len(rois), features.shape[1], rows, columns)
    return (torch.stack(out).reshape(shape) if out else whole.new_zeros(shape)).to(features.dtype)


def _checked(
    features: Tensor, rois: Tensor, output_size: int | tuple[int, int], spatial_scale: float, sampling_ratio: int
) -> tuple[Tensor, Tensor, tuple[int, int]]:
    """Return features and regions in one dtype, at least float32, and (rows, columns)."""
    check_shape("features", features, (None, None, None, None))
    check_number("spatial_scale", spatial_scale, above=0)
    check_int("sampling_ratio", sampling_ratio, minimum=0)
    features = upcast(features)
    return features, check_rois(rois, len(features)).to(features.dtype).detach(), check_output_size(output_size)

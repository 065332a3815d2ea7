"""RoI pooling: whatever the size of a region, the same small grid of numbers comes out.

A region is scaled to the feature map and rounded to whole cells, cut into bins whose borders are rounded outwards to
whole cells again, and each bin gives its maximum. Twice rounded: `quantise` shows what is left of the region, and
`roi_align` does without.

Source: R. Girshick, "Fast R-CNN", ICCV 2015, section 2.1. Rounding as in torchvision's ``roi_pool``: a region ends with
its last cell, so it is at least one cell large.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from course_utils.check import check_int, check_number, check_shape
from course_utils.detection.boxes import check_boxes, upcast


class Bins(NamedTuple):
    """First cell and end (one past the last) of each row of bins and of each column of bins, inside the map."""

    rows: list[tuple[int, int]]
    columns: list[tuple[int, int]]


def check_rois(rois: Tensor, pictures: int) -> Tensor:
    """Return regions if each row is ``(number of the picture, x1, y1, x2, y2)``.

    Args:
        rois: (K, 5).
        pictures: how many the batch has.

    Raises:
        TypeError: if ``rois`` is no tensor of floats.
        ValueError: if the shape is wrong, a box breaks a rule, or there is no such picture.
    """
    if not isinstance(rois, Tensor):
        raise TypeError(f"rois must be a tensor, got {type(rois).__name__}")
    check_shape("rois", rois, (None, 5))
    check_boxes("rois[:, 1:]", rois[:, 1:])
    number = rois[:, 0]
    wrong = (number != number.round()) | (number < 0) | (number >= pictures)
    if wrong.any():
        raise ValueError(f"rois[:, 0] must be a picture from 0 to {pictures - 1}, got {number[wrong][0].item()}")
    return rois


def rois_of(boxes: list[Tensor]) -> Tensor:
    """Put the boxes of each picture into one table of regions.

    Args:
        boxes: for each picture xyxy, (number of its boxes, 4).

    Returns:
        (K, 5): the picture's number, then the box.

    Raises:
        ValueError: if there is no picture, or boxes break a rule.
    """
    if not boxes:
        raise ValueError("boxes must hold a tensor for each picture, got an empty list")
    rows = [torch.cat((b.new_full((len(b), 1), i), check_boxes("boxes", b)), dim=1) for i, b in enumerate(boxes)]
    return torch.cat(rows)


def quantise(
    box: Tensor, map_size: tuple[int, int], output_size: int | tuple[int, int], spatial_scale: float = 1.0
) -> Bins:
    """Return the cells of each bin of one region: what rounding makes of it.

    Args:
        box: xyxy, (4,), pixels of the picture.
        map_size: ``(H, W)`` of the feature map.
        output_size: bins, one number or ``(rows, columns)``.
        spatial_scale: cells a pixel, 1 / stride.

    Returns:
        The bins; neighbours may share a cell, and a bin outside the map is empty (its end is not past its first).
    """
    rows, columns = check_output_size(output_size)
    # Halves away from zero, as C rounds; torch.round would take them to the even neighbour.
    x1, y1, x2, y2 = (math.floor(abs(v) + 0.5) * (1 if v >= 0 else -1) for v in (box * spatial_scale).tolist())
    return Bins(_cut(y1, y2, rows, map_size[0], box.dtype), _cut(x1, x2, columns, map_size[1], box.dtype))


def roi_pool_loop(
    features: Tensor, rois: Tensor, output_size: int | tuple[int, int], spatial_scale: float = 1.0
) -> Tensor:
    """Pool cell by cell: the slow twin of `roi_pool`."""
    features, rois = _checked(features, rois, spatial_scale)
    rows, columns = check_output_size(output_size)
    out = features.new_zeros(len(rois), features.shape[1], rows, columns)
    for k in range(len(rois)):
        bins = quantise(rois[k, 1:], (features.shape[2], features.shape[3]), output_size, spatial_scale)
        for channel in range(features.shape[1]):
            plane = features[int(rois[k, 0]), channel]
            for i, (top, bottom) in enumerate(bins.rows):
                for j, (left, right) in enumerate(bins.columns):
                    cells = [plane[y, x] for y in range(top, bottom) for x in range(left, right)]
                    out[k, channel, i, j] = max(cells) if cells else 0.0
    return out


class RoIPool(torch.autograd.Function):
    """Pooling that remembers each bin's winner, and a backward that sends the gradient there and nowhere else."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, rois: Tensor, output_size: tuple[int, int], spatial_scale: float) -> Tensor:
        """Return the maxima, (K, C, rows, columns)."""
        _, channels, height, width = features.shape
        values = features.new_zeros(len(rois), channels, *output_size)
        winners = torch.full(values.shape, -1, device=features.device)  # row * width + column; -1: empty bin
        for k, picture in enumerate(rois[:, 0].long().tolist()):
            bins = quantise(rois[k, 1:], (height, width), output_size, spatial_scale)
            # A maximum over a rectangle is a maximum over columns, then over rows: of equal cells the first row wins.
            for j, (left, right) in enumerate(bins.columns):
                if left >= right:
                    continue
                across = features[picture, :, :, left:right].max(dim=2)  # (C, H)
                for i, (top, bottom) in enumerate(bins.rows):
                    if top >= bottom:
                        continue
                    best = across.values[:, top:bottom].max(dim=1)  # (C,)
                    row = best.indices + top
                    column = across.indices.gather(1, row[:, None])[:, 0] + left
                    values[k, :, i, j] = best.values
                    winners[k, :, i, j] = row * width + column
        ctx.save_for_backward(rois, winners)
        ctx.shape = features.shape
        return values

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        """Add up, in each cell, the gradients of the bins that it won."""
        rois, winners = ctx.saved_tensors
        pictures, channels, height, width = ctx.shape
        plane = rois[:, 0].long()[:, None] * channels + torch.arange(channels, device=grad.device)  # (K, C)
        place = plane[:, :, None, None] * (height * width) + winners
        won = winners >= 0
        out = grad.new_zeros(pictures * channels * height * width)
        out.index_add_(0, place[won], grad[won])
        return out.reshape(ctx.shape), None, None, None


def roi_pool(features: Tensor, rois: Tensor, output_size: int | tuple[int, int], spatial_scale: float = 1.0) -> Tensor:
    """Return a grid of maxima for each region.

    Args:
        features: (N, C, H, W).
        rois: (K, 5), the picture's number and xyxy in pixels; `rois_of` makes them from lists of boxes.
        output_size: bins, one number or ``(rows, columns)``.
        spatial_scale: cells a pixel, 1 / stride.

    Returns:
        (K, C, rows, columns), differentiable in ``features``; a bin outside the map is 0. Of equal cells the first, row
        by row, gets the gradient. Regions get none: rounding has none to give.

    Raises:
        TypeError: if an argument is no tensor of floats.
        ValueError: if a shape is wrong, a box breaks a rule, or a number is out of range.
    """
    whole, rois = _checked(features, rois, spatial_scale)
    pooled: Tensor = RoIPool.apply(whole, rois, check_output_size(output_size), float(spatial_scale))
    return pooled.to(features.dtype)


def check_output_size(output_size: int | tuple[int, int]) -> tuple[int, int]:
    """Return ``(rows, columns)``, both at least 1."""
    rows, columns = output_size if isinstance(output_size, tuple) else (output_size, output_size)
    return check_int("output_size", rows, minimum=1), check_int("output_size", columns, minimum=1)


def _cut(first: int, last: int, bins: int, size: int, dtype: torch.dtype) -> list[tuple[int, int]]:
    """Cut the cells ``first..last`` into overlapping bins, and those off at the border of the map."""
    # In the boxes' own precision, in which torchvision decides what is a whole number.
    step = torch.tensor(max(last - first + 1, 1), dtype=dtype) / bins
    number = torch.arange(bins, dtype=dtype)
    starts = ((number * step).floor().long() + first).clamp(0, size).tolist()
    ends = (((number + 1) * step).ceil().long() + first).clamp(0, size).tolist()
    return list(zip(starts, ends))


def _checked(features: Tensor, rois: Tensor, spatial_scale: float) -> tuple[Tensor, Tensor]:
    """Return both in one dtype, at least float32."""
    check_shape("features", features, (None, None, None, None))
    check_number("spatial_scale", spatial_scale, above=0)
    features = upcast(features)
    return features, check_rois(rois, len(features)).to(features.dtype)

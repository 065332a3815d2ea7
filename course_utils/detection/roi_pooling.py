"""RoI pooling: whatever the size of a region, the same small grid of numbers comes out.

A region is scaled to the feature map and rounded to whole cells, cut into bins whose borders are rounded outwards to
whole cells again, and each bin gives its maximum. Twice rounded: `quantise` shows what is left of the region, and
`roi_align` does without.

Source: R. Girshick, "Fast R-CNN", ICCV 2015, section 2.1. Rounding as in torchvision's ``roi_pool``: a region ends with
its last cell, so it is at least one cell large.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from course_utils.check import check_int, check_number, check_shape
from course_utils.detection.boxes import check_boxes, upcast


class Bins(NamedTuple):
    """First cell and end (one past the last) of bins inside the map, int64: (K, rows, 2) and (K, columns, 2)."""

    rows: Tensor
    columns: Tensor


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
    boxes: Tensor, map_size: tuple[int, int], output_size: int | tuple[int, int], spatial_scale: float = 1.0
) -> Bins:
    """Return the cells of each region's bins: what rounding makes of the region.

    Args:
        boxes: xyxy, (K, 4), pixels of the picture.
        map_size: ``(H, W)`` of the feature map.
        output_size: bins, one number or ``(rows, columns)``.
        spatial_scale: cells a pixel, 1 / stride.

    Returns:
        The bins; neighbours may share a cell, and a bin outside the map is empty (its end is not past its first).

    Raises:
        TypeError: if ``boxes`` is no tensor of floats.
        ValueError: if an argument breaks a rule.
    """
    rows, columns = check_output_size(output_size)
    scaled = upcast(check_boxes("boxes", boxes)) * spatial_scale
    # Halves away from zero, as C rounds; torch.round would take them to the even neighbour.
    x1, y1, x2, y2 = (scaled.sign() * (scaled.abs() + 0.5).floor()).unbind(dim=1)
    return Bins(_cut(y1, y2, rows, map_size[0]), _cut(x1, x2, columns, map_size[1]))


def roi_pool_loop(
    features: Tensor, rois: Tensor, output_size: int | tuple[int, int], spatial_scale: float = 1.0
) -> Tensor:
    """Pool cell by cell: the slow twin of `roi_pool`, differentiable by autograd."""
    whole, rois = _checked(features, rois, spatial_scale)
    rows, columns = check_output_size(output_size)
    bins = quantise(rois[:, 1:], (whole.shape[2], whole.shape[3]), output_size, spatial_scale)
    out = []
    for k in range(len(rois)):
        for plane in whole[int(rois[k, 0])]:
            for top, bottom in bins.rows[k].tolist():
                for left, right in bins.columns[k].tolist():
                    best = plane.new_zeros(()) if bottom <= top or right <= left else plane[top, left]
                    for y in range(top, bottom):
                        for x in range(left, right):
                            if plane[y, x] > best:
                                best = plane[y, x]
                    out.append(best)
    shape = (len(rois), whole.shape[1], rows, columns)
    return (torch.stack(out).reshape(shape) if out else whole.new_zeros(shape)).to(features.dtype)


class RoIPool(torch.autograd.Function):
    """Pooling that remembers each bin's winner, and a backward that sends the gradient there and nowhere else."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, rois: Tensor, output_size: tuple[int, int], spatial_scale: float) -> Tensor:
        """Return the maxima, (K, C, rows, columns)."""
        pictures, channels, height, width = features.shape
        bins = quantise(rois[:, 1:], (height, width), output_size, spatial_scale)
        # A table with a row of C numbers for each cell of each picture, and a last one that never wins.
        nowhere = pictures * height * width
        table = features.permute(0, 2, 3, 1).reshape(nowhere, channels)
        table = torch.cat((table, table.new_full((1, channels), -torch.inf)))
        first = rois[:, 0].long() * height * width
        values = features.new_zeros(len(rois), *output_size, channels)
        winners = torch.full(values.shape, nowhere, device=features.device)
        for i in range(output_size[0]):
            for j in range(output_size[1]):
                cells = _cells(bins.rows[:, i], bins.columns[:, j], first, width, nowhere)  # (K, most cells)
                if cells.numel():
                    best = table[cells].max(dim=1)  # (K, C); of equal cells the first
                    values[:, i, j], winners[:, i, j] = best.values, cells.gather(1, best.indices)
        ctx.save_for_backward(winners)
        ctx.shape = features.shape
        return values.masked_fill(winners == nowhere, 0).permute(0, 3, 1, 2).contiguous()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        """Add up, in each cell, the gradients of the bins that it won."""
        (winners,) = ctx.saved_tensors
        pictures, channels, height, width = ctx.shape
        table = grad.new_zeros(pictures * height * width + 1, channels)
        table.scatter_add_(0, winners.reshape(-1, channels), grad.permute(0, 2, 3, 1).reshape(-1, channels))
        return table[:-1].reshape(pictures, height, width, channels).permute(0, 3, 1, 2), None, None, None


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


def _cut(first: Tensor, last: Tensor, bins: int, size: int) -> Tensor:
    """Cut the cells ``first..last`` of each region into bins, and those off at the border of the map: (K, bins, 2)."""
    # In the boxes' own precision: in float32 the last of 13 bins of 7 cells ends past the seventh, in torchvision too.
    step = ((last - first + 1).clamp(min=1) / bins)[:, None]
    number = torch.arange(bins, dtype=first.dtype, device=first.device)
    edges = torch.stack(((number * step).floor(), ((number + 1) * step).ceil()), dim=2) + first[:, None, None]
    return edges.clamp(0, size).long()


def _cells(rows: Tensor, columns: Tensor, first: Tensor, width: int, nowhere: int) -> Tensor:
    """Number the cells of one bin of each region row by row, filled up with ``nowhere``: (K, most cells of a bin)."""
    most_y, most_x = (
        int((edges[:, 1] - edges[:, 0]).clamp(min=0).max()) if len(edges) else 0 for edges in (rows, columns)
    )
    y = rows[:, :1] + torch.arange(most_y, device=rows.device)
    x = columns[:, :1] + torch.arange(most_x, device=rows.device)
    inside = (y < rows[:, 1:])[:, :, None] & (x < columns[:, 1:])[:, None, :]
    cells = first[:, None, None] + y[:, :, None] * width + x[:, None, :]
    return cells.masked_fill(~inside, nowhere).reshape(len(rows), most_y * most_x)


def _checked(features: Tensor, rois: Tensor, spatial_scale: float) -> tuple[Tensor, Tensor]:
    """Return both in one dtype, at least float32."""
    check_shape("features", features, (None, None, None, None))
    check_number("spatial_scale", spatial_scale, above=0)
    features = upcast(features)
    return features, check_rois(rois, len(features)).to(features.dtype)

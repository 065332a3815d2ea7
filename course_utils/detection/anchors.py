"""Anchors: a fixed set of boxes at every place of a feature map, from which a detector predicts corrections.

Sources: S. Ren and others, "Faster R-CNN", NIPS 2015 (k anchors a cell); W. Liu and others, "SSD", ECCV 2016 (default
boxes on several maps).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from course_utils.check import check_int, check_number, check_same_length
from course_utils.detection.boxes import check_boxes

# SSD for 300 x 300 pixels: cells a side of each map, pixels from cell to cell, proportions beside 1:1, and sizes in
# pixels. The last size has no map: it only makes the second square of the map before.
SSD300_MAPS = (38, 19, 10, 5, 3, 1)
SSD300_STRIDES = (8, 16, 32, 64, 100, 300)
SSD300_RATIOS = ((2,), (2, 3), (2, 3), (2, 3), (2,), (2,))
SSD300_SIZES = (30, 60, 111, 162, 213, 264, 315)


def count_windows(size: tuple[int, int]) -> int:
    """Return how many boxes with whole-numbered corners a picture has: what a search by brute force would visit.

    A box chooses two of ``height + 1`` lines and two of ``width + 1``.

    Args:
        size: ``(height, width)``, pixels.

    Raises:
        ValueError: if a side is below 1.
    """
    height, width = (check_int("size", side, minimum=1) for side in size)
    return math.comb(height + 1, 2) * math.comb(width + 1, 2)


def cell_anchors(sizes: Sequence[float], ratios: Sequence[float] = (0.5, 1, 2)) -> Tensor:
    r"""Return the anchors of one cell, centred at the origin: every size in every proportion.

    An anchor of size $s$ and ratio $r$ has area $s^2$ and height over width $r$: $w = s / \sqrt r$, $h = s \sqrt r$.

    Args:
        sizes: sides of the squares, pixels, above 0.
        ratios: height over width, above 0.

    Returns:
        xyxy float32, (k, 4) with ``k = len(ratios) * len(sizes)``; all sizes of the first ratio come first. Corners
        are not rounded (Faster R-CNN's first program and torchvision round them).

    Raises:
        ValueError: if a size or ratio is not positive, or there are none.
    """
    sizes = [check_number("sizes", s, above=0) for s in _some("sizes", sizes)]
    ratios = [check_number("ratios", r, above=0) for r in _some("ratios", ratios)]
    sides = torch.tensor([(s / math.sqrt(r), s * math.sqrt(r)) for r in ratios for s in sizes])
    return torch.cat((-sides / 2, sides / 2), dim=1)


def ssd_cell(size: float, next_size: float, ratios: Sequence[float] = (2,)) -> Tensor:
    r"""Return SSD's boxes of one cell, centred at the origin: two squares, and both directions of each ratio.

    The squares have sides $s$ and $\sqrt{s s'}$, $s'$ the size of the next map.

    Args:
        size: pixels, above 0.
        next_size: pixels, above 0.
        ratios: width over height, above 1; each also stands for its inverse.

    Returns:
        xyxy float32, (2 + 2 * len(ratios), 4), $s$ and $\sqrt{s s'}$ first, then each ratio wide, tall.

    Raises:
        ValueError: if a size is not positive or a ratio not above 1.
    """
    check_number("size", size, above=0)
    check_number("next_size", next_size, above=0)
    sides = [(size, size), (math.sqrt(size * next_size),) * 2]
    for ratio in ratios:
        root = math.sqrt(check_number("ratios", ratio, above=1))
        sides += [(size * root, size / root), (size / root, size * root)]
    half = torch.tensor(sides, dtype=torch.float32) / 2
    return torch.cat((-half, half), dim=1)


def grid_anchors_loop(map_size: tuple[int, int], stride: float | tuple[float, float], cell: Tensor) -> Tensor:
    """Place the anchors of a cell by three loops: the slow twin of `grid_anchors`."""
    step_y, step_x = stride if isinstance(stride, tuple) else (stride, stride)
    placed = []
    for row in range(map_size[0]):
        for column in range(map_size[1]):
            x, y = (column + 0.5) * step_x, (row + 0.5) * step_y
            for x1, y1, x2, y2 in cell.tolist():
                placed.append((x + x1, y + y1, x + x2, y + y2))
    return cell.new_tensor(placed).reshape(-1, 4)


def grid_anchors(map_size: tuple[int, int], stride: float | tuple[float, float], cell: Tensor) -> Tensor:
    """Place the anchors of a cell at the centre of every cell of a feature map.

    Args:
        map_size: ``(H, W)``, cells.
        stride: pixels from one cell to the next; one number, or ``(vertical, horizontal)``.
        cell: xyxy around the origin, (k, 4), from `cell_anchors` or `ssd_cell`.

    Returns:
        xyxy, (H * W * k, 4): row by row, column by column, anchor by anchor. A map of predictions (N, k * 4, H, W) gets
        this order by ``.permute(0, 2, 3, 1).reshape(N, -1, 4)``. The centre of cell (i, j) is
        ``((j + 0.5) * stride, (i + 0.5) * stride)``, as in SSD (torchvision's Faster R-CNN: its corner).

    Raises:
        TypeError: if ``cell`` is no tensor of floats.
        ValueError: if a size or stride is not positive or ``cell`` breaks a rule.
    """
    height, width = (check_int("map_size", side, minimum=1) for side in map_size)
    steps = stride if isinstance(stride, tuple) else (stride, stride)
    step_y, step_x = (check_number("stride", step, above=0) for step in steps)
    check_boxes("cell", cell)
    rows = (torch.arange(height, device=cell.device, dtype=cell.dtype) + 0.5) * step_y
    columns = (torch.arange(width, device=cell.device, dtype=cell.dtype) + 0.5) * step_x
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    centres = torch.stack((x, y, x, y), dim=-1)  # (H, W, 4)
    return (centres[:, :, None] + cell).reshape(-1, 4)


def ssd_anchors(
    maps: Sequence[int] = SSD300_MAPS,
    strides: Sequence[float] = SSD300_STRIDES,
    ratios: Sequence[Sequence[float]] = SSD300_RATIOS,
    sizes: Sequence[float] = SSD300_SIZES,
) -> list[Tensor]:
    """Return the default boxes of an SSD, one tensor a map; without arguments those of SSD300, 8,732 in all.

    Args:
        maps: cells a side of each (square) map.
        strides: pixels from cell to cell of each map.
        ratios: proportions of each map, as for `ssd_cell`.
        sizes: one a map and one more, pixels.

    Returns:
        For each map xyxy float32, (cells * cells * (2 + 2 * ratios), 4), pixels, not clipped.

    Raises:
        ValueError: if the lengths do not fit.
    """
    check_same_length("maps", maps, "strides", strides)
    check_same_length("maps", maps, "ratios", ratios)
    check_same_length("sizes less the last", sizes[:-1], "maps", maps)
    cells = [ssd_cell(size, after, r) for size, after, r in zip(sizes, sizes[1:], ratios)]
    return [grid_anchors((m, m), stride, cell) for m, stride, cell in zip(maps, strides, cells, strict=True)]


def inside(anchors: Tensor, size: tuple[int, int], border: float = 0) -> Tensor:
    """Return the indices of anchors that do not cross the border; Faster R-CNN trains on no others.

    Args:
        anchors: xyxy, (N, 4).
        size: ``(height, width)`` of the picture.
        border: how far they may stand out, pixels.

    Returns:
        int64 (K,), rising.

    Raises:
        TypeError: if ``anchors`` is no tensor of floats.
        ValueError: if an argument breaks a rule.
    """
    height, width = (check_int("size", side, minimum=1) for side in size)
    check_number("border", border, minimum=0)
    x1, y1, x2, y2 = check_boxes("anchors", anchors).unbind(dim=1)
    stays = (x1 >= -border) & (y1 >= -border) & (x2 <= width + border) & (y2 <= height + border)
    return stays.nonzero().flatten()


def _some(name: str, values: Sequence[float]) -> Sequence[float]:
    if len(values) == 0:
        raise ValueError(f"{name} must hold at least one number, got none")
    return values

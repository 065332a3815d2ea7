"""Outlines of parts as signed distances whose measures may differ from picture to picture.

Each function takes the points of M pictures, ``x`` and ``y`` of shape (M, H, W), and measures that are numbers or
(M,) tensors. It returns (M, H, W): negative inside, zero on the outline, positive outside, in the points' own unit.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

Measure = float | Tensor


def _wide(value: Measure) -> Measure:
    """Give a measure per picture the shape that meets (M, H, W)."""
    return value[:, None, None] if isinstance(value, Tensor) and value.ndim == 1 else value


def ellipse(x: Tensor, y: Tensor, cx: Measure, cy: Measure, rx: Measure, ry: Measure) -> Tensor:
    """Upright ellipse around (cx, cy) with half axes rx and ry; away from the outline the distance is rough."""
    cx, cy, rx, ry = _wide(cx), _wide(cy), _wide(rx), _wide(ry)
    smaller = torch.minimum(torch.as_tensor(rx), torch.as_tensor(ry))
    return (torch.hypot((x - cx) / rx, (y - cy) / ry) - 1) * smaller


def box(x: Tensor, y: Tensor, cx: Measure, cy: Measure, hx: Measure, hy: Measure, corner: float = 0.0) -> Tensor:
    """Upright box around (cx, cy) with half sides hx and hy and corners rounded with radius ``corner``."""
    across = (x - _wide(cx)).abs_() - (_wide(hx) - corner)
    down = (y - _wide(cy)).abs_() - (_wide(hy) - corner)
    if not corner:
        return torch.maximum(across, down)
    outside = torch.hypot(across.clamp_min(0), down.clamp_min(0))
    return outside.add_(torch.maximum(across, down).clamp_max_(0)).sub_(corner)


def capsule(x: Tensor, y: Tensor, start: Sequence[Measure], stop: Sequence[Measure], radius: Measure) -> Tensor:
    """Stroke from ``start`` to ``stop``, each (x, y), with round ends."""
    ax, ay = (_wide(value) for value in start)
    bx, by = (_wide(value) for value in stop)
    along_x, along_y = bx - ax, by - ay
    px, py = x - ax, y - ay
    share = ((px * along_x + py * along_y) / (along_x**2 + along_y**2)).clamp_(0, 1)
    return torch.hypot(px - share * along_x, py - share * along_y) - _wide(radius)


def polygon(x: Tensor, y: Tensor, corners: Sequence[Sequence[Measure]]) -> Tensor:
    """Convex polygon with the given corners (x, y), clockwise as seen on the screen (y points down)."""
    result: Tensor | None = None
    for (ax, ay), (bx, by) in zip(corners, [*corners[1:], corners[0]]):
        ax, ay, bx, by = _wide(ax), _wide(ay), _wide(bx), _wide(by)
        # The outer normal of an edge walked clockwise on the screen is its direction turned to the left.
        nx, ny = by - ay, ax - bx
        length = (nx**2 + ny**2) ** 0.5
        side = (x - ax) * (nx / length) + (y - ay) * (ny / length)
        result = side if result is None else torch.maximum(result, side)
    assert result is not None
    return result

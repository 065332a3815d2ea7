"""Ten shapes as signed distances: negative inside, zero on the outline, positive outside.

A signed distance says at once where a shape is (its sign), how to draw it without jagged edges (blend
over one pixel around zero) and how far a point is from it. Every shape lies in the circle of radius 1
around the origin; x points right, y points down, as in an image.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.check import check_same_length


def circle(x: Tensor, y: Tensor) -> Tensor:
    """Disc of radius 0.85."""
    return torch.hypot(x, y) - 0.85


def square(x: Tensor, y: Tensor) -> Tensor:
    """Square of half side 0.7."""
    return torch.maximum(x.abs(), y.abs()) - 0.7


def triangle(x: Tensor, y: Tensor) -> Tensor:
    """Equilateral triangle with its corners on the unit circle, one of them up."""
    slanted = x.abs() * (math.sqrt(3) / 2) - y * 0.5
    return torch.maximum(slanted, y) - 0.5


def star(x: Tensor, y: Tensor) -> Tensor:
    """Star with five points on the unit circle, one of them up."""
    # Mirrored at two axes until a single edge of one half point is left.
    cos, sin = math.cos(math.pi / 5), math.sin(math.pi / 5)
    x, y = x.abs(), -y
    fold = (x * cos - y * sin).clamp_min(0) * 2
    x, y = x - fold * cos, y + fold * sin
    fold = (-x * cos - y * sin).clamp_min(0) * 2
    x, y = (x + fold * cos).abs(), y + fold * sin - 1
    inner = 0.45
    edge_x, edge_y = inner * sin, inner * cos - 1
    along = ((x * edge_x + y * edge_y) / (edge_x**2 + edge_y**2)).clamp(0, 1)
    return torch.hypot(x - edge_x * along, y - edge_y * along) * torch.sign(y * edge_x - x * edge_y)


def cross(x: Tensor, y: Tensor) -> Tensor:
    """Plus sign with arms 0.56 wide."""
    x, y = x.abs(), y.abs()
    return torch.maximum(torch.minimum(x, y) - 0.28, torch.maximum(x, y) - 0.94)


def ring(x: Tensor, y: Tensor) -> Tensor:
    """Ring between the radii 0.5 and 0.96."""
    return (torch.hypot(x, y) - 0.73).abs() - 0.23


def heart(x: Tensor, y: Tensor) -> Tensor:
    """Heart with its tip down."""
    size = 0.68
    x, y = x.abs() * size, 0.55 - y * size
    lobe = torch.hypot(x - 0.25, y - 0.75) - math.sqrt(2) / 4
    half = (x + y).clamp_min(0) * 0.5
    rest = torch.minimum(torch.hypot(x, y - 1), torch.hypot(x - half, y - half)) * torch.sign(x - y)
    return torch.where(x + y > 1, lobe, rest) / size


def crescent(x: Tensor, y: Tensor) -> Tensor:
    """Moon: a disc without the disc that covers its right side."""
    return torch.maximum(torch.hypot(x, y) - 0.96, 0.72 - torch.hypot(x - 0.48, y))


def corner(x: Tensor, y: Tensor) -> Tensor:
    """Capital L with both arms 0.56 wide."""
    return torch.maximum(square(x, y), torch.minimum(x + 0.14, 0.14 - y))


def arrow(x: Tensor, y: Tensor) -> Tensor:
    """Arrow that points right."""
    y = y.abs()
    shaft = torch.maximum(y - 0.22, torch.maximum(-0.96 - x, x - 0.1))
    head = torch.maximum(-x, 0.6 * x + 0.8 * y - 0.58)
    return torch.minimum(shaft, head)


def bar(x: Tensor, y: Tensor) -> Tensor:
    """Thin strip, used as clutter: it is not a class."""
    return torch.maximum(x.abs() - 0.97, y.abs() - 0.12)


def blob(x: Tensor, y: Tensor) -> Tensor:
    """Flat oval, used as clutter: it is not a class."""
    across, down = 0.92, 0.42
    scaled = torch.hypot(x / across, y / down)
    # The implicit function divided by its slope: a distance to first order, exact on the outline.
    slope = torch.hypot(x / across**2, y / down**2).clamp_min(1e-6)
    return (scaled - 1) * scaled.clamp_min(1e-3) / slope


Distance = Callable[[Tensor, Tensor], Tensor]

CLASS_SHAPES: tuple[Distance, ...] = (
    circle, square, triangle, star, cross, ring, heart, crescent, corner, arrow,
)  # fmt: skip
CLUTTER_SHAPES: tuple[Distance, ...] = (bar, blob)
ALL_SHAPES = CLASS_SHAPES + CLUTTER_SHAPES

CLASSES: tuple[str, ...] = tuple(shape.__name__ for shape in CLASS_SHAPES)


def signed_distance(kind: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Return the signed distance of each object's points to its own shape.

    Args:
        kind: int64 (M,), positions in ``ALL_SHAPES``; fastest when sorted.
        x, y: (M, ...), points in units of the object's radius, in its own frame.

    Returns:
        (M, ...), in units of the radius.
    """
    check_same_length("kind", kind, "x", x)
    order = None
    if len(kind) > 1 and bool((kind[1:] < kind[:-1]).any()):
        order = kind.argsort(stable=True)
        kind, x, y = kind[order], x[order], y[order]
    result = torch.empty_like(x)
    start = 0
    for shape, count in zip(ALL_SHAPES, torch.bincount(kind, minlength=len(ALL_SHAPES)).tolist()):
        if count:
            part = slice(start, start + count)
            result[part] = shape(x[part], y[part])
            start += count
    if order is None:
        return result
    unsorted = torch.empty_like(result)
    unsorted[order] = result
    return unsorted

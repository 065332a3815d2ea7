"""Shapes: true distances near the outline, inside the unit circle, and telling apart at any angle."""

from __future__ import annotations

import math

import pytest
import torch
from matplotlib.path import Path as Polygon
from torch import Tensor

from course_utils.data.synthetic.shapes import ALL_SHAPES, CLASS_SHAPES, CLASSES, Distance, signed_distance


def grid(side: int = 241, reach: float = 1.3) -> tuple[Tensor, Tensor]:
    steps = torch.linspace(-reach, reach, side, dtype=torch.float64)
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    return x, y


@pytest.mark.parametrize("shape", ALL_SHAPES)
def test_shape_fills_part_of_the_unit_circle_and_nothing_else(shape: Distance) -> None:
    x, y = grid()
    inside = shape(x, y) < 0
    assert not bool((inside & (torch.hypot(x, y) > 1.001)).any())
    assert 0.05 < float(inside.double().mean()) * (2.6**2) / math.pi < 0.95


@pytest.mark.parametrize("shape", ALL_SHAPES)
def test_distance_grows_by_one_per_unit_across_the_outline(shape: Distance) -> None:
    x, y = grid(601)
    distance = shape(x, y)
    step = float(x[0, 1] - x[0, 0])
    slope = torch.hypot(*torch.gradient(distance, spacing=step))
    near = distance.abs() < 0.04
    # Corners, and the strips of the oval, bend the field; almost everywhere it has to be right.
    off = ((slope[near] - 1).abs() > 0.35).double().mean()
    assert float(off) < 0.12


def regular(count: int, outer: float, inner: float | None = None) -> list[tuple[float, float]]:
    radii = [outer] if inner is None else [outer, inner]
    total = count * len(radii)
    angles = [-math.pi / 2 + 2 * math.pi * i / total for i in range(total)]
    return [(radii[i % len(radii)] * math.cos(a), radii[i % len(radii)] * math.sin(a)) for i, a in enumerate(angles)]


OUTLINES = {
    "triangle": regular(3, 1.0),
    "star": regular(5, 1.0, 0.45),
    "square": [(-0.7, -0.7), (0.7, -0.7), (0.7, 0.7), (-0.7, 0.7)],
    "corner": [(-0.7, -0.7), (-0.14, -0.7), (-0.14, 0.14), (0.7, 0.14), (0.7, 0.7), (-0.7, 0.7)],
}


@pytest.mark.parametrize("name", OUTLINES)
def test_polygon_agrees_with_its_corners(name: str) -> None:
    x, y = grid()
    distance = CLASS_SHAPES[CLASSES.index(name)](x, y)
    inside = torch.from_numpy(Polygon(OUTLINES[name]).contains_points(torch.stack([x, y], -1).reshape(-1, 2).numpy()))
    clear = distance.flatten().abs() > 1e-6
    assert torch.equal((distance < 0).flatten()[clear], inside[clear])


def test_no_two_classes_look_alike_at_any_angle() -> None:
    x, y = grid(81, 1.05)
    masks = [shape(x, y) < 0 for shape in CLASS_SHAPES]
    for first in range(len(CLASSES)):
        for second in range(first + 1, len(CLASSES)):
            best = 0.0
            for angle in torch.linspace(0, 2 * math.pi, 37)[:-1].tolist():
                cos, sin = math.cos(angle), math.sin(angle)
                turned = CLASS_SHAPES[second](cos * x + sin * y, cos * y - sin * x) < 0
                both = float((masks[first] & turned).sum())
                best = max(best, both / float((masks[first] | turned).sum()))
            assert best < 0.85, (CLASSES[first], CLASSES[second], best)


def test_mixed_kinds_equal_one_at_a_time() -> None:
    random = torch.Generator().manual_seed(0)
    kind = torch.randint(0, len(ALL_SHAPES), (40,), generator=random)
    x, y = torch.rand(2, 40, 5, 7, generator=random) * 2 - 1
    together = signed_distance(kind, x, y)
    for i, k in enumerate(kind.tolist()):
        assert torch.equal(together[i], ALL_SHAPES[k](x[i], y[i]))
    in_order = kind.sort().values
    assert torch.equal(signed_distance(in_order, x, y)[3], ALL_SHAPES[in_order[3]](x[3], y[3]))

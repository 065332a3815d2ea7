"""Outlines: the sign is the shape's, the distance that of the nearest point of the outline."""

from __future__ import annotations

import pytest
import torch

from course_utils.data.synthetic.outlines import box, capsule, ellipse, polygon

STEPS = torch.linspace(-1.2, 1.2, 61)
Y, X = (axis[None].repeat(2, 1, 1) for axis in torch.meshgrid(STEPS, STEPS, indexing="ij"))
TRIANGLE = [(0.0, -0.8), (0.7, 0.6), (-0.5, 0.4)]


def test_ellipse_and_box_are_where_their_formulas_say() -> None:
    wide, high = torch.tensor([0.4, 0.8]), torch.tensor([0.7, 0.2])
    inside = ((X - 0.1) / wide[:, None, None]) ** 2 + ((Y + 0.2) / high[:, None, None]) ** 2 < 1
    assert torch.equal(ellipse(X, Y, 0.1, -0.2, wide, high) < 0, inside)
    inside = ((X - 0.1).abs() < wide[:, None, None]) & ((Y + 0.2).abs() < high[:, None, None])
    assert torch.equal(box(X, Y, 0.1, -0.2, wide, high) < 0, inside)
    assert int(inside[0].sum()) != int(inside[1].sum())


def test_polygon_is_what_lies_on_the_right_of_every_edge() -> None:
    inside = torch.ones_like(X, dtype=torch.bool)
    for (ax, ay), (bx, by) in zip(TRIANGLE, TRIANGLE[1:] + TRIANGLE[:1]):
        inside &= (bx - ax) * (Y - ay) - (by - ay) * (X - ax) > 0
    found = polygon(X, Y, TRIANGLE)
    clear = found.abs() > 1e-5  # a point on an edge may fall on either side
    assert torch.equal((found < 0)[clear], inside[clear])
    assert float(clear.float().mean()) > 0.95
    assert 0.1 < float(inside.float().mean()) < 0.3


def test_corners_may_differ_from_picture_to_picture() -> None:
    tip = torch.tensor([-0.8, -0.3])
    both = polygon(X, Y, [(0.0, tip), *TRIANGLE[1:]])
    for i in range(2):
        alone = polygon(X[:1], Y[:1], [(0.0, float(tip[i])), *TRIANGLE[1:]])
        assert torch.allclose(both[i], alone[0], atol=1e-6)


@pytest.mark.parametrize("shape", ["capsule", "rounded box"])
def test_distance_is_that_to_the_nearest_point_of_the_outline(shape: str) -> None:
    if shape == "capsule":
        found = capsule(X, Y, (-0.4, -0.3), (0.5, 0.2), 0.25)[0]
        t = torch.linspace(0, 1, 4001)[:, None]
        spine = torch.tensor([-0.4, -0.3]) + t * torch.tensor([0.9, 0.5])
        points = torch.stack([X[0], Y[0]], -1).reshape(-1, 2)
        expected = torch.cdist(points, spine).amin(1).reshape(found.shape) - 0.25
    else:
        found = box(X, Y, 0, 0, 0.6, 0.4, 0.2)[0]
        expected = torch.hypot((X[0].abs() - 0.4).clamp_min(0), (Y[0].abs() - 0.2).clamp_min(0)) - 0.2
        outside = expected > -0.2  # the core has no nearest corner; only its sign is asked for
        assert bool((found[~outside] < 0).all())
        found, expected = found[outside], expected[outside]
    assert torch.allclose(found, expected, atol=2e-4)

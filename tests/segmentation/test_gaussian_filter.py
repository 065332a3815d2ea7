"""The lattice filters as the sum over all pairs does."""

from __future__ import annotations

import math

import pytest
import torch

from course_utils.segmentation.gaussian_filter import (
    Lattice,
    appearance_features,
    barycentric,
    elevate,
    enclosing_simplex,
    filter_by_pairs,
    place_features,
)


def test_the_sum_over_pairs_is_the_formula() -> None:
    torch.manual_seed(0)
    features, values = torch.randn(40, 3).double(), torch.randn(40, 2).double()
    wanted = torch.zeros(40, 2).double()
    for i in range(40):
        for j in range(40):
            wanted[i] += math.exp(-0.5 * float(((features[i] - features[j]) ** 2).sum())) * values[j]
    torch.testing.assert_close(filter_by_pairs(features, values), wanted)


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_a_point_lies_inside_its_simplex(d: int) -> None:
    torch.manual_seed(d)
    features = 4 * torch.randn(300, d).double()
    elevated = elevate(features)
    torch.testing.assert_close(elevated.sum(dim=1), torch.zeros(300).double(), rtol=0, atol=1e-10)
    one, two = features[:150], features[150:]
    scale = math.sqrt(2 / 3) * (d + 1)
    torch.testing.assert_close((elevate(one) - elevate(two)).norm(dim=1), scale * (one - two).norm(dim=1))
    origin, rank = enclosing_simplex(elevated)
    assert (origin.sum(dim=1) == 0).all()
    assert (origin % (d + 1) == 0).all()
    assert (rank.sort(dim=1).values == torch.arange(d + 1)).all()
    b = barycentric(elevated, origin, rank)
    assert float(b.min()) > -1e-12
    torch.testing.assert_close(b.sum(dim=1), torch.ones(300).double())
    k = torch.arange(d + 1)[:, None, None]
    corners = origin + torch.where(rank <= d - k, k, k - (d + 1))
    torch.testing.assert_close((b.T[:, :, None] * corners).sum(dim=0), elevated, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("d", "spread"), [(1, 6.0), (2, 5.0), (3, 3.0), (5, 2.0)])
def test_the_lattice_is_near_the_sum_over_pairs(d: int, spread: float) -> None:
    torch.manual_seed(d)
    features = spread * torch.rand(800, d)
    smooth = features.sin()
    lattice, ones = Lattice(features), torch.ones(800, 1)
    exact = filter_by_pairs(features, smooth) / filter_by_pairs(features, ones)
    error = (lattice.average(smooth) - exact).abs().mean()
    assert error < 0.025
    assert error < 0.15 * (smooth - exact).abs().mean(), "small against what filtering does"
    mass = lattice.filter(ones).sum() / filter_by_pairs(features, ones).sum()
    assert 0.8 < float(mass) < 1.05


def test_a_photo_is_filtered_alike() -> None:
    from course_utils.data.photos import photo

    image = photo("cat", 40).float() / 255
    features = appearance_features(image, 6.0, 0.15)
    values = image.flatten(1).T
    exact = filter_by_pairs(features, values) / filter_by_pairs(features, torch.ones(len(features), 1))
    fast = Lattice(features).average(values)
    assert (fast - exact).abs().mean() < 0.01
    assert (values - exact).abs().mean() > 0.02, "and the filter does something"


def test_the_lattice_is_linear_symmetric_and_differentiable() -> None:
    torch.manual_seed(0)
    lattice = Lattice(torch.rand(60, 2).double() * 4)
    a, b = torch.rand(60, 1).double(), torch.rand(60, 1).double()
    torch.testing.assert_close(lattice.filter(2 * a + b), 2 * lattice.filter(a) + lattice.filter(b))
    torch.testing.assert_close((lattice.filter(a) * b).sum(), (a * lattice.filter(b)).sum(), rtol=2e-3, atol=0)
    assert torch.autograd.gradcheck(lattice.filter, (a.requires_grad_(),))


def test_features_of_place_and_colour() -> None:
    place = place_features(2, 3, 2.0)
    assert place.tolist() == [[0, 0], [0.5, 0], [1, 0], [0, 0.5], [0.5, 0.5], [1, 0.5]]
    image = torch.arange(18.0).view(3, 2, 3)
    look = appearance_features(image, 2.0, 0.5)
    assert look.shape == (6, 5)
    torch.testing.assert_close(look[4], torch.tensor([0.5, 0.5, 8, 20, 32]))


def test_bad_features_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        Lattice(torch.tensor([[math.nan]]))
    with pytest.raises(ValueError, match="larger"):
        Lattice(1e9 * torch.randn(10, 5))
    with pytest.raises(ValueError, match="values"):
        Lattice(torch.rand(5, 2)).filter(torch.rand(4, 1))
    assert Lattice(torch.rand(0, 2)).filter(torch.rand(0, 3)).shape == (0, 3)

"""Correspondence: warps whose truth is the truth, matches by loops, and rates that chance does not reach."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from course_utils.explain.correspondence import at_points, chance_rate, hit_rate, match, warp_pairs


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def smooth(n: int = 3, size: int = 32, seed: int = 0) -> torch.Tensor:
    return F.interpolate(noise(n, 3, 8, 8, seed=seed), (size, size), mode="bicubic", align_corners=False)


def test_a_warped_picture_shows_at_the_true_place_what_was_there():
    pairs = warp_pairs(smooth(), degrees=25, scale=0.2, shift=0.1, seed=3)
    points = 10 + 12 * noise(3, 40, 2)
    truth = pairs.follow(points)
    inside = ((truth > 1) & (truth < 30)).all(2)
    before, after = at_points(pairs.images, points, (32, 32)), at_points(pairs.warped, truth, (32, 32))
    assert inside.sum() > 80
    assert (before - after)[inside].abs().max() < 0.05
    assert (before - at_points(pairs.warped, points, (32, 32)))[inside].abs().max() > 0.2


def test_no_warp_changes_nothing():
    pairs = warp_pairs(smooth(), degrees=0, scale=0, shift=0)
    torch.testing.assert_close(pairs.warped, pairs.images, atol=1e-5, rtol=0)
    points = noise(3, 4, 2)
    torch.testing.assert_close(pairs.follow(points), points)


def test_maps_are_read_between_their_units():
    maps = torch.arange(16.0).view(1, 1, 4, 4)
    # Units of a 4x4 map over 8x8 pixels have their middles at pixels 0.5, 2.5, 4.5, 6.5.
    points = torch.tensor([[[0.5, 0.5], [2.5, 4.5], [1.5, 0.5], [0.0, 0.0]]])
    assert at_points(maps, points, (8, 8))[0, :, 0].tolist() == [0.0, 9.0, 0.5, 0.0]


def test_match_against_loops():
    maps, other = noise(2, 5, 4, 4) - 0.5, noise(2, 5, 4, 4, seed=1) - 0.5
    points = torch.tensor([[[1.5, 5.5], [0.0, 7.0]], [[3.0, 3.0], [6.0, 2.0]]])
    found = match(maps, other, points, (8, 8), fine=2)
    for n in range(2):
        wanted = at_points(maps[n : n + 1], points[n : n + 1], (8, 8))[0]
        for p in range(2):
            best = None
            for y in range(0, 8, 2):
                for x in range(0, 8, 2):
                    place = torch.tensor([[[float(x), float(y)]]])
                    value = float(
                        F.cosine_similarity(wanted[p], at_points(other[n : n + 1], place, (8, 8))[0, 0], dim=0)
                    )
                    if best is None or value > best[0] + 1e-7:
                        best = (value, [float(x), float(y)])
            assert found[n, p].tolist() == best[1]


def test_a_picture_matches_itself():
    maps = noise(2, 16, 8, 8) - 0.5
    points = torch.tensor([[2.0, 4.0], [8.0, 12.0], [14.0, 0.0]]).expand(2, -1, -1)
    assert torch.equal(match(maps, maps, points, (16, 16), fine=1), points)
    assert hit_rate(match(maps, maps, points, (16, 16), fine=1), points, 0.0) == 1


def test_rates():
    truth = torch.tensor([[[4.0, 4.0], [8.0, 8.0]]])
    found = truth + torch.tensor([3.0, 0.0])
    assert hit_rate(found, truth, 2.9) == 0
    assert hit_rate(found, truth, 3.0) == 1
    # Of 256 places of 16x16, 5 lie within 1 pixel of an inner place; of the 64 with even numbers 1.
    assert chance_rate(truth, (16, 16), 1.0, fine=1) == pytest.approx(5 / 256)
    assert chance_rate(truth, (16, 16), 1.0, fine=2) == pytest.approx(1 / 64)
    random = torch.randint(0, 16, (1, 4000, 2), generator=torch.Generator().manual_seed(0)).float()
    assert hit_rate(random, truth[:, :1].expand_as(random), 3.0) == pytest.approx(
        chance_rate(truth[:, :1], (16, 16), 3.0, fine=1), abs=0.02
    )


def test_wrong_arguments_are_explained():
    with pytest.raises(ValueError, match="agree in N and C"):
        match(noise(2, 3, 4, 4), noise(2, 4, 4, 4), torch.zeros(2, 1, 2), (8, 8))
    with pytest.raises(ValueError, match="one shape"):
        hit_rate(torch.zeros(1, 2, 2), torch.zeros(1, 3, 2), 1.0)
    with pytest.raises(ValueError, match="points must have shape"):
        at_points(noise(2, 3, 4, 4), torch.zeros(3, 1, 2), (8, 8))
    with pytest.raises(ValueError, match="scale must be less than 1"):
        warp_pairs(smooth(), scale=1.0)

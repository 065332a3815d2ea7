"""Warps of whole pictures: against integer shifts, quarter turns, exact enlargements, and their own travel."""

import pytest
import torch

from course_utils.scratch.robustness.warps import CHANGES, changed, mean_radius, same_travel, warp


def pictures(n=2, height=16, width=16):
    return torch.rand(n, 3, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_nothing_changes_nothing():
    x = pictures(height=12, width=20)
    torch.testing.assert_close(warp(x), x)


@pytest.mark.parametrize(("right", "down"), [(3, 0), (0, 2), (-4, 5)])
def test_whole_pixels_are_moved_whole(right, down):
    x = pictures(height=12, width=20)
    moved, rolled = warp(x, right=float(right), down=float(down)), x.roll((down, right), (2, 3))
    torch.testing.assert_close(moved[..., 5:-5, 5:-5], rolled[..., 5:-5, 5:-5])


def test_a_quarter_turn_is_clockwise():
    x = pictures()
    torch.testing.assert_close(warp(x, degrees=90.0), torch.rot90(x, -1, (2, 3)))
    torch.testing.assert_close(warp(x, degrees=-90.0), torch.rot90(x, 1, (2, 3)))


def test_an_enlargement_doubles_a_ramp():
    ramp = torch.arange(16, dtype=torch.float64).expand(1, 1, 16, 16).contiguous()
    middle = 7.5
    torch.testing.assert_close(warp(ramp, factor=2.0)[..., 1:-1], (middle + (ramp - middle) / 2)[..., 1:-1])


def test_each_picture_can_have_its_own_amount():
    x = pictures(3)
    amounts = torch.tensor([0.0, 2.0, -3.0])
    found = warp(x, right=amounts)
    for i, amount in enumerate(amounts.tolist()):
        torch.testing.assert_close(found[i : i + 1], warp(x[i : i + 1], right=amount))


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("pixels", [0.0, 1.0, 6.0])
def test_equal_travel_is_travelled(change, pixels):
    height, width = 48, 64
    amount = same_travel(change, pixels, height, width)
    # Where does each pixel go? Warp forwards is the inverse of the sampling grid: compute it from the definition.
    y, x = torch.meshgrid(torch.arange(height) - 23.5, torch.arange(width) - 31.5, indexing="ij")
    if change == "shift":
        apart = torch.full((height, width), amount)
    elif change == "scale":
        apart = torch.hypot(amount * x - x, amount * y - y)
    else:
        a = torch.tensor(amount).deg2rad()
        apart = torch.hypot(a.cos() * x - a.sin() * y - x, a.sin() * x + a.cos() * y - y)
    assert float(apart.mean()) == pytest.approx(pixels, abs=1e-4)


def test_a_pixel_lands_where_its_travel_says():
    """The warp itself, watched: one bright pixel, found again by its centre of mass."""
    x = torch.zeros(1, 1, 41, 41, dtype=torch.float64)
    x[0, 0, 20, 30] = 1  # 10 to the right of the middle
    grid = torch.arange(41, dtype=torch.float64) - 20

    def centre(image):
        mass = image[0, 0] / image.sum()
        return float((mass.sum(0) * grid).sum()), float((mass.sum(1) * grid).sum())

    assert centre(warp(x, degrees=30.0)) == pytest.approx((8.66, 5.0), abs=0.1)
    assert centre(warp(x, factor=1.5)) == pytest.approx((15, 0), abs=0.2)
    assert centre(warp(x, right=2.5, down=-3.25)) == pytest.approx((12.5, -3.25), abs=1e-6)


@pytest.mark.parametrize("change", CHANGES)
def test_directions_differ_but_not_between_runs(change):
    x = pictures(1).expand(8, -1, -1, -1)
    amount = same_travel(change, 2.0, 16, 16)
    first, again = changed(x, change, amount, seed=1), changed(x, change, amount, seed=1)
    torch.testing.assert_close(first, again)
    assert any(not torch.allclose(first[0], other) for other in first[1:])
    assert not torch.allclose(first, x)


def test_mean_radius_by_loops():
    total = sum(((y - 1.5) ** 2 + (x - 2) ** 2) ** 0.5 for y in range(4) for x in range(5))
    assert mean_radius(4, 5) == pytest.approx(total / 20)


def test_errors_say_what_is_wrong():
    with pytest.raises(ValueError, match="change must be one of"):
        same_travel("shear", 1, 8, 8)
    with pytest.raises(ValueError, match="half a turn"):
        same_travel("turn", 100, 8, 8)
    with pytest.raises(ValueError, match="factor must be greater than 0"):
        warp(pictures(), factor=0.0)
    with pytest.raises(ValueError, match="must be float"):
        warp(torch.zeros(1, 3, 8, 8, dtype=torch.uint8))

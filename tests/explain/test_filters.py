"""Filters as pictures, and how oriented they are."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course_utils.explain.filters import as_pictures, first_layer, orientation_energy, phase_scrambled


def grating(angle: float, size: int = 11, wavelength: float = 4.0) -> torch.Tensor:
    line = torch.arange(size, dtype=torch.float64) - size // 2
    turn = torch.tensor(angle).deg2rad()
    wave = (line[None] * turn.cos() + line[:, None] * turn.sin()) * 2 * torch.pi / wavelength
    return wave.cos()[None, None]


def test_zero_is_grey_and_full_contrast_is_used() -> None:
    weight = torch.tensor([[[[0.0, 2.0], [-2.0, 1.0]]], [[[0.0, 0.1], [0.05, 0.0]]]])
    each = as_pictures(weight)
    assert each.shape == (2, 3, 2, 2)
    assert each[0, 0].tolist() == [[0.5, 1.0], [0.0, 0.75]]
    assert each[1, 2].tolist() == [[0.5, 1.0], [0.75, 0.5]]
    alike = as_pictures(weight, scale="all")
    assert alike[1].max() == pytest.approx(0.525)
    assert (as_pictures(torch.zeros(1, 3, 5, 5)) == 0.5).all()


def test_only_filters_that_read_a_picture_can_be_painted() -> None:
    with pytest.raises(ValueError, match=r"24 channels have no colours.*top_patches"):
        as_pictures(torch.zeros(4, 24, 3, 3))
    with pytest.raises(ValueError, match="shape"):
        as_pictures(torch.zeros(4, 3, 3))
    with pytest.raises(ValueError, match="scale"):
        as_pictures(torch.zeros(1, 3, 3, 3), scale="some")


def test_the_first_layer_is_found() -> None:
    net = nn.Sequential(nn.Identity(), nn.Sequential(nn.Conv2d(3, 2, 3), nn.Conv2d(2, 2, 3)))
    assert first_layer(net) == ("1.0", net[1][0])
    with pytest.raises(ValueError, match=r"no nn\.Conv2d"):
        first_layer(nn.Linear(2, 2))


@pytest.mark.parametrize("angle", [0.0, 20.0, 45.0, 90.0, 135.0])
def test_a_grating_is_oriented_at_any_angle_and_a_blob_is_not(angle: float) -> None:
    assert float(orientation_energy(grating(angle))) > 0.8
    line = torch.arange(11, dtype=torch.float64) - 5
    blob = torch.exp(-(line[None] ** 2 + line[:, None] ** 2) / 6)[None, None]
    assert float(orientation_energy(blob)) < 0.05
    cross = grating(0) + grating(90)
    assert float(orientation_energy(cross)) < 0.15
    assert float(orientation_energy(torch.full((1, 3, 7, 7), 3.0))) == pytest.approx(0, abs=1e-3)


def test_noise_is_little_oriented_and_scale_does_not_matter() -> None:
    noise = torch.randn(300, 3, 11, 11, generator=torch.Generator().manual_seed(0))
    value = orientation_energy(noise)
    assert value.mean() < 0.12
    torch.testing.assert_close(orientation_energy(1000 * noise), value)


def test_scrambling_keeps_power_and_colours_and_is_repeatable() -> None:
    pattern = grating(30)[0, 0] * torch.exp(-((torch.arange(11) - 5.0) ** 2) / 4)
    weight = pattern[None, None] * torch.tensor([1.0, -0.5, 0.2], dtype=torch.float64)[None, :, None, None]
    other = phase_scrambled(weight, seed=3)
    torch.testing.assert_close(other[:, 1], -0.5 * other[:, 0])
    torch.testing.assert_close(other.square().sum(), weight.square().sum())
    assert torch.equal(other, phase_scrambled(weight, seed=3))
    assert not torch.allclose(other, phase_scrambled(weight, seed=4))

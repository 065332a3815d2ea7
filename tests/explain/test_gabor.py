"""Gabor functions are found again where they were planted."""

from __future__ import annotations

import math

import pytest
import torch

from course_utils.explain.gabor import fit_gabor, gabor_wave, main_colour


def planted(angle: float, wavelength: float = 5.0, noise: float = 0.0, seed: int = 0) -> torch.Tensor:
    logs = [math.log(wavelength), math.log(2.0), math.log(2.6)]
    even, odd = gabor_wave(torch.tensor([0.7, -1.2, math.radians(angle), *logs], dtype=torch.float64), 11, 11)
    pattern = (0.6 * even + 0.8 * odd).reshape(1, 1, 11, 11)
    colour = torch.tensor([0.9, -0.3, 0.3], dtype=torch.float64).view(1, 3, 1, 1)
    draw = torch.Generator().manual_seed(seed)
    return 3 + pattern * colour + noise * torch.randn(1, 3, 11, 11, generator=draw, dtype=torch.float64)


def test_planted_gabors_are_found_with_all_their_dials() -> None:
    angles = [0.0, 33.0, 90.0, 140.0]
    fit = fit_gabor(torch.cat([planted(a) for a in angles]))
    assert (fit.share > 0.999).all()
    for i, angle in enumerate(angles):
        away = abs((float(fit.orientation[i]) - angle + 90) % 180 - 90)
        assert away < 1
    assert fit.wavelength.tolist() == pytest.approx([5.0] * 4, rel=0.03)
    assert fit.centre[0].tolist() == pytest.approx([0.7, -1.2], abs=0.1)
    assert fit.widths[0].tolist() == pytest.approx([2.0, 2.6], rel=0.05)


def test_noise_lowers_the_share_and_pure_noise_has_almost_none() -> None:
    draw = torch.Generator().manual_seed(1)
    noise = torch.randn(12, 3, 11, 11, generator=draw)
    clean, dirty = fit_gabor(torch.cat([planted(33), planted(33, noise=0.1)])).share
    assert clean > dirty > 0.4
    assert fit_gabor(noise).share.max() < 0.12
    assert fit_gabor(noise[:, :1]).share.mean() < 0.25


def test_what_other_colours_hold_counts_as_unexplained() -> None:
    one, two = planted(0)[0, 0], planted(90)[0, 0]
    weight = torch.stack([one, two, torch.zeros_like(one)])[None]
    _, _, held = main_colour(weight)
    assert 0.45 < float(held) < 0.75
    assert float(fit_gabor(weight).share) <= float(held) + 1e-9


def test_going_downhill_helps_and_flat_filters_do_no_harm() -> None:
    weight = planted(57, wavelength=3.7)
    assert float(fit_gabor(weight).share) > float(fit_gabor(weight, steps=0).share) + 0.01
    flat = fit_gabor(torch.zeros(1, 3, 7, 7))
    assert torch.isfinite(flat.share).all()
    assert float(flat.share) == 0
    with pytest.raises(ValueError, match="at least 5 x 5"):
        fit_gabor(torch.zeros(1, 3, 3, 3))
    with pytest.raises(ValueError, match="shape"):
        fit_gabor(torch.zeros(3, 7, 7))

"""Gabor functions fitted to filters: how much of a filter is "stripes under a bell"? (chapter 08)

For any place, direction, wavelength and widths the best amplitude, phase and offset follow from least squares, so
only six numbers are searched for: on a grid first, then downhill (variable projection).

Sources: J. Daugman, "Uncertainty relation for resolution in space, spatial frequency, and orientation", 1985;
J. Jones, L. Palmer, "An evaluation of the two-dimensional Gabor filter model of simple receptive fields in cat striate
cortex", 1987, for fitting it; G. Golub, V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least
squares problems whose variables separate", 1973.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from course_utils.check import check_int

__all__ = ["GaborFit", "fit_gabor", "gabor_wave", "main_colour"]


@dataclass(frozen=True)
class GaborFit:
    """Best Gabor function of each filter.

    Args:
        share: (N,) share of the filter's variance that it explains, all colours counted, 0..1.
        pictures: (N, h, w) the fitted function, in the filter's main colour.
        centre: (N, 2) row and column of the bell's middle in pixels; (0, 0) is the middle of the filter.
        orientation: (N,) direction *across* the stripes in degrees, 0..180; 0 points right, 90 down.
        wavelength: (N,) distance of two stripes in pixels.
        widths: (N, 2) standard deviations of the bell across and along the stripes, in pixels.
    """

    share: Tensor
    pictures: Tensor
    centre: Tensor
    orientation: Tensor
    wavelength: Tensor
    widths: Tensor


def main_colour(weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Split each filter into one colour times one pattern, as well as possible (the first singular pair).

    Args:
        weight: (N, C, h, w).

    Returns:
        Colours (N, C) of length 1, patterns (N, h, w) without mean, and the share (N,) of the variance they hold.
    """
    if weight.ndim != 4:
        raise ValueError(f"weight must have shape (N, C, h, w), got {tuple(weight.shape)}")
    n, c, h, w = weight.shape
    flat = (weight - weight.mean(dim=(-2, -1), keepdim=True)).reshape(n, c, h * w)
    u, s, v = torch.linalg.svd(flat, full_matrices=False)
    sign = torch.where(u[:, :, 0].sum(1) < 0, -1.0, 1.0).to(weight)
    power = s.square()
    share = power[:, 0] / power.sum(1).clamp_min(torch.finfo(weight.dtype).tiny)
    return u[:, :, 0] * sign[:, None], (v[:, 0] * s[:, :1] * sign[:, None]).reshape(n, h, w), share


def gabor_wave(parameters: Tensor, height: int, width: int) -> Tensor:
    """The two waves of a Gabor function, its even and its odd half.

    Args:
        parameters: (..., 6): row and column of the centre (pixels from the middle), angle across the stripes (radians),
            logarithms of the wavelength and of the widths across and along (pixels).
        height: of the filter.
        width: of the filter.

    Returns:
        (..., 2, height * width): bell times cosine, bell times sine.
    """
    row, column, angle, wavelength, across, along = (p[..., None] for p in parameters.unbind(-1))
    y, x = torch.meshgrid(
        torch.arange(height, dtype=parameters.dtype, device=parameters.device) - (height - 1) / 2,
        torch.arange(width, dtype=parameters.dtype, device=parameters.device) - (width - 1) / 2,
        indexing="ij",
    )
    dy, dx = y.flatten() - row, x.flatten() - column
    u, v = dx * angle.cos() + dy * angle.sin(), dy * angle.cos() - dx * angle.sin()
    bell = torch.exp(-0.5 * ((u / across.exp()) ** 2 + (v / along.exp()) ** 2))
    phase = 2 * torch.pi * u / wavelength.exp()
    return torch.stack([bell * phase.cos(), bell * phase.sin()], dim=-2)


def fit_gabor(weight: Tensor, starts: int = 3, steps: int = 150) -> GaborFit:
    """Fit one Gabor function to the main colour of each filter.

    Args:
        weight: (N, C, h, w), at least 5 x 5 pixels: a smaller filter is matched by almost anything with eight dials.
        starts: best points of the grid from which to go downhill, at least 1.
        steps: downhill, at least 0.

    Raises:
        ValueError: if the filters are smaller than 5 x 5.
    """
    check_int("starts", starts, minimum=1)
    check_int("steps", steps, minimum=0)
    _, patterns, held = main_colour(weight.detach().double().cpu())
    n, h, w = patterns.shape
    if min(h, w) < 5:
        raise ValueError(
            f"filters must be at least 5 x 5 pixels for a fit of eight numbers to mean anything, got {h}x{w}"
        )
    target = patterns.reshape(n, 1, h * w)
    total = target.square().sum(-1).clamp_min(1e-300)  # (N, 1)

    grid = _grid(min(h, w))
    parts = [_explained(grid[None, i : i + 512], target, h, w)[0] for i in range(0, len(grid), 512)]
    best = torch.cat(parts, dim=1).topk(min(starts, len(grid)), dim=1).indices  # (N, S)
    parameters = grid[best].clone().requires_grad_()
    scale = torch.tensor([1.0, 1.0, 0.3, 0.2, 0.2, 0.2], dtype=torch.float64)
    shift = torch.zeros_like(parameters, requires_grad=True)
    optimiser = torch.optim.Adam([shift], lr=0.1)
    low, high = _bounds(min(h, w))
    parameters = parameters.detach()
    record, chosen = torch.full((n, best.shape[1]), -1.0, dtype=torch.float64), parameters.clone()
    for step in range(steps + 1):
        with torch.enable_grad():
            now = (parameters + scale * shift).clamp(low, high)
            explained, _ = _explained(now, target, h, w)
            share = explained / total
        better = share.detach() > record
        record = torch.where(better, share.detach(), record)
        chosen = torch.where(better[..., None], now.detach(), chosen)
        if step < steps:
            optimiser.zero_grad()
            (-share.sum()).backward()
            optimiser.step()
    pick = record.argmax(1)
    final = chosen[torch.arange(n), pick][:, None]  # (N, 1, 6)
    explained, fitted = _explained(final, target, h, w)
    row, column, angle, wavelength, across, along = final[:, 0].unbind(1)
    return GaborFit(
        share=((explained[:, 0] / total[:, 0]).clamp(0, 1) * held).to(weight),
        pictures=fitted[:, 0].reshape(n, h, w).to(weight),
        centre=torch.stack([row, column], 1).to(weight),
        orientation=torch.rad2deg(angle).remainder(180).to(weight),
        wavelength=wavelength.exp().to(weight),
        widths=torch.stack([across.exp(), along.exp()], 1).to(weight),
    )


def _explained(parameters: Tensor, target: Tensor, h: int, w: int) -> tuple[Tensor, Tensor]:
    """Sum of squares that the best amplitude, phase and offset explain, and the fitted pattern.

    ``parameters`` (1 or N, S, 6) against ``target`` (N, 1, P) gives (N, S) and, in the second case, (N, S, P).
    """
    wave = gabor_wave(parameters, h, w)  # (., S, 2, P)
    wave = wave - wave.mean(-1, keepdim=True)  # the offset, and it leaves patterns without mean
    even, odd = wave[..., 0, :], wave[..., 1, :]
    tiny = 1e-9
    even = even / (even.norm(dim=-1, keepdim=True) + tiny)
    odd = odd - (odd * even).sum(-1, keepdim=True) * even
    odd = odd / (odd.norm(dim=-1, keepdim=True) + tiny)
    a, b = (even * target).sum(-1), (odd * target).sum(-1)  # (N, S)
    return a.square() + b.square(), a[..., None] * even + b[..., None] * odd


def _bounds(size: int) -> tuple[Tensor, Tensor]:
    """Keep the bell's middle on the filter, its waves longer than two pixels and its widths sensible."""
    far, log = size / 2, torch.log
    low = torch.tensor([-far, -far, -100.0, log(torch.tensor(2.2)), log(torch.tensor(0.8)), log(torch.tensor(0.8))])
    wide = log(torch.tensor(float(size)))
    high = torch.tensor([far, far, 100.0, log(torch.tensor(2.0 * size)), wide, wide])
    return low.double(), high.double()


def _grid(size: int) -> Tensor:
    """Places, directions, wavelengths and widths to begin with, (G, 6)."""
    places = [-0.22 * size, 0.0, 0.22 * size]
    angles = [i * torch.pi / 8 for i in range(8)]
    waves = [3.0, 0.45 * size, 0.8 * size, 1.4 * size]
    widths = [(0.14 * size, 0.22 * size), (0.25 * size, 0.4 * size)]
    rows = [
        [r, c, t, float(torch.tensor(wave).log()), float(torch.tensor(a).log()), float(torch.tensor(b).log())]
        for r, c, t, wave, (a, b) in product(places, places, angles, waves, widths)
    ]
    return torch.tensor(rows, dtype=torch.float64)

"""Surface patterns and colours of synthetic objects, fixed to the object so that they move with it."""

from __future__ import annotations

import torch
from torch import Tensor

TEXTURES = ("plain", "stripes", "checks", "dots", "rings", "waves")


def pattern(texture: Tensor, frequency: Tensor, phase: Tensor, sharpness: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Return how much of its second colour each point of an object shows.

    All six patterns are one expression in two waves with other coefficients, so a batch that mixes
    them needs no branches.

    Args:
        texture: int64 (M,), positions in ``TEXTURES``.
        frequency: (M,), radians per unit of the object's frame.
        phase: (M,), periods that the pattern is slid along both axes; rings stay centred.
        sharpness: (M,), how fast one colour changes into the other; 1 is a soft wave.
        x, y: (M, H, W), points in the object's frame.

    Returns:
        (M, H, W), 0 (first colour) to 1 (second colour).
    """

    def is_a(name: str) -> Tensor:
        return (texture == TEXTURES.index(name)).to(x.dtype)[:, None, None]

    frequency, slide = frequency[:, None, None], phase[:, None, None] * (2 * torch.pi)
    across = torch.cos(y * frequency + slide)
    along = x * frequency + slide + is_a("waves") * 0.25 * frequency * across
    radial = is_a("rings")
    if bool(radial.any()):
        along = torch.lerp(along, torch.hypot(x, y) * frequency, radial)
    wave = torch.cos(along)
    first = 1 - is_a("plain") - is_a("checks")
    value = first * wave + is_a("dots") * (across - 1) + is_a("checks") * wave * across - is_a("plain")
    return torch.addcmul(torch.tensor(0.5), value, sharpness[:, None, None]).clamp_(0, 1)


def hsv_to_rgb(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """Convert colours, each argument (...,) in 0..1, to RGB (..., 3) in 0..1."""
    sector = (hue[..., None] * 6 + torch.tensor([5.0, 3.0, 1.0], device=hue.device)) % 6
    rise = torch.minimum(sector, 4 - sector).clamp(0, 1)
    return value[..., None] * (1 - saturation[..., None] * rise)

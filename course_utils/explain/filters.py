"""Filters of the layer that reads the picture: as little pictures, and how oriented they are (chapter 08).

Sources: A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet classification with deep convolutional neural networks",
NIPS 2012, figure 3, for filters as pictures; J. Bigun, G. Granlund, "Optimal orientation detection of linear
symmetry", ICCV 1987, for the measure of orientation.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from course_utils.check import check_choice, check_int, check_number

__all__ = ["as_pictures", "first_layer", "orientation_energy", "phase_scrambled"]


def first_layer(model: nn.Module) -> tuple[str, nn.Conv2d]:
    """Name and module of the first convolution, in the order in which the model lists its layers.

    Raises:
        ValueError: if the model has no convolution.
    """
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            return name, module
    raise ValueError(f"the model ({type(model).__name__}) has no nn.Conv2d, so it has no filters to show")


def as_pictures(weight: Tensor, scale: str = "each", limit: float = 1.0) -> Tensor:
    """Paint filters as pictures in which a weight of 0 is middle grey.

    Args:
        weight: (N, C, h, w), C of 1 (grey) or 3 (red, green, blue).
        scale: ``"each"`` stretches every filter to full contrast, ``"all"`` all alike, so that weak filters look weak.
        limit: quantile of the absolute weights that gets full contrast, 0..1; beyond it is clipped.

    Returns:
        (N, 3, h, w) in 0..1.

    Raises:
        ValueError: if the filters do not read a picture.
    """
    weight = _of_a_picture(weight)
    check_choice("scale", scale, ("each", "all"))
    check_number("limit", limit, above=0, maximum=1)
    size = weight.abs().flatten(1) if scale == "each" else weight.abs().flatten()[None]
    most = size.quantile(limit, dim=1).clamp_min(torch.finfo(weight.dtype).tiny)
    pictures = (0.5 + 0.5 * weight / most[:, None, None, None]).clamp(0, 1)
    return pictures.expand(-1, 3, -1, -1) if pictures.shape[1] == 1 else pictures


def orientation_energy(weight: Tensor, pad: int = 4) -> Tensor:
    """How much of a filter's power runs in one direction.

    With the power ``P(f)`` at the frequencies ``f`` of angle ``phi``, the length of the mean of ``exp(2 i phi)``
    weighted by ``P``. The angle counts double because a stripe's two directions are one orientation.

    Args:
        weight: (N, C, h, w); the powers of the channels are added. The mean of each channel does not count.
        pad: the filter is transformed inside a frame of zeros this many times its size, which samples the spectrum
            more finely; at least 1.

    Returns:
        (N,) in 0..1: 1 for a grating, 0 for a blob, a small number for noise. 0 for a flat filter.
    """
    _four_axes(weight)
    check_int("pad", pad, minimum=1)
    h, w = weight.shape[-2:]
    side = pad * max(h, w)
    flat = weight - weight.mean(dim=(-2, -1), keepdim=True)
    power = torch.fft.fft2(flat, s=(side, side)).abs().square().sum(1)  # (N, side, side)
    f = torch.fft.fftfreq(side, dtype=weight.dtype, device=weight.device)
    angle = torch.atan2(f[:, None], f[None, :])
    # The frequencies of a square grid outside the disc exist in diagonal directions only and would favour them.
    power = power * ((f[:, None] ** 2 + f[None, :] ** 2).sqrt() < 0.5)
    cos = (power * (2 * angle).cos()).sum(dim=(-2, -1))
    sin = (power * (2 * angle).sin()).sum(dim=(-2, -1))
    return torch.hypot(cos, sin) / power.sum(dim=(-2, -1)).clamp_min(torch.finfo(weight.dtype).tiny)


def phase_scrambled(weight: Tensor, seed: int = 0) -> Tensor:
    """Random filters with the very power spectrum of given ones: as smooth, as oriented, but with nothing in its place.

    The honest control for "learned filters look like Gabors": noise is easy to beat because it is not smooth.

    Args:
        weight: (N, C, h, w); the channels of a filter are turned by the same phases, so that colours keep together.
        seed: of the phases, at least 0.
    """
    _four_axes(weight)
    check_int("seed", seed, minimum=0)
    n, _, h, w = weight.shape
    noise = torch.randn(n, 1, h, w, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    # The phases of a real picture are odd, so those of real noise keep the result real.
    phase = torch.fft.fft2(noise).angle()
    turned = torch.fft.fft2(weight.double().cpu()) * torch.polar(torch.ones_like(phase), phase)
    return torch.fft.ifft2(turned).real.to(weight)


def _four_axes(weight: Tensor) -> Tensor:
    if weight.ndim != 4:
        raise ValueError(f"weight must have shape (N, C, h, w), got {tuple(weight.shape)}")
    return weight


def _of_a_picture(weight: Tensor) -> Tensor:
    channels = _four_axes(weight).shape[1]
    if channels not in (1, 3):
        raise ValueError(
            f"filters over {channels} channels have no colours: only a layer that reads the picture itself can be "
            "painted; look at what excites a deeper unit instead (top_patches)"
        )
    return weight.detach()

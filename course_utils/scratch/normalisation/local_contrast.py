"""Local contrast normalisation: take away the neighbourhood's mean, divide by its deviation (chapter 04c)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.check import check_int, check_number, check_shape


def normalise_patches(patches: Tensor, epsilon: float = 1e-5) -> Tensor:
    """Give every patch mean 0 and deviation 1.

    Args:
        patches: shape ``(N, ...)``; statistics run over everything but the first size.
        epsilon: added to the variance, so that a flat patch gives 0 and not 0 / 0.
    """
    check_number("epsilon", epsilon, minimum=0)
    axes = list(range(1, patches.dim()))
    centred = patches - patches.mean(dim=axes, keepdim=True)
    return centred / torch.sqrt((centred**2).mean(dim=axes, keepdim=True) + epsilon)


def local_contrast_norm_loop(x: Tensor, size: int = 5, maps: int | None = None, epsilon: float = 1e-5) -> Tensor:
    """Compute the same as :func:`local_contrast_norm` with nothing but loops: the slow twin."""
    samples, channels, height, width = x.shape
    reach, depth = size // 2, (channels - 1 if maps is None else maps // 2)
    y = torch.empty_like(x)
    for i in range(samples):
        for c in range(channels):
            for r in range(height):
                for s in range(width):
                    values = [
                        x[i, j, p, q].item()
                        for j in range(max(0, c - depth), min(channels, c + depth + 1))
                        for p in range(max(0, r - reach), min(height, r + reach + 1))
                        for q in range(max(0, s - reach), min(width, s + reach + 1))
                    ]
                    mean = sum(values) / len(values)
                    variance = sum((value - mean) ** 2 for value in values) / len(values)
                    y[i, c, r, s] = (x[i, c, r, s].item() - mean) / (variance + epsilon) ** 0.5
    return y


def local_contrast_norm(x: Tensor, size: int = 5, maps: int | None = None, epsilon: float = 1e-5) -> Tensor:
    """Compute ``(x - m) / sqrt(variance + epsilon)`` with both statistics over the neighbourhood of each value.

    The result is the middle value of :func:`normalise_patches` applied to the patch around each place. At the
    border the neighbourhood holds only what exists.

    Args:
        x: shape ``(N, C, H, W)``.
        size: side of the neighbourhood in pixels, odd.
        maps: how many neighbouring maps belong to it, odd; all by default.
        epsilon: added to the variance, in squared units of ``x``.

    Source: K. Jarrett et al. (2009) with a Gaussian window and a floor, see ``scratch.features.stage``; here the
    plain window of the lecture's formula, with epsilon instead of the floor.
    """
    centred, variance, _, _ = _statistics(x, size, maps)
    check_number("epsilon", epsilon, minimum=0)
    return centred / torch.sqrt(variance + epsilon)


def local_contrast_norm_backward(
    dy: Tensor, x: Tensor, size: int = 5, maps: int | None = None, epsilon: float = 1e-5
) -> Tensor:
    """Return dL/dx from dL/dy.

    Args:
        dy: of the shape of ``x``.
        x: input of the forward pass; the rest as in :func:`local_contrast_norm`.
    """
    check_shape("dy", dy, tuple(x.shape))
    centred, variance, mean, shifted = _statistics(x, size, maps)
    root = torch.sqrt(variance + epsilon)
    direct = dy / root
    dvariance = -direct * centred / (2 * root**2)
    dmean = -direct - 2 * mean * dvariance  # variance = mean of x^2 - mean^2
    count = _box_sum(torch.ones_like(x), size, maps)
    return direct + _box_sum(dmean / count, size, maps) + 2 * shifted * _box_sum(dvariance / count, size, maps)


def _statistics(x: Tensor, size: int, maps: int | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    check_shape("x", x, (None, None, None, None))
    for name, value in (("size", size), ("maps", maps)):
        if value is not None and check_int(name, value, minimum=1) % 2 == 0:
            raise ValueError(f"{name} must be odd, so that the neighbourhood has a middle, got {value}")
    # The result ignores an offset; without one, mean of squares minus squared mean loses fewer digits.
    shifted = x - x.mean(dim=(1, 2, 3), keepdim=True)
    count = _box_sum(torch.ones_like(x), size, maps)
    mean = _box_sum(shifted, size, maps) / count
    variance = (_box_sum(shifted**2, size, maps) / count - mean**2).clamp(min=0)
    return shifted - mean, variance, mean, shifted


def _box_sum(values: Tensor, size: int, maps: int | None) -> Tensor:
    """Sum over the neighbourhood of each value, cut off at the border."""
    reach, depth = size // 2, (values.shape[1] - 1 if maps is None else maps // 2)
    padded = F.pad(values[:, None], (reach, reach, reach, reach, depth, depth))
    return F.avg_pool3d(padded, (2 * depth + 1, size, size), stride=1, divisor_override=1)[:, 0]

"""What a picture should be like: penalties and tricks that keep an optimised input from becoming noise.

Chapter 08c turns each of them on and off. ``class_image`` and ``inversion`` take them as one `Regularisers`.

Sources: K. Simonyan, A. Vedaldi, A. Zisserman, "Deep inside convolutional networks" (2013) for L2; A. Mahendran and
A. Vedaldi, "Understanding deep image representations by inverting them" (2015) for the alpha norm and total variation;
J. Yosinski et al., "Understanding neural networks through deep visualization" (2015) for the blur between steps;
A. Mordvintsev et al., "Inceptionism" (2015) for jitter. Here penalties are means over the numbers of a picture, not
sums, so that a strength keeps its meaning when the size changes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.check import check_int, check_number, check_shape

SMALL = 1e-12  # under the root of total variation, whose slope at 0 would be infinite


def total_variation(x: Tensor, beta: float = 1.0) -> Tensor:
    """How much neighbouring pixels differ: the mean of (right - here)^2 + (below - here)^2, to the power beta / 2.

    Args:
        x: pictures (N, C, H, W).
        beta: 1 adds up lengths of steps and allows sharp edges, 2 punishes one large step more than many small ones.

    Returns:
        One number a picture, (N,). Past the last row and column nothing differs.
    """
    check_shape("x", x, (None, None, None, None))
    check_number("beta", beta, above=0)
    right = F.pad(x[..., :, 1:] - x[..., :, :-1], (0, 1))
    below = F.pad(x[..., 1:, :] - x[..., :-1, :], (0, 0, 0, 1))
    return ((right**2 + below**2 + SMALL) ** (beta / 2) - SMALL ** (beta / 2)).mean((1, 2, 3))


def alpha_norm(x: Tensor, alpha: float = 2.0, centre: float = 0.0) -> Tensor:
    """Mean of the distance from a grey value to the power alpha, one number a picture: L2 for alpha = 2.

    Args:
        x: pictures (N, C, H, W).
        alpha: a large one (Mahendran and Vedaldi take 6) hardly minds middling values and forbids extreme ones.
        centre: the value that costs nothing.
    """
    check_shape("x", x, (None, None, None, None))
    check_number("alpha", alpha, minimum=1)
    return (x - centre).abs().pow(alpha).mean((1, 2, 3))


def gaussian_blur(x: Tensor, sigma: float) -> Tensor:
    """Convolve with a Gaussian, first along the rows, then along the columns; the border is mirrored.

    Args:
        x: pictures (N, C, H, W).
        sigma: standard deviation in pixels, at least 0; 0 changes nothing.

    Raises:
        ValueError: if the picture is not larger than the kernel's half, ceil(3 sigma).
    """
    check_shape("x", x, (None, None, None, None))
    check_number("sigma", sigma, minimum=0)
    if sigma == 0:
        return x
    reach, channels = math.ceil(3 * sigma), x.shape[1]
    if min(x.shape[2:]) <= reach:
        raise ValueError(f"a blur of sigma {sigma} needs sides above {reach} pixels, got {tuple(x.shape[2:])}")
    places = torch.arange(-reach, reach + 1, dtype=x.dtype, device=x.device)
    weight = torch.exp(-(places**2) / (2 * sigma**2))
    weight = (weight / weight.sum()).expand(channels, 1, -1)
    x = F.conv2d(F.pad(x, (reach, reach, 0, 0), mode="reflect"), weight[:, :, None, :], groups=channels)
    return F.conv2d(F.pad(x, (0, 0, reach, reach), mode="reflect"), weight[:, :, :, None], groups=channels)


def roll(x: Tensor, reach: int, generator: torch.Generator | None = None) -> Tensor:
    """Shift all pictures by the same random number of rows and columns; what leaves at one side enters at the other.

    Args:
        x: pictures (N, C, H, W).
        reach: largest shift in pixels, either way; 0 changes nothing and draws nothing.
        generator: source of randomness on the CPU.
    """
    check_int("reach", reach, minimum=0)
    if reach == 0:
        return x
    rows, columns = torch.randint(-reach, reach + 1, (2,), generator=generator).tolist()
    return x.roll((rows, columns), (2, 3))


@dataclass(frozen=True)
class Regularisers:
    """Which wishes an optimised picture is held to; with the defaults, none.

    Args:
        l2: strength of `alpha_norm` against the score (or the relative error) that is optimised.
        alpha: its power.
        centre: the grey value that costs nothing, and where the ascent starts.
        tv: strength of `total_variation`.
        beta: its power.
        blur: standard deviation in pixels of a blur every ``blur_every`` steps; 0 for none.
        blur_every: steps from one blur to the next.
        jitter: largest random shift, in pixels, under which the network sees the picture at each step.
    """

    l2: float = 0.0
    alpha: float = 2.0
    centre: float = 0.0
    tv: float = 0.0
    beta: float = 1.0
    blur: float = 0.0
    blur_every: int = 4
    jitter: int = 0

    def __post_init__(self) -> None:
        for name in ("l2", "tv", "blur"):
            check_number(name, getattr(self, name), minimum=0)
        check_number("alpha", self.alpha, minimum=1)
        check_number("beta", self.beta, above=0)
        check_number("centre", self.centre)
        check_int("blur_every", self.blur_every, minimum=1)
        check_int("jitter", self.jitter, minimum=0)

    def penalty(self, x: Tensor) -> Tensor:
        """What pictures (N, C, H, W) cost, (N,): the strengths times L2 and total variation."""
        cost = x.new_zeros(len(x))
        if self.l2:
            cost = cost + self.l2 * alpha_norm(x, self.alpha, self.centre)
        if self.tv:
            cost = cost + self.tv * total_variation(x, self.beta)
        return cost

    def blurs_after(self, step: int) -> bool:
        """Tell whether the picture is blurred after this step, counted from 0."""
        return self.blur > 0 and (step + 1) % self.blur_every == 0

"""Upsampling: put zeros between the samples, then convolve with a fixed kernel, or with a learned one.

For a factor ``f`` there are two conventions of where samples lie, and two kernels for each:

========================  ==========================  ==========================================
kernel                    half pixels                 corners (``align_corners=True``)
========================  ==========================  ==========================================
nearest                   f ones                      --
bilinear, f even          triangle of 2f taps         triangle of 2f - 1 taps
bilinear, f odd           triangle of 2f - 1 taps     triangle of 2f - 1 taps
size of the result        f n                         f (n - 1) + 1
========================  ==========================  ==========================================

*Borders.* Zeros beyond the border are not samples: convolved as they are, the outermost pixels of a bilinear result
fade to black. The library repeats the outermost sample instead. The same result: repeat one row and column at each
side *before* the zeros go in, and crop ``f`` pixels at each side afterwards. Nearest needs none of this, its stamps
do not overlap; nor does the corner convention, whose result ends on the last sample.

Source: J. Long, E. Shelhamer, T. Darrell, CVPR 2015, section 3.3; V. Dumoulin, F. Visin (2016), A guide to
convolution arithmetic for deep learning, chapter 4.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_choice, check_int, check_shape

MODES = ("bilinear", "nearest")


def triangle(factor: int, align_corners: bool = False) -> Tensor:
    """Return the weights of linear interpolation along one axis, float64; each phase of them sums to 1.

    Args:
        factor: f, at least 1.
        align_corners: False for half pixels: 2f taps for even f, 2f - 1 for odd f. True for 2f - 1 taps.
    """
    check_int("factor", factor, minimum=1)
    length = 2 * factor if factor % 2 == 0 and not align_corners else 2 * factor - 1
    distance = torch.arange(length, dtype=torch.float64) - (length - 1) / 2
    return 1 - distance.abs() / factor


def kernel(factor: int, mode: str = "bilinear", align_corners: bool = False) -> Tensor:
    """Return the fixed kernel (k, k) of an upsampling, float64.

    Raises:
        ValueError: for another mode, or nearest with corners aligned, which no single kernel computes.
    """
    if check_choice("mode", mode, MODES) == "bilinear":
        line = triangle(factor, align_corners)
    elif align_corners:
        raise ValueError("align_corners must be False for nearest: only interpolation has corners to align")
    else:
        line = torch.ones(check_int("factor", factor, minimum=1), dtype=torch.float64)
    return line[:, None] * line


def crop_of(kernel_size: int, factor: int, align_corners: bool = False) -> int:
    """Return the pixels that a transposed convolution cuts off each side, so that samples lie where they belong."""
    return (kernel_size - 1) // 2 if align_corners else (kernel_size - factor) // 2


def spread(x: Tensor, factor: int) -> Tensor:
    """Return maps (N, C, H, W) with ``factor - 1`` zeros between neighbours, for PyTorch's tensors.

    The size is ``factor (n - 1) + 1``: nothing is added beyond the last sample.
    """
    n, c, height, width = x.shape
    out = x.new_zeros(n, c, factor * (height - 1) + 1, factor * (width - 1) + 1)
    out[:, :, ::factor, ::factor] = x
    return out


def upsample_by_zero_insertion(
    x: Tensor, factor: int, mode: str = "bilinear", align_corners: bool = False, borders: bool = True
) -> Tensor:
    """Upsample as the lectures describe it: zeros in between, then an ordinary convolution, channel by channel.

    Args:
        x: maps (N, C, H, W).
        factor: f, at least 1.
        mode: ``"bilinear"`` or ``"nearest"``.
        align_corners: for bilinear: the first and last samples keep the corners; the result has f (n - 1) + 1.
        borders: repeat the outermost samples first, so that the result equals ``interpolate`` at the borders too.

    Returns:
        (N, C, f H, f W), or with corners aligned (N, C, f (H - 1) + 1, f (W - 1) + 1).
    """
    check_shape("x", x, (None, None, None, None))
    k = kernel(factor, mode, align_corners).to(x)
    repeat = borders and mode == "bilinear" and not align_corners
    channels = x.shape[1]
    if repeat:
        x = F.pad(x, (1, 1, 1, 1), mode="replicate")
    crop = crop_of(len(k), factor, align_corners)
    reach = len(k) - 1 - crop  # zeros around, so far as the outermost stamps reach into what is kept
    zeros = F.pad(spread(x, factor), (reach,) * 4)
    out = F.conv2d(zeros, k.flip(0, 1).expand(channels, 1, *k.shape), groups=channels)
    return out[:, :, factor:-factor, factor:-factor] if repeat else out


class Upsample(nn.Module):
    """Upsampling as a transposed convolution, which starts as an exact interpolation.

    (N, channels, H, W) to (N, channels, f H, f W). Fixed, it equals ``F.interpolate`` everywhere, borders included.

    Args:
        channels: of the maps.
        factor: f, at least 1.
        mode: ``"bilinear"`` or ``"nearest"``: the kernel, or where learning starts.
        learn: make the kernel a parameter.
        mix: learn one kernel for each pair of channels instead of one a channel; those between different channels
            start at 0. Asks for ``learn``.
        align_corners: for bilinear: (N, channels, f (H - 1) + 1, f (W - 1) + 1) with the corners kept.
        borders: repeat the outermost samples before; without it, as in the original FCN, bilinear borders fade.
        dtype: of the weights; PyTorch's default if left out. Thirds of a factor 3 are rounded to it.

    Raises:
        ValueError: if an option is out of range.
    """

    def __init__(
        self,
        channels: int,
        factor: int,
        mode: str = "bilinear",
        *,
        learn: bool = False,
        mix: bool = False,
        align_corners: bool = False,
        borders: bool = True,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_int("channels", channels, minimum=1)
        if mix and not learn:
            raise ValueError("mix needs learn=True: fixed weights between channels stay 0")
        self.channels, self.factor, self.mode, self.mix = channels, factor, mode, mix
        k = kernel(factor, mode, align_corners).to(dtype or torch.get_default_dtype())
        self.crop = crop_of(len(k), factor, align_corners)
        self.repeat = borders and mode == "bilinear" and not align_corners
        if mix:
            weight = k.new_zeros(channels, channels, *k.shape)
            weight[range(channels), range(channels)] = k
        else:
            weight = k.expand(channels, 1, *k.shape).clone()
        self.weight: Tensor
        if learn:
            self.weight = nn.Parameter(weight)
        else:
            self.register_buffer("weight", weight)

    def forward(self, x: Tensor) -> Tensor:
        if self.repeat:
            x = F.pad(x, (1, 1, 1, 1), mode="replicate")
        groups = 1 if self.mix else self.channels
        out = F.conv_transpose2d(x, self.weight, stride=self.factor, padding=self.crop, groups=groups)
        return out[:, :, self.factor : -self.factor, self.factor : -self.factor] if self.repeat else out

    def extra_repr(self) -> str:
        learned = "learned" if isinstance(self.weight, nn.Parameter) else "fixed"
        return f"{self.channels}, factor={self.factor}, {self.mode}, {learned}{', mixing channels' if self.mix else ''}"

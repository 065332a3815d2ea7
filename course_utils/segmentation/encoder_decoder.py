"""Encoder-decoder, also called conv-deconv or hourglass: pool down to a small map, and step by step back up.

What takes the place of pooling on the way up can be chosen: unpooling to the places of the maxima (SegNet,
DeconvNet), a transposed convolution, or a fixed interpolation. With ``skips`` the encoder's maps are handed across.

Source: H. Noh, S. Hong, B. Han, "Learning deconvolution network for semantic segmentation", ICCV 2015; V.
Badrinarayanan, A. Kendall, R. Cipolla, "SegNet", PAMI 2017.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_choice, check_int, check_shape
from course_utils.models.conv_norm import ConvNormAct
from course_utils.segmentation.any_size import crop_end, pad_to_multiple
from course_utils.segmentation.unpooling import unpool_bed_of_nails, unpool_by_winners
from course_utils.segmentation.upsampling import Upsample

UNPOOLINGS = ("winners", "nails", "transposed", "bilinear", "nearest")


class EncoderDecoder(nn.Module):
    """An hourglass for images of any size: (N, in_channels, H, W) to logits (N, num_classes, H, W).

    Every level is one convolution with batch normalisation and ReLU down, and one up.

    Args:
        in_channels: of the images.
        num_classes: K, with the background.
        width: maps of the first level; they double from level to level.
        depth: halvings, at least 1.
        unpooling: ``"winners"`` (places of the maxima), ``"nails"`` (upper left corners), ``"transposed"`` (learned:
            the only one with weights), ``"bilinear"`` or ``"nearest"``.
        skips: hand the encoder's map of each level across by concatenation.

    Raises:
        ValueError: if an option is out of range.
    """

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 21,
        width: int = 16,
        depth: int = 3,
        *,
        unpooling: str = "winners",
        skips: bool = False,
    ) -> None:
        super().__init__()
        for name, value in (("in_channels", in_channels), ("num_classes", num_classes), ("width", width)):
            check_int(name, value, minimum=1)
        self.depth, self.skips = check_int("depth", depth, minimum=1), skips
        self.unpooling = check_choice("unpooling", unpooling, UNPOOLINGS)
        widths = [width * 2**level for level in range(depth)]
        before = [in_channels, *widths]
        self.down = nn.ModuleList(ConvNormAct(a, b) for a, b in zip(before, widths, strict=False))
        self.middle = ConvNormAct(widths[-1], widths[-1])
        self.unpool = nn.ModuleList(self._layer(w) for w in reversed(widths))
        after = [*reversed(widths[:-1]), width]
        factor = 2 if skips else 1
        self.up = nn.ModuleList(ConvNormAct(factor * a, b) for a, b in zip(reversed(widths), after, strict=True))
        self.classify = nn.Conv2d(width, num_classes, 1)

    def _layer(self, channels: int) -> nn.Module:
        if self.unpooling == "transposed":
            return nn.ConvTranspose2d(channels, channels, 2, stride=2)
        if self.unpooling in ("bilinear", "nearest"):
            return Upsample(channels, 2, self.unpooling)
        return nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        height, width = check_shape("x", x, (None, None, None, None)).shape[2:]
        x = pad_to_multiple(x, 2**self.depth)
        passed: list[tuple[Tensor, Tensor]] = []
        for convolution in self.down:
            detail = convolution(x)
            x, winners = F.max_pool2d(detail, 2, return_indices=True)
            passed.append((detail, winners))
        x = self.middle(x)
        for unpool, convolution in zip(self.unpool, self.up, strict=True):
            detail, winners = passed.pop()
            if self.unpooling == "winners":
                x = unpool_by_winners(x, winners, (detail.shape[2], detail.shape[3]))
            else:
                x = unpool_bed_of_nails(x) if self.unpooling == "nails" else unpool(x)
            x = convolution(torch.cat([detail, x], dim=1) if self.skips else x)
        return crop_end(self.classify(x), (height, width))

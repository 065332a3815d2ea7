"""EfficientNet: one number that makes a network deeper, wider and sharper at once (chapter 07).

Source: M. Tan, Q. Le, "EfficientNet: rethinking model scaling for convolutional neural networks", ICML 2019, table 1
and equation 3; blocks from M. Sandler et al., "MobileNetV2", CVPR 2018.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_choice, check_int, check_number
from course_utils.models.conv_norm import ConvNormAct
from course_utils.models.input_size import check_images


class Stage(NamedTuple):
    """One line of table 1: expansion inside the blocks, kernel, stride of the first block, maps, blocks."""

    expansion: int
    kernel_size: int
    stride: int
    channels: int
    layers: int


TABLE = (
    Stage(1, 3, 1, 16, 1),
    Stage(6, 3, 2, 24, 2),
    Stage(6, 5, 2, 40, 2),
    Stage(6, 3, 2, 80, 3),
    Stage(6, 5, 1, 112, 3),
    Stage(6, 5, 2, 192, 4),
    Stage(6, 3, 1, 320, 1),
)
# The family: factors on width and depth, side of the images, dropout.
FAMILY: dict[str, tuple[float, float, int, float]] = {
    "b0": (1.0, 1.0, 224, 0.2),
    "b1": (1.0, 1.1, 240, 0.2),
    "b2": (1.1, 1.2, 260, 0.3),
    "b3": (1.2, 1.4, 300, 0.3),
    "b4": (1.4, 1.8, 380, 0.4),
    "b5": (1.6, 2.2, 456, 0.4),
    "b6": (1.8, 2.6, 528, 0.5),
    "b7": (2.0, 3.1, 600, 0.5),
}
ALPHA, BETA, GAMMA = 1.2, 1.1, 1.15


def compound_factors(phi: float) -> tuple[float, float, float]:
    """Return the factors on depth, width and resolution for a compound coefficient (equation 3).

    depth = 1.2^phi, width = 1.1^phi, resolution = 1.15^phi: multiply-adds grow about 2^phi, because they go with
    depth, width squared and resolution squared, and 1.2 * 1.1^2 * 1.15^2 = 1.92.
    """
    check_number("phi", phi)
    return ALPHA**phi, BETA**phi, GAMMA**phi


def round_channels(channels: float) -> int:
    """Return the nearest multiple of 8 that is not below 90 % of ``channels``."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


class Gate(nn.Module):
    """Squeeze and excitation with the block's own activation; the inner layer follows the block's input width."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.squeeze, self.excite = nn.Conv2d(channels, inner, 1), nn.Conv2d(inner, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        z = F.adaptive_avg_pool2d(x, 1)
        return torch.sigmoid(self.excite(F.silu(self.squeeze(z)))) * x


class MBConv(nn.Module):
    """Expand by 1x1, convolve each map by itself, gate, project by 1x1; add the input where shapes agree.

    Args:
        in_channels: of the input (N, in_channels, H, W).
        stage: the line of the table, with ``channels`` of the output.
        stride: of this block.
        drop: probability that training leaves the whole residual of an image out (stochastic depth).
    """

    def __init__(self, in_channels: int, stage: Stage, stride: int, drop: float) -> None:
        super().__init__()
        inner = in_channels * stage.expansion
        self.expand: ConvNormAct | None = None
        if stage.expansion != 1:
            self.expand = ConvNormAct(in_channels, inner, 1, act=F.silu)
        self.depthwise = ConvNormAct(inner, inner, stage.kernel_size, stride, groups=inner, act=F.silu)
        self.gate = Gate(inner, max(1, in_channels // 4))
        self.project = ConvNormAct(inner, stage.channels, 1, act=None)
        self.residual = stride == 1 and in_channels == stage.channels
        self.drop = drop

    def forward(self, x: Tensor) -> Tensor:
        out = x if self.expand is None else self.expand(x)
        out = self.project(self.gate(self.depthwise(out)))
        if not self.residual:
            return out
        if self.training and self.drop:
            kept = torch.rand(len(out), 1, 1, 1, device=out.device) >= self.drop
            out = out * kept / (1 - self.drop)
        return x + out


class EfficientNet(nn.Module):
    """EfficientNet: images (N, 3, H, W) to logits (N, num_classes).

    Args:
        variant: ``"b0"`` to ``"b7"``; sets width, depth and dropout, and ``input_size`` is the side that it is for.
        num_classes: outputs.
        width: factor on all maps in place of the variant's, for miniatures.
        depth: factor on the blocks of each stage in place of the variant's.
    """

    def __init__(
        self, variant: str = "b0", num_classes: int = 1000, *, width: float | None = None, depth: float | None = None
    ) -> None:
        super().__init__()
        of_width, of_depth, self.input_size, dropout = FAMILY[check_choice("variant", variant, FAMILY)]
        check_int("num_classes", num_classes, minimum=1)
        of_width = of_width if width is None else check_number("width", width, above=0)
        of_depth = of_depth if depth is None else check_number("depth", depth, above=0)
        channels = round_channels(32 * of_width)
        self.conv1 = ConvNormAct(3, channels, 3, stride=2, act=F.silu)
        counts = [math.ceil(stage.layers * of_depth) for stage in TABLE]
        done = 0
        for number, (stage, count) in enumerate(zip(TABLE, counts, strict=True), start=2):
            scaled = stage._replace(channels=round_channels(stage.channels * of_width))
            blocks = []
            for i in range(count):
                blocks.append(MBConv(channels, scaled, stage.stride if i == 0 else 1, 0.2 * done / sum(counts)))
                channels, done = scaled.channels, done + 1
            setattr(self, f"stage{number}", nn.Sequential(*blocks))
        self.head = ConvNormAct(channels, 4 * channels, 1, act=F.silu)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(4 * channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(check_images(x, 3))
        for number in range(2, 2 + len(TABLE)):
            x = getattr(self, f"stage{number}")(x)
        return self.linear(self.dropout(self.head(x).mean(dim=(2, 3))))

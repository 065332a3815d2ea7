"""Miniatures: one skeleton for 32x32 images, and in it the block of any family (chapter 07c).

All members share the stem, the three stages at 16, 8 and 4 pixels, the mean over the last maps and one linear layer.
Only the block differs, so that a difference in accuracy at equal cost is the block's.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_choice, check_int
from course_utils.models.bn_inception import DoubleInception, Row
from course_utils.models.conv_norm import ConvNormAct
from course_utils.models.densenet import DenseLayer, Transition
from course_utils.models.efficientnet import MBConv, Stage
from course_utils.models.input_size import check_images
from course_utils.models.resnet import BasicBlock
from course_utils.models.senet import SEBasicBlock
from course_utils.models.summary import summarise
from course_utils.models.xception import XceptionBlock

STEM = 16
POOLS = ("max", "stride", "convolve, then max")


def _plain(before: int, after: int) -> nn.Module:
    return nn.Sequential(ConvNormAct(before, after, 3), ConvNormAct(after, after, 3))


def _inception(before: int, after: int) -> nn.Module:
    eighth = after // 8
    row = Row(2 * eighth, 2 * eighth, 3 * eighth, eighth, 2 * eighth, "average", eighth, after)
    return DoubleInception(before, row)


BLOCKS: dict[str, Callable[[int, int], nn.Module]] = {
    "plain": _plain,
    "residual": BasicBlock,
    "inception": _inception,
    "separable": lambda before, after: XceptionBlock((before, after, after), first_relu=False),
    "gated": lambda before, after: SEBasicBlock(before, after, reduction=8),
    "inverted": lambda before, after: MBConv(before, Stage(4, 3, 1, after, 1), 1, drop=0.0),
}
KINDS = (*BLOCKS, "dense")


class Miniature(nn.Module):
    """A small network for 32x32 images: (N, in_channels, H, W) to logits (N, num_classes).

    Args:
        kind: the block: ``plain`` (two 3x3 convolutions, as in VGG), ``residual``, ``inception``, ``dense``,
            ``separable``, ``gated`` (residual with squeeze and excitation) or ``inverted`` (EfficientNet's).
        width: maps of the first stage, a multiple of 8; the next two have twice and four times as many. A dense
            network starts each stage from what came before and adds ``width / 2`` maps a block.
        blocks: in each stage.
        num_classes: outputs.
        pool: what halves the map between stages: ``"max"``; ``"stride"``, a 3x3 convolution of stride 2 in its
            place; or ``"convolve, then max"``, the same convolution with stride 1 before the pooling.
        in_channels: of the images.

    Source: the idea of one skeleton is that of K. He et al., CVPR 2016, section 4.2; ``pool`` that of
    J. T. Springenberg et al., "Striving for simplicity", ICLR 2015 workshop, section 2.
    """

    def __init__(
        self,
        kind: str = "residual",
        width: int = 16,
        blocks: int = 1,
        num_classes: int = 10,
        *,
        pool: str = "max",
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        check_choice("kind", kind, KINDS)
        if check_int("width", width, minimum=8) % 8:
            raise ValueError(f"width must be a multiple of 8, got {width}")
        check_int("blocks", blocks, minimum=1)
        check_int("num_classes", num_classes, minimum=1)
        check_choice("pool", pool, POOLS)
        self.in_channels = check_int("in_channels", in_channels, minimum=1)
        self.stem = ConvNormAct(in_channels, STEM, 3)
        channels = STEM
        stages: list[nn.Module] = []
        downs: list[nn.Module] = []
        for stage in range(3):
            layers: list[nn.Module] = []
            for _ in range(blocks):
                if kind == "dense":
                    layers.append(DenseLayer(channels, width // 2))
                    channels += width // 2
                else:
                    layers.append(BLOCKS[kind](channels, width * 2**stage))
                    channels = width * 2**stage
            stages.append(nn.Sequential(*layers))
            if stage == 2:
                break
            if kind == "dense":
                downs.append(Transition(channels))
                channels //= 2
            else:
                downs.append(_down(channels, pool))
        self.stage1, self.stage2, self.stage3 = stages
        self.down1, self.down2 = downs
        self.norm = nn.BatchNorm2d(channels) if kind == "dense" else None
        self.linear = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.stem(check_images(x, self.in_channels)), kernel_size=2)  # (N, 16, 16, 16)
        x = self.down1(self.stage1(x))
        x = self.down2(self.stage2(x))
        x = self.stage3(x)
        if self.norm is not None:
            x = F.relu(self.norm(x))
        return self.linear(x.mean(dim=(2, 3)))


def _down(channels: int, pool: str) -> nn.Module:
    if pool == "stride":
        return ConvNormAct(channels, channels, 3, stride=2)
    if pool == "max":
        return nn.MaxPool2d(kernel_size=2)
    return nn.Sequential(ConvNormAct(channels, channels, 3), nn.MaxPool2d(kernel_size=2))


class SmallLeNet(nn.Module):
    """LeNet's pattern on colour images: two 5x5 convolutions with pooling, then three linear layers.

    (N, 3, 32, 32) to logits (N, num_classes).
    """

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        check_int("num_classes", num_classes, minimum=1)
        self.conv1 = nn.Conv2d(3, 6, kernel_size=5)
        self.conv2 = nn.Conv2d(6, 16, kernel_size=5)
        self.fc3 = nn.Linear(16 * 5 * 5, 120)
        self.fc4 = nn.Linear(120, 84)
        self.fc5 = nn.Linear(84, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        check_images(x, 3, (32, 32), "resize the images")
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc5(F.relu(self.fc4(F.relu(self.fc3(x.flatten(1))))))


def width_for(kind: str, multiply_adds: float, blocks: int = 1, *, largest: int = 256) -> int:
    """Return the width, a multiple of 8, whose network costs nearest to so many multiply-adds for a 32x32 image.

    Args:
        kind: as :class:`Miniature` takes it.
        multiply_adds: wanted.
        blocks: in each stage.
        largest: width tried.
    """

    def cost(width: int) -> int:
        with torch.device("meta"):
            return summarise(Miniature(kind, width, blocks), (3, 32, 32)).multiply_adds

    best, found = 8, abs(cost(8) - multiply_adds)
    for width in range(16, check_int("largest", largest, minimum=8) + 1, 8):
        distance = abs(cost(width) - multiply_adds)
        if distance >= found:
            break
        best, found = width, distance
    return best

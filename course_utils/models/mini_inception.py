"""GoogLeNet and Inception-ResNet in miniature, for pictures of 32 pixels and a laptop (chapter 07).

Source: the blocks of C. Szegedy et al., "Going deeper with convolutions", CVPR 2015, and of C. Szegedy et al.,
"Inception-v4, Inception-ResNet and the impact of residual connections on learning", AAAI 2017. Of GoogLeNet's nine
blocks six are kept, two at each size of the map, with an eighth of the widths; the stem is one 3x3 convolution.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_int, check_number
from course_utils.models.conv_norm import ConvNormAct
from course_utils.models.googlenet import TABLE, Widths
from course_utils.models.inception_resnet import ResidualInception
from course_utils.models.input_size import check_images

BLOCKS = ("3a", "3b", "4a", "4d", "5a", "5b")  # a maximum pooling after 3b and after 4d


def brick(in_channels: int, out_channels: int, kernel_size: int, norm: bool) -> nn.Module:
    """Return a convolution that keeps the size, and its ReLU, with batch normalisation between them or without."""
    if norm:
        return ConvNormAct(in_channels, out_channels, kernel_size)
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2)
    return nn.Sequential(conv, nn.ReLU())


def start_well(model: nn.Module) -> None:
    """Draw the weights of all convolutions by He's rule, so that 14 layers without normalisation start level."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def thin(widths: Widths, width: float) -> Widths:
    """Return the widths of a block times ``width``, at least 2 maps each."""
    return Widths(*(max(2, round(maps * width)) for maps in widths))


class MiniBlock(nn.Module):
    """An inception block with reductions: (N, C, H, W) to (N, one + three + five + pool, H, W)."""

    def __init__(self, in_channels: int, widths: Widths, norm: bool) -> None:
        super().__init__()
        self.one = brick(in_channels, widths.one, 1, norm)
        self.three = nn.Sequential(
            brick(in_channels, widths.three_reduce, 1, norm), brick(widths.three_reduce, widths.three, 3, norm)
        )
        self.five = nn.Sequential(
            brick(in_channels, widths.five_reduce, 1, norm), brick(widths.five_reduce, widths.five, 5, norm)
        )
        self.pool = nn.Sequential(
            nn.MaxPool2d(kernel_size=3, stride=1, padding=1), brick(in_channels, widths.pool, 1, norm)
        )
        self.out_channels = widths.one + widths.three + widths.five + widths.pool

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pool(x)], dim=1)


class MiniHead(nn.Module):
    """A classifier on the maps of a middle stage, for training only: (N, C, H, W) to logits (N, num_classes)."""

    def __init__(self, in_channels: int, num_classes: int, norm: bool) -> None:
        super().__init__()
        self.conv = brick(in_channels, 16, 1, norm)
        self.linear = nn.Linear(16 * 4, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(F.adaptive_avg_pool2d(self.conv(x), 2).flatten(1))


class MiniInception(nn.Module):
    """Six of GoogLeNet's blocks with an eighth of the widths: images (N, in_channels, H, W) to logits (N, num_classes).

    Args:
        num_classes: outputs.
        in_channels: of the images.
        width: share of GoogLeNet's widths.
        norm: batch normalisation after every convolution.
        heads: two auxiliary heads, on 4a and 4d. In training mode the network then returns a tuple of three logits:
            its own, that on 4a and that on 4d; in evaluation mode its own alone.

    14 layers of weights, 69,000 parameters. Images have at least 8 pixels a side; 32 was meant.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 3,
        *,
        width: float = 1 / 8,
        norm: bool = False,
        heads: bool = False,
    ) -> None:
        super().__init__()
        check_int("num_classes", num_classes, minimum=1)
        self.in_channels = check_int("in_channels", in_channels, minimum=1)
        check_number("width", width, above=0)
        channels = max(2, round(192 * width))
        self.conv = brick(in_channels, channels, 3, norm)
        for name in BLOCKS:
            block = MiniBlock(channels, thin(TABLE[name], width), norm)
            setattr(self, f"inception_{name}", block)
            channels = block.out_channels
            if heads and name in {"4a", "4d"}:
                setattr(self, f"head_{name}", MiniHead(channels, num_classes, norm))
        self.heads = heads
        self.linear = nn.Linear(channels, num_classes)
        start_well(self)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        check_images(x, self.in_channels)
        x = F.max_pool2d(self.conv(x), kernel_size=2)
        extra = []
        for name in BLOCKS:
            x = getattr(self, f"inception_{name}")(x)
            if self.heads and self.training and name in {"4a", "4d"}:
                extra.append(getattr(self, f"head_{name}")(x))
            if name in {"3b", "4d"}:
                x = F.max_pool2d(x, kernel_size=2)
        logits = self.linear(x.mean(dim=(2, 3)))
        return (logits, extra[0], extra[1]) if extra else logits


def residual_block(channels: int, scale: float, norm: bool) -> ResidualInception:
    """Return a small residual inception block: a 1x1, a 3x3 and two 3x3, each behind a reduction to a quarter."""
    inner = max(2, channels // 4)
    branches: list[nn.Module] = [
        brick(channels, inner, 1, norm),
        nn.Sequential(brick(channels, inner, 1, norm), brick(inner, inner, 3, norm)),
        nn.Sequential(brick(channels, inner, 1, norm), brick(inner, inner, 3, norm), brick(inner, inner, 3, norm)),
    ]
    return ResidualInception(channels, branches, 3 * inner, scale)


class MiniInceptionResNet(nn.Module):
    """Three stages of residual inception blocks: images (N, in_channels, H, W) to logits (N, num_classes).

    Args:
        num_classes: outputs.
        in_channels: of the images.
        width: maps of the first stage; the second and third have two and four times as many.
        blocks: in each stage.
        scale: of each branch before it is added.
        norm: batch normalisation inside the branches; the addition itself has none, as in the paper.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 3,
        *,
        width: int = 16,
        blocks: int = 2,
        scale: float = 0.2,
        norm: bool = True,
    ) -> None:
        super().__init__()
        check_int("num_classes", num_classes, minimum=1)
        check_int("blocks", blocks, minimum=1)
        self.in_channels = check_int("in_channels", in_channels, minimum=1)
        self.stages = nn.ModuleList()
        channels = in_channels
        for stage in range(3):
            maps = width * 2**stage
            self.stages.append(
                nn.Sequential(
                    brick(channels, maps, 3, norm),
                    nn.MaxPool2d(kernel_size=2),
                    *(residual_block(maps, scale, norm) for _ in range(blocks)),
                )
            )
            channels = maps
        self.linear = nn.Linear(channels, num_classes)
        start_well(self)

    def forward(self, x: Tensor) -> Tensor:
        check_images(x, self.in_channels)
        for stage in self.stages:
            x = stage(x)
        return self.linear(x.mean(dim=(2, 3)))

"""Residual networks from 18 to 152 layers, their plain twins, and those for small images up to 1,202 (chapter 07).

Source: K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR 2016, table 1, figures 3
and 5, section 4.2.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_choice, check_int
from course_utils.models.conv_norm import ConvNormAct
from course_utils.models.input_size import check_images


class Shortcut(nn.Module):
    """What is added to a block's residual: its input, fitted to the residual's shape where they differ.

    Args:
        in_channels: of the block's input.
        out_channels: of its output.
        stride: of the block.
        kind: ``"projection"``: a 1x1 convolution where shapes differ (options B of the paper); ``"padding"``: every
            ``stride``-th pixel, and zeros for the missing maps (option A, no parameters).
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, kind: str = "projection") -> None:
        super().__init__()
        check_choice("kind", kind, ("projection", "padding"))
        self.same = stride == 1 and in_channels == out_channels
        self.stride, self.missing = stride, out_channels - in_channels
        self.project: ConvNormAct | None = None
        if kind == "projection" and not self.same:
            self.project = ConvNormAct(in_channels, out_channels, 1, stride, act=None)

    def forward(self, x: Tensor) -> Tensor:
        if self.same:
            return x
        if self.project is not None:
            return self.project(x)
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.missing))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and the shortcut: relu(F(x) + x), (N, C, H, W) to (N, width, H / stride, W / stride).

    Args:
        in_channels: of the input.
        width: of both convolutions.
        stride: of the first.
        residual: add the shortcut; without it the block is the plain network's.
        shortcut: see :class:`Shortcut`.
    """

    expansion = 1

    def __init__(
        self, in_channels: int, width: int, stride: int = 1, *, residual: bool = True, shortcut: str = "projection"
    ) -> None:
        super().__init__()
        self.conv1 = ConvNormAct(in_channels, width, 3, stride)
        self.conv2 = ConvNormAct(width, width, 3, act=None)
        self.shortcut = Shortcut(in_channels, width, stride, shortcut) if residual else None

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv2(self.conv1(x))
        return F.relu(out if self.shortcut is None else out + self.shortcut(x))


class Bottleneck(nn.Module):
    """1x1 down, 3x3, 1x1 up to four times the width, and the shortcut: (N, C, H, W) to (N, 4 width, H / s, W / s).

    Args:
        in_channels: of the input.
        width: of the first two convolutions.
        stride: of the block.
        residual: add the shortcut.
        shortcut: see :class:`Shortcut`.
        stride_on: the convolution that has the stride: ``"1x1"``, the first, as in the paper, or ``"3x3"``, as in
            torchvision, which looks at all pixels and costs more.
    """

    expansion = 4

    def __init__(
        self,
        in_channels: int,
        width: int,
        stride: int = 1,
        *,
        residual: bool = True,
        shortcut: str = "projection",
        stride_on: str = "1x1",
    ) -> None:
        super().__init__()
        first = check_choice("stride_on", stride_on, ("1x1", "3x3")) == "1x1"
        self.conv1 = ConvNormAct(in_channels, width, 1, stride if first else 1)
        self.conv2 = ConvNormAct(width, width, 3, 1 if first else stride)
        self.conv3 = ConvNormAct(width, 4 * width, 1, act=None)
        self.shortcut = Shortcut(in_channels, 4 * width, stride, shortcut) if residual else None

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv3(self.conv2(self.conv1(x)))
        return F.relu(out if self.shortcut is None else out + self.shortcut(x))


# Table 1: block and repetitions of the four stages conv2_x to conv5_x, by depth.
TABLE: dict[int, tuple[type[BasicBlock] | type[Bottleneck], tuple[int, int, int, int]]] = {
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
    152: (Bottleneck, (3, 8, 36, 3)),
}


def initialise(model: nn.Module) -> None:
    """Draw the weights of all convolutions from N(0, 2 / fan_out), He's rule for the way back."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


class ResNet(nn.Module):
    """A residual network of table 1: images (N, 3, H, W) to logits (N, num_classes). Stages ``conv2_x`` to ``conv5_x``.

    Args:
        depth: 18, 34, 50, 101 or 152.
        num_classes: outputs.
        residual: False builds the plain twin: the same layers without shortcuts.
        stride_on: where bottlenecks have their stride, ``"1x1"`` (the paper) or ``"3x3"`` (torchvision).

    Raises:
        ValueError: if an option is none of these.
    """

    def __init__(
        self, depth: int = 50, num_classes: int = 1000, *, residual: bool = True, stride_on: str = "1x1"
    ) -> None:
        super().__init__()
        block, repetitions = TABLE[check_choice("depth", depth, TABLE)]
        check_int("num_classes", num_classes, minimum=1)
        check_choice("stride_on", stride_on, ("1x1", "3x3"))
        options = {"stride_on": stride_on} if block is Bottleneck else {}
        self.conv1 = ConvNormAct(3, 64, 7, stride=2)
        channels = 64
        for stage, count in enumerate(repetitions, start=2):
            width, blocks = 64 * 2 ** (stage - 2), []
            for i in range(count):
                stride = 2 if i == 0 and stage > 2 else 1
                blocks.append(block(channels, width, stride, residual=residual, **options))
                channels = width * block.expansion
            setattr(self, f"conv{stage}_x", nn.Sequential(*blocks))
        self.linear = nn.Linear(channels, num_classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(check_images(x, 3))
        x = F.max_pool2d(x, kernel_size=3, stride=2, padding=1)
        for stage in range(2, 6):
            x = getattr(self, f"conv{stage}_x")(x)
        return self.linear(x.mean(dim=(2, 3)))


class SmallResNet(nn.Module):
    """The residual network for 32x32 images (section 4.2): three stages of n basic blocks, 16, 32 and 64 maps wide.

    Args:
        depth: 6n + 2 layers: 20, 32, 44, 56, 110, 1202, or any other of this form from 8.
        num_classes: outputs.
        residual: False builds the plain twin.
        width: maps of the first stage, 16 in the paper.
        in_channels: of the images (N, in_channels, H, W).

    Shortcuts have no parameters ("padding"), so that twins have the same number of them.
    """

    def __init__(
        self, depth: int = 20, num_classes: int = 10, *, residual: bool = True, width: int = 16, in_channels: int = 3
    ) -> None:
        super().__init__()
        check_int("depth", depth, minimum=8)
        if (depth - 2) % 6:
            raise ValueError(f"depth must be 6n + 2 (8, 14, 20, ...), got {depth}")
        check_int("width", width, minimum=1)
        self.in_channels = check_int("in_channels", in_channels, minimum=1)
        self.conv1 = ConvNormAct(in_channels, width, 3)
        channels, stages = width, []
        for stage in range(3):
            blocks = []
            for i in range((depth - 2) // 6):
                stride = 2 if i == 0 and stage > 0 else 1
                blocks.append(BasicBlock(channels, width * 2**stage, stride, residual=residual, shortcut="padding"))
                channels = width * 2**stage
            stages.append(nn.Sequential(*blocks))
        self.stage1, self.stage2, self.stage3 = stages
        self.linear = nn.Linear(channels, num_classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(check_images(x, self.in_channels))
        x = self.stage3(self.stage2(self.stage1(x)))
        return self.linear(x.mean(dim=(2, 3)))

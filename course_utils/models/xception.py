"""Xception: inception taken to its extreme, one kernel a map, then 1x1 (chapter 07).

Source: F. Chollet, "Xception: deep learning with depthwise separable convolutions", CVPR 2017, figure 5.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_int
from course_utils.models.conv_norm import ConvNormAct
from course_utils.models.input_size import check_images


class SeparableConv(nn.Module):
    """A 3x3 convolution of each map by itself, then a 1x1 convolution across maps, then normalisation.

    (N, in_channels, H, W) to (N, out_channels, H, W); 9 in_channels + in_channels out_channels weights, no activation
    between the two.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(in_channels, in_channels, 3, padding=1, groups=in_channels, bias=False)
        self.pointwise = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.pointwise(self.depthwise(x)))


class XceptionBlock(nn.Module):
    """Separable convolutions, each after a ReLU, and a residual shortcut.

    Args:
        widths: maps before, between and after the convolutions.
        halve: end with a maximum pooling of stride 2; the shortcut is then a 1x1 convolution of stride 2.
        first_relu: the ReLU before the first convolution; the network's first block has none.
    """

    def __init__(self, widths: tuple[int, ...], *, halve: bool = False, first_relu: bool = True) -> None:
        super().__init__()
        self.convs = nn.ModuleList(SeparableConv(a, b) for a, b in pairwise(widths))
        self.first_relu, self.halve = first_relu, halve
        self.shortcut: ConvNormAct | None = None
        if halve or widths[0] != widths[-1]:
            self.shortcut = ConvNormAct(widths[0], widths[-1], 1, 2 if halve else 1, act=None)

    def forward(self, x: Tensor) -> Tensor:
        out = x
        for i, conv in enumerate(self.convs):
            out = conv(F.relu(out) if i or self.first_relu else out)
        if self.halve:
            out = F.max_pool2d(out, kernel_size=3, stride=2, padding=1)
        return out + (x if self.shortcut is None else self.shortcut(x))


class Xception(nn.Module):
    """36 convolutional layers in 14 modules: images (N, 3, H, W), usually 299, to logits (N, num_classes)."""

    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        check_int("num_classes", num_classes, minimum=1)
        self.conv1 = ConvNormAct(3, 32, 3, stride=2, padding=0)
        self.conv2 = ConvNormAct(32, 64, 3, padding=0)
        self.entry = nn.Sequential(
            XceptionBlock((64, 128, 128), halve=True, first_relu=False),
            XceptionBlock((128, 256, 256), halve=True),
            XceptionBlock((256, 728, 728), halve=True),
        )
        self.middle = nn.Sequential(*(XceptionBlock((728, 728, 728, 728)) for _ in range(8)))
        self.exit = XceptionBlock((728, 728, 1024), halve=True)
        self.conv3, self.conv4 = SeparableConv(1024, 1536), SeparableConv(1536, 2048)
        self.linear = nn.Linear(2048, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv2(self.conv1(check_images(x, 3)))
        x = self.exit(self.middle(self.entry(x)))
        x = F.relu(self.conv4(F.relu(self.conv3(x))))
        return self.linear(x.mean(dim=(2, 3)))

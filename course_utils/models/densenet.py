"""DenseNet: every layer sees the maps of all layers before it (chapter 07).

Source: G. Huang, Z. Liu, L. van der Maaten, K. Weinberger, "Densely connected convolutional networks", CVPR 2017,
table 1. The network is DenseNet-BC: bottlenecks and halving transitions.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_choice, check_int
from course_utils.models.input_size import check_images


class DenseLayer(nn.Module):
    """Normalise, rectify, 1x1 to four times the growth; normalise, rectify, 3x3 to the growth; append to the input.

    (N, C, H, W) to (N, C + growth, H, W).
    """

    def __init__(self, in_channels: int, growth: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, 4 * growth, kernel_size=1, bias=False)
        self.norm2 = nn.BatchNorm2d(4 * growth)
        self.conv2 = nn.Conv2d(4 * growth, growth, kernel_size=3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        new = self.conv1(F.relu(self.norm1(x)))
        new = self.conv2(F.relu(self.norm2(new)))
        return torch.cat([x, new], dim=1)


class Transition(nn.Module):
    """Between two dense blocks: half the maps by a 1x1 convolution, half the side by an average pooling."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(in_channels)
        self.conv = nn.Conv2d(in_channels, in_channels // 2, kernel_size=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(self.conv(F.relu(self.norm(x))), kernel_size=2)


# Table 1: layers of the four dense blocks, growth rate, maps of the first convolution.
TABLE: dict[int, tuple[tuple[int, int, int, int], int, int]] = {
    121: ((6, 12, 24, 16), 32, 64),
    161: ((6, 12, 36, 24), 48, 96),
    169: ((6, 12, 32, 32), 32, 64),
    201: ((6, 12, 48, 32), 32, 64),
}


class DenseNet(nn.Module):
    """DenseNet-BC for large images: (N, 3, H, W) to logits (N, num_classes).

    Args:
        depth: 121, 161, 169 or 201.
        num_classes: outputs.
    """

    def __init__(self, depth: int = 121, num_classes: int = 1000) -> None:
        super().__init__()
        layers, growth, channels = TABLE[check_choice("depth", depth, TABLE)]
        check_int("num_classes", num_classes, minimum=1)
        self.conv1 = nn.Conv2d(3, channels, kernel_size=7, stride=2, padding=3, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        parts: list[nn.Module] = []
        for count in layers:
            parts.append(nn.Sequential(*(DenseLayer(channels + i * growth, growth) for i in range(count))))
            channels += count * growth
            if len(parts) < 7:
                parts.append(Transition(channels))
                channels //= 2
        self.block1, self.transition1, self.block2, self.transition2 = parts[:4]
        self.block3, self.transition3, self.block4 = parts[4:]
        self.norm2 = nn.BatchNorm2d(channels)
        self.linear = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm1(self.conv1(check_images(x, 3))))
        x = F.max_pool2d(x, kernel_size=3, stride=2, padding=1)
        x = self.transition1(self.block1(x))
        x = self.transition2(self.block2(x))
        x = self.transition3(self.block3(x))
        x = F.relu(self.norm2(self.block4(x)))
        return self.linear(x.mean(dim=(2, 3)))


class SmallDenseNet(nn.Module):
    """DenseNet-BC for 32x32 images: three dense blocks at 32, 16 and 8 pixels.

    Args:
        depth: 6n + 4 layers (40, 100, 190 in the paper), from 10.
        num_classes: outputs.
        growth: maps that each layer adds.
        in_channels: of the images (N, in_channels, H, W).
    """

    def __init__(self, depth: int = 40, num_classes: int = 10, *, growth: int = 12, in_channels: int = 3) -> None:
        super().__init__()
        check_int("depth", depth, minimum=10)
        if (depth - 4) % 6:
            raise ValueError(f"depth must be 6n + 4 (10, 16, 22, ...), got {depth}")
        self.in_channels = check_int("in_channels", in_channels, minimum=1)
        count, channels = (depth - 4) // 6, 2 * check_int("growth", growth, minimum=1)
        self.conv1 = nn.Conv2d(in_channels, channels, kernel_size=3, padding=1, bias=False)
        parts: list[nn.Module] = []
        for block in range(3):
            parts.append(nn.Sequential(*(DenseLayer(channels + i * growth, growth) for i in range(count))))
            channels += count * growth
            if block < 2:
                parts.append(Transition(channels))
                channels //= 2
        self.block1, self.transition1, self.block2, self.transition2, self.block3 = parts
        self.norm = nn.BatchNorm2d(channels)
        self.linear = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(check_images(x, self.in_channels))
        x = self.transition1(self.block1(x))
        x = self.transition2(self.block2(x))
        x = F.relu(self.norm(self.block3(x)))
        return self.linear(x.mean(dim=(2, 3)))

"""GoogLeNet: inception blocks, and two extra heads that help while it trains (chapter 07).

Source: C. Szegedy et al., "Going deeper with convolutions", CVPR 2015, figures 2 and 3, table 1. The network
is the paper's: biases, no batch normalisation, 5x5 kernels (torchvision's has normalisation and 3x3 in their place).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_int
from course_utils.models.input_size import check_images


class Widths(NamedTuple):
    """Maps of an inception block: 1x1; reduction and 3x3; reduction and 5x5; projection after the pooling."""

    one: int
    three_reduce: int
    three: int
    five_reduce: int
    five: int
    pool: int


# Table 1, in its order; "pool" stands for the maximum poolings between the stages.
TABLE: dict[str, Widths] = {
    "3a": Widths(64, 96, 128, 16, 32, 32),
    "3b": Widths(128, 128, 192, 32, 96, 64),
    "4a": Widths(192, 96, 208, 16, 48, 64),
    "4b": Widths(160, 112, 224, 24, 64, 64),
    "4c": Widths(128, 128, 256, 24, 64, 64),
    "4d": Widths(112, 144, 288, 32, 64, 64),
    "4e": Widths(256, 160, 320, 32, 128, 128),
    "5a": Widths(256, 160, 320, 32, 128, 128),
    "5b": Widths(384, 192, 384, 48, 128, 128),
}


class NaiveInception(nn.Module):
    """Four views side by side, without reductions: 1x1, 3x3 and 5x5 convolutions and a 3x3 maximum pooling.

    (N, C, H, W) to (N, one + three + five + C, H, W): the pooling hands on all maps, so the block can only grow.
    """

    def __init__(self, in_channels: int, one: int, three: int, five: int) -> None:
        super().__init__()
        self.one = nn.Conv2d(in_channels, one, kernel_size=1)
        self.three = nn.Conv2d(in_channels, three, kernel_size=3, padding=1)
        self.five = nn.Conv2d(in_channels, five, kernel_size=5, padding=2)
        self.pool = nn.MaxPool2d(kernel_size=3, stride=1, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([F.relu(self.one(x)), F.relu(self.three(x)), F.relu(self.five(x)), self.pool(x)], dim=1)


class Inception(nn.Module):
    """The same four views with 1x1 convolutions that first reduce the maps (figure 2b).

    (N, C, H, W) to (N, one + three + five + pool, H, W).
    """

    def __init__(self, in_channels: int, widths: Widths) -> None:
        super().__init__()
        self.one = nn.Conv2d(in_channels, widths.one, kernel_size=1)
        self.three_reduce = nn.Conv2d(in_channels, widths.three_reduce, kernel_size=1)
        self.three = nn.Conv2d(widths.three_reduce, widths.three, kernel_size=3, padding=1)
        self.five_reduce = nn.Conv2d(in_channels, widths.five_reduce, kernel_size=1)
        self.five = nn.Conv2d(widths.five_reduce, widths.five, kernel_size=5, padding=2)
        self.pool = nn.MaxPool2d(kernel_size=3, stride=1, padding=1)
        self.pool_project = nn.Conv2d(in_channels, widths.pool, kernel_size=1)
        self.out_channels = widths.one + widths.three + widths.five + widths.pool

    def forward(self, x: Tensor) -> Tensor:
        one = F.relu(self.one(x))
        three = F.relu(self.three(F.relu(self.three_reduce(x))))
        five = F.relu(self.five(F.relu(self.five_reduce(x))))
        pool = F.relu(self.pool_project(self.pool(x)))
        return torch.cat([one, three, five, pool], dim=1)


class AuxiliaryHead(nn.Module):
    """A small classifier on the maps of a middle stage: (N, C, 14, 14) to logits (N, num_classes)."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(kernel_size=5, stride=3)  # 14 x 14 to 4 x 4
        self.conv = nn.Conv2d(in_channels, 128, kernel_size=1)
        self.fc1 = nn.Linear(128 * 4 * 4, 1024)
        self.dropout = nn.Dropout(0.7)
        self.fc2 = nn.Linear(1024, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        check_images(x, x.shape[1], (14, 14), "heads need images of 224 pixels; build without them: heads=False")
        x = F.relu(self.conv(self.pool(x))).flatten(1)
        return self.fc2(self.dropout(F.relu(self.fc1(x))))


class GoogLeNet(nn.Module):
    """22 layers of weights: images (N, 3, H, W) to logits (N, num_classes).

    Args:
        num_classes: outputs.
        heads: build the two auxiliary heads. In training mode the network then returns a tuple of three logits:
            its own, that on 4a and that on 4d; in evaluation mode its own alone.

    6,998,552 parameters, and 13,378,280 with the heads, for 1,000 classes. Any image of at least 32 pixels fits.
    """

    def __init__(self, num_classes: int = 1000, *, heads: bool = True) -> None:
        super().__init__()
        check_int("num_classes", num_classes, minimum=1)
        self.conv1 = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3)
        self.conv2_reduce = nn.Conv2d(64, 64, kernel_size=1)
        self.conv2 = nn.Conv2d(64, 192, kernel_size=3, padding=1)
        self.norm = nn.LocalResponseNorm(size=5, alpha=1e-4, beta=0.75)
        self.pool = nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True)
        channels = 192
        for name, widths in TABLE.items():
            block = Inception(channels, widths)
            setattr(self, f"inception_{name}", block)
            channels = block.out_channels
            if heads and name in {"4a", "4d"}:
                setattr(self, f"head_{name}", AuxiliaryHead(channels, num_classes))
        self.heads = heads
        self.dropout = nn.Dropout(0.4)
        self.linear = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        check_images(x, 3)
        x = self.norm(self.pool(F.relu(self.conv1(x))))
        x = F.relu(self.conv2(F.relu(self.conv2_reduce(x))))
        x = self.pool(self.norm(x))
        extra = []
        for name in TABLE:
            x = getattr(self, f"inception_{name}")(x)
            if self.heads and self.training and name in {"4a", "4d"}:
                extra.append(getattr(self, f"head_{name}")(x))
            if name in {"3b", "4e"}:
                x = self.pool(x)
        logits = self.linear(self.dropout(x.mean(dim=(2, 3))))
        return (logits, extra[0], extra[1]) if extra else logits

"""Inception v2, built from the table of its paper, with the three rows that do not add up (chapter 07).

Source: S. Ioffe, C. Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate
shift", ICML 2015, appendix, figure 5. The table prints 576, 576 and 1,024 output maps for 4c, 4d and 4e; the branches
that it lists sum to 608, 608 and 1,056. The branches are built here.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_int
from course_utils.models.conv_norm import ConvNormAct
from course_utils.models.input_size import check_images


class Row(NamedTuple):
    """One line of the table. Widths of 0 are branches that are not there; ``printed`` is the sum as printed."""

    one: int
    three_reduce: int
    three: int
    double_reduce: int
    double: int
    pool: str
    pool_project: int
    printed: int


TABLE: dict[str, Row] = {
    "3a": Row(64, 64, 64, 64, 96, "average", 32, 256),
    "3b": Row(64, 64, 96, 64, 96, "average", 64, 320),
    "3c": Row(0, 128, 160, 64, 96, "max", 0, 576),
    "4a": Row(224, 64, 96, 96, 128, "average", 128, 576),
    "4b": Row(192, 96, 128, 96, 128, "average", 128, 576),
    "4c": Row(160, 128, 160, 128, 160, "average", 128, 576),
    "4d": Row(96, 128, 192, 160, 192, "average", 128, 576),
    "4e": Row(0, 128, 192, 192, 256, "max", 0, 1024),
    "5a": Row(352, 192, 320, 160, 224, "average", 128, 1024),
    "5b": Row(352, 192, 320, 192, 224, "max", 128, 1024),
}


class DoubleInception(nn.Module):
    """1x1, 3x3, two 3x3 in place of the 5x5, and a pooling; each convolution normalised.

    A row without a 1x1 branch halves the map: its 3x3 convolutions and its pooling have stride 2, and the pooling
    hands on all maps. (N, C, H, W) to (N, out_channels, H, W) or, halved, (N, out_channels, H / 2, W / 2).
    """

    def __init__(self, in_channels: int, row: Row) -> None:
        super().__init__()
        stride = 1 if row.one else 2
        if row.one:
            self.one = ConvNormAct(in_channels, row.one, 1)
        self.three_reduce = ConvNormAct(in_channels, row.three_reduce, 1)
        self.three = ConvNormAct(row.three_reduce, row.three, 3, stride)
        self.double_reduce = ConvNormAct(in_channels, row.double_reduce, 1)
        self.double_1 = ConvNormAct(row.double_reduce, row.double, 3)
        self.double_2 = ConvNormAct(row.double, row.double, 3, stride)
        self.pool: nn.Module = nn.MaxPool2d(3, stride, padding=1)
        if row.pool == "average":
            self.pool = nn.AvgPool2d(3, stride, padding=1)
        if row.pool_project:
            self.pool_project = ConvNormAct(in_channels, row.pool_project, 1)
        self.row = row
        self.out_channels = row.one + row.three + row.double + (row.pool_project or in_channels)

    def forward(self, x: Tensor) -> Tensor:
        branches = [self.one(x)] if self.row.one else []
        branches.append(self.three(self.three_reduce(x)))
        branches.append(self.double_2(self.double_1(self.double_reduce(x))))
        pooled = self.pool(x)
        branches.append(self.pool_project(pooled) if self.row.pool_project else pooled)
        return torch.cat(branches, dim=1)


class BNInception(nn.Module):
    """Inception v2: images (N, 3, H, W), usually 224, to logits (N, num_classes)."""

    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        check_int("num_classes", num_classes, minimum=1)
        self.conv1 = ConvNormAct(3, 64, 7, stride=2)
        self.conv2_reduce = ConvNormAct(64, 64, 1)
        self.conv2 = ConvNormAct(64, 192, 3)
        channels = 192
        for name, row in TABLE.items():
            block = DoubleInception(channels, row)
            setattr(self, f"inception_{name}", block)
            channels = block.out_channels
        self.linear = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        check_images(x, 3)
        x = F.max_pool2d(self.conv1(x), kernel_size=3, stride=2, padding=1)
        x = self.conv2(self.conv2_reduce(x))
        x = F.max_pool2d(x, kernel_size=3, stride=2, padding=1)
        for name in TABLE:
            x = getattr(self, f"inception_{name}")(x)
        return self.linear(x.mean(dim=(2, 3)))


def mismatches() -> dict[str, tuple[int, int]]:
    """Return the rows of the printed table whose branches sum to another number: name to (printed, sum)."""
    found, channels = {}, 192
    for name, row in TABLE.items():
        channels = row.one + row.three + row.double + (row.pool_project or channels)
        if channels != row.printed:
            found[name] = (row.printed, channels)
    return found

"""Inception-ResNet v2: inception branches that add to their input (chapter 07).

Source: C. Szegedy, S. Ioffe, V. Vanhoucke, A. Alemi, "Inception-v4, Inception-ResNet and the impact of residual
connections on learning", AAAI 2017, figures 15 to 20 and table 1. Two printed widths cannot be added to their
block's input: 1,154 in figure 17 is 1,152 here, and 2,048 in figure 19 is 2,144. The numbers of blocks are those of
figure 15; the network that its authors released later has twice as many.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_int, check_number
from course_utils.models.inception_v3 import conv
from course_utils.models.inception_v4 import ReductionA, Stem
from course_utils.models.input_size import check_images


class ResidualInception(nn.Module):
    """Branches side by side, a 1x1 convolution back to the input's width, scaled and added: relu(x + scale F(x)).

    Args:
        channels: of input and output (N, channels, H, W).
        branches: modules from (N, channels, H, W) to (N, _, H, W).
        width: sum of the branches' output maps.
        scale: 0.1 to 0.3 in the paper, which keeps very wide networks from dying early (section 3.3).

    Where the last convolution is zero, the block hands on a non-negative input unchanged.
    """

    def __init__(self, channels: int, branches: list[nn.Module], width: int, scale: float) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.project = nn.Conv2d(width, channels, kernel_size=1)  # no activation before the addition
        self.scale = check_number("scale", scale, above=0, maximum=1)

    def forward(self, x: Tensor) -> Tensor:
        residual = self.project(torch.cat([branch(x) for branch in self.branches], dim=1))
        return F.relu(x + self.scale * residual)


def block_a(scale: float) -> ResidualInception:
    """Return a block for 384 maps of 35x35 (figure 16)."""
    branches: list[nn.Module] = [
        conv(384, 32, 1),
        nn.Sequential(conv(384, 32, 1), conv(32, 32, 3)),
        nn.Sequential(conv(384, 32, 1), conv(32, 48, 3), conv(48, 64, 3)),
    ]
    return ResidualInception(384, branches, 32 + 32 + 64, scale)


def block_b(scale: float) -> ResidualInception:
    """Return a block for 1,152 maps of 17x17 (figure 17)."""
    branches: list[nn.Module] = [
        conv(1152, 192, 1),
        nn.Sequential(conv(1152, 128, 1), conv(128, 160, (1, 7)), conv(160, 192, (7, 1))),
    ]
    return ResidualInception(1152, branches, 192 + 192, scale)


def block_c(scale: float) -> ResidualInception:
    """Return a block for 2,144 maps of 8x8 (figure 19)."""
    branches: list[nn.Module] = [
        conv(2144, 192, 1),
        nn.Sequential(conv(2144, 192, 1), conv(192, 224, (1, 3)), conv(224, 256, (3, 1))),
    ]
    return ResidualInception(2144, branches, 192 + 256, scale)


class ReductionB(nn.Module):
    """From 17x17 to 8x8, 1,152 maps to 2,144 (figure 18)."""

    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Sequential(conv(1152, 256, 1), conv(256, 384, 3, stride=2, valid=True))
        self.middle = nn.Sequential(conv(1152, 256, 1), conv(256, 288, 3, stride=2, valid=True))
        self.right = nn.Sequential(conv(1152, 256, 1), conv(256, 288, 3), conv(288, 320, 3, stride=2, valid=True))

    def forward(self, x: Tensor) -> Tensor:
        branches = [self.left(x), self.middle(x), self.right(x)]
        return torch.cat([F.max_pool2d(x, kernel_size=3, stride=2), *branches], dim=1)


class InceptionResNetV2(nn.Module):
    """Images (N, 3, H, W), usually 299, to logits (N, num_classes): 5 blocks A, 10 blocks B, 5 blocks C."""

    def __init__(self, num_classes: int = 1000, *, scale: float = 0.2) -> None:
        super().__init__()
        check_int("num_classes", num_classes, minimum=1)
        self.stem = Stem()
        self.a = nn.Sequential(*(block_a(scale) for _ in range(5)))
        self.reduction_a = ReductionA(384, k=256, l=256, m=384, n=384)
        self.b = nn.Sequential(*(block_b(scale) for _ in range(10)))
        self.reduction_b = ReductionB()
        self.c = nn.Sequential(*(block_c(scale) for _ in range(5)))
        self.dropout = nn.Dropout(0.2)
        self.linear = nn.Linear(2144, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(check_images(x, 3))
        x = self.reduction_a(self.a(x))
        x = self.reduction_b(self.b(x))
        return self.linear(self.dropout(self.c(x).mean(dim=(2, 3))))

"""Inception v3: large kernels taken apart into rows and columns (chapter 07).

Source: C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens, Z. Wojna, "Rethinking the inception architecture for computer
vision", CVPR 2016, table 1 and figures 5 to 7, 10. Widths that the paper leaves out are those of its authors'
release, which torchvision has too: same parameters, same outputs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_int
from course_utils.models.conv_norm import ConvNormAct, Size
from course_utils.models.input_size import check_images


def conv(in_channels: int, out_channels: int, kernel_size: Size, stride: int = 1, valid: bool = False) -> ConvNormAct:
    """Return this paper's brick: a normalisation with its epsilon of 0.001; ``valid`` pads nothing."""
    return ConvNormAct(in_channels, out_channels, kernel_size, stride, 0 if valid else None, eps=1e-3)


def pooled(x: Tensor) -> Tensor:
    """Average 3x3 neighbours at every place."""
    return F.avg_pool2d(x, kernel_size=3, stride=1, padding=1)


class InceptionA(nn.Module):
    """The 5x5 as two 3x3 (figure 5), on 35x35 maps."""

    def __init__(self, in_channels: int, pool_features: int) -> None:
        super().__init__()
        self.one = conv(in_channels, 64, 1)
        self.five = nn.Sequential(conv(in_channels, 48, 1), conv(48, 64, 5))
        self.twice = nn.Sequential(conv(in_channels, 64, 1), conv(64, 96, 3), conv(96, 96, 3))
        self.pool = conv(in_channels, pool_features, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.one(x), self.five(x), self.twice(x), self.pool(pooled(x))], dim=1)


class ReductionA(nn.Module):
    """From 35x35 to 17x17: convolution and pooling side by side, so that neither is a bottleneck (figure 10)."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.three = conv(in_channels, 384, 3, stride=2, valid=True)
        self.twice = nn.Sequential(conv(in_channels, 64, 1), conv(64, 96, 3), conv(96, 96, 3, stride=2, valid=True))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.three(x), self.twice(x), F.max_pool2d(x, kernel_size=3, stride=2)], dim=1)


class InceptionB(nn.Module):
    """A 7x7 as 1x7 and 7x1 (figure 6), on 17x17 maps. ``width`` is that of the inner layers."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.one = conv(in_channels, 192, 1)
        self.seven = nn.Sequential(conv(in_channels, width, 1), conv(width, width, (1, 7)), conv(width, 192, (7, 1)))
        self.twice = nn.Sequential(
            conv(in_channels, width, 1),
            conv(width, width, (7, 1)),
            conv(width, width, (1, 7)),
            conv(width, width, (7, 1)),
            conv(width, 192, (1, 7)),
        )
        self.pool = conv(in_channels, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.one(x), self.seven(x), self.twice(x), self.pool(pooled(x))], dim=1)


class ReductionB(nn.Module):
    """From 17x17 to 8x8."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.three = nn.Sequential(conv(in_channels, 192, 1), conv(192, 320, 3, stride=2, valid=True))
        self.seven = nn.Sequential(
            conv(in_channels, 192, 1),
            conv(192, 192, (1, 7)),
            conv(192, 192, (7, 1)),
            conv(192, 192, 3, stride=2, valid=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.three(x), self.seven(x), F.max_pool2d(x, kernel_size=3, stride=2)], dim=1)


class InceptionC(nn.Module):
    """Rows and columns side by side (figure 7), on 8x8 maps: 2,048 maps leave it."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.one = conv(in_channels, 320, 1)
        self.three = conv(in_channels, 384, 1)
        self.three_row, self.three_column = conv(384, 384, (1, 3)), conv(384, 384, (3, 1))
        self.twice = nn.Sequential(conv(in_channels, 448, 1), conv(448, 384, 3))
        self.twice_row, self.twice_column = conv(384, 384, (1, 3)), conv(384, 384, (3, 1))
        self.pool = conv(in_channels, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        three, twice = self.three(x), self.twice(x)
        parts = [self.one(x), self.three_row(three), self.three_column(three)]
        parts += [self.twice_row(twice), self.twice_column(twice), self.pool(pooled(x))]
        return torch.cat(parts, dim=1)


class AuxiliaryHead(nn.Module):
    """A classifier on the 17x17 maps; the paper finds that it regularises rather than helps the first layers."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.conv1 = conv(in_channels, 128, 1)
        self.conv2 = conv(128, 768, 5, valid=True)
        self.linear = nn.Linear(768, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv2(self.conv1(F.avg_pool2d(x, kernel_size=5, stride=3)))
        return self.linear(x.mean(dim=(2, 3)))


class InceptionV3(nn.Module):
    """Images (N, 3, H, W), usually 299, to logits (N, num_classes).

    Args:
        num_classes: outputs.
        head: build the auxiliary head; in training mode the network then returns its logits and those of the head.

    23,834,568 parameters, and 27,161,264 with the head, for 1,000 classes.
    """

    def __init__(self, num_classes: int = 1000, *, head: bool = True) -> None:
        super().__init__()
        check_int("num_classes", num_classes, minimum=1)
        self.conv1 = conv(3, 32, 3, stride=2, valid=True)  # 149
        self.conv2 = conv(32, 32, 3, valid=True)  # 147
        self.conv3 = conv(32, 64, 3)  # 147, then pooled to 73
        self.conv4 = conv(64, 80, 1, valid=True)
        self.conv5 = conv(80, 192, 3, valid=True)  # 71, then pooled to 35
        self.a1, self.a2, self.a3 = InceptionA(192, 32), InceptionA(256, 64), InceptionA(288, 64)
        self.reduction_a = ReductionA(288)  # 17
        self.b1, self.b2 = InceptionB(768, 128), InceptionB(768, 160)
        self.b3, self.b4 = InceptionB(768, 160), InceptionB(768, 192)
        self.head = AuxiliaryHead(768, num_classes) if head else None
        self.reduction_b = ReductionB(768)  # 8
        self.c1, self.c2 = InceptionC(1280), InceptionC(2048)
        self.dropout = nn.Dropout(0.5)
        self.linear = nn.Linear(2048, num_classes)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        check_images(x, 3)
        x = self.conv3(self.conv2(self.conv1(x)))
        x = F.max_pool2d(x, kernel_size=3, stride=2)
        x = self.conv5(self.conv4(x))
        x = F.max_pool2d(x, kernel_size=3, stride=2)
        x = self.a3(self.a2(self.a1(x)))
        x = self.reduction_a(x)
        x = self.b4(self.b3(self.b2(self.b1(x))))
        extra = self.head(x) if self.head is not None and self.training else None
        x = self.c2(self.c1(self.reduction_b(x)))
        logits = self.linear(self.dropout(x.mean(dim=(2, 3))))
        return logits if extra is None else (logits, extra)

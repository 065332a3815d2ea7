"""Inception v4: the same ideas in one uniform scheme (chapter 07).

Source: C. Szegedy, S. Ioffe, V. Vanhoucke, A. Alemi, "Inception-v4, Inception-ResNet and the impact of residual
connections on learning", AAAI 2017, figures 3 to 9 and table 1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_int
from course_utils.models.inception_v3 import conv, pooled
from course_utils.models.input_size import check_images


class Stem(nn.Module):
    """From the image to 384 maps at an eighth of its side (figure 3): 299 pixels to 35."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = conv(3, 32, 3, stride=2, valid=True)  # 149
        self.conv2 = conv(32, 32, 3, valid=True)  # 147
        self.conv3 = conv(32, 64, 3)
        self.conv4 = conv(64, 96, 3, stride=2, valid=True)  # 73, beside a pooling
        self.left = nn.Sequential(conv(160, 64, 1), conv(64, 96, 3, valid=True))  # 71
        self.right = nn.Sequential(
            conv(160, 64, 1), conv(64, 64, (7, 1)), conv(64, 64, (1, 7)), conv(64, 96, 3, valid=True)
        )
        self.conv5 = conv(192, 192, 3, stride=2, valid=True)  # 35, beside a pooling

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv3(self.conv2(self.conv1(x)))
        x = torch.cat([F.max_pool2d(x, kernel_size=3, stride=2), self.conv4(x)], dim=1)
        x = torch.cat([self.left(x), self.right(x)], dim=1)
        return torch.cat([self.conv5(x), F.max_pool2d(x, kernel_size=3, stride=2)], dim=1)


class InceptionA(nn.Module):
    """384 maps to 384, on 35x35 (figure 4)."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = conv(384, 96, 1)
        self.one = conv(384, 96, 1)
        self.three = nn.Sequential(conv(384, 64, 1), conv(64, 96, 3))
        self.twice = nn.Sequential(conv(384, 64, 1), conv(64, 96, 3), conv(96, 96, 3))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.pool(pooled(x)), self.one(x), self.three(x), self.twice(x)], dim=1)


class ReductionA(nn.Module):
    """From 35x35 to 17x17 (figure 7), with the widths k, l, m, n of table 1."""

    def __init__(self, in_channels: int, k: int, l: int, m: int, n: int) -> None:
        super().__init__()
        self.three = conv(in_channels, n, 3, stride=2, valid=True)
        self.twice = nn.Sequential(conv(in_channels, k, 1), conv(k, l, 3), conv(l, m, 3, stride=2, valid=True))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([F.max_pool2d(x, kernel_size=3, stride=2), self.three(x), self.twice(x)], dim=1)


class InceptionB(nn.Module):
    """1,024 maps to 1,024, on 17x17, with rows and columns of seven (figure 5)."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = conv(1024, 128, 1)
        self.one = conv(1024, 384, 1)
        self.seven = nn.Sequential(conv(1024, 192, 1), conv(192, 224, (1, 7)), conv(224, 256, (7, 1)))
        self.twice = nn.Sequential(
            conv(1024, 192, 1),
            conv(192, 192, (1, 7)),
            conv(192, 224, (7, 1)),
            conv(224, 224, (1, 7)),
            conv(224, 256, (7, 1)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.pool(pooled(x)), self.one(x), self.seven(x), self.twice(x)], dim=1)


class ReductionB(nn.Module):
    """From 17x17 to 8x8, 1,024 maps to 1,536 (figure 8)."""

    def __init__(self) -> None:
        super().__init__()
        self.three = nn.Sequential(conv(1024, 192, 1), conv(192, 192, 3, stride=2, valid=True))
        self.seven = nn.Sequential(
            conv(1024, 256, 1), conv(256, 256, (1, 7)), conv(256, 320, (7, 1)), conv(320, 320, 3, stride=2, valid=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([F.max_pool2d(x, kernel_size=3, stride=2), self.three(x), self.seven(x)], dim=1)


class InceptionC(nn.Module):
    """1,536 maps to 1,536, on 8x8, rows and columns side by side (figure 6)."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = conv(1536, 256, 1)
        self.one = conv(1536, 256, 1)
        self.three = conv(1536, 384, 1)
        self.three_row, self.three_column = conv(384, 256, (1, 3)), conv(384, 256, (3, 1))
        self.twice = nn.Sequential(conv(1536, 384, 1), conv(384, 448, (1, 3)), conv(448, 512, (3, 1)))
        self.twice_row, self.twice_column = conv(512, 256, (1, 3)), conv(512, 256, (3, 1))

    def forward(self, x: Tensor) -> Tensor:
        three, twice = self.three(x), self.twice(x)
        parts = [self.pool(pooled(x)), self.one(x), self.three_row(three), self.three_column(three)]
        return torch.cat([*parts, self.twice_row(twice), self.twice_column(twice)], dim=1)


class InceptionV4(nn.Module):
    """Images (N, 3, H, W), usually 299, to logits (N, num_classes): 4 blocks A, 7 blocks B, 3 blocks C (figure 9)."""

    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        check_int("num_classes", num_classes, minimum=1)
        self.stem = Stem()
        self.a = nn.Sequential(*(InceptionA() for _ in range(4)))
        self.reduction_a = ReductionA(384, k=192, l=224, m=256, n=384)
        self.b = nn.Sequential(*(InceptionB() for _ in range(7)))
        self.reduction_b = ReductionB()
        self.c = nn.Sequential(*(InceptionC() for _ in range(3)))
        self.dropout = nn.Dropout(0.2)
        self.linear = nn.Linear(1536, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(check_images(x, 3))
        x = self.reduction_a(self.a(x))
        x = self.reduction_b(self.b(x))
        return self.linear(self.dropout(self.c(x).mean(dim=(2, 3))))

"""Squeeze and excitation: one gate a map, set by a look at the whole picture (chapter 07).

Source: J. Hu, L. Shen, S. Albanie, G. Sun, E. Wu, "Squeeze-and-excitation networks", CVPR 2018, section 3, table 1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_choice, check_int
from course_utils.models.conv_norm import ConvNormAct
from course_utils.models.input_size import check_images
from course_utils.models.resnet import TABLE, BasicBlock, Bottleneck, initialise


class SqueezeExcitation(nn.Module):
    """Gate each map by a number between 0 and 1 that depends on the means of all maps.

    s = sigmoid(W2 relu(W1 z)), z_c the mean of map c; the output is s_c times map c. (N, C, H, W) to the same shape.

    Args:
        channels: C.
        reduction: the inner layer has C / reduction units, at least one.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        inner = max(1, check_int("channels", channels, minimum=1) // check_int("reduction", reduction, minimum=1))
        self.w1 = nn.Linear(channels, inner)
        self.w2 = nn.Linear(inner, channels)

    def gates(self, x: Tensor) -> Tensor:
        """Return s, (N, C), each between 0 and 1."""
        z = x.mean(dim=(2, 3))
        return torch.sigmoid(self.w2(F.relu(self.w1(z))))

    def forward(self, x: Tensor) -> Tensor:
        return self.gates(x)[:, :, None, None] * x


class SEBasicBlock(BasicBlock):
    """A residual basic block whose residual is gated before it is added."""

    def __init__(self, in_channels: int, width: int, stride: int = 1, *, reduction: int = 16) -> None:
        super().__init__(in_channels, width, stride)
        self.gate = SqueezeExcitation(width, reduction)

    def forward(self, x: Tensor) -> Tensor:
        assert self.shortcut is not None
        return F.relu(self.gate(self.conv2(self.conv1(x))) + self.shortcut(x))


class SEBottleneck(Bottleneck):
    """A residual bottleneck whose residual is gated before it is added."""

    def __init__(self, in_channels: int, width: int, stride: int = 1, *, reduction: int = 16) -> None:
        super().__init__(in_channels, width, stride)
        self.gate = SqueezeExcitation(4 * width, reduction)

    def forward(self, x: Tensor) -> Tensor:
        assert self.shortcut is not None
        return F.relu(self.gate(self.conv3(self.conv2(self.conv1(x)))) + self.shortcut(x))


class SEResNet(nn.Module):
    """A residual network of table 1 with a gate in every block: images (N, 3, H, W) to logits (N, num_classes).

    Args:
        depth: 18, 34, 50, 101 or 152.
        num_classes: outputs.
        reduction: of the gates.
    """

    def __init__(self, depth: int = 50, num_classes: int = 1000, *, reduction: int = 16) -> None:
        super().__init__()
        plain, repetitions = TABLE[check_choice("depth", depth, TABLE)]
        check_int("num_classes", num_classes, minimum=1)
        block = SEBasicBlock if plain is BasicBlock else SEBottleneck
        self.conv1 = ConvNormAct(3, 64, 7, stride=2)
        channels = 64
        for stage, count in enumerate(repetitions, start=2):
            width, blocks = 64 * 2 ** (stage - 2), []
            for i in range(count):
                blocks.append(block(channels, width, 2 if i == 0 and stage > 2 else 1, reduction=reduction))
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

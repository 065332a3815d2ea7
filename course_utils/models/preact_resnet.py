"""Residual networks whose shortcut nothing touches, up to 1,001 layers (chapter 07).

Source: K. He, X. Zhang, S. Ren, J. Sun, "Identity mappings in deep residual networks", ECCV 2016, figure 4e and the
appendix.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_choice, check_int
from course_utils.models.input_size import check_images
from course_utils.models.resnet import initialise


class PreActivationBlock(nn.Module):
    """Normalise and rectify first, then convolve: x + F(x) with no ReLU after the addition.

    (N, C, H, W) to (N, out_channels, H / stride, W / stride). Where shapes differ, the shortcut is a 1x1 convolution
    of the already rectified input.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        stride: of the block.
        bottleneck: 1x1, 3x3, 1x1 with a quarter of the width inside, in place of two 3x3.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1, *, bottleneck: bool = False) -> None:
        super().__init__()
        inner = out_channels // 4 if bottleneck else out_channels
        shapes = [(in_channels, inner, 3, stride), (inner, out_channels, 3, 1)]
        if bottleneck:
            shapes = [(in_channels, inner, 1, stride), (inner, inner, 3, 1), (inner, out_channels, 1, 1)]
        self.norms = nn.ModuleList(nn.BatchNorm2d(before) for before, *_ in shapes)
        self.convs = nn.ModuleList(
            nn.Conv2d(before, after, kernel_size, step, kernel_size // 2, bias=False)
            for before, after, kernel_size, step in shapes
        )
        self.project: nn.Conv2d | None = None
        if stride != 1 or in_channels != out_channels:
            self.project = nn.Conv2d(in_channels, out_channels, kernel_size=1, stride=stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out = shortcut = x
        for i, (norm, conv) in enumerate(zip(self.norms, self.convs, strict=True)):
            out = F.relu(norm(out))
            if i == 0 and self.project is not None:
                shortcut = self.project(out)
            out = conv(out)
        return shortcut + out


class PreActivationResNet(nn.Module):
    """The pre-activation network for 32x32 images: three stages of n blocks.

    Args:
        depth: 6n + 2 layers with basic blocks, 9n + 2 with bottlenecks (164, 1001).
        num_classes: outputs.
        bottleneck: which block; stages are then 64, 128, 256 maps wide in place of 16, 32, 64.
        width: maps of the first convolution, 16 in the paper.
        in_channels: of the images (N, in_channels, H, W).

    Raises:
        ValueError: if the depth is not of that form.
    """

    def __init__(
        self,
        depth: int = 1001,
        num_classes: int = 10,
        *,
        bottleneck: bool = True,
        width: int = 16,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        layers = 3 if bottleneck else 2
        check_int("depth", depth, minimum=3 * layers + 2)
        if (depth - 2) % (3 * layers):
            raise ValueError(f"depth must be {3 * layers}n + 2, got {depth}")
        check_choice("bottleneck", bottleneck, (True, False))
        self.in_channels = check_int("in_channels", in_channels, minimum=1)
        self.conv1 = nn.Conv2d(in_channels, check_int("width", width, minimum=1), 3, padding=1, bias=False)
        channels, stages = width, []
        for stage in range(3):
            out = width * 2**stage * (4 if bottleneck else 1)
            blocks = []
            for i in range((depth - 2) // (3 * layers)):
                blocks.append(PreActivationBlock(channels, out, 2 if i == 0 and stage else 1, bottleneck=bottleneck))
                channels = out
            stages.append(nn.Sequential(*blocks))
        self.stage1, self.stage2, self.stage3 = stages
        self.norm = nn.BatchNorm2d(channels)
        self.linear = nn.Linear(channels, num_classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(check_images(x, self.in_channels))
        x = F.relu(self.norm(self.stage3(self.stage2(self.stage1(x)))))
        return self.linear(x.mean(dim=(2, 3)))

"""What all detectors of chapter 10 look with: one small convnet that hands out maps of three resolutions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from course_utils.check import check_int
from course_utils.models.conv_norm import ConvNormAct

STRIDES = (8, 16, 32)


class Backbone(nn.Module):
    """Pictures (N, 3, H, W) to maps with a cell for each 8, 16 and 32 pixels.

    Args:
        width: channels of the first layers; the maps have 3, 4 and 4 times as many.
        levels: how many of the three maps to make.

    Attributes:
        channels: of the maps.
        strides: pixels from cell to cell of the maps.
    """

    def __init__(self, width: int = 24, levels: int = 3) -> None:
        super().__init__()
        check_int("width", width, minimum=1)
        check_int("levels", levels, minimum=1, maximum=3)
        self.channels = (3 * width, 4 * width, 4 * width)[:levels]
        self.strides = STRIDES[:levels]
        self.stem = nn.Sequential(
            ConvNormAct(3, width, stride=2),
            ConvNormAct(width, width),
            ConvNormAct(width, 2 * width, stride=2),
            ConvNormAct(2 * width, 2 * width),
        )
        stages, before = [], 2 * width
        for after in self.channels:
            stages.append(nn.Sequential(nn.MaxPool2d(2), ConvNormAct(before, after), ConvNormAct(after, after)))
            before = after
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the maps, finest first."""
        x, maps = self.stem(x), []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return tuple(maps)


class PictureClassifier(nn.Module):
    """What a backbone learns before it detects: the class of a picture (N, 3, H, W) that shows one thing.

    The mean of each map goes into one linear layer, so any size will do that is a multiple of the coarsest stride.

    Args:
        backbone: shared, not copied: training the classifier trains it.
        num_classes: C.
    """

    def __init__(self, backbone: Backbone, num_classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.classify = nn.Linear(sum(backbone.channels), check_int("num_classes", num_classes, minimum=1))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, C)."""
        return self.classify(torch.cat([part.mean(dim=(2, 3)) for part in self.backbone(x)], dim=1))

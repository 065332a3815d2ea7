"""A deeper network that computes exactly what a shallower one does (chapter 07b).

Source: K. He et al., "Deep residual learning for image recognition" (2016), section 1.
"""

from __future__ import annotations

import copy

from torch import nn

from course_utils.check import check_int
from course_utils.models.resnet import BasicBlock, SmallResNet


def identity_layer(channels: int) -> nn.Sequential:
    """Return a 3x3 convolution with a ReLU that hands on any maps (N, channels, H, W) without negative values.

    The kernel has a 1 in the middle of its own channel and zeros elsewhere.
    """
    conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
    nn.init.dirac_(conv.weight)
    return nn.Sequential(conv, nn.ReLU())


def zero_block(channels: int) -> BasicBlock:
    """Return a residual block whose branch is zero: the last normalisation multiplies by 0."""
    block = BasicBlock(channels, channels)
    nn.init.zeros_(block.conv2.norm.weight)
    return block


def deepen(model: SmallResNet, layers: int, kind: str = "plain") -> SmallResNet:
    """Return a copy of a network with identities after its first stage.

    Args:
        model: trained or not; its first stage ends with a ReLU.
        layers: to add; an even number for residual blocks, which have two.
        kind: ``"plain"``: identity layers; ``"residual"``: blocks with a zero branch.

    Raises:
        ValueError: for an odd number of layers in residual blocks, or an unknown kind.
    """
    check_int("layers", layers, minimum=1)
    channels = model.conv1.conv.out_channels
    if kind == "plain":
        extra: list[nn.Module] = [identity_layer(channels) for _ in range(layers)]
    elif kind == "residual":
        if layers % 2:
            raise ValueError(f"layers must be even for blocks of two layers, got {layers}")
        extra = [zero_block(channels) for _ in range(layers // 2)]
    else:
        raise ValueError(f"kind must be 'plain' or 'residual', got {kind!r}")
    deeper = copy.deepcopy(model)
    deeper.stage1 = nn.Sequential(*deeper.stage1, *extra)
    return deeper.train(model.training)

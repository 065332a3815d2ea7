"""Counting what a network costs: by a rule for each layer, and for whole networks in closed form (chapter 07c).

``hook_counts`` is the rule of one layer, applied wherever a forward hook finds one. ``vgg_counts`` to
``efficientnet_counts`` need no network at all: they walk through the tables of the papers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


class Counts(NamedTuple):
    """Weights and biases, and products summed for one image; normalisation counts as parameters only."""

    parameters: int
    multiply_adds: int


class Ledger:
    """Adds up layers on a map that shrinks: the closed form of a network, one line of its table after the other."""

    def __init__(self, size: int) -> None:
        self.size, self.parameters, self.multiply_adds = size, 0, 0

    def conv(
        self, c_in: int, c_out: int, k: int, stride: int = 1, *, groups: int = 1, bias: bool = False, norm: bool = True
    ) -> None:
        """Count a convolution with padding k // 2: k^2 c_in c_out / groups weights, used at every place of its map."""
        self.size = (self.size + 2 * (k // 2) - k) // stride + 1
        weights = k * k * c_in * c_out // groups
        self.parameters += weights + c_out * bias + 2 * c_out * norm
        self.multiply_adds += weights * self.size**2

    def side_conv(self, c_in: int, c_out: int) -> None:
        """Count the normalised 1x1 convolution of a shortcut, at the size the main path has already reached."""
        self.parameters += c_in * c_out + 2 * c_out
        self.multiply_adds += c_in * c_out * self.size**2

    def norm(self, channels: int) -> None:
        """Count a normalisation that stands by itself."""
        self.parameters += 2 * channels

    def linear(self, c_in: int, c_out: int) -> None:
        """Count a linear layer with bias, used once."""
        self.parameters += c_in * c_out + c_out
        self.multiply_adds += c_in * c_out

    def counts(self) -> Counts:
        """Return the totals."""
        return Counts(self.parameters, self.multiply_adds)


def conv_cost(c_in: int, c_out: int, k: int, side: int, groups: int = 1) -> int:
    """Return the multiply-adds of a convolution without bias whose output has ``side`` rows and columns."""
    return k * k * c_in * c_out // groups * side**2


def dense_channels(start: int, growth: int, layers: int) -> int:
    """Return the maps after some layers of a dense block: each appends ``growth`` of them."""
    return start + layers * growth


def dense_block_weights(start: int, growth: int, layers: int) -> int:
    """Return the weights of the 3x3 layers of a dense block without bottlenecks, in closed form."""
    return 9 * growth * (layers * start + growth * layers * (layers - 1) // 2)


def gate_parameters(channels: int, reduction: int) -> int:
    """Return the parameters of a squeeze-and-excitation gate: two linear layers with biases."""
    inner = max(1, channels // reduction)
    return 2 * channels * inner + inner + channels


def hook_counts(model: nn.Module, input_shape: tuple[int, ...]) -> Counts:
    """Count by hooks: run the model once and add up the rule of each convolution and linear layer it calls.

    Args:
        model: any module; on the meta device nothing is computed.
        input_shape: of one image.

    Returns:
        Parameters of the layers that ran, once each (normalisations included), and multiply-adds.
    """
    seen: dict[nn.Module, int] = {}
    total = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        seen[module] = sum(p.numel() for p in module.parameters(recurse=False))
        if isinstance(module, nn.Conv2d):
            k = math.prod(module.kernel_size) * module.in_channels // module.groups
            total += k * output[0].numel()
        elif isinstance(module, nn.Linear):
            total += module.in_features * output[0].numel()

    hooks = [m.register_forward_hook(count) for m in model.modules()]
    was_training = model.training
    device = next(model.parameters()).device
    try:
        with torch.no_grad():
            model.eval()(torch.zeros(1, *input_shape, device=device))
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()
    return Counts(sum(seen.values()), total)


def vgg_counts(stages: Sequence[int]) -> Counts:
    """Account for a VGG network from the convolutions in its five stages (table 1 of its paper)."""
    book, channels = Ledger(224), 3
    for width, count in zip((64, 128, 256, 512, 512), stages, strict=True):
        for _ in range(count):
            book.conv(channels, width, 3, bias=True, norm=False)
            channels = width
        book.size //= 2
    book.linear(512 * 49, 4096)
    book.linear(4096, 4096)
    book.linear(4096, 1000)
    return book.counts()


def resnet_counts(
    repetitions: Sequence[int], *, bottleneck: bool, residual: bool = True, reduction: int | None = None
) -> Counts:
    """Account for a residual network of table 1, or its plain twin, or with a gate in every block.

    Args:
        repetitions: blocks in the four stages.
        bottleneck: 1x1, 3x3, 1x1 in place of two 3x3; the stride is on the first.
        residual: count the projections.
        reduction: of gates; None for none.
    """
    book, channels = Ledger(224), 64
    book.conv(3, 64, 7, 2)
    book.size = (book.size + 1) // 2
    for stage, count in enumerate(repetitions):
        for i in range(count):
            width, stride = 64 * 2**stage, 2 if stage and i == 0 else 1
            out = 4 * width if bottleneck else width
            book.conv(channels, width, 1 if bottleneck else 3, stride)
            book.conv(width, width, 3)
            if bottleneck:
                book.conv(width, out, 1)
            if reduction is not None:
                book.linear(out, out // reduction)
                book.linear(out // reduction, out)
            if residual and (stride == 2 or channels != out):
                book.side_conv(channels, out)
            channels = out
    book.linear(channels, 1000)
    return book.counts()


def small_resnet_counts(blocks: int) -> Counts:
    """Account for the residual network for 32x32 images with so many blocks a stage; shortcuts cost nothing."""
    book, channels = Ledger(32), 16
    book.conv(3, 16, 3)
    for stage in range(3):
        for i in range(blocks):
            width = 16 * 2**stage
            book.conv(channels, width, 3, 2 if stage and i == 0 else 1)
            book.conv(width, width, 3)
            channels = width
    book.linear(channels, 10)
    return book.counts()


def densenet_counts(layers: Sequence[int], growth: int, start: int, *, small: bool = False) -> Counts:
    """Account for a dense network with bottlenecks and halving transitions from its layers a block."""
    book = Ledger(32 if small else 224)
    if small:
        book.conv(3, start, 3, norm=False)
    else:
        book.conv(3, start, 7, 2)
        book.size = (book.size + 1) // 2
    channels = start
    for block, count in enumerate(layers):
        for i in range(count):
            before = dense_channels(channels, growth, i)
            book.norm(before)
            book.conv(before, 4 * growth, 1)
            book.conv(4 * growth, growth, 3, norm=False)
        channels = dense_channels(channels, growth, count)
        book.norm(channels)
        if block < len(layers) - 1:
            book.conv(channels, channels // 2, 1, norm=False)
            channels, book.size = channels // 2, book.size // 2
    book.linear(channels, 10 if small else 1000)
    return book.counts()


def efficientnet_counts(stages: Sequence[Any], width: float, depth: float, side: int, rounding: Any) -> Counts:
    """Account for an EfficientNet from table 1 of its paper, the factors of its member, and the rule for rounding."""
    book, channels = Ledger(side), rounding(32 * width)
    book.conv(3, channels, 3, 2)
    for expansion, k, stride, wide, count in stages:
        out = rounding(wide * width)
        for i in range(math.ceil(count * depth)):
            inner, squeezed = channels * expansion, max(1, channels // 4)
            if expansion != 1:
                book.conv(channels, inner, 1)
            book.conv(inner, inner, k, stride if i == 0 else 1, groups=inner)
            book.linear(inner, squeezed)
            book.linear(squeezed, inner)
            book.conv(inner, out, 1)
            channels = out
    book.conv(channels, 4 * channels, 1)
    book.linear(4 * channels, 1000)
    return book.counts()

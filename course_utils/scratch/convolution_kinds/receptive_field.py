"""Receptive fields: size, step and centre by formula, and what the gradient says (chapter 05b).

All positions are along one axis, in pixels of the input; whole numbers are pixel centres.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.check import check_int
from course_utils.scratch.convolution_kinds.sizes import output_size


@dataclass(frozen=True)
class Layer:
    """The geometry of a convolution or pooling layer along one axis."""

    kernel_size: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1

    def __post_init__(self) -> None:
        check_int("kernel_size", self.kernel_size, minimum=1)
        check_int("stride", self.stride, minimum=1)
        check_int("padding", self.padding, minimum=0)
        check_int("dilation", self.dilation, minimum=1)


@dataclass(frozen=True)
class Field:
    """What the units of one layer see of the input.

    Args:
        size: pixels from the first to the last that a unit can see.
        jump: distance between the fields of neighbouring units.
        centre: middle of the field of unit 0.
    """

    size: int = 1
    jump: int = 1
    centre: float = 0.0

    def of_unit(self, index: int) -> tuple[int, int]:
        """Return the first and the last pixel of the field of one unit; with padding they may lie outside."""
        middle, half = self.centre + index * self.jump, (self.size - 1) / 2
        return round(middle - half), round(middle + half)


def receptive_fields(layers: Sequence[Layer]) -> list[Field]:
    """Return the field after each layer of a stack, beginning with that of the input pixels themselves.

    A layer adds ``dilation * (kernel_size - 1)`` steps of the units below it, and each of these steps is ``jump``
    pixels wide.

    Source: Dumoulin and Visin (2016); Araujo, Norris and Sim (2019), Computing receptive fields.
    """
    fields = [Field()]
    for layer in layers:
        below = fields[-1]
        reach = layer.dilation * (layer.kernel_size - 1)
        fields.append(
            Field(
                size=below.size + reach * below.jump,
                jump=below.jump * layer.stride,
                centre=below.centre + (reach / 2 - layer.padding) * below.jump,
            )
        )
    return fields


def cone_of_unit(layers: Sequence[Layer], size: int, index: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Follow every connection from one output of a stack down to the input.

    Args:
        layers: the stack.
        size: pixels of the input.
        index: which output.

    Returns:
        For each level, input first, the centres of its units in input pixels; and for each layer pairs (unit, unit
        below), (E, 2). Connections to padding are left out.
    """
    fields, counts = receptive_fields(layers), [size]
    for layer in layers:
        counts.append(output_size(counts[-1], layer.kernel_size, layer.stride, layer.padding, layer.dilation))
    centres = [field.centre + np.arange(count) * field.jump for field, count in zip(fields, counts)]
    edges, wanted = [], {index}
    for layer, below in zip(reversed(layers), reversed(counts[:-1])):
        pairs = [
            (unit, unit * layer.stride - layer.padding + tap * layer.dilation)
            for unit in sorted(wanted)
            for tap in range(layer.kernel_size)
        ]
        pairs = [(unit, source) for unit, source in pairs if 0 <= source < below]
        edges.append(np.array(pairs, dtype=int).reshape(-1, 2))
        wanted = {source for _, source in pairs}
    return centres, edges[::-1]


def build_stack(layers: Sequence[Layer], channels: int = 1, relu: bool = False) -> nn.Sequential:
    """Return the stack as 1-D convolutions in float64 with random weights of mean 0, without biases."""
    parts: list[nn.Module] = []
    width = 1
    for layer in layers:
        conv = nn.Conv1d(
            width, channels, layer.kernel_size, layer.stride, layer.padding, layer.dilation, bias=False
        ).double()
        nn.init.normal_(conv.weight, std=(width * layer.kernel_size) ** -0.5)
        parts.append(conv)
        if relu:
            parts.append(nn.ReLU())
        width = channels
    return nn.Sequential(*parts)


def input_gradient(model: nn.Module, x: Tensor, unit: Sequence[int]) -> Tensor:
    """Return the gradient of one output position, summed over channels, for the input (1, C, ...)."""
    x = x.detach().clone().requires_grad_(True)
    output = model(x)
    output[(0, slice(None), *unit)].sum().backward()
    assert x.grad is not None
    return x.grad[0]


def gradient_support(layers: Sequence[Layer], size: int, index: int) -> np.ndarray:
    """Return which of ``size`` input pixels one output of the stack depends on, measured.

    All weights are 1, so that no two paths can cancel: a gradient of 0 means that there is no path at all.

    Returns:
        Booleans (size,).
    """
    stack = build_stack(layers)
    for weight in stack.parameters():
        nn.init.ones_(weight)
    return (input_gradient(stack, torch.zeros(1, 1, size, dtype=torch.float64), (index,))[0] != 0).numpy()


def effective_variance(layers: Sequence[Layer]) -> float:
    """Return the variance of the effective field, ``sum (k^2 - 1) / 12 * (dilation * jump)^2``, in square pixels.

    With independent random weights of mean 0 and no activations, the expected squared gradient of a pixel is the
    number of paths to it, a convolution of boxes. Variances add, and many boxes make a Gaussian.

    Source: Luo et al. (2016), Understanding the effective receptive field in deep convolutional neural networks.
    """
    variance, jump = 0.0, 1
    for layer in layers:
        variance += (layer.kernel_size**2 - 1) / 12 * (layer.dilation * jump) ** 2
        jump *= layer.stride
    return variance


def effective_profile(
    layers: Sequence[Layer], size: int, channels: int = 16, networks: int = 50, relu: bool = False, seed: int = 0
) -> np.ndarray:
    """Measure the mean squared gradient of the middle output for each input pixel, over many random networks.

    Args:
        layers: the stack.
        size: pixels of the input.
        channels: width of every layer. In narrow networks a few large gradients decide, and the profile is ragged.
        networks: number of networks drawn.
        relu: put a ReLU after every layer.
        seed: of the weights and inputs.

    Returns:
        (size,), scaled to the sum 1.
    """
    check_int("networks", networks, minimum=1)
    energy = np.zeros(size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for _ in range(networks):
            stack = build_stack(layers, channels, relu)
            x = torch.randn(1, 1, size, dtype=torch.float64)
            with torch.no_grad():
                middle = stack(x).shape[-1] // 2
            energy += input_gradient(stack, x, (middle,))[0].numpy() ** 2
    return energy / energy.sum()


def spread_of(profile: np.ndarray) -> float:
    """Return the standard deviation of a profile of sum 1, in pixels."""
    position = np.arange(len(profile))
    mean = (profile * position).sum()
    return float(np.sqrt((profile * (position - mean) ** 2).sum()))

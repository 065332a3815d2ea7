"""Dilated context: fields that grow exponentially, the grid they can leave, and rates that leave none.

Source: F. Yu, V. Koltun, "Multi-scale context aggregation by dilated convolutions", ICLR 2016 (context module); P.
Wang et al., "Understanding convolution for semantic segmentation", WACV 2018 (gridding, hybrid dilated convolution).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_choice, check_int
from course_utils.scratch.convolution_kinds.dilated import paths_to_input
from course_utils.scratch.convolution_kinds.receptive_field import Layer, receptive_fields

# Table 1 of Yu and Koltun: dilation of each 3 x 3 layer, and its channels as multiples of C.
CONTEXT_DILATIONS = (1, 1, 2, 4, 8, 16, 1)
CONTEXT_WIDTHS = {"basic": (1,) * 8, "large": (2, 2, 4, 8, 16, 32, 32, 1)}


def fields_of(dilations: Sequence[int], kernel_size: int = 3) -> list[int]:
    """Return the side of the receptive field after each of a stack of dilated layers: 3, 7, 15 for rates 1, 2, 4."""
    layers = [Layer(kernel_size, dilation=dilation) for dilation in dilations]
    return [field.size for field in receptive_fields(layers)[1:]]


def context_module(channels: int, form: str = "basic", *, identity: bool = True) -> nn.Sequential:
    """Return Yu and Koltun's context module: seven dilated 3 x 3 layers and a 1 x 1 layer, (N, C, H, W) to the same.

    It sees 67 x 67 pixels of its input map at full resolution. Layers are padded with zeros, so that sizes stay.

    Args:
        channels: C, the number of classes in the paper.
        form: ``"basic"``: C channels everywhere, 64 C^2 weights; ``"large"``: up to 32 C channels.
        identity: start as the identity on inputs that are not negative, as the paper advises: then the module does no
            harm when it is put behind a trained network. The large form starts so up to a noise of the weights.

    Raises:
        ValueError: if an option is out of range.
    """
    check_int("channels", channels, minimum=1)
    factors = CONTEXT_WIDTHS[check_choice("form", form, CONTEXT_WIDTHS)]
    layers: list[nn.Module] = []
    before = channels
    for dilation, factor in zip(CONTEXT_DILATIONS, factors[:-1], strict=True):
        after = factor * channels
        layers += [nn.Conv2d(before, after, 3, padding=dilation, dilation=dilation), nn.ReLU()]
        before = after
    layers.append(nn.Conv2d(before, channels, 1))
    module = nn.Sequential(*layers)
    if identity:
        for layer in module:
            if isinstance(layer, nn.Conv2d):
                start_as_identity(layer, channels, noise=0.0 if form == "basic" else 1e-3)
    return module


@torch.no_grad()
def start_as_identity(layer: nn.Conv2d, channels: int, noise: float = 0.0) -> None:
    """Set a layer to copy: the middle tap passes each of C groups of channels on to the group of the same number.

    For equal widths that is the identity. Between c_i and c_{i+1} channels, both multiples of C, each output takes
    the mean of its group, and a little noise tells the copies apart (the paper's equation 5, scaled to keep means).

    Args:
        layer: convolution with odd sides.
        channels: C.
        noise: standard deviation of all other weights.
    """
    out, into, rows, columns = layer.weight.shape
    layer.weight.normal_(0, noise) if noise else layer.weight.zero_()
    for a in range(out):
        for b in range(into):
            if a * channels // out == b * channels // into:
                layer.weight[a, b, rows // 2, columns // 2] = channels / into
    if layer.bias is not None:
        layer.bias.zero_()


def support(dilations: Sequence[int], kernel_size: int = 3) -> NDArray[np.bool_]:
    """Return along one axis which pixels of the field an output of the stack can see; False is a hole."""
    return paths_to_input(kernel_size, dilations) > 0


def support_map(dilations: Sequence[int], kernel_size: int = 3) -> Tensor:
    """Measure which pixels of its field an output depends on, by the gradient of a stack with weights of 1.

    Returns:
        Bool (r, r), r the side of the field.
    """
    side = fields_of(dilations, kernel_size)[-1]
    x = torch.zeros(1, 1, side, side, dtype=torch.float64, requires_grad=True)
    ones = torch.ones(1, 1, kernel_size, kernel_size, dtype=torch.float64)
    out = x
    for dilation in dilations:
        out = F.conv2d(out, ones, dilation=dilation)
    (gradient,) = torch.autograd.grad(out.sum(), x)
    return gradient[0, 0] > 0


def second_layer_gap(dilations: Sequence[int], kernel_size: int = 3) -> int:
    """Return M_2 of Wang et al.: how far apart non-zero taps may lie for the second layer; at most k means no hole.

    From the last layer backwards: ``M_n = r_n`` and
    ``M_i = max(M_{i+1} - 2 r_i, M_{i+1} - 2 (M_{i+1} - r_i), r_i)``.
    The first layer must have rate 1 for the rule to say anything.

    Args:
        dilations: rates r_1 to r_n, at least one.
        kernel_size: k.
    """
    for i, rate in enumerate(dilations):
        check_int(f"dilations[{i}]", rate, minimum=1)
    distance = dilations[-1]
    for rate in reversed(dilations[1:-1]):
        distance = max(distance - 2 * rate, distance - 2 * (distance - rate), rate)
    return distance


def hybrid_rates(count: int, rate: int, kernel_size: int = 3) -> tuple[int, ...]:
    """Return rates for layers that used one rate: the same mean, hence the same field, and no hole.

    Groups of three layers get ``rate - 1, rate, rate + 1`` as Wang et al. do for rate 2: (1, 2, 3) for (2, 2, 2).

    Args:
        count: number of layers, a multiple of 3.
        rate: the rate that all had, at least 2.
        kernel_size: k.

    Raises:
        ValueError: if these rates leave holes (rates above 2 need smaller ones in front).
    """
    check_int("rate", rate, minimum=2)
    if check_int("count", count, minimum=3) % 3:
        raise ValueError(f"count must be a multiple of 3, got {count}")
    rates = (rate - 1, rate, rate + 1) * (count // 3)
    if not support(rates, kernel_size).all():
        raise ValueError(f"rates {rates} leave holes with a kernel of {kernel_size}: put a layer of rate 1 in front")
    return rates


def weights_of(dilations: Sequence[int], kernel_size: int = 3) -> int:
    """Return the weights of a stack between single maps, k^2 a layer: linear in depth, whatever the rates."""
    return kernel_size**2 * len(dilations)

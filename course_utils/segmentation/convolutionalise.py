"""A classifier becomes a network that scores every place: its linear layers turn into convolutions.

The *first* linear layer sees a whole map of h x w, so it becomes a convolution with a kernel of h x w, not of 1 x 1.
The linear layers after it see one vector each, and become 1 x 1. No weight changes, only their arrangement.

On images of the size that the classifier was made for, the scores are the same. On larger ones the score at (i, j)
is the classifier's score for the crop that begins at (i * stride, j * stride): exactly, if the network pads nothing.
With padding it is not: the classifier sees zeros around every crop, the large image has pixels there. (A classifier
that drops the last rows of a crop, because a stride does not divide, may find one more place at the end of an image.)

Source: P. Sermanet et al., "OverFeat", ICLR 2014; J. Long, E. Shelhamer, T. Darrell, "Fully convolutional networks
for semantic segmentation", CVPR 2015, section 3.1. The step for layers in a row is chapter 05d's
`as_fully_convolutional`; here it meets nested networks and global average pooling.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from course_utils.models.conv_norm import ConvNormAct
from course_utils.models.tracing import pair
from course_utils.models.vgg import VGG
from course_utils.scratch.fully_convolutional.fc_as_conv import as_fully_convolutional

Window = nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d


class SlidingMean(nn.AvgPool2d):
    """What global average pooling becomes: the mean over a window of the original map's size, step by step."""


def layers_in_a_row(model: nn.Module) -> list[nn.Module]:
    """Return the layers of nested `nn.Sequential` in the order in which they run.

    Raises:
        ValueError: if ``model`` is none: the order of layers is then known to its ``forward`` alone.
    """
    if not isinstance(model, nn.Sequential):
        raise ValueError(f"model must be an nn.Sequential, nested or not, got {type(model).__name__}")
    out: list[nn.Module] = []
    for layer in model:
        out += layers_in_a_row(layer) if isinstance(layer, nn.Sequential) else [layer]
    return out


def sliding_window(layer: nn.Module) -> Window | None:
    """Return the convolution or pooling that a layer is, or, for `ConvNormAct`, that it begins with; else None."""
    core = layer.conv if isinstance(layer, ConvNormAct) else layer
    return core if isinstance(core, Window) else None


def vgg_in_a_row(model: VGG) -> nn.Sequential:
    """Return a VGG as layers in a row, ready for `convolutionalise`; it shares all parameters with ``model``."""
    layers: list[nn.Module] = []
    for stage, count in enumerate(model.stages, start=1):
        for i in range(1, count + 1):
            layers.append(getattr(model, f"conv{stage}_{i}"))
            if model.batch_norm:
                layers.append(getattr(model, f"norm{stage}_{i}"))
            layers.append(nn.ReLU())
        layers.append(model.pool)
    head = [model.fc6, nn.ReLU(), model.dropout, model.fc7, nn.ReLU(), model.dropout, model.fc8]
    return nn.Sequential(*layers, nn.Flatten(), *head)


def total_stride(model: nn.Module) -> int:
    """Return the product of the strides of layers in a row: 32 after five halvings."""
    windows = [window for layer in layers_in_a_row(model) if (window := sliding_window(layer))]
    rows, columns = (math.prod(pair(window.stride)[axis] for window in windows) for axis in (0, 1))
    if rows != columns:
        raise ValueError(f"strides must be equal along both axes, got {rows} and {columns}")
    return rows


def pads(model: nn.Module) -> bool:
    """Tell whether a layer adds a border: then scores inside a large image differ from those of its crops."""
    windows = [window for layer in layers_in_a_row(model) if (window := sliding_window(layer))]
    padding = [0 if window.padding == "valid" else window.padding for window in windows]
    other = any(type(layer).__name__.endswith(("Pad1d", "Pad2d")) for layer in layers_in_a_row(model))
    return other or any(p == "same" or max(pair(p)) > 0 for p in padding)  # type: ignore[arg-type]


def convolutionalise(model: nn.Module, input_shape: tuple[int, int, int]) -> nn.Sequential:
    """Return a copy of a classifier that gives a map of scores for images of any larger size.

    Args:
        model: layers in a row, nested as you like: maps, then `nn.Flatten`, then `nn.Linear` with activations and
            dropout between. Adaptive average pooling is taken where it changes nothing (VGG as torchvision has it),
            or where it pools the whole map (ResNet's and GoogLeNet's end): then a window of that size slides.
        input_shape: (C, H, W) of the images that the classifier was made for.

    Returns:
        Layers in a row, in evaluation mode: (N, C, H, W) to (N, K, 1, 1), larger images to (N, K, rows, columns).
        It shares no parameter with ``model``.

    Raises:
        ValueError: if the layers are not in a row, nothing is flattened, or a pooling fits neither case.
    """
    parameter = next(model.parameters())
    x = torch.zeros(1, *input_shape, dtype=parameter.dtype, device=parameter.device)
    layers: list[nn.Module] = []
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    with torch.no_grad():
        for layer in layers_in_a_row(model):
            before, x = x, layer(x)
            if not isinstance(layer, nn.AdaptiveAvgPool2d):
                layers.append(layer)
            elif x.shape[2:] == (1, 1):
                layers.append(SlidingMean((before.shape[2], before.shape[3]), stride=1))
            elif x.shape != before.shape:
                raise ValueError(
                    f"adaptive pooling from {tuple(before.shape[2:])} to {tuple(x.shape[2:])} is no sliding window; "
                    "it must leave the map alone or pool it whole"
                )
    for module, training in modes:
        module.training = training
    return as_fully_convolutional(nn.Sequential(*layers), input_shape).eval()

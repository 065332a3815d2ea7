"""A fully connected layer is a convolution whose kernel is as large as the map (chapter 05d)."""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from course_utils.check import check_int, check_shape
from course_utils.scratch.convolution.im2col import conv2d_im2col
from course_utils.scratch.convolution_kinds.sizes import output_size

Array = NDArray[np.floating]


def connection_count(height: int, width: int, channels: int, units: int) -> int:
    """Return the number of weights between a map and a fully connected layer, without biases."""
    for name, value in (("height", height), ("width", width), ("channels", channels), ("units", units)):
        check_int(name, value, minimum=1)
    return height * width * channels * units


def linear_as_kernel(weight: ArrayLike, channels: int, height: int, width: int) -> Array:
    """Return fully connected weights as a kernel: the same numbers in another shape.

    Args:
        weight: shape (units, channels * height * width), for maps flattened channel by channel, row by row.
        channels: channels of the map.
        height: rows of the map.
        width: columns of the map.

    Returns:
        Shape (units, channels, height, width).

    Raises:
        ValueError: if the weights belong to a map of another size.
    """
    weight = np.asarray(weight)
    check_shape("weight", weight, (None, channels * height * width))
    return weight.reshape(-1, channels, height, width)


def score_map_loop(x: ArrayLike, weight: ArrayLike, bias: ArrayLike, side: int, stride: int = 1) -> Array:
    """Cut out every window, flatten it, multiply: the slow twin of `score_map`."""
    x, weight, bias = np.asarray(x), np.asarray(weight), np.asarray(bias)
    n, _, height, width = check_shape("x", x, (None, None, None, None)).shape
    rows, columns = output_size(height, side, stride), output_size(width, side, stride)
    out = np.zeros((n, len(weight), rows, columns), dtype=np.result_type(x, weight))
    for image in range(n):
        for i in range(rows):
            for j in range(columns):
                window = x[image, :, i * stride : i * stride + side, j * stride : j * stride + side]
                out[image, :, i, j] = weight @ window.reshape(-1) + bias
    return out


def score_map(x: ArrayLike, weight: ArrayLike, bias: ArrayLike, side: int, stride: int = 1) -> Array:
    """Apply a fully connected layer, made for maps of ``side`` x ``side``, at every place of larger maps.

    Args:
        x: maps, shape (N, C, H, W), both sides at least ``side``.
        weight: shape (units, C * side * side).
        bias: shape (units,).
        side: side of the maps that the layer was made for.
        stride: step between windows.

    Returns:
        Scores, shape (N, units, rows, columns): 1 x 1 for maps of the original size.

    Raises:
        ValueError: if the weights do not fit, or the maps are too small.
    """
    x = np.asarray(x)
    channels = check_shape("x", x, (None, None, None, None)).shape[1]
    return conv2d_im2col(x, linear_as_kernel(weight, channels, side, side), np.asarray(bias), stride)


def as_fully_convolutional(model: nn.Sequential, input_shape: tuple[int, int, int]) -> nn.Sequential:
    """Return a copy of a classifier with each fully connected layer turned into a convolution.

    Args:
        model: layers in a row; maps first, then ``nn.Flatten``, then ``nn.Linear`` with activations between.
        input_shape: (C, H, W) of the images that the classifier was made for.

    Returns:
        A model in evaluation mode that gives the same scores as (N, K, 1, 1) on such images, and a map of scores
        on larger ones. It shares no parameter with ``model``.

    Raises:
        ValueError: if ``model`` has no ``nn.Flatten``.
    """
    if not any(isinstance(layer, nn.Flatten) for layer in model):
        raise ValueError("model must flatten its maps with nn.Flatten before the first nn.Linear, found none")
    layers: list[nn.Module] = []
    first_kernel: tuple[int, int] | None = None
    parameter = next(model.parameters())
    x = torch.zeros(1, *input_shape, dtype=parameter.dtype, device=parameter.device)
    with torch.no_grad():
        for layer in copy.deepcopy(model).eval():
            if isinstance(layer, nn.Flatten):
                first_kernel = (x.shape[2], x.shape[3])
            elif isinstance(layer, nn.Linear):
                kernel = first_kernel or (1, 1)
                layers.append(_linear_as_conv(layer, kernel))
                first_kernel = None
            else:
                layers.append(layer)
            x = layer(x)
    return nn.Sequential(*layers)


def _linear_as_conv(linear: nn.Linear, kernel: tuple[int, int]) -> nn.Conv2d:
    channels = linear.in_features // (kernel[0] * kernel[1])
    conv = nn.Conv2d(channels, linear.out_features, kernel, bias=linear.bias is not None).to(linear.weight)
    conv.weight.copy_(linear.weight.view(linear.out_features, channels, *kernel))
    if linear.bias is not None and conv.bias is not None:
        conv.bias.copy_(linear.bias)
    return conv


def window_of(score_row: int, score_column: int, side: int, stride: int) -> tuple[int, int, int, int]:
    """Return the box (x1, y1, x2, y2) in pixels of the input that one entry of a score map has seen."""
    left, top = score_column * stride, score_row * stride
    return left, top, left + side, top + side


def scores_of_crops(model: nn.Module, image: Tensor, side: int, stride: int) -> Tensor:
    """Run a classifier on every crop, one by one: the slow twin of a fully convolutional model.

    Args:
        model: maps (1, C, side, side) to (1, K).
        image: shape (1, C, H, W).
        side: side of a crop.
        stride: step between crops; the product of all strides inside the model.

    Returns:
        Shape (1, K, rows, columns).
    """
    rows, columns = output_size(image.shape[2], side, stride), output_size(image.shape[3], side, stride)
    with torch.no_grad():
        lines = []
        for i in range(rows):
            crops = [image[:, :, i * stride :, j * stride :][:, :, :side, :side] for j in range(columns)]
            lines.append(torch.stack([model(crop)[0] for crop in crops], dim=1))
    return torch.stack(lines, dim=1)[None]

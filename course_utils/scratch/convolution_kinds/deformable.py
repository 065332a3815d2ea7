"""Deformable convolution: each tap reads where a second network tells it to (chapter 05b).

Offsets are laid out as in torchvision: (N, 2 k k, H', W'), for each tap (row by row) first the shift down, then the
shift to the right, in pixels.

Source: Dai et al. (2017), Deformable convolutional networks.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.check import check_int, check_shape
from course_utils.scratch.convolution_kinds.sizes import output_size


def bilinear_at(image: np.ndarray, row: float, column: float) -> float:
    """Read an (H, W) image between its pixels: four neighbours, weighted by nearness; outside lies 0.

    Args:
        image: (H, W).
        row: position in pixels; whole numbers are pixel centres.
        column: likewise.
    """
    height, width = image.shape
    top, left = math.floor(row), math.floor(column)
    value = 0.0
    for i in (top, top + 1):
        for j in (left, left + 1):
            if 0 <= i < height and 0 <= j < width:
                value += image[i, j] * (1 - abs(row - i)) * (1 - abs(column - j))
    return value


def bilinear_slope(image: np.ndarray, row: float, column: float) -> tuple[float, float]:
    """Return how fast the value of ``bilinear_at`` changes with the row and with the column, by hand.

    Within a cell of four pixels the value is linear along each axis: the slope downwards is the difference between the
    lower and the upper pair, mixed by the nearness along the row, and the other way round.
    """
    height, width = image.shape
    top, left = math.floor(row), math.floor(column)
    down, right = row - top, column - left

    def pixel(i: int, j: int) -> float:
        return float(image[i, j]) if 0 <= i < height and 0 <= j < width else 0.0

    a, b, c, d = pixel(top, left), pixel(top, left + 1), pixel(top + 1, left), pixel(top + 1, left + 1)
    return (1 - right) * (c - a) + right * (d - b), (1 - down) * (b - a) + down * (d - c)


def deform_conv2d_loops(
    x: np.ndarray,
    offset: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
) -> np.ndarray:
    """Apply a deformable layer one tap at a time: the definition, slowly.

    Args:
        x: (N, C, H, W) input maps.
        offset: (N, 2 k k, H', W') shifts in pixels.
        weight: (O, C, k, k).
        bias: (O,), or None.
        stride: as in any layer.
        padding: as in any layer.
        dilation: as in any layer.

    Returns:
        (N, O, H', W').
    """
    n, c, height, width = x.shape
    o, _, k, _ = check_shape("weight", weight, (None, c, None, None)).shape
    rows = output_size(height, k, stride, padding, dilation)
    columns = output_size(width, k, stride, padding, dilation)
    check_shape("offset", offset, (n, 2 * k * k, rows, columns))
    z = np.zeros((n, o, rows, columns), dtype=np.result_type(x, weight))
    for image in range(n):
        for i in range(rows):
            for j in range(columns):
                for tap in range(k * k):
                    a, b = divmod(tap, k)
                    row = i * stride - padding + a * dilation + offset[image, 2 * tap, i, j]
                    column = j * stride - padding + b * dilation + offset[image, 2 * tap + 1, i, j]
                    seen = np.array([bilinear_at(channel, row, column) for channel in x[image]])
                    z[image, :, i, j] += weight[:, :, a, b] @ seen
    return z if bias is None else z + bias[:, None, None]


def sampling_points(
    offset: Tensor, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1
) -> tuple[Tensor, Tensor]:
    """Return the rows and the columns at which the taps read, each (N, k k, H', W'), in pixels of the input.

    Args:
        offset: (N, 2 k k, H', W').
        kernel_size: taps along each axis.
        stride: as in any layer.
        padding: as in any layer; a negative number leaves that many rows and columns at each side without an output.
        dilation: as in any layer.
    """
    n, _, height, width = check_shape("offset", offset, (None, 2 * kernel_size**2, None, None)).shape
    shifts = offset.view(n, kernel_size**2, 2, height, width)
    taps = torch.arange(kernel_size, device=offset.device, dtype=offset.dtype) * dilation
    down = torch.arange(height, device=offset.device, dtype=offset.dtype) * stride - padding
    right = torch.arange(width, device=offset.device, dtype=offset.dtype) * stride - padding
    rows = taps.repeat_interleave(kernel_size)[:, None, None] + down[:, None] + shifts[:, :, 0]
    columns = taps.repeat(kernel_size)[:, None, None] + right + shifts[:, :, 1]
    return rows, columns


def bilinear_sample(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Read (N, C, H, W) maps at (N, P) positions; outside lies 0.

    Gradients flow to the maps and, through the four weights of nearness, to the positions.

    Returns:
        (N, C, P).
    """
    n, c, height, width = x.shape
    top, left = rows.detach().floor(), columns.detach().floor()
    flat = x.reshape(n, c, height * width)
    value = x.new_zeros(n, c, rows.shape[1])
    for i in (top, top + 1):
        for j in (left, left + 1):
            inside = (i >= 0) & (i < height) & (j >= 0) & (j < width)
            index = (i.clamp(0, height - 1) * width + j.clamp(0, width - 1)).long()
            near = (1 - (rows - i).abs()) * (1 - (columns - j).abs()) * inside
            value = value + flat.gather(2, index[:, None].expand(-1, c, -1)) * near[:, None]
    return value


def deform_conv2d(
    x: Tensor,
    offset: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
) -> Tensor:
    """Apply a deformable layer to a whole batch: sample all taps, then one product with the weights.

    Arguments and result as in ``deform_conv2d_loops``, as tensors; differentiable in input, offset, weight and bias.
    A negative padding computes only positions that far from the border: the taps may still read there.
    """
    n, c, height, width = x.shape
    o, _, k, _ = check_shape("weight", weight, (None, c, None, None)).shape
    rows_out = output_size(height + 2 * min(padding, 0), k, stride, max(padding, 0), dilation)
    columns_out = output_size(width + 2 * min(padding, 0), k, stride, max(padding, 0), dilation)
    check_shape("offset", offset, (n, 2 * k * k, rows_out, columns_out))
    rows, columns = sampling_points(offset, k, stride, padding, dilation)
    seen = bilinear_sample(x, rows.reshape(n, -1), columns.reshape(n, -1))
    z = weight.reshape(o, -1) @ seen.reshape(n, c * k * k, rows_out * columns_out)
    z = z.reshape(n, o, rows_out, columns_out)
    return z if bias is None else z + bias[:, None, None]


class DeformableConv2d(nn.Module):
    """A convolution whose taps are moved by the output of a second network.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: taps along each axis.
        stride: as in any layer.
        padding: as in ``deform_conv2d``.
        dilation: distance between taps before they are moved.
        offset_net: maps the input to (N, 2 k k, H', W'). By default one convolution of the same geometry with weights
            0, so that training begins with an ordinary layer, as in the paper.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        offset_net: nn.Module | None = None,
    ) -> None:
        super().__init__()
        check_int("kernel_size", kernel_size, minimum=1)
        plain = nn.Conv2d(in_channels, out_channels, kernel_size)
        self.weight, self.bias = plain.weight, plain.bias
        self.geometry = (stride, padding, dilation)
        if offset_net is None:
            offset_net = nn.Conv2d(in_channels, 2 * kernel_size**2, kernel_size, stride, padding, dilation)
            for parameter in offset_net.parameters():
                nn.init.zeros_(parameter)
        self.offset_net = offset_net

    def forward(self, x: Tensor) -> Tensor:
        """Predict offsets from ``x`` and convolve at the moved points."""
        return deform_conv2d(x, self.offset_net(x), self.weight, self.bias, *self.geometry)

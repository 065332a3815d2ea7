"""A strided network and its dilated twin: the same weights, the same values, no resolution lost.

Where the strided network keeps every s-th unit, the twin keeps all; every window after that then has to reach s
times as far for its next tap, so its dilation and its padding grow by s. The twin's map, read at every S-th row and
column (S the product of the removed strides), *is* the strided network's map, borders included, for convolution and
for both kinds of pooling: the other units are what the strided network would have said about shifted images.

Source: A. Giusti et al., "Fast image scanning with deep max-pooling convolutional neural networks", ICIP 2013; L.-C.
Chen et al., "DeepLab", ICLR 2015; F. Yu, V. Koltun, "Multi-scale context aggregation by dilated convolutions", ICLR
2016 (who remove the last two poolings of VGG-16 only: ``output_stride=8``).
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_int
from course_utils.models.conv_norm import ConvNormAct
from course_utils.models.tracing import pair
from course_utils.segmentation.convolutionalise import layers_in_a_row, sliding_window

# Layers that treat every pixel alike, so that no dilation concerns them.
POINTWISE = (
    nn.ReLU,
    nn.LeakyReLU,
    nn.PReLU,
    nn.ELU,
    nn.GELU,
    nn.SiLU,
    nn.Tanh,
    nn.Sigmoid,
    nn.Softplus,
    nn.Identity,
    nn.Dropout,
    nn.Dropout2d,
    nn.BatchNorm2d,
)


class DilatedAvgPool(nn.Module):
    """Average pooling with stride and dilation, which `nn.AvgPool2d` does not have.

    Args:
        kernel_size: rows and columns of the window.
        stride: step of the window.
        padding: zeros at each side.
        dilation: distance between the pixels of a window.
        count_include_pad: average over padded places too.
    """

    def __init__(
        self,
        kernel_size: tuple[int, int],
        stride: tuple[int, int],
        padding: tuple[int, int],
        dilation: tuple[int, int],
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding, self.dilation = kernel_size, stride, padding, dilation
        self.count_include_pad = count_include_pad

    def _sum(self, x: Tensor) -> Tensor:
        ones = x.new_ones(x.shape[1], 1, *self.kernel_size)
        return F.conv2d(x, ones, None, self.stride, self.padding, self.dilation, groups=x.shape[1])

    def forward(self, x: Tensor) -> Tensor:
        if self.count_include_pad:
            return self._sum(x) / (self.kernel_size[0] * self.kernel_size[1])
        return self._sum(x) / self._sum(torch.ones_like(x[:1, :1]))


def _times(factor: int, value: int | tuple[int, ...]) -> tuple[int, int]:
    rows, columns = pair(value)
    return factor * rows, factor * columns


def _sides(layer: nn.Conv2d) -> tuple[int, int, int, int]:
    """Left, right, upper and lower padding of a convolution, also where it is given as a word."""
    if layer.padding == "same":
        whole = [d * (k - 1) for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
        rows, columns = whole
        return columns // 2, columns - columns // 2, rows // 2, rows - rows // 2
    rows, columns = (0, 0) if layer.padding == "valid" else pair(layer.padding)  # type: ignore[arg-type]
    return columns, columns, rows, rows


def _conv(layer: nn.Conv2d, rate: int, stride: tuple[int, int]) -> nn.Module:
    if layer.padding_mode != "zeros":
        raise ValueError(f"padding_mode must be 'zeros' to be dilated, got {layer.padding_mode!r}")
    twin = copy.deepcopy(layer)
    left, right, top, bottom = (rate * side for side in _sides(layer))
    twin.stride, twin.dilation = stride, _times(rate, layer.dilation)
    if left == right and top == bottom:
        twin.padding = (top, left)
        return twin
    twin.padding = (0, 0)
    return nn.Sequential(nn.ZeroPad2d((left, right, top, bottom)), twin)


def _pool(layer: nn.MaxPool2d | nn.AvgPool2d, rate: int, stride: tuple[int, int]) -> nn.Module:
    if layer.ceil_mode:
        raise ValueError("ceil_mode must be False: windows that hang over the border have no place in the twin")
    kernel, padding = pair(layer.kernel_size), _times(rate, layer.padding)
    if isinstance(layer, nn.AvgPool2d):
        if layer.divisor_override is not None:
            raise ValueError("divisor_override must be None to be dilated")
        return DilatedAvgPool(kernel, stride, padding, (rate, rate), layer.count_include_pad)
    pool = nn.MaxPool2d(kernel, stride, dilation=_times(rate, layer.dilation))
    if padding == (0, 0):
        return pool
    # Padded by hand: PyTorch allows no more than half a window, and a dilated window needs more at times.
    return nn.Sequential(nn.ConstantPad2d((padding[1], padding[1], padding[0], padding[0]), -torch.inf), pool)


def dilated_twin(model: nn.Module, output_stride: int = 1) -> nn.Sequential:
    """Return a copy of a network in which strides beyond ``output_stride`` have become dilations.

    Args:
        model: `nn.Sequential`, nested as you like, of convolutions, max and average pooling, zero padding, batch
            normalisation (exact in evaluation mode), activations, dropout and `ConvNormAct`. Linear layers have to
            be turned into convolutions before: `convolutionalise`.
        output_stride: how far strides may accumulate before they are removed; 1 removes all of them.

    Returns:
        Layers in a row with copied weights. With the product S of the removed strides,
        ``dilated_twin(model)(x)[:, :, ::S, ::S] == model(x)``.

    Raises:
        ValueError: if a layer has no dilated form, or its strides differ along the axes.
    """
    check_int("output_stride", output_stride, minimum=1)
    layers: list[nn.Module] = []
    kept, rate = 1, 1  # strides that stay so far; strides removed so far
    for layer in layers_in_a_row(model):
        window = sliding_window(layer)
        if isinstance(layer, POINTWISE):
            layers.append(copy.deepcopy(layer))
        elif isinstance(layer, nn.ZeroPad2d):
            layers.append(nn.ZeroPad2d(tuple(rate * side for side in layer.padding)))  # type: ignore[arg-type]
        elif window is not None:
            step, other = pair(window.stride)
            if step != other:
                raise ValueError(f"strides must be equal along both axes, got {(step, other)}")
            stays = kept * step <= output_stride
            stride = (step, step) if stays else (1, 1)
            twin = _conv(window, rate, stride) if isinstance(window, nn.Conv2d) else _pool(window, rate, stride)
            if isinstance(layer, ConvNormAct):
                brick = copy.deepcopy(layer)
                brick.conv = twin  # type: ignore[assignment]
                twin = brick
            layers.append(twin)
            kept, rate = (kept * step, rate) if stays else (kept, rate * step)
        else:
            raise ValueError(
                f"{type(layer).__name__} has no dilated form here; linear layers: use convolutionalise() first"
            )
    twin_of_all = nn.Sequential(*layers)
    twin_of_all.training = model.training  # each layer keeps the mode that it was in
    return twin_of_all

"""The maximum written with ReLUs, and max pooling as two convolutions with ReLUs between (chapter 05c)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.check import check_shape


def max_by_relu(a: Tensor, b: Tensor) -> Tensor:
    """Return the larger of ``a`` and ``b`` as ``relu(b) - relu(-b) + relu(a - b)``.

    The first two terms are ``b``, the last is what ``a`` has more.
    """
    return F.relu(b) - F.relu(-b) + F.relu(a - b)


def pair_filters(channels: int, vertical: bool) -> Tensor:
    """Return the fixed depthwise filters that give ``b``, ``-b`` and ``a - b`` for each pair of neighbours.

    Args:
        channels: channels of the input.
        vertical: pairs one above the other in place of side by side.

    Returns:
        Shape (3 * channels, 1, 1, 2), or (3 * channels, 1, 2, 1) if vertical.
    """
    filters = torch.tensor([[0.0, 1.0], [0.0, -1.0], [1.0, -1.0]], dtype=torch.float64)
    return filters.repeat(channels, 1).reshape(-1, 1, *((2, 1) if vertical else (1, 2)))


def join_filters(channels: int) -> Tensor:
    """Return the fixed 1x1 filters that add up the three rectified maps of each channel: (channels, 3, 1, 1)."""
    return torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64).repeat(channels, 1).reshape(channels, 3, 1, 1)


def max_pool_by_convolutions(x: Tensor) -> Tensor:
    """Return 2x2 max pooling with stride 2, computed by fixed convolutions and ReLU alone.

    Two levels: the larger of each horizontal pair, then of each vertical pair. A level is a strided
    convolution to three times the channels, a ReLU, and a 1x1 convolution back.

    Args:
        x: maps, shape (N, C, H, W); an odd last row or column is dropped, as by the library.

    Source: S. Saxena and J. Verbeek (2016), Convolutional neural fabrics, who state that convolutions and
    rectification suffice; the construction is written out here.
    """
    channels = check_shape("x", x, (None, None, None, None)).shape[1]
    x = x[:, :, : x.shape[2] // 2 * 2, : x.shape[3] // 2 * 2]
    for vertical, step in ((False, (1, 2)), (True, (2, 1))):
        pairs = F.conv2d(x, pair_filters(channels, vertical).to(x), stride=step, groups=channels)
        x = F.conv2d(F.relu(pairs), join_filters(channels).to(x), groups=channels)
    return x

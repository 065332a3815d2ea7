"""A small network made for a short training run: whitened patches, three groups of two convolutions, one linear layer.

It is no paper's network. Its devices are those of the public records for CIFAR-10 in seconds: a fixed first layer that
whitens patches, convolutions that begin as the identity, and a scaled head.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_int, check_shape


def whitening_filters(images: Tensor, kernel_size: int = 2, eps: float = 5e-4) -> Tensor:
    """Return filters whose answers on patches of these images are uncorrelated and of variance 1.

    The filters are the eigenvectors of the patches' covariance, each divided by the root of its eigenvalue.

    Args:
        images: float (N, C, H, W); a few thousand are enough.
        kernel_size: side k of a patch.
        eps: added to the eigenvalues, so that directions which hold hardly more than rounding are not blown up.

    Returns:
        (C k k, C, k, k), the direction of largest variance first.

    Source: the whitening of A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009, appendix B,
    used as a first layer by T. Page, "How to train your ResNet", 2019.
    """
    check_shape("images", images, (None, None, None, None))
    check_int("kernel_size", kernel_size, minimum=1, maximum=min(images.shape[2:]))
    k, channels = kernel_size, images.shape[1]
    patches = F.unfold(images, k).transpose(1, 2).reshape(-1, channels * k * k).double()
    patches = patches - patches.mean(dim=0)
    variances, directions = torch.linalg.eigh(patches.T @ patches / len(patches))
    rows = (directions / torch.sqrt(variances + eps)).T.flip(0)
    return rows.reshape(-1, channels, k, k).float()


class SpeedNet(nn.Module):
    """Whitening, three groups (convolution, pooling, convolution), largest value of each map, linear head.

    Args:
        widths: channels of the three groups.
        num_classes: number of classes.
        head_scale: factor on the logits; it keeps the first steps small.

    Any input from 16 pixels on; three channels.

    Source: K. Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024, from which the devices are taken; the
    widths are chosen for two CPU cores.
    """

    def __init__(
        self, widths: tuple[int, int, int] = (32, 64, 128), num_classes: int = 10, head_scale: float = 0.2
    ) -> None:
        super().__init__()
        kernel_size = 2
        whitened = 2 * 3 * kernel_size**2  # each direction and its opposite: an activation then loses nothing
        self.whiten = nn.Conv2d(3, whitened, kernel_size)
        self.whiten.weight.requires_grad_(False)
        nn.init.zeros_(self.whiten.bias)  # type: ignore[arg-type]
        channels = (whitened, *widths)
        self.groups = nn.Sequential(*(Group(c, d) for c, d in pairwise(channels)))
        self.head = nn.Linear(widths[-1], num_classes, bias=False)
        self.head_scale = head_scale

    def whiten_with(self, images: Tensor) -> None:
        """Set the first layer from training images, float (N, 3, H, W), prepared as they will be for training."""
        filters = whitening_filters(images, self.whiten.kernel_size[0])
        with torch.no_grad():
            self.whiten.weight.copy_(torch.cat([filters, -filters]))

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, 3, H, W) to logits (N, num_classes)."""
        x = self.groups(F.relu(self.whiten(x)))
        return self.head(x.amax(dim=(2, 3))) * self.head_scale


class Group(nn.Module):
    """Convolution, pooling by 2, normalisation, ReLU; then convolution, normalisation, ReLU at half the size."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.widen = _identity_conv(in_channels, out_channels)
        self.norm1 = _norm(out_channels)
        self.refine = _identity_conv(out_channels, out_channels)
        self.norm2 = _norm(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to (N, out_channels, H // 2, W // 2)."""
        x = F.relu(self.norm1(F.max_pool2d(self.widen(x), 2)))
        return F.relu(self.norm2(self.refine(x)))


def _identity_conv(in_channels: int, out_channels: int) -> nn.Conv2d:
    """Return a 3x3 convolution whose first filters copy the input's channels."""
    conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
    with torch.no_grad():
        nn.init.dirac_(conv.weight[:in_channels])
    return conv


def _norm(channels: int) -> nn.BatchNorm2d:
    """Return a normalisation that only shifts: the convolution before it and the next one leave no use for a scale."""
    norm = nn.BatchNorm2d(channels, momentum=0.4)
    norm.weight.requires_grad_(False)
    return norm

"""Unshared convolution, a locally connected layer: every output position has a kernel of its own.

Source: LeCun, "Generalization and Network Design Strategies", 1989, compares such a layer with a shared one; Taigman,
Yang, Ranzato and Wolf, "DeepFace", 2014, uses three of them on aligned faces.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from course_utils.check import check_int, check_shape
from course_utils.scratch.convolution.im2col import im2col
from course_utils.scratch.convolution_kinds.sizes import output_size

LARGEST_MATRIX = 1 << 22  # numbers; up to here one product with many zeros is faster than many small products


def unshared_loops(x: np.ndarray, weight: np.ndarray, stride: int = 1) -> np.ndarray:
    """Write out ``Z[i,j,k] = sum over l,m,n of V[l, j*s+m, k*s+n] * w[i,j,k,l,m,n]``, index by index.

    Args:
        x: (C, H, W) input maps V of one image.
        weight: (O, H', W', C, kernel rows, kernel columns): one kernel for every output number.
        stride: step s from one window to the next.

    Returns:
        (O, H', W').

    Raises:
        ValueError: if the weights do not fit the input.
    """
    x, weight = np.asarray(x), np.asarray(weight)
    _check_weight(x.shape, weight.shape, stride)
    z = np.zeros(weight.shape[:3])
    for i, j, k, l, m, n in np.ndindex(*weight.shape):
        z[i, j, k] += x[l, j * stride + m, k * stride + n] * weight[i, j, k, l, m, n]
    return z


def unshared_im2col(x: np.ndarray, weight: np.ndarray, stride: int = 1) -> np.ndarray:
    """Compute what :func:`unshared_loops` computes for (N, C, H, W) images: each column meets its own kernel."""
    x, weight = np.asarray(x), np.asarray(weight)
    _check_weight(x.shape[1:], weight.shape, stride)
    o, height, width, c, k_rows, k_columns = weight.shape
    columns = im2col(x, (k_rows, k_columns), stride)  # (N, C*k*k, L)
    kernels = weight.reshape(o, height * width, c * k_rows * k_columns)
    return np.einsum("ndl,old->nol", columns, kernels, optimize=True).reshape(len(x), o, height, width)


def share_everywhere(kernel: np.ndarray, height: int, width: int) -> np.ndarray:
    """Copy the kernels (O, C, k, k) of a convolution to all positions: (O, height, width, C, k, k) unshared weights."""
    kernel = np.asarray(kernel)
    check_shape("kernel", kernel, (None, None, None, None))
    return np.broadcast_to(kernel[:, None, None], (kernel.shape[0], height, width, *kernel.shape[1:]))


class UnsharedConv2d(nn.Module):
    """A trainable unshared convolution layer without padding.

    Args:
        in_channels: maps C of the input.
        out_channels: maps O of the output.
        kernel_size: side of the kernels.
        in_size: side of the input maps; the kernels belong to positions, so the layer fits no other size.
        bias: whether every output number has a bias of its own.
    """

    links: torch.Tensor

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, in_size: int, bias: bool = True) -> None:
        super().__init__()
        check_int("in_channels", in_channels, minimum=1)
        check_int("out_channels", out_channels, minimum=1)
        self.in_channels, self.kernel_size, self.in_size = in_channels, kernel_size, in_size
        self.out_size = output_size(in_size, kernel_size)
        positions, fan_in = self.out_size**2, in_channels * kernel_size**2
        bound = 1 / math.sqrt(fan_in)  # PyTorch's own start for Conv2d
        shape = (out_channels, positions, fan_in)
        self.weight = nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(shape[:2]).uniform_(-bound, bound)) if bias else None
        pixels = torch.arange(in_channels * in_size**2, dtype=torch.float64).view(1, in_channels, in_size, in_size)
        seen = F.unfold(pixels, kernel_size)[0].long().T  # (positions, fan_in): which pixel each weight meets
        self.register_buffer("links", seen, persistent=False)

    def as_matrix(self) -> torch.Tensor:
        """Return the same layer as a dense one: (O * H' * W', C * H * W) weights, zero wherever no window reaches."""
        pixels = self.in_channels * self.in_size**2
        rows = self.weight.new_zeros(*self.weight.shape[:2], pixels)
        return rows.scatter(2, self.links.expand_as(self.weight), self.weight).flatten(0, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, C, H, W) to (N, O, H', W')."""
        check_shape("x", x, (None, self.in_channels, self.in_size, self.in_size))
        if self.weight[..., 0].numel() * self.in_channels * self.in_size**2 <= LARGEST_MATRIX:
            z = x.flatten(1) @ self.as_matrix().T
        else:
            columns = F.unfold(x, self.kernel_size).permute(2, 1, 0)  # (L, C*k*k, N)
            z = torch.bmm(self.weight.transpose(0, 1), columns).permute(2, 1, 0)  # one small product a position
        z = z.reshape(len(x), -1, self.out_size**2)
        if self.bias is not None:
            z = z + self.bias
        return z.reshape(len(x), -1, self.out_size, self.out_size)


def _check_weight(shape: tuple[int, ...], weight: tuple[int, ...], stride: int) -> None:
    if len(shape) != 3 or len(weight) != 6:
        raise ValueError(f"x must have axes (C, H, W) and weight (O, H', W', C, k, k), got shapes {shape} and {weight}")
    c, height, width = shape
    fits = (output_size(height, weight[4], stride), output_size(width, weight[5], stride), c)
    if weight[1:4] != fits:
        raise ValueError(
            f"weight must have one kernel for each of the {fits[0]} x {fits[1]} positions and {c} channels, "
            f"got {weight[1]} x {weight[2]} positions and {weight[3]} channels"
        )

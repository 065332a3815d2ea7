"""Tiled convolution: a lattice of t x t kernels that repeats over the picture, between sharing all and sharing none.

Source: Ngiam, Chen, Chia, Koh, Le and Ng, "Tiled Convolutional Neural Networks", 2010; the notation is that of
Goodfellow, Bengio and Courville, "Deep Learning", 2016, section 9.5, whose index the lecture misprints.
"""

import numpy as np

from course_utils.check import check_int, check_shape
from course_utils.scratch.convolution.im2col import conv2d_im2col, output_shape


def tiled_loops(v: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Write out ``Z[i,j,k] = sum over l,m,n of V[l,j+m,k+n] * K[i,l,m,n,j%t,k%t]``.

    Args:
        v: (C, H, W) input maps of one image.
        kernel: (O, C, kernel rows, kernel columns, t, t).

    Returns:
        (O, H', W').
    """
    t, (height, width) = _check_kernel(v.shape, kernel.shape)
    z = np.zeros((len(kernel), height, width))
    for i, j, k, l, m, n in np.ndindex(*z.shape, *kernel.shape[1:4]):
        z[i, j, k] += v[l, j + m, k + n] * kernel[i, l, m, n, j % t, k % t]
    return z


def tiled_loops_as_printed(v: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Write out the index on the lecture's slide, ``K[i,l,m,n,j%t,i%t]``: its last place repeats the output map ``i``.

    The kernel then never changes along a row of the picture, and from one map to the next it jumps for no reason. Use
    :func:`tiled_loops`; this function shows the difference.
    """
    t, (height, width) = _check_kernel(v.shape, kernel.shape)
    z = np.zeros((len(kernel), height, width))
    for i, j, k, l, m, n in np.ndindex(*z.shape, *kernel.shape[1:4]):
        z[i, j, k] += v[l, j + m, k + n] * kernel[i, l, m, n, j % t, i % t]
    return z


def tiled_conv2d(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Compute what :func:`tiled_loops` does for (N, C, H, W) images: each kernel of the lattice is a strided layer."""
    x, kernel = np.asarray(x), np.asarray(kernel)
    t, (height, width) = _check_kernel(x.shape[1:], kernel.shape)
    z = np.zeros((len(x), len(kernel), height, width), dtype=np.result_type(x, kernel))
    for a in range(min(t, height)):
        for b in range(min(t, width)):
            z[:, :, a::t, b::t] = conv2d_im2col(x[:, :, a:, b:], kernel[..., a, b], stride=t)
    return z


def untile(kernel: np.ndarray, height: int, width: int) -> np.ndarray:
    """Write tiled kernels (O, C, k, k, t, t) as unshared weights (O, height, width, C, k, k)."""
    kernel = np.asarray(kernel)
    check_shape("kernel", kernel, (None,) * 6)
    t = kernel.shape[-1]
    rows, columns = np.arange(height) % t, np.arange(width) % t
    placed = kernel[..., rows[:, None], columns[None, :]]  # (O, C, k, k, height, width)
    return np.moveaxis(placed, (4, 5), (1, 2))


def _check_kernel(shape: tuple[int, ...], kernel: tuple[int, ...]) -> tuple[int, tuple[int, int]]:
    if len(shape) != 3 or len(kernel) != 6 or kernel[4] != kernel[5] or kernel[1] != shape[0]:
        raise ValueError(
            f"x must have axes (C, H, W) and kernel (O, C, k, k, t, t) with the same C, got shapes {shape} and {kernel}"
        )
    t = check_int("t", kernel[4], minimum=1)
    return t, output_shape(shape[1], shape[2], (kernel[2], kernel[3]))

"""Convolution by loops, in one and two dimensions, and the layer of a network in six loops.

Every other module of this package is faster and must give the same numbers.
"""

import numpy as np

from course_utils.check import check_choice, check_shape
from course_utils.scratch.convolution.im2col import Pair, as_pair, check_groups, output_shape, pad_borders

MODES = ("full", "same", "valid")


def convolve1d_loops(x: np.ndarray, h: np.ndarray, mode: str = "full") -> np.ndarray:
    """Write out ``y[n] = sum over k of x[k] h[n-k]``.

    Args:
        x: (N,) signal.
        h: (K,) kernel, not longer than the signal.
        mode: ``full`` (N + K - 1 values, wherever one product exists), ``same`` (the middle N of them) or ``valid``
            (N - K + 1, where no value of ``h`` misses a partner).

    Returns:
        The convolution, as ``numpy.convolve`` gives it.
    """
    x, h = np.asarray(x, dtype=float), np.asarray(h, dtype=float)
    check_shape("x", x, (None,))
    check_shape("h", h, (None,))
    _check_kernel_fits(x.shape, h.shape)
    y = np.zeros(len(x) + len(h) - 1)
    for n in range(len(y)):
        for k in range(len(x)):
            if 0 <= n - k < len(h):
                y[n] += x[k] * h[n - k]
    return y[cut(mode, len(x), len(h))]


def convolve2d_loops(x: np.ndarray, h: np.ndarray, mode: str = "full") -> np.ndarray:
    """Write out ``y[m,n] = sum over i,j of x[i,j] h[m-i,n-j]``.

    Args:
        x: (H, W) picture.
        h: (K, L) kernel, not larger than the picture.
        mode: ``full``, ``same`` or ``valid``, as in :func:`convolve1d_loops`.

    Returns:
        The convolution, as ``scipy.signal.convolve2d`` gives it.
    """
    x, h = np.asarray(x, dtype=float), np.asarray(h, dtype=float)
    check_shape("x", x, (None, None))
    check_shape("h", h, (None, None))
    _check_kernel_fits(x.shape, h.shape)
    y = np.zeros((x.shape[0] + h.shape[0] - 1, x.shape[1] + h.shape[1] - 1))
    for m, n in np.ndindex(*y.shape):
        for i, j in np.ndindex(*x.shape):
            if 0 <= m - i < h.shape[0] and 0 <= n - j < h.shape[1]:
                y[m, n] += x[i, j] * h[m - i, n - j]
    return y[cut(mode, x.shape[0], h.shape[0]), cut(mode, x.shape[1], h.shape[1])]


def nine_terms(x: np.ndarray, h: np.ndarray) -> float:
    """Return ``y[1,1]`` for a 3x3 kernel with its origin in the centre, all nine products written out.

    Args:
        x: (H, W) picture, at least 3x3.
        h: (3, 3) kernel; the kernel's ``h[-1,-1]`` is stored at ``[0, 0]``, its ``h[0,0]`` in the centre.
    """
    check_shape("h", h, (3, 3))

    def at(row: int, column: int) -> float:
        return h[row + 1, column + 1]

    return (
        x[0, 0] * at(1, 1) + x[1, 0] * at(0, 1) + x[2, 0] * at(-1, 1)
        + x[0, 1] * at(1, 0) + x[1, 1] * at(0, 0) + x[2, 1] * at(-1, 0)
        + x[0, 2] * at(1, -1) + x[1, 2] * at(0, -1) + x[2, 2] * at(-1, -1)
    )  # fmt: skip


def conv_layer_loops(
    v: np.ndarray,
    kernel: np.ndarray,
    bias: np.ndarray | None = None,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> np.ndarray:
    """Write out ``Z[i,j,k] = b[i] + sum over l,m,n of V[l, j*s+m, k*s+n] * K[i,l,m,n]`` in six loops.

    Args:
        v: (C, H, W) input maps of one image.
        kernel: (O, C / groups, kernel rows, kernel columns).
        bias: (O,), or None.
        stride: step s from one window to the next.
        padding: zeros added at each side.
        dilation: distance between the points of a window; ``m`` and ``n`` are multiplied by it.
        groups: C and O are cut into so many groups that do not see each other.

    Returns:
        (O, H', W').

    Raises:
        ValueError: if the shapes do not fit together or no window fits.
    """
    v, kernel = np.asarray(v, dtype=float), np.asarray(kernel, dtype=float)
    check_shape("v", v, (None, None, None))
    check_shape("kernel", kernel, (None, None, None, None))
    o, c, k_rows, k_columns = kernel.shape
    check_groups(v.shape[0], o, groups)
    check_shape("kernel", kernel, (o, v.shape[0] // groups, k_rows, k_columns))
    height, width = output_shape(v.shape[1], v.shape[2], (k_rows, k_columns), stride, padding, dilation)
    (s_rows, s_columns), (d_rows, d_columns) = as_pair("stride", stride, 1), as_pair("dilation", dilation, 1)
    v = pad_borders(v, padding)
    z = np.zeros((o, height, width))
    for i in range(o):
        first = (i // (o // groups)) * c  # the first input channel that this output's group sees
        for j in range(height):
            for k in range(width):
                z[i, j, k] = 0.0 if bias is None else bias[i]
                for l in range(c):
                    for m in range(k_rows):
                        for n in range(k_columns):
                            row, column = j * s_rows + m * d_rows, k * s_columns + n * d_columns
                            z[i, j, k] += v[first + l, row, column] * kernel[i, l, m, n]
    return z


def cut(mode: str, size: int, kernel_size: int) -> slice:
    """Return which part of the full output of length ``size + kernel_size - 1`` a mode keeps.

    Raises:
        ValueError: for an unknown mode.
    """
    check_choice("mode", mode, MODES)
    if mode == "full":
        return slice(0, size + kernel_size - 1)
    if mode == "same":
        return slice((kernel_size - 1) // 2, (kernel_size - 1) // 2 + size)
    return slice(kernel_size - 1, size)


def _check_kernel_fits(size: tuple[int, ...], kernel: tuple[int, ...]) -> None:
    if any(not 1 <= k <= s for s, k in zip(size, kernel)):
        raise ValueError(
            f"the kernel must not be empty or larger than the input, got {kernel} for {size}; swap the two"
        )

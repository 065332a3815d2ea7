"""The windows that a pooling layer looks through: cut out of padded maps, and added back (chapter 05c)."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_int, check_shape
from course_utils.scratch.convolution_kinds.sizes import output_size

Array = NDArray[np.floating]


def as_maps(name: str, x: ArrayLike) -> Array:
    """Return ``x`` as a float array of shape (N, C, H, W); float arrays keep their precision.

    Args:
        name: how the caller names the argument, for the message.
        x: the maps.

    Raises:
        ValueError: if ``x`` has not four dimensions.
    """
    maps = np.asarray(x)
    if not np.issubdtype(maps.dtype, np.floating):
        maps = maps.astype(np.float64)
    return check_shape(name, maps, (None, None, None, None))


def pooled_size(
    height: int, width: int, kernel_size: int, stride: int | None = None, padding: int = 0
) -> tuple[int, int, int]:
    """Return ``(stride, rows, columns)`` of a pooled map.

    Args:
        height: rows of the input.
        width: columns of the input.
        kernel_size: side of the window, at least 1.
        stride: step between windows; None for ``kernel_size``, so that windows tile the map.
        padding: at most half the window, as in PyTorch: no window may lie in the padding alone.

    Raises:
        ValueError: if an argument is out of range or the window does not fit once.
    """
    step = (
        check_int("kernel_size", kernel_size, minimum=1) if stride is None else check_int("stride", stride, minimum=1)
    )
    if check_int("padding", padding, minimum=0) > kernel_size // 2:
        raise ValueError(
            f"padding must be at most half the window ({kernel_size} // 2 = {kernel_size // 2}), got {padding}: "
            "a window in the padding alone would have nothing to pool"
        )
    rows = output_size(height, kernel_size, step, padding)
    columns = output_size(width, kernel_size, step, padding)
    return step, rows, columns


def cut_windows(x: Array, kernel_size: int, stride: int, padding: int = 0, fill: float = 0.0) -> Array:
    """Return a read-only view of all windows.

    Args:
        x: maps, shape (N, C, H, W).
        kernel_size: side of the window.
        stride: step between windows.
        padding: rows and columns of ``fill`` added on each side.
        fill: value of the padding.

    Returns:
        Shape (N, C, rows, columns, kernel_size, kernel_size); nothing is copied except by the padding.
    """
    if padding:
        x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), constant_values=fill)
    return sliding_window_view(x, (kernel_size, kernel_size), axis=(2, 3))[:, :, ::stride, ::stride]


def add_windows(windows: Array, height: int, width: int, stride: int, padding: int = 0) -> Array:
    """Add every window back to the place it was cut from: the transpose of ``cut_windows``.

    Args:
        windows: shape (N, C, rows, columns, kernel_size, kernel_size).
        height: rows of the map, without padding.
        width: columns of the map, without padding.
        stride: step between windows.
        padding: what falls on these outer rows and columns is dropped.

    Returns:
        Shape (N, C, height, width); places that no window covers hold 0.
    """
    n, channels, rows, columns, kernel_size, _ = windows.shape
    full = np.zeros((n, channels, height + 2 * padding, width + 2 * padding), dtype=windows.dtype)
    for u in range(kernel_size):
        for v in range(kernel_size):
            full[:, :, u : u + stride * rows : stride, v : v + stride * columns : stride] += windows[..., u, v]
    return full[:, :, padding : padding + height, padding : padding + width]

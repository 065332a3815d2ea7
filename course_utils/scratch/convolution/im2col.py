"""Convolution as one matrix product: every window of the input becomes a column, every filter a row.

Source: Chellapilla, Puri and Simard, "High Performance Convolutional Neural Networks for Document Processing", 2006.
As in PyTorch, the kernel is not flipped: this is correlation.
"""

import numpy as np

from course_utils.check import check_int, check_shape
from course_utils.scratch.convolution_kinds.sizes import output_size

Pair = int | tuple[int, int]
COLUMN_BYTES = 3 << 20  # columns of this size stay in the cache of a core until the product reads them


def as_pair(name: str, value: Pair, minimum: int) -> tuple[int, int]:
    """Return ``(rows, columns)`` of a setting that is given once for both axes, or once for each.

    Args:
        name: how the caller names the setting.
        value: an integer or two of them.
        minimum: smallest allowed value.

    Raises:
        TypeError: if it is neither.
        ValueError: if there are not two, or one lies below the minimum.
    """
    if not isinstance(value, tuple | list):
        value = (value, value)
    if len(value) != 2:
        raise ValueError(f"{name} must be one integer or a pair (rows, columns), got {value}")
    return check_int(name, value[0], minimum=minimum), check_int(name, value[1], minimum=minimum)


def pad_borders(x: np.ndarray, padding: Pair) -> np.ndarray:
    """Return (..., H, W) maps with zeros added around the last two axes: ``padding`` rows and columns at each side."""
    rows, columns = as_pair("padding", padding, 0)
    if rows == columns == 0:
        return x
    height, width = x.shape[-2:]
    padded = np.zeros((*x.shape[:-2], height + 2 * rows, width + 2 * columns), dtype=x.dtype)
    padded[..., rows : rows + height, columns : columns + width] = x
    return padded


def output_shape(
    height: int, width: int, kernel_size: Pair, stride: Pair = 1, padding: Pair = 0, dilation: Pair = 1
) -> tuple[int, int]:
    """Return height and width of the output map.

    Raises:
        ValueError: if a setting is out of range, or not even one window fits; the message shows the formula.
    """
    settings = (
        as_pair("kernel_size", kernel_size, 1),
        as_pair("stride", stride, 1),
        as_pair("padding", padding, 0),
        as_pair("dilation", dilation, 1),
    )
    rows, columns = zip(*settings)
    return output_size(height, *rows), output_size(width, *columns)


def im2col(x: np.ndarray, kernel_size: Pair, stride: Pair = 1, padding: Pair = 0, dilation: Pair = 1) -> np.ndarray:
    """Copy every window of the input into a column.

    Args:
        x: (N, C, H, W) input maps.
        kernel_size: rows and columns of a window.
        stride: step from one window to the next.
        padding: zeros added at each side.
        dilation: distance between the points of a window.

    Returns:
        (N, C * kernel rows * kernel columns, L): one column for each of the L output positions, row by row.
        Within a column first the channel, then the row, then the column of the window: the order of
        ``torch.nn.functional.unfold``.

    Raises:
        ValueError: if ``x`` has no four axes or no window fits.
    """
    x = np.asarray(x)
    check_shape("x", x, (None, None, None, None))
    n, c, height, width = x.shape
    out_height, out_width = output_shape(height, width, kernel_size, stride, padding, dilation)
    k_rows, k_columns = as_pair("kernel_size", kernel_size, 1)
    columns = np.empty((n, c, k_rows, k_columns, out_height, out_width), dtype=x.dtype)
    _fill(columns, pad_borders(x, padding), stride, dilation)
    return columns.reshape(n, c * k_rows * k_columns, out_height * out_width)


def col2im(
    columns: np.ndarray,
    shape: tuple[int, int, int, int],
    kernel_size: Pair,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
) -> np.ndarray:
    """Add every column back to the window it came from: the transpose of :func:`im2col`, not its inverse.

    A pixel that lies in nine windows receives the sum of nine entries.

    Args:
        columns: (N, C * kernel rows * kernel columns, L).
        shape: (N, C, H, W) of the input maps.
        kernel_size: as in :func:`im2col`.
        stride: as in :func:`im2col`.
        padding: as in :func:`im2col`; what falls on the added border is dropped.
        dilation: as in :func:`im2col`.

    Returns:
        (N, C, H, W).
    """
    n, c, height, width = shape
    out_height, out_width = output_shape(height, width, kernel_size, stride, padding, dilation)
    k_rows, k_columns = as_pair("kernel_size", kernel_size, 1)
    check_shape("columns", columns, (n, c * k_rows * k_columns, out_height * out_width))
    windows = columns.reshape(n, c, k_rows, k_columns, out_height, out_width)
    (p_rows, p_columns), (s_rows, s_columns) = as_pair("padding", padding, 0), as_pair("stride", stride, 1)
    d_rows, d_columns = as_pair("dilation", dilation, 1)
    x = np.zeros((n, c, height + 2 * p_rows, width + 2 * p_columns), dtype=columns.dtype)
    for m in range(k_rows):
        rows = slice(m * d_rows, m * d_rows + s_rows * (out_height - 1) + 1, s_rows)
        for k in range(k_columns):
            cols = slice(k * d_columns, k * d_columns + s_columns * (out_width - 1) + 1, s_columns)
            x[:, :, rows, cols] += windows[:, :, m, k]
    return x[:, :, p_rows : p_rows + height, p_columns : p_columns + width]


def conv2d_im2col(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> np.ndarray:
    """Apply a convolution layer: columns from :func:`im2col`, then one matrix product for each image and group.

    A few images are unrolled at a time, so that the columns, nine times the size of the input for a 3x3 kernel, stay in
    the processor's cache between writing and reading. They are never held for the whole batch.

    Args:
        x: (N, C, H, W) input maps.
        weight: (O, C / groups, kernel rows, kernel columns).
        bias: (O,), or None.
        stride: step from one window to the next.
        padding: zeros added at each side.
        dilation: distance between the points of a window.
        groups: C and O are cut into so many groups; each group of outputs sees its own group of inputs only.

    Returns:
        (N, O, H', W') in the floating type of ``x`` and ``weight``.

    Raises:
        ValueError: if the shapes do not fit together or no window fits.
    """
    x, weight = np.asarray(x), np.asarray(weight)
    check_shape("x", x, (None, None, None, None))
    check_shape("weight", weight, (None, None, None, None))
    n, c, height, width = x.shape
    o, _, k_rows, k_columns = weight.shape
    check_groups(c, o, groups)
    check_shape("weight", weight, (o, c // groups, k_rows, k_columns))
    out_height, out_width = output_shape(height, width, (k_rows, k_columns), stride, padding, dilation)
    dtype = np.result_type(x, weight)
    padded = pad_borders(x.astype(dtype, copy=False), padding)
    rows = weight.astype(dtype, copy=False).reshape(groups, o // groups, -1)

    image_bytes = c * k_rows * k_columns * out_height * out_width * dtype.itemsize
    step = max(1, min(n, COLUMN_BYTES // max(1, image_bytes)))
    columns = np.empty((step, c, k_rows, k_columns, out_height, out_width), dtype=dtype)
    out = np.empty((n, groups, o // groups, out_height * out_width), dtype=dtype)
    for start in range(0, n, step):
        part = padded[start : start + step]
        filled = columns[: len(part)]
        _fill(filled, part, stride, dilation)
        np.matmul(rows, filled.reshape(len(part), groups, -1, out_height * out_width), out=out[start : start + step])
    z = out.reshape(n, o, out_height, out_width)
    if bias is not None:
        z += np.asarray(check_shape("bias", bias, (o,)), dtype=dtype)[:, None, None]
    return z


def check_groups(in_channels: int, out_channels: int, groups: int) -> int:
    """Return ``groups`` if it divides both numbers of channels.

    Raises:
        ValueError: if it does not.
    """
    check_int("groups", groups, minimum=1)
    for name, channels in (("input", in_channels), ("output", out_channels)):
        if channels % groups:
            raise ValueError(
                f"groups must divide the number of {name} channels, got {groups} groups, {channels} channels"
            )
    return groups


def _fill(columns: np.ndarray, padded: np.ndarray, stride: Pair, dilation: Pair) -> None:
    """Write all windows: one shifted copy of the whole map for each point of the kernel, not one for each window."""
    _, _, k_rows, k_columns, out_height, out_width = columns.shape
    (s_rows, s_columns), (d_rows, d_columns) = as_pair("stride", stride, 1), as_pair("dilation", dilation, 1)
    for m in range(k_rows):
        rows = slice(m * d_rows, m * d_rows + s_rows * (out_height - 1) + 1, s_rows)
        for k in range(k_columns):
            cols = slice(k * d_columns, k * d_columns + s_columns * (out_width - 1) + 1, s_columns)
            columns[:, :, m, k] = padded[:, :, rows, cols]

"""The matrix of a convolution: Toeplitz for a signal, doubly block Toeplitz for a picture."""

import numpy as np

from course_utils.check import check_int, check_shape
from course_utils.scratch.convolution.loops import cut


def toeplitz_matrix(h: np.ndarray, size: int, mode: str = "valid") -> np.ndarray:
    """Return the matrix T with ``T @ x`` equal to the convolution of ``x`` with ``h``.

    Row n, column k holds ``h[n - k]``: it depends on the difference only, so every diagonal is constant.

    Args:
        h: (K,) kernel.
        size: length of the signals that the matrix takes.
        mode: ``full``, ``same`` or ``valid``.

    Returns:
        (size + K - 1, size), (size, size) or (size - K + 1, size).
    """
    h = np.asarray(h, dtype=float)
    check_shape("h", h, (None,))
    check_int("size", size, minimum=len(h))
    difference = np.arange(size + len(h) - 1)[:, None] - np.arange(size)
    inside = (difference >= 0) & (difference < len(h))
    matrix = np.where(inside, h[np.clip(difference, 0, len(h) - 1)], 0.0)
    return matrix[cut(mode, size, len(h))]


def doubly_block_toeplitz(kernel: np.ndarray, shape: tuple[int, int], mode: str = "valid") -> np.ndarray:
    """Return the matrix that convolves a picture, read row by row as one vector, with a kernel.

    Block (m, i) links row i of the picture with row m of the output. It is the Toeplitz matrix of the kernel's row
    m - i: blocks repeat along the diagonals, and so do numbers inside every block.

    Args:
        kernel: (K, L).
        shape: (H, W) of the pictures.
        mode: ``full``, ``same`` or ``valid``, for both axes.

    Returns:
        (output pixels, H * W).
    """
    kernel = np.asarray(kernel, dtype=float)
    check_shape("kernel", kernel, (None, None))
    height, width = shape
    rows = len(kernel)
    check_int("height", height, minimum=rows)
    blocks = np.stack([toeplitz_matrix(row, width, mode) for row in kernel])  # (K, output columns, W)
    matrix = np.zeros((height + rows - 1, blocks.shape[1], height, width))
    for i in range(height):
        for d in range(rows):
            matrix[i + d, :, i] = blocks[d]
    return matrix[cut(mode, height, rows)].reshape(-1, height * width)


def is_toeplitz(matrix: np.ndarray) -> bool:
    """Tell whether every diagonal of a matrix is constant."""
    return bool(np.array_equal(matrix[1:, 1:], matrix[:-1, :-1]))

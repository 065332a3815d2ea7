"""Global pooling: the whole map is the window, whatever its size (chapter 05c)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_shape
from course_utils.scratch.pooling.max_pool import MaxPooled
from course_utils.scratch.pooling.windows import Array, as_maps


def global_average_pool_loop(x: ArrayLike) -> Array:
    """Average each map by loops: the slow twin of `global_average_pool`."""
    x = as_maps("x", x)
    out = np.zeros(x.shape[:2], dtype=x.dtype)
    for image in range(x.shape[0]):
        for c in range(x.shape[1]):
            for r in range(x.shape[2]):
                for q in range(x.shape[3]):
                    out[image, c] += x[image, c, r, q]
    return out / (x.shape[2] * x.shape[3])


def global_average_pool(x: ArrayLike) -> Array:
    """Return the mean of each map: (N, C, H, W) to (N, C)."""
    return as_maps("x", x).mean(axis=(2, 3))


def global_average_pool_backward(grad: ArrayLike, height: int, width: int) -> Array:
    """Return the gradient for the input: every pixel gets the same share, one over the number of pixels.

    Args:
        grad: shape (N, C).
        height: rows of the input map.
        width: columns of the input map.
    """
    grad = np.asarray(grad)
    check_shape("grad", grad, (None, None))
    return np.broadcast_to(grad[:, :, None, None] / (height * width), (*grad.shape, height, width)).copy()


def global_max_pool_loop(x: ArrayLike) -> MaxPooled:
    """Find the largest value of each map by loops: the slow twin of `global_max_pool`."""
    x = as_maps("x", x)
    values = x[:, :, 0, 0].copy()
    winners = np.zeros(values.shape, dtype=np.int64)
    for image in range(x.shape[0]):
        for c in range(x.shape[1]):
            for r in range(x.shape[2]):
                for q in range(x.shape[3]):
                    if x[image, c, r, q] > values[image, c]:
                        values[image, c], winners[image, c] = x[image, c, r, q], r * x.shape[3] + q
    return MaxPooled(values, winners)


def global_max_pool(x: ArrayLike) -> MaxPooled:
    """Return the largest value of each map and its place ``row * width + column``: both (N, C)."""
    x = as_maps("x", x)
    flat = x.reshape(*x.shape[:2], -1)
    winners = flat.argmax(axis=-1)
    return MaxPooled(np.take_along_axis(flat, winners[..., None], axis=-1)[..., 0], winners)


def global_max_pool_backward(grad: ArrayLike, winners: NDArray[np.int64], height: int, width: int) -> Array:
    """Return the gradient for the input: all of it at the winner.

    Args:
        grad: shape (N, C).
        winners: as returned by `global_max_pool`, shape (N, C).
        height: rows of the input map.
        width: columns of the input map.
    """
    grad = np.asarray(grad)
    check_shape("winners", winners, check_shape("grad", grad, (None, None)).shape)
    out = np.zeros((*grad.shape, height * width), dtype=grad.dtype)
    np.put_along_axis(out, winners[..., None], grad[..., None], axis=-1)
    return out.reshape(*grad.shape, height, width)

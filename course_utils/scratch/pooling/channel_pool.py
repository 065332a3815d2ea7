"""Max pooling across channels: one answer from a group of filters, and filters that are each other's rotations
(chapter 05d)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_int, check_shape
from course_utils.scratch.pooling.max_pool import MaxPooled
from course_utils.scratch.pooling.windows import Array, as_maps


def channel_max_pool_loop(x: ArrayLike, group_size: int) -> MaxPooled:
    """Find the largest value of each group of channels by loops: the slow twin of `channel_max_pool`."""
    x = as_maps("x", x)
    n, channels, height, width = x.shape
    values = np.zeros((n, channels // group_size, height, width), dtype=x.dtype)
    winners = np.zeros(values.shape, dtype=np.int64)
    for image in range(n):
        for group in range(channels // group_size):
            for r in range(height):
                for q in range(width):
                    members = [x[image, group * group_size + k, r, q] for k in range(group_size)]
                    winners[image, group, r, q] = members.index(max(members))
                    values[image, group, r, q] = max(members)
    return MaxPooled(values, winners)


def channel_max_pool(x: ArrayLike, group_size: int) -> MaxPooled:
    """Return the largest of each ``group_size`` neighbouring channels, place by place.

    Args:
        x: maps, shape (N, C, H, W), with C a multiple of ``group_size``.
        group_size: channels a group, at least 1.

    Returns:
        ``(values, winners)``, both (N, C / group_size, H, W); a winner is the place inside its group.

    Raises:
        ValueError: if the channels do not divide into such groups.

    Source: I. Goodfellow et al. (2013), Maxout networks.
    """
    x = as_maps("x", x)
    n, channels, height, width = x.shape
    if channels % check_int("group_size", group_size, minimum=1):
        raise ValueError(f"channels must be a multiple of group_size {group_size}, got {channels}")
    groups = x.reshape(n, channels // group_size, group_size, height, width)
    winners = groups.argmax(axis=2)
    return MaxPooled(np.take_along_axis(groups, winners[:, :, None], axis=2)[:, :, 0], winners)


def channel_max_pool_backward(grad: ArrayLike, winners: NDArray[np.int64], group_size: int) -> Array:
    """Return the gradient for the input: to the winning channel of each group, 0 to the others.

    Args:
        grad: gradient for the pooled values, shape (N, G, H, W).
        winners: as returned by `channel_max_pool`, same shape.
        group_size: as in the forward pass.

    Returns:
        Shape (N, G * group_size, H, W).
    """
    grad = as_maps("grad", grad)
    check_shape("winners", winners, grad.shape)
    n, groups, height, width = grad.shape
    out = np.zeros((n, groups, group_size, height, width), dtype=grad.dtype)
    np.put_along_axis(out, winners[:, :, None], grad[:, :, None], axis=2)
    return out.reshape(n, groups * group_size, height, width)


def rotated_bank(weight: ArrayLike) -> Array:
    """Return each filter in its four quarter turns, next to each other.

    Args:
        weight: filters, shape (F, C, k, k).

    Returns:
        Shape (4 F, C, k, k): filter 0 turned by 0, 90, 180 and 270 degrees counter-clockwise, then filter 1 ...
    """
    weight = as_maps("weight", weight)
    turned = np.stack([np.rot90(weight, turns, axes=(2, 3)) for turns in range(4)], axis=1)
    return turned.reshape(-1, *weight.shape[1:])

"""Windows over any number of axes: what 1-D, 2-D and 3-D convolution have in common (chapter 05b)."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from course_utils.scratch.convolution_kinds.sizes import output_size


def pad_ends(x: np.ndarray, padding: int) -> np.ndarray:
    """Return (N, C, ...) maps with ``padding`` zeros at both ends of every axis after the second."""
    return np.pad(x, [(0, 0), (0, 0)] + [(padding, padding)] * (x.ndim - 2))


def _at(tap: tuple[int, ...], counts: tuple[int, ...], stride: int, dilation: int) -> Any:
    """Return the index of what one tap sees at all positions."""
    return (..., *(slice(a * dilation, a * dilation + stride * (m - 1) + 1, stride) for a, m in zip(tap, counts)))


def stack_windows(
    x: np.ndarray, kernel: tuple[int, ...], stride: int = 1, padding: int = 0, dilation: int = 1
) -> np.ndarray:
    """Copy what each tap of a kernel sees at all positions.

    Args:
        x: (N, C, ...) maps with as many further axes as ``kernel`` has entries.
        kernel: taps along each of them.
        stride: as in a layer.
        padding: as in a layer.
        dilation: as in a layer.

    Returns:
        (taps, N, C, ...), the last axes with the sizes of the output.
    """
    counts = tuple(output_size(size, k, stride, padding, dilation) for size, k in zip(x.shape[2:], kernel))
    padded = pad_ends(x, padding)
    taps = product(*(range(k) for k in kernel))
    return np.stack([padded[_at(tap, counts, stride, dilation)] for tap in taps])


def add_windows(
    windows: np.ndarray,
    shape: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
) -> np.ndarray:
    """Add what each tap holds back to where it looked: the transpose of ``stack_windows``.

    Args:
        windows: (taps, N, C, ...).
        shape: (N, C, ...) of the maps.
        kernel: as in ``stack_windows``.
        stride: as in ``stack_windows``.
        padding: as in ``stack_windows``.
        dilation: as in ``stack_windows``.
    """
    total = np.zeros((*shape[:2], *(size + 2 * padding for size in shape[2:])), dtype=windows.dtype)
    for tap, part in zip(product(*(range(k) for k in kernel)), windows):
        total[_at(tap, windows.shape[3:], stride, dilation)] += part
    inside: Any = (..., *(slice(padding, padding + size) for size in shape[2:]))
    return total[inside]


def convolve(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, stride: int, padding: int, dilation: int
) -> np.ndarray:
    """Apply a layer to (N, C, ...) maps with an (O, C, ...) kernel, for any number of further axes."""
    kernel = weight.shape[2:]
    windows = stack_windows(x, kernel, stride, padding, dilation)
    taps = weight.reshape(*weight.shape[:2], -1)  # (O, C, taps)
    z = np.einsum("oct,tnc...->no...", taps, windows, optimize=True)
    return z if bias is None else z + bias.reshape(-1, *[1] * len(kernel))


def convolve_backward(
    gradient: np.ndarray, x: np.ndarray, weight: np.ndarray, stride: int, padding: int, dilation: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the gradients of ``convolve`` for input, weight and bias."""
    kernel = weight.shape[2:]
    windows = stack_windows(x, kernel, stride, padding, dilation)
    taps = weight.reshape(*weight.shape[:2], -1)
    flat = gradient.reshape(*gradient.shape[:2], -1)
    to_weight = np.einsum("nol,tncl->oct", flat, windows.reshape(*windows.shape[:3], -1), optimize=True)
    pulls = np.einsum("oct,no...->tnc...", taps, gradient, optimize=True)
    to_input = add_windows(pulls, x.shape, kernel, stride, padding, dilation)
    return to_input, to_weight.reshape(weight.shape), flat.sum(axis=(0, 2))

"""Which waves a filter answers to, and which of them its stride cannot represent (chapter 06b)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from course_utils.check import check_int, check_shape


def power_spectrum(filters: ArrayLike, size: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Return how strongly each filter answers to each wave.

    Args:
        filters: (O, C, k, k).
        size: of the grid of waves, at least k.

    Returns:
        Power (O, size, size), added over channels, and the frequencies (size,) of its rows and columns in waves a
        pixel, from -1/2 up to 1/2.
    """
    filters = check_shape("filters", np.asarray(filters, dtype=float), (None, None, None, None))
    check_int("size", size, minimum=max(filters.shape[2:]))
    answers = np.fft.fft2(filters, s=(size, size), axes=(2, 3))
    power = (np.abs(answers) ** 2).sum(axis=1)
    return np.fft.fftshift(power, axes=(1, 2)), np.fft.fftshift(np.fft.fftfreq(size))


def aliased_share(filters: ArrayLike, stride: int, size: int = 64) -> np.ndarray:
    """Return for each filter (O,) the share of its power on waves shorter than two steps of the stride.

    After sampling every ``stride``-th position, these cannot be told from longer waves. White noise has a share of
    ``1 - 1 / stride**2``.

    Raises:
        ValueError: for a filter of zeros only.

    Source: the sampling theorem; M. Zeiler, R. Fergus (2014), section 4.1, name such artefacts as a reason for ZFNet.
    """
    check_int("stride", stride, minimum=1)
    power, frequencies = power_spectrum(filters, size)
    total = power.sum(axis=(1, 2))
    if (total == 0).any():
        raise ValueError("every filter must have a weight other than 0")
    low = np.abs(frequencies) <= 1 / (2 * stride)
    kept = power[:, low][:, :, low].sum(axis=(1, 2))
    return 1 - kept / total

"""Reproducible shuffling with the same result in Python and in the browser (twin of ``kit.js``)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["permutation", "random_block", "random_numbers"]

_MASK = 0xFFFFFFFF


def random_numbers(seed: int) -> Iterator[float]:
    """Yield numbers in [0, 1) from a 32-bit generator that JavaScript can repeat exactly.

    Source: the mulberry32 recurrence (Ettinger, 2017), good enough to shuffle a figure with.
    """
    state = seed & _MASK
    while True:
        state = (state + 0x6D2B79F5) & _MASK
        mixed = ((state ^ (state >> 15)) * (state | 1)) & _MASK
        mixed ^= (mixed + ((mixed ^ (mixed >> 7)) * (mixed | 61) & _MASK)) & _MASK
        yield ((mixed ^ (mixed >> 14)) & _MASK) / 4294967296


def random_block(seed: int, count: int) -> NDArray[np.float64]:
    """Return the first ``count`` of the same numbers at once: the generator is a counter that is mixed."""
    state = np.uint32(seed & _MASK) + np.arange(1, count + 1, dtype=np.uint32) * np.uint32(0x6D2B79F5)
    mixed = (state ^ (state >> np.uint32(15))) * (state | np.uint32(1))
    mixed ^= mixed + (mixed ^ (mixed >> np.uint32(7))) * (mixed | np.uint32(61))
    return (mixed ^ (mixed >> np.uint32(14))).astype(np.float64) / 4294967296


def permutation(count: int, seed: int) -> list[int]:
    """Return the integers 0 to ``count`` - 1 in a shuffled order (Fisher and Yates)."""
    order = list(range(count))
    numbers = random_numbers(seed)
    for last in range(count - 1, 0, -1):
        other = int(next(numbers) * (last + 1))
        order[last], order[other] = order[other], order[last]
    return order

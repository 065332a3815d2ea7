"""Random numbers that never change: the same seed gives the same picture in every library version."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from course_utils.check import check_int


class Draws:
    """Uniform numbers for N images, one named column after another.

    Only the raw bits of PCG64 are used, whose stream NumPy guarantees; everything is drawn before any
    pixel is made, so the pictures do not depend on how many are rendered at a time.

    Args:
        count: number of images N.
        seed: at least 0.
        purpose: keeps generators with the same seed apart, for example training and flow pictures.
    """

    def __init__(self, count: int, seed: int, purpose: str) -> None:
        self.count = check_int("n", count, minimum=1)
        words = [check_int("seed", seed, minimum=0), *purpose.encode()]
        self._bits = np.random.PCG64(np.random.SeedSequence(words))

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Return float32 (N, *shape), uniform in [low, high)."""
        full = (self.count, *shape)
        raw = self._bits.random_raw(int(np.prod(full))).reshape(full) >> np.uint64(40)
        numbers = torch.from_numpy(raw.astype(np.float32) / 2**24)
        return low + (high - low) * numbers

    def choice(self, options: int, *shape: int) -> Tensor:
        """Return int64 (N, *shape), uniform in 0..options-1."""
        return (self.uniform(*shape) * options).long().clamp_(max=options - 1)

    def balanced(self, options: int, *shape: int) -> Tensor:
        """Return int64 (N, *shape) in which each option comes equally often (within one), in random order."""
        slots = int(np.prod((self.count, *shape)))
        # A stable sort of whole numbers: ties, if any, fall the same way everywhere.
        keys = torch.from_numpy((self._bits.random_raw(slots) >> np.uint64(1)).astype(np.int64))
        return (keys.argsort(stable=True) % options).reshape(self.count, *shape)

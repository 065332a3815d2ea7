"""One call that makes a run repeatable."""

from __future__ import annotations

import random

from course_utils.check import check_int


def seed_everything(seed: int = 0) -> None:
    """Seed Python's, NumPy's and PyTorch's global generators.

    The same seed on the same machine and versions gives the same run. Another machine may round
    differently, so trained weights are compared by seed band and never to the letter.

    Args:
        seed: any integer from 0 to 2**32 - 1 (NumPy's range).

    Raises:
        TypeError: if ``seed`` is no integer.
        ValueError: if it is out of range.
    """
    import numpy as np
    import torch

    check_int("seed", seed, minimum=0, maximum=2**32 - 1)
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)

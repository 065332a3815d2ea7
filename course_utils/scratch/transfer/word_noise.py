"""Words beside pictures as people write them: many true ones forgotten, some wrong ones invented (chapter 09)."""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils.check import check_number, check_shape


def forget_and_invent(words: Tensor, miss: float, wrong: float, seed: int = 0) -> Tensor:
    """Return the words found beside the pictures.

    Args:
        words: bool (N, T), the true ones.
        miss: probability that a true word is forgotten, 0..1.
        wrong: probability that a word that is not true is there, 0..1.
        seed: of the draws; each entry is drawn by itself.

    Returns:
        bool (N, T).
    """
    check_shape("words", words, (None, None))
    check_number("miss", miss, minimum=0, maximum=1)
    check_number("wrong", wrong, minimum=0, maximum=1)
    if words.dtype != torch.bool:
        raise TypeError(f"words must be bool, got {words.dtype}; convert with words.bool()")
    draw = torch.rand(words.shape, generator=torch.Generator().manual_seed(seed))
    return torch.where(words, draw >= miss, draw < wrong)


def noisy_probability(p: Tensor | float, miss: float, wrong: float) -> Tensor | float:
    """Return how probable it is to find a word beside a picture that shows its thing with probability ``p``."""
    check_number("miss", miss, minimum=0, maximum=1)
    check_number("wrong", wrong, minimum=0, maximum=1)
    return wrong + (1 - miss - wrong) * p

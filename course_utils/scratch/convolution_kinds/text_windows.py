"""Short stretches of English, in order and with their letters shuffled (chapter 05b).

The text is the language help that comes with every Python, so nothing is downloaded.
"""

from __future__ import annotations

import re
from functools import cache

import torch
from torch import Tensor

from course_utils.check import check_int

LETTERS = " abcdefghijklmnopqrstuvwxyz"


@cache
def help_text() -> str:
    """Return the text of Python's own help topics: small letters, everything else a single space."""
    from pydoc_data.topics import topics

    return re.sub(r"[^a-z]+", " ", " ".join(topics[name] for name in sorted(topics)).lower())


def make_text_windows(n: int, length: int = 16, part: str = "train", seed: int = 0) -> tuple[Tensor, Tensor]:
    """Draw windows of the text, every second one with its letters in random order.

    Every class has the same letters in the same numbers on average, and the shuffled version of a window has exactly
    the letters of the window. Only the order tells them apart.

    Args:
        n: number of windows, at least 2.
        length: letters in a window, at least 2.
        part: ``"train"`` draws from the first four fifths of the text, ``"test"`` from the last.
        seed: of the draw.

    Returns:
        Letters as int64 positions in ``LETTERS``, (n, length), and labels (n,): 1 for text, 0 for shuffled.
    """
    check_int("n", n, minimum=2)
    check_int("length", length, minimum=2)
    text = help_text()
    cut = len(text) * 4 // 5
    text = text[:cut] if part == "train" else text[cut:]
    codes = torch.tensor([LETTERS.index(letter) for letter in text])
    generator = torch.Generator().manual_seed(seed)
    starts = torch.randint(len(codes) - length, (n,), generator=generator)
    windows = codes[starts[:, None] + torch.arange(length)]
    labels = (torch.arange(n) % 2 == 0).long()
    order = torch.rand(n, length, generator=generator).argsort(dim=1)
    order[labels == 1] = torch.arange(length)
    return windows.gather(1, order), labels


def one_hot(windows: Tensor) -> Tensor:
    """Return (N, T) letters as (N, 27, T) sequences: one channel a letter, one step a position."""
    return torch.nn.functional.one_hot(windows, len(LETTERS)).transpose(1, 2).float()


def letter_counts(windows: Tensor) -> Tensor:
    """Return how often each letter occurs, (N, 27): the bag, which forgets the order."""
    return one_hot(windows).sum(dim=2)


def read(window: Tensor) -> str:
    """Return the letters of one window as a string."""
    return "".join(LETTERS[code] for code in window.tolist())

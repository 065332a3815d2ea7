"""Made-up boxes for the tests of detection: random ones by seed, and hypothesis strategies."""

from __future__ import annotations

import torch
from hypothesis import settings
from hypothesis import strategies as st
from torch import Tensor

# Seconds on a shared machine decide no test.
UNTIMED = settings(max_examples=80, deadline=None)


def random_boxes(
    n: int, seed: int = 0, size: float = 100, largest: float = 40, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Boxes in a square picture; some stand out of it."""
    draw = torch.Generator().manual_seed(seed)
    corner = torch.rand(n, 2, generator=draw, dtype=torch.float64) * size - 0.1 * largest
    sides = torch.rand(n, 2, generator=draw, dtype=torch.float64) * largest
    return torch.cat((corner, corner + sides), dim=1).to(dtype)


def random_scores(n: int, seed: int = 0, levels: int = 0) -> Tensor:
    """Scores, all different, or of a few levels so that many are equal."""
    draw = torch.Generator().manual_seed(seed + 1000)
    if levels:
        return torch.randint(0, levels, (n,), generator=draw).float() / levels
    return (torch.randperm(n, generator=draw) + 1).double().div(n + 1)


def whole_boxes(most: int = 6) -> st.SearchStrategy[Tensor]:
    """A few boxes with whole-numbered corners, some without area, some far left of and above the picture."""
    place, side = st.integers(-12, 12), st.integers(0, 12)
    box = st.tuples(place, place, side, side).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))
    return st.lists(box, max_size=most).map(lambda b: torch.tensor(b, dtype=torch.float64).reshape(-1, 4))


def any_boxes(least: int = 0, smallest: float = 0.0) -> st.SearchStrategy[Tensor]:
    """A few boxes of any size from ``smallest`` to 10,000 pixels, anywhere."""
    place, side = st.floats(-2000, 2000), st.floats(smallest, 10_000)
    box = st.tuples(place, place, side, side).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))
    return st.lists(box, min_size=least, max_size=6).map(lambda b: torch.tensor(b, dtype=torch.float64).reshape(-1, 4))

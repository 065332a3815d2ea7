"""Images of any size through networks that halve: pad, run, and crop what was added.

A network that halves a map d times and doubles it again returns to the size it came from only if the size is a
multiple of 2^d. The rule here: pad rows and columns at the *end*, so that the pixel (0, 0) stays in place, and cut
them off the result. Padding repeats the last row and column, which makes no edge where there is none.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from course_utils.check import check_int


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Return maps (N, C, H, W) grown at the lower and right end to the next multiple.

    Args:
        x: maps with at least one row and column.
        multiple: of which both sides shall be, at least 1.
    """
    check_int("multiple", multiple, minimum=1)
    rows, columns = (-x.shape[2] % multiple, -x.shape[3] % multiple)
    return F.pad(x, (0, columns, 0, rows), mode="replicate") if rows or columns else x


def crop_end(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the first rows and columns, (..., size): the inverse of `pad_to_multiple`.

    Raises:
        ValueError: if the map is smaller than that.
    """
    if x.shape[-2] < size[0] or x.shape[-1] < size[1]:
        raise ValueError(f"a map of {tuple(x.shape[-2:])} has no {size} to keep")
    return x[..., : size[0], : size[1]]


def crop_centre(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the middle of a map, (..., size); of an odd remainder the larger part is cut off at the end.

    Raises:
        ValueError: if the map is smaller than that.
    """
    top, left = (x.shape[-2] - size[0]) // 2, (x.shape[-1] - size[1]) // 2
    if top < 0 or left < 0:
        raise ValueError(f"a map of {tuple(x.shape[-2:])} has no {size} to keep")
    return x[..., top : top + size[0], left : left + size[1]]

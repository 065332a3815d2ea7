"""Maps of classes as pictures: one colour a class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from course_utils.check import check_int

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["PALETTE", "paint_labels"]

# Background first, then the safe colours of Okabe and Ito and relatives that differ in lightness.
PALETTE = (
    (225, 225, 225),
    (0, 114, 178),
    (213, 94, 0),
    (0, 158, 115),
    (230, 159, 0),
    (204, 121, 167),
    (86, 180, 233),
    (90, 40, 20),
    (240, 228, 66),
    (60, 60, 60),
    (120, 80, 200),
)


def paint_labels(labels: Tensor, first: int = 0) -> Tensor:
    """Return a picture of a label map, uint8 (..., 3, H, W).

    Args:
        labels: int (..., H, W), at least 0; labels beyond the palette (the ignored 255 among them) become white.
        first: colour of label 0; the others follow.
    """
    import torch

    check_int("first", first, minimum=0, maximum=len(PALETTE) - 1)
    table = np.full((256 + len(PALETTE), 3), 255, dtype=np.uint8)
    table[: len(PALETTE)] = PALETTE
    return torch.from_numpy(table)[labels.long().clamp(max=255) + first].movedim(-1, -3)

"""What each unit of a layer can see of a picture, found by poisoning it (chapter 08).

Put "not a number" into one column of the pixels. Every sum, maximum and product that touches it becomes "not a
number", too; so the units that turn are exactly those that can see that column. No formula for any kind of layer is
needed, and, unlike with a gradient, no closed ReLU and no maximum that looked elsewhere can hide a path.

Source: the question is that of A. Araujo, W. Norris, J. Sim, "Computing receptive fields of convolutional neural
networks", Distill 2019, who answer it by arithmetic over the layers.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from course_utils.check import check_int
from course_utils.explain.hooks import Layer, find_layer
from course_utils.explain.partial_run import run_up_to

__all__ = ["Fields", "receptive_fields"]


@dataclass(frozen=True)
class Fields:
    """Receptive fields of a layer's units in pictures of one size.

    Args:
        rows: int64 (h, 2), first row that the units of each row see, and the row behind their last.
        columns: int64 (w, 2), the same for columns.
        picture: height and width of the pictures.
    """

    rows: Tensor
    columns: Tensor
    picture: tuple[int, int]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the largest field: that of a unit in the middle, cut to the picture."""
        return int((self.rows[:, 1] - self.rows[:, 0]).max()), int((self.columns[:, 1] - self.columns[:, 0]).max())

    @property
    def stride(self) -> tuple[int, int]:
        """Rows and columns between the fields of neighbouring units; 0 where no two ends inside the picture tell."""
        return _step(self.rows, self.picture[0]), _step(self.columns, self.picture[1])

    def box(self, row: int, column: int) -> tuple[int, int, int, int]:
        """Field of one unit inside the picture: xyxy in pixels, half open."""
        (y1, y2), (x1, x2) = self.rows[row].tolist(), self.columns[column].tolist()
        return x1, y1, x2, y2


def receptive_fields(
    model: nn.Module, layers: Iterable[Layer], shape: tuple[int, int, int], batch_size: int = 16
) -> dict[str, Fields]:
    """Receptive fields of all units of some layers, exactly.

    Args:
        model: any network of layers that compute with what they see; it is copied, in double precision, so that no
            fast algorithm of the processor mixes what does not belong together.
        layers: names or modules. A layer without rows and columns (N, C) counts as one unit.
        shape: of one picture, (C, H, W).
        batch_size: poisoned pictures in one pass.

    Returns:
        ``{name: Fields}``.

    Raises:
        KeyError: if the model has no such layer.
        ValueError: if the shape is no (C, H, W).
    """
    if len(shape) != 3:
        raise ValueError(f"shape must be (C, H, W), got {tuple(shape)}")
    check_int("batch_size", batch_size, minimum=1)
    names = [find_layer(model, layer)[0] for layer in layers]
    twin = copy.deepcopy(model).double().cpu().eval()
    height, width = shape[1:]
    found: dict[str, list[Tensor]] = {}
    for axis, length in ((1, height), (2, width)):
        reached: dict[str, list[Tensor]] = {name: [] for name in names}
        for places in torch.arange(length).split(batch_size):
            x = torch.zeros(len(places), *shape, dtype=torch.float64)
            picks = torch.arange(len(places))
            if axis == 1:
                x[picks, :, places, :] = torch.nan
            else:
                x[picks, :, :, places] = torch.nan
            with torch.no_grad():
                outputs = run_up_to(twin, x, names)
            for name, out in outputs.items():
                maps = out if out.ndim == 4 else out.reshape(len(out), -1, 1, 1)
                bad = maps.isnan().any(1)  # (P, h, w)
                reached[name].append(bad.any(2 if axis == 1 else 1))
        for name in names:
            found.setdefault(name, []).append(_ends(torch.cat(reached[name])))
    return {name: Fields(rows, columns, (height, width)) for name, (rows, columns) in found.items()}


def _ends(reached: Tensor) -> Tensor:
    """First and behind-last pixel (n, 2) of each unit from who was reached (pixels, n); (0, 0) for who sees nothing."""
    low = reached.int().argmax(0)
    high = len(reached) - reached.flip(0).int().argmax(0)
    return torch.stack([low, high], 1) * reached.any(0)[:, None]


def _step(ends: Tensor, length: int) -> int:
    """Distance of neighbouring fields, from those ends that the picture's border does not cut."""
    steps = set()
    for side, inside in ((ends[:, 0], ends[:, 0] > 0), (ends[:, 1], ends[:, 1] < length)):
        both = inside[1:] & inside[:-1]
        steps |= set((side[1:] - side[:-1])[both].tolist())
    return steps.pop() if len(steps) == 1 else 0

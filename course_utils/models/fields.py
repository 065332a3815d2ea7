"""What a unit sees of the input, carried along while a network runs.

A :class:`Field` belongs to a whole tensor: it describes its unit in the upper left corner, and the step from one
unit to the next. Chapter 05b derives the rules for one axis; here they are written for two axes, for branches that
meet again, and for layers that look at everything.

Source: A. Araujo, W. Norris, J. Sim, "Computing receptive fields of convolutional neural networks", Distill 2019.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

Pair = tuple[float, float]


@dataclass(frozen=True)
class Field:
    """Receptive field of a map's first unit, and how it moves. Rows first, then columns, in pixels of the input.

    Args:
        low: first row and column that the unit sees; negative where it sees padding.
        high: last row and column.
        stride: pixels between the fields of neighbouring units.
    """

    low: Pair = (0.0, 0.0)
    high: Pair = (0.0, 0.0)
    stride: Pair = (1.0, 1.0)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the field."""
        return int(self.high[0] - self.low[0]) + 1, int(self.high[1] - self.low[1]) + 1

    @property
    def centre(self) -> Pair:
        """Row and column of the middle of the first unit's field; whole numbers are centres of pixels."""
        return (self.low[0] + self.high[0]) / 2, (self.low[1] + self.high[1]) / 2

    def covers(self, size: tuple[int, int]) -> bool:
        """Tell whether the first unit sees all rows and columns of an input of this height and width."""
        return all(low <= 0 and high >= n - 1 for low, high, n in zip(self.low, self.high, size, strict=True))

    def window(
        self,
        kernel_size: tuple[int, int],
        stride: tuple[int, int] = (1, 1),
        padding: tuple[int, int] = (0, 0),
        dilation: tuple[int, int] = (1, 1),
    ) -> Field:
        """Return the field after a layer that slides a window: a convolution or a pooling."""
        low = tuple(a - p * j for a, p, j in zip(self.low, padding, self.stride, strict=True))
        reach = [d * (k - 1) for d, k in zip(dilation, kernel_size, strict=True)]
        high = tuple(b + (r - p) * j for b, r, p, j in zip(self.high, reach, padding, self.stride, strict=True))
        step = tuple(j * s for j, s in zip(self.stride, stride, strict=True))
        return Field(low, high, step)  # type: ignore[arg-type]

    def whole_map(self, size: tuple[int, int]) -> Field:
        """Return the field of one unit that sees a whole map of this height and width."""
        return self.window(size, size)

    def shifted(self, units: tuple[int, int]) -> Field:
        """Return the field of a map whose first unit is the old unit at this row and column."""
        move = [n * j for n, j in zip(units, self.stride, strict=True)]
        low = (self.low[0] + move[0], self.low[1] + move[1])
        high = (self.high[0] + move[0], self.high[1] + move[1])
        return replace(self, low=low, high=high)


def union(fields: Iterable[Field]) -> Field:
    """Return the field of a unit that sees what several units at its place see, where branches meet.

    Args:
        fields: at least one; where they step differently (a gate that was computed from the whole map steps not at
            all), the smallest step counts.
    """
    parts = list(fields)
    low = (min(f.low[0] for f in parts), min(f.low[1] for f in parts))
    high = (max(f.high[0] for f in parts), max(f.high[1] for f in parts))
    stride = (min(f.stride[0] for f in parts), min(f.stride[1] for f in parts))
    return Field(low, high, stride)

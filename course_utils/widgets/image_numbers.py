"""A picture as a table of numbers, as a vector, and as the same numbers in another order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import traitlets
from numpy.typing import NDArray

from course_utils.check import check_int, check_number, check_same_length
from course_utils.widgets import svg
from course_utils.widgets.base import CourseWidget, Twin
from course_utils.widgets.packing import pack, unpack_bytes
from course_utils.widgets.shuffle import permutation

__all__ = ["ImageNumbers", "adjust", "histogram"]

MAX_SIDE = 128


def adjust(values: Sequence[int], brightness: int, contrast: float, threshold: int) -> list[int]:
    """Return the values after contrast about 128, brightness and, unless it is 0, the threshold.

    Args:
        values: numbers from 0 to 255.
        brightness: added to every value.
        contrast: factor on the distance to 128.
        threshold: 0 for none; otherwise values from it on become 255, all others 0.
    """
    changed = [min(255, max(0, math.floor((v - 128) * contrast + 128 + brightness + 0.5))) for v in values]
    return changed if threshold == 0 else [255 if v >= threshold else 0 for v in changed]


def histogram(values: Sequence[int], bins: int = 16) -> list[int]:
    """Return how many of the values (0 to 255) fall into each of ``bins`` equal ranges."""
    counts = [0] * bins
    for value in values:
        counts[value * bins // 256] += 1
    return counts


def _example() -> NDArray[np.uint8]:
    """Draw a shaded ball on a striped floor, 24 by 24."""
    y, x = np.mgrid[0:24, 0:24].astype(float)
    floor = np.where(y > 15, 70 + 60 * ((x + 2 * y) % 8 < 4), 215 - 4 * y)
    depth = 1 - ((x - 11) ** 2 + (y - 11) ** 2) / 64
    light = np.clip((-(x - 11) - (y - 11) + 9 * np.sqrt(np.clip(depth, 0, None))) / 14, 0, 1)
    return np.where(depth > 0, 40 + 200 * light, floor).round().astype(np.uint8)


def _draw_values(rng: np.random.Generator) -> list[int]:
    return [int(v) for v in rng.integers(0, 256, 40)]


class ImageNumbers(CourseWidget):
    """Point at a pixel and read its numbers; change them with sliders; shuffle them.

    Args:
        image: ``(H, W)`` or ``(N, H, W)`` numbers from 0 to 255, sides at most 128; default a drawn ball.
        labels: one name for each of ``N`` pictures.

    ``numbers`` holds the picture as it is shown, ``vector`` the same numbers in one line.
    """

    title = "A picture is a table of numbers"
    twins = (
        Twin(
            "adjust",
            adjust,
            lambda rng: (
                _draw_values(rng),
                int(rng.integers(-99, 99)),
                float(rng.uniform(0, 3)),
                int(rng.choice([0, 128])),
            ),
        ),
        Twin("histogram", histogram, lambda rng: (_draw_values(rng), int(rng.choice([8, 16])))),
        Twin("permutation", permutation, lambda rng: (int(rng.integers(1, 600)), int(rng.integers(2**31)))),
        Twin("unpackBytes", unpack_bytes, lambda rng: (pack(np.array(_draw_values(rng), dtype=np.uint8)),)),
    )

    pixels = traitlets.Unicode().tag(sync=True)
    height = traitlets.Int(1).tag(sync=True)
    width = traitlets.Int(1).tag(sync=True)
    labels: Any = traitlets.List().tag(sync=True)
    picture = traitlets.Int(0).tag(sync=True)
    row = traitlets.Int(0).tag(sync=True)
    col = traitlets.Int(0).tag(sync=True)
    brightness = traitlets.Int(0).tag(sync=True)
    contrast = traitlets.Float(1.0).tag(sync=True)
    threshold = traitlets.Int(0).tag(sync=True)
    shuffled = traitlets.Bool(False).tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)

    def __init__(self, image: Any = None, labels: Sequence[str] | None = None, **traits: Any) -> None:
        table = np.asarray(_example() if image is None else image)
        table = table[None] if table.ndim == 2 else table
        if table.ndim != 3 or 0 in table.shape:
            raise ValueError(f"image must have shape (H, W) or (N, H, W), got {np.shape(image)}")
        count, height, width = table.shape
        check_int("height of image", height, minimum=1, maximum=MAX_SIDE)
        check_int("width of image", width, minimum=1, maximum=MAX_SIDE)
        check_number("smallest value of image", float(table.min()), minimum=0)
        check_number("largest value of image", float(table.max()), maximum=255)
        if np.issubdtype(table.dtype, np.floating) and np.any(table != np.round(table)):
            raise ValueError("image must hold whole numbers from 0 to 255, got fractions; multiply by 255 and round")
        names = [f"picture {i + 1}" for i in range(count)] if labels is None else [str(name) for name in labels]
        check_same_length("image", table, "labels", names)
        traits = {"row": height // 2, "col": width // 2, **traits}
        super().__init__(pixels=pack(table.astype(np.uint8)), height=height, width=width, labels=names, **traits)

    @property
    def numbers(self) -> NDArray[np.uint8]:
        """The shown picture, ``(H, W)``, after the sliders and the shuffling."""
        size = self.height * self.width
        values = unpack_bytes(self.pixels)[self.picture * size : (self.picture + 1) * size].tolist()
        changed = np.array(adjust(values, self.brightness, self.contrast, self.threshold), dtype=np.uint8)
        if self.shuffled:
            changed = changed[permutation(size, self.seed)]
        return changed.reshape(self.height, self.width)

    @property
    def vector(self) -> NDArray[np.uint8]:
        """The shown picture's numbers row after row, ``(H * W,)``."""
        return self.numbers.reshape(-1)

    @property
    def static_text(self) -> str:
        """One sentence with the size and the chosen pixel."""
        value = self.numbers[self.row, self.col]
        return (
            f"A picture of {self.height} by {self.width} pixels is {self.height * self.width} numbers from 0 to 255; "
            f"the one at row {self.row}, column {self.col} is {value}."
        )

    def static_svg(self) -> str:
        """Draw the picture beside the numbers around the chosen pixel."""
        numbers, side = self.numbers, 300 / max(self.height, self.width)
        parts = [svg.image(20, 20, side, numbers)]
        for i in range(-2, 3):
            for j in range(-2, 3):
                r, c = self.row + i, self.col + j
                if 0 <= r < self.height and 0 <= c < self.width:
                    x, y = 350 + 44 * (j + 2), 60 + 44 * (i + 2)
                    ground = "#FDF0D5" if i == 0 and j == 0 else "#ffffff"
                    parts.append(svg.rect(x, y, 44, 44, fill=ground, stroke=svg.COLORS["gray"]))
                    parts.append(svg.text(x + 22, y + 27, str(int(numbers[r, c])), text_anchor="middle"))
        frame: dict[str, Any] = {"fill": "none", "stroke": svg.COLORS["vermillion"], "stroke_width": 2.5}
        corner = (20 + (self.col - 2) * side, 20 + (self.row - 2) * side)
        parts.append(svg.rect(*corner, 5 * side, 5 * side, **frame))
        return svg.document(600, 340, parts)

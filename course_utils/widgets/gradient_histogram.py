"""Slide a window over a photo and watch its gradients become a descriptor."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import traitlets

from course_utils import data
from course_utils.check import check_choice, check_int, check_number
from course_utils.scratch.features.hog import normalise_block, vote
from course_utils.widgets import svg
from course_utils.widgets.base import CourseWidget, Twin
from course_utils.widgets.packing import pack, unpack_bytes

__all__ = ["GradientHistogram", "relight", "window_descriptor"]

SIDE, WINDOW, CELL, BINS = 96, 16, 8, 9


def relight(values: Sequence[float], gain: float, negative: bool) -> list[float]:
    """Return grey values under another light: times ``gain``, and as a negative if asked."""
    return [gain * (255 - v if negative else v) for v in values]


def window_descriptor(values: Sequence[float], width: int, row: int, column: int) -> dict[str, Any]:
    """Return gradients, cell histograms and descriptor of one 16 x 16 window.

    Args:
        values: grey values of the picture, row after row.
        width: pixels a row.
        row: top row of the window; one pixel around the window must lie in the picture.
        column: left column of the window.

    Returns:
        ``down`` and ``right``, 256 derivatives each; ``cells``, four histograms of 9 orientations, row after row;
        ``descriptor``, the same 36 numbers normalised.
    """
    picture = np.asarray(values, dtype=float).reshape(-1, width)
    part = picture[row - 1 : row + WINDOW + 1, column - 1 : column + WINDOW + 1]
    down, right = part[2:, 1:-1] - part[:-2, 1:-1], part[1:-1, 2:] - part[1:-1, :-2]
    cells = vote(down, right, CELL, BINS).reshape(-1, BINS)
    return {
        "down": down.ravel().tolist(),
        "right": right.ravel().tolist(),
        "cells": cells.tolist(),
        "descriptor": normalise_block(cells.ravel()).tolist(),
    }


@cache
def _pictures() -> dict[str, str]:
    """Return the packed 96 x 96 grey pictures by name."""
    packed = {}
    for name in ("astronaut", "cat"):
        photo = data.photo(name, size=SIDE, gray=True)[0].numpy()
        packed[name] = pack(photo[:SIDE, :SIDE].astype(np.uint8))
    return packed


def _draw_window(rng: np.random.Generator) -> tuple[Any, ...]:
    values = rng.integers(0, 256, 24 * 24)
    return [int(v) for v in values], 24, int(rng.integers(1, 8)), int(rng.integers(1, 8))


class GradientHistogram(CourseWidget):
    """Drag a window over a picture; its gradients, histograms and descriptor follow.

    Args:
        picture: "astronaut" or "cat".
        row: top row of the window, 1 to 79.
        column: left column of the window, 1 to 79.
        gain: light, above 0 and at most 1.

    ``descriptor`` holds the 36 numbers of the present window.
    """

    title = "From gradients to a descriptor"
    twins = (
        Twin(
            "relight",
            relight,
            lambda rng: (_draw_window(rng)[0][:40], float(rng.uniform(0.1, 1)), bool(rng.integers(2))),
        ),
        Twin("windowDescriptor", window_descriptor, _draw_window),
    )

    pictures = traitlets.Dict().tag(sync=True)
    picture = traitlets.Unicode("astronaut").tag(sync=True)
    row = traitlets.Int(24).tag(sync=True)
    column = traitlets.Int(34).tag(sync=True)
    gain = traitlets.Float(0.8).tag(sync=True)
    negative = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self, picture: str = "astronaut", row: int = 24, column: int = 34, gain: float = 0.8, **traits: Any
    ) -> None:
        pictures = _pictures()
        check_choice("picture", picture, tuple(pictures))
        check_int("row", row, minimum=1, maximum=SIDE - WINDOW - 1)
        check_int("column", column, minimum=1, maximum=SIDE - WINDOW - 1)
        check_number("gain", gain, above=0, maximum=1)
        super().__init__(pictures=pictures, picture=picture, row=row, column=column, gain=float(gain), **traits)

    @property
    def _state(self) -> dict[str, Any]:
        values = relight(unpack_bytes(self.pictures[self.picture]).tolist(), self.gain, self.negative)
        return window_descriptor(values, SIDE, self.row, self.column)

    @property
    def descriptor(self) -> np.ndarray:
        """The 36 numbers of the present window, each in [0, 1]."""
        return np.array(self._state["descriptor"])

    @property
    def static_text(self) -> str:
        """One sentence about the window and its strongest direction."""
        total = np.array(self._state["cells"]).sum(axis=0)
        strongest = int(total.argmax())
        return (
            f"A 16 by 16 window of the picture “{self.picture}” at row {self.row}, column {self.column}: most of its "
            f"gradient points between {20 * strongest} and {20 * strongest + 20} degrees; "
            f"four cells of nine directions make 36 numbers."
        )

    def static_svg(self) -> str:
        """Draw the window's pixels beside the descriptor's 36 bars."""
        values = unpack_bytes(self.pictures[self.picture]).reshape(SIDE, SIDE)
        part = values[self.row : self.row + WINDOW, self.column : self.column + WINDOW]
        shades = (part // 16 * 17).astype(int)
        parts = []
        for r in range(WINDOW):
            ends = [*(np.flatnonzero(np.diff(shades[r])) + 1).tolist(), WINDOW]
            for start, end in zip([0, *ends[:-1]], ends):  # one bar for each run of pixels of the same shade
                fill = f"#{shades[r, start]:02x}" + f"{shades[r, start]:02x}" * 2
                parts.append(svg.rect(10 + 12 * start, 10 + 12 * r, 12 * (end - start), 12, fill=fill))
        for middle in (0, 96, 192):
            parts.append(svg.line(10, 10 + middle, 202, 10 + middle, stroke=svg.COLORS["orange"], stroke_width=2))
            parts.append(svg.line(10 + middle, 10, 10 + middle, 202, stroke=svg.COLORS["orange"], stroke_width=2))
        for i, value in enumerate(self.descriptor):
            height = 170 * float(value) / 0.5
            parts.append(svg.rect(225 + 10 * i + 4 * (i // BINS), 202 - height, 8, height, fill=svg.COLORS["blue"]))
        parts.append(svg.line(222, 202, 600, 202, stroke=svg.COLORS["ink"]))
        return svg.document(610, 214, parts)

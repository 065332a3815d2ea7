"""Letters drawn from strokes on a small sensor, shifted, turned and spoilt by noise (chapter 01)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from course_utils.check import check_choice, check_int, check_number


def _arc(start: float, end: float, corners: int = 13) -> list[tuple[float, float]]:
    angle = np.radians(np.linspace(start, end, corners))
    return [(0.5 + 0.5 * np.cos(a), 0.5 - 0.5 * np.sin(a)) for a in angle]


STROKES: dict[str, list[list[tuple[float, float]]]] = {
    "C": [_arc(50, 310)],
    "E": [[(0.9, 0.0), (0.1, 0.0), (0.1, 1.0), (0.9, 1.0)], [(0.1, 0.5), (0.75, 0.5)]],
    "F": [[(0.9, 0.0), (0.1, 0.0), (0.1, 1.0)], [(0.1, 0.5), (0.75, 0.5)]],
    "H": [[(0.1, 0.0), (0.1, 1.0)], [(0.9, 0.0), (0.9, 1.0)], [(0.1, 0.5), (0.9, 0.5)]],
    "L": [[(0.15, 0.0), (0.15, 1.0), (0.9, 1.0)]],
    "O": [_arc(0, 360, 25)],
    "T": [[(0.05, 0.0), (0.95, 0.0)], [(0.5, 0.0), (0.5, 1.0)]],
    "X": [[(0.05, 0.0), (0.95, 1.0)], [(0.95, 0.0), (0.05, 1.0)]],
}
"""Each letter as polylines of (x, y) in the unit square, y downwards."""


def draw_letters(
    letters: Sequence[str],
    count: int,
    *,
    size: int = 20,
    shift: float = 2.0,
    noise: float = 0.02,
    seed: int = 0,
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Draw random letters as black and white pictures.

    Each picture takes a random letter, scales it to 0.45-0.6 of the sensor, turns it by up to 10 degrees,
    places its centre up to ``shift`` pixels from the middle, draws it 2 to 3 pixels thick, and flips each
    pixel with probability ``noise``.

    Args:
        letters: letters to choose from, keys of ``STROKES``.
        count: number of pictures, at least 1.
        size: side of the sensor in pixels, at least 8.
        shift: largest displacement in pixels along each axis, at least 0.
        noise: probability that a pixel flips, 0 to 0.5.
        seed: seed of the draw.

    Returns:
        ``(images, labels)``: zeros and ones, shape ``(count, size, size)``, and the index into
        ``letters``, shape ``(count,)``.
    """
    for letter in letters:
        check_choice("letter", letter, tuple(STROKES))
    check_int("count", count, minimum=1)
    check_int("size", size, minimum=8)
    check_number("shift", shift, minimum=0)
    check_number("noise", noise, minimum=0, maximum=0.5)
    draw = np.random.default_rng(seed)
    labels = draw.integers(len(letters), size=count)
    rows, columns = np.mgrid[0:size, 0:size]
    pixels = np.stack([columns, rows], axis=-1).reshape(-1, 2).astype(np.float64)
    images = np.empty((count, size * size), dtype=np.uint8)
    for n, label in enumerate(labels):
        scale = draw.uniform(0.45, 0.6) * size
        angle = np.radians(draw.uniform(-10, 10))
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        centre = (size - 1) / 2 + draw.uniform(-shift, shift, size=2)
        half_width = draw.uniform(1.0, 1.5)
        near = np.zeros(size * size, dtype=bool)
        for stroke in STROKES[letters[label]]:
            path = (np.array(stroke) - 0.5) * scale @ turn.T + centre
            for start, end in pairwise(path):
                near |= _distance(pixels, start, end) <= half_width
        images[n] = near ^ (draw.random(size * size) < noise)
    return images.reshape(count, size, size), labels


def _distance(points: NDArray[np.float64], start: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
    along = end - start
    t = np.clip((points - start) @ along / (along @ along), 0, 1)
    return np.linalg.norm(points - start - t[:, None] * along, axis=1)

"""Pictures of 48 x 36 pixels with their truth, small enough to be stored with a figure: a flower bed and a horse."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course_utils.widgets.packing import pack, unpack_bytes

__all__ = ["HEIGHT", "LETTERS", "WIDTH", "blur", "colors_of", "flowers", "horse", "shrink", "store", "truth_of"]

WIDTH, HEIGHT = 48, 36
COLORS = 64
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

Picture = NDArray[np.uint8]
Floats = NDArray[np.float64]


def store(image: Picture, truth: NDArray[Any], names: Sequence[str]) -> dict[str, Any]:
    """Return a picture as text: a letter a pixel into a palette of at most 64 colours, a digit a pixel for the truth.

    Args:
        image: (H, W, 3).
        truth: labels (H, W), 0 to 9.
        names: of the labels.
    """
    from PIL import Image

    drawn = Image.fromarray(np.ascontiguousarray(image)).quantize(COLORS)
    palette = np.array(drawn.getpalette(), dtype=np.uint8)[: 3 * COLORS]
    return {
        "width": image.shape[1],
        "height": image.shape[0],
        "pixels": "".join(LETTERS[i] for i in np.asarray(drawn).flatten()),
        "palette": pack(palette),
        "truth": "".join(str(int(label)) for label in truth.flatten()),
        "names": list(names),
    }


def colors_of(scene: dict[str, Any]) -> Picture:
    """Return the picture of a stored scene, (H, W, 3)."""
    index = np.array([LETTERS.index(letter) for letter in scene["pixels"]])
    return unpack_bytes(scene["palette"]).reshape(-1, 3)[index].reshape(scene["height"], scene["width"], 3)


def truth_of(scene: dict[str, Any]) -> NDArray[np.int64]:
    """Return the labels of a stored scene, (H, W)."""
    return np.array([int(digit) for digit in scene["truth"]]).reshape(scene["height"], scene["width"])


def shrink(image: NDArray[Any], top: float = 0.5, left: float = 0.5) -> Floats:
    """Cut the largest part of 4:3 out of an image (H, W) or (H, W, C) and average it down to 48 x 36.

    Args:
        image: any numbers.
        top: where the part lies, 0 at the top to 1 at the bottom.
        left: the same from left to right.
    """
    height, width = image.shape[:2]
    w = min(width, height * WIDTH // HEIGHT) // WIDTH * WIDTH
    h = w // WIDTH * HEIGHT
    y, x = int((height - h) * top), int((width - w) * left)
    part = np.asarray(image[y : y + h, x : x + w], dtype=np.float64)
    side = w // WIDTH
    return part.reshape(HEIGHT, side, WIDTH, side, *image.shape[2:]).mean(axis=(1, 3))


def blur(values: Floats, sigma: float) -> Floats:
    """Return a Gaussian blur of (H, W); at the border the last value goes on."""
    reach = int(np.ceil(3 * sigma))
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    taps /= taps.sum()
    for axis in (0, 1):
        padded = np.pad(values, [(reach, reach) if axis == a else (0, 0) for a in (0, 1)], mode="edge")
        values = np.apply_along_axis(lambda line: np.convolve(line, taps, mode="valid"), axis, padded)
    return values


def _photo(name: str) -> NDArray[Any]:
    from course_utils import data

    return data.photo(name).permute(1, 2, 0).numpy()


@cache
def flowers() -> dict[str, Any]:
    """A photo of a flower with a second one of the same colour below it, before dark leaves."""
    colors = shrink(_photo("flower"), top=1.0)
    red, green, _ = np.moveaxis(colors, 2, 0)
    truth = ((red > 1.05 * green) & (red > 110)).astype(int)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    away = np.hypot(rows - 17, columns - 23)
    truth[(truth == 1) & (away > 12.9) & (rows > 26)] = 2
    truth[away < 11] = 1
    return store(colors.round().astype(np.uint8), truth, ("leaves", "upper flower", "lower flower"))


@cache
def horse() -> dict[str, Any]:
    """The silhouette of a horse, coloured brown, on a field of grass: its legs are one or two pixels wide."""
    shape = shrink(_photo("horse")[..., 0] < 128)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    grass, noise = shrink(_photo("grass")[..., 0]), np.random.default_rng(3).normal(size=(HEIGHT, WIDTH))
    field = np.array([96, 138, 70]) + 0.45 * (grass - grass.mean())[..., None]
    sky = np.array([168, 202, 226]) + 0.8 * rows[..., None] + 2 * noise[..., None]
    far = np.clip((rows - 13 - np.sin(columns / 7)) / 2, 0, 1)[..., None]
    light = 1.12 - 0.014 * rows + 0.04 * noise
    coat = np.array([128, 82, 50]) * light[..., None]
    ground = far * field + (1 - far) * sky
    colors = shape[..., None] * coat + (1 - shape[..., None]) * ground
    return store(np.clip(colors, 0, 255).round().astype(np.uint8), shape > 0.5, ("background", "horse"))

"""Shapes filled with stripes: one label for the object, one for its edges, drawn independently of each other."""

import numpy as np
import torch

from course_utils.check import check_int, check_number

SHAPES = ("disc", "square", "triangle", "cross", "ring", "heart")
STRIPES = (0, 45, 90, 135)


def _mask(shape: str, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    r = np.hypot(u, v)
    if shape == "disc":
        return r < 0.85
    if shape == "square":
        return np.maximum(np.abs(u), np.abs(v)) < 0.75
    if shape == "triangle":
        return (v < 0.7) & (v > -0.85 + 1.75 * np.abs(u))
    if shape == "cross":
        return (np.minimum(np.abs(u), np.abs(v)) < 0.3) & (np.maximum(np.abs(u), np.abs(v)) < 0.95)
    if shape == "ring":
        return (r < 0.95) & (r > 0.45)
    return (u**2 + (-v * 1.1 + 0.1 - 0.6 * np.sqrt(np.abs(u))) ** 2) < 0.55


def draw_shapes(
    count: int, size: int = 32, noise: float = 0.1, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Draw striped shapes at random places and sizes on a gray ground.

    Args:
        count: number of pictures.
        size: side in pixels, at least 16.
        noise: deviation of the pixel noise.
        seed: the same seed gives the same pictures.

    Returns:
        ``(images, shape, stripes)``: (N, 1, size, size) float32 about in [0, 1]; (N,) index into SHAPES; (N,) index
        into STRIPES, the direction of the stripes in degrees. The phase of the stripes is random, so no single
        pixel tells their direction.
    """
    check_int("count", count, minimum=1)
    check_int("size", size, minimum=16)
    check_number("noise", noise, minimum=0)
    rng = np.random.default_rng(seed)
    shape, stripes = rng.integers(0, len(SHAPES), count), rng.integers(0, len(STRIPES), count)
    axis = np.linspace(-1, 1, size)
    images = np.empty((count, 1, size, size), dtype=np.float32)
    for i in range(count):
        radius = rng.uniform(0.5, 0.75)
        middle = rng.uniform(-1 + radius, 1 - radius, 2)
        u, v = (axis[None, :] - middle[0]) / radius, (axis[:, None] - middle[1]) / radius
        u, v = np.broadcast_arrays(u, v)
        turn = np.radians(STRIPES[stripes[i]])
        wave = np.sin(2 * np.pi * (axis[None, :] * np.cos(turn) + axis[:, None] * np.sin(turn)) * size / 10
                      + rng.uniform(0, 2 * np.pi))  # fmt: skip
        picture = 0.5 + 0.4 * wave * _mask(SHAPES[shape[i]], u, v)
        images[i, 0] = picture + noise * rng.normal(size=picture.shape)
    return torch.tensor(images), torch.tensor(shape), torch.tensor(stripes)

"""A two-class detection set: a standing figure, or the same strokes in disorder.

Every window holds a head, a body, two arms and two legs among stray strokes. In a positive window they form a
figure; in a negative one each part lies anywhere and any way round. Figure and ground may be light on dark or dark
on light, so neither brightness nor the amount of ink tells the classes apart.
"""

import numpy as np

from course_utils.check import check_int, check_number

SIZE = 32
# Parts as strokes (row, column, row, column) in pixels; the head is a stroke of length zero with a wide brush.
PARTS = np.array([
    [7.0, 16.0, 7.0, 16.0], [11.0, 16.0, 20.0, 16.0], [12.0, 16.0, 17.0, 10.0], [12.0, 16.0, 17.0, 22.0],
    [20.0, 16.0, 28.0, 11.0], [20.0, 16.0, 28.0, 21.0],
])  # fmt: skip
BRUSH = np.array([2.6, 1.2, 1.0, 1.0, 1.1, 1.1])
STRAY = 3


def _ink(strokes: np.ndarray, brushes: np.ndarray) -> np.ndarray:
    axis = np.arange(SIZE, dtype=float)
    pixels = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1)  # (H, W, 2)
    start, end = strokes[:, None, None, :2], strokes[:, None, None, 2:]
    along = end - start
    length = np.maximum((along**2).sum(-1), 1e-9)
    t = np.clip(((pixels - start) * along).sum(-1) / length, 0, 1)
    distance = np.linalg.norm(pixels - start - t[..., None] * along, axis=-1)  # (strokes, H, W)
    return np.clip(brushes[:, None, None] + 0.5 - distance, 0, 1).max(axis=0)


def _scatter(strokes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    half = (strokes[:, 2:] - strokes[:, :2]) / 2
    turn = rng.uniform(0, 2 * np.pi, len(strokes))
    cos, sin = np.cos(turn), np.sin(turn)
    half = np.stack([half[:, 0] * cos + half[:, 1] * sin, -half[:, 0] * sin + half[:, 1] * cos], axis=1)
    middle = rng.uniform(4, SIZE - 4, (len(strokes), 2))
    return np.hstack([middle - half, middle + half])


def draw_windows(count: int, noise: float = 0.05, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw windows of both classes, every second one a figure.

    Args:
        count: number of windows.
        noise: deviation of the pixel noise.
        seed: the same seed gives the same windows.

    Returns:
        ``(images, labels)``: (N, 32, 32) float64 in [0, 1] and (N,) with 1 for a figure, 0 for strokes in disorder.
    """
    check_int("count", count, minimum=1)
    check_number("noise", noise, minimum=0)
    rng = np.random.default_rng(seed)
    images, labels = np.empty((count, SIZE, SIZE)), np.arange(count) % 2
    for i, label in enumerate(labels):
        limbs = PARTS + rng.normal(0, 0.7, PARTS.shape) + np.tile(rng.uniform(-1.5, 1.5, 2), 2)
        stray = _scatter(PARTS[rng.integers(1, len(PARTS), STRAY)], rng)
        parts = limbs if label else _scatter(limbs, rng)
        ink = _ink(np.vstack([parts, stray]), np.concatenate([BRUSH, np.ones(STRAY)]))
        ground, contrast = rng.uniform(0.3, 0.7), rng.uniform(0.15, 0.3) * rng.choice([-1, 1])
        images[i] = np.clip(ground + contrast * ink + noise * rng.normal(size=ink.shape), 0, 1)
    return images, labels

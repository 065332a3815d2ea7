# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Small scenes of large blobs and thin bars, and training on them: what the tables of this assignment measure."""

import numpy as np
import torch

SIDE, CLASSES, IGNORE = 24, 3, 255
WIDTH, DEPTH, TRAINING, NEW, BATCH, STEPS, LR = 8, 2, 64, 60, 4, 80, 6e-3


def drawn(count, rng):
    """Pictures (N, 1, 24, 24) and masks: background 0, blobs 1, bars 2, and a patch that nobody has labelled."""
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(float)
    x, target = np.zeros((count, 1, SIDE, SIDE)), np.zeros((count, SIDE, SIDE), dtype=np.int64)
    for n in range(count):
        slope = rng.uniform(-0.4, 0.4, size=2)
        picture = slope[0] * (rows / SIDE - 0.5) + slope[1] * (columns / SIDE - 0.5)
        for _ in range(rng.integers(1, 3)):
            (top, left), size = rng.uniform(5, SIDE - 6, size=2), rng.uniform(3.5, 5.5)
            far = np.abs(rows - top), np.abs(columns - left)
            inside = (np.hypot(*far) if rng.random() < 0.5 else 1.1 * np.maximum(*far)) < size
            picture[inside] += rng.uniform(0.5, 0.9)
            target[n][inside] = 1
        for _ in range(rng.integers(1, 3)):
            (top, left), turn, length = rng.uniform(5, SIDE - 6, size=2), rng.uniform(0, np.pi), rng.uniform(3, 5)
            r, c = rows - top, columns - left
            along, beside = r * np.sin(turn) + c * np.cos(turn), r * np.cos(turn) - c * np.sin(turn)
            inside = (np.abs(along) < length) & (np.abs(beside) < 1.0)
            picture[inside] = rng.uniform(1.1, 1.5)
            target[n][inside] = 2
        x[n, 0] = picture + 0.12 * rng.normal(size=(SIDE, SIDE))
        top, left = rng.integers(0, SIDE - 4, size=2)
        target[n][top : top + 4, left : left + 4] = IGNORE
    return torch.tensor(x, dtype=torch.float32), torch.tensor(target)


def lesson(rng):
    """Pictures, masks, and the batches of a training."""
    x, target = drawn(TRAINING, rng)
    order = np.concatenate([rng.permutation(TRAINING) for _ in range(-(-STEPS * BATCH // TRAINING))])
    return x, target, order[: STEPS * BATCH].reshape(STEPS, BATCH).tolist()

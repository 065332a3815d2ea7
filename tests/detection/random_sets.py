"""Random detection data sets for the tests: ties in score, crowds, empty pictures, classes without objects."""

from __future__ import annotations

import numpy as np
import torch

from course_utils.detection.true_positives import Detections, Targets


def boxes_near(rng: np.random.Generator, anchors: np.ndarray, count: int, side: int) -> np.ndarray:
    """Boxes on a grid of quarter pixels, so that areas and overlaps are exact; about half of them close to anchors."""
    corner = rng.integers(0, 3 * side, (count, 2)) / 4
    size = rng.integers(1, side, (count, 2)) ** rng.choice([1.0, 0.7], (count, 1))
    boxes = np.concatenate([corner, corner + np.maximum(np.round(4 * size) / 4, 0.25)], axis=1)
    if len(anchors):
        near = rng.random(count) < 0.6
        jitter = np.round(rng.normal(0, side / 40, (count, 4)) * 4) / 4
        moved = anchors[rng.integers(0, len(anchors), count)] + jitter * (rng.random((count, 1)) < 0.7)
        moved[:, 2:] = np.maximum(moved[:, 2:], moved[:, :2] + 0.25)
        boxes[near] = moved[near]
    return boxes


def random_set(
    seed: int, pictures: int = 6, classes: int = 4, side: int = 160, many: bool = False
) -> tuple[list[Detections], list[Targets]]:
    """Detections and truth of a few pictures; ``many`` makes more than 100 detections in one picture and class."""
    rng = np.random.default_rng(seed)
    detections, targets = [], []
    for picture in range(pictures):
        m = 0 if rng.random() < 0.2 else int(rng.integers(1, 9))
        n = 0 if rng.random() < 0.15 else int(rng.integers(1, 25))
        if many and picture == 0:
            n, m = 130, 8
        true = boxes_near(rng, np.zeros((0, 4)), m, side)
        found = boxes_near(rng, true, n, side)
        # The last class has no objects, the one before it no detections in most pictures.
        true_labels = rng.integers(0, classes - 1, m)
        labels = rng.integers(0, classes, n) if not (many and picture == 0) else np.zeros(n, dtype=int)
        area = (true[:, 2] - true[:, 0]) * (true[:, 3] - true[:, 1])
        detections.append(
            Detections(
                torch.tensor(found),
                torch.tensor(np.round(rng.random(n), 1 if seed % 2 else 6)),
                torch.tensor(labels, dtype=torch.int64),
            )
        )
        targets.append(
            Targets(
                torch.tensor(true),
                torch.tensor(true_labels, dtype=torch.int64),
                difficult=torch.tensor(rng.random(m) < 0.2),
                crowd=torch.tensor(rng.random(m) < (0.2 if seed % 3 else 0.0)),
                area=torch.tensor(np.round(area * rng.uniform(0.4, 1, m))) if seed % 4 == 0 else None,
            )
        )
    return detections, targets

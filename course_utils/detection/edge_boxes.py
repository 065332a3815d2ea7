r"""Edge boxes: a window is worth the contours that it holds whole (chapter 10).

A window b counts the strength :math:`m_i` of its edge groups :math:`s_i`, each weighted by how little it hangs together
with contours that cross the border, and leaves out what lies in its centre:

.. math:: h_b = \frac{\sum_i w_b(s_i)\, m_i - \sum_{p \in b^{in}} m_p}{2 (b_w + b_h)^\kappa}, \qquad
          w_b(s_i) = 1 - \max_T \prod_j a(t_j, t_{j+1})

over chains T of groups from one that crosses the border of b to :math:`s_i`; :math:`w_b = 0` for a group outside.

Source: C. L. Zitnick and P. Dollár, "Edge Boxes: Locating Object Proposals from Edges", ECCV 2014. A group crosses the
border if some but not all of its pixels lie inside. For the edges see :mod:`.edge_groups`.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from course_utils.check import check_int, check_number, check_shape
from course_utils.detection.edge_groups import EdgeGroups, find_groups, sums_inside
from course_utils.detection.nms import nms

ALPHA, BETA, KAPPA = 0.65, 0.75, 1.5  # IoU between steps of the search, of the final NMS; bias against large windows


def score_boxes(groups: EdgeGroups, boxes: np.ndarray) -> np.ndarray:
    """Return the score of each box.

    Args:
        groups: of the picture.
        boxes: (N, 4) whole pixels xyxy, half open, inside the picture.
    """
    count = len(groups.strength)
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    quarter_w, quarter_h = width // 4, height // 4
    centre = boxes + np.stack([quarter_w, quarter_h, -quarter_w, -quarter_h], axis=1)
    held = -sums_inside(groups.magnitude_sums, centre)
    pixels = groups.pixel_sums[:, -1, -1]
    inside = sums_inside(groups.pixel_sums, boxes)  # (G, N)
    whole, crossing = inside == pixels[:, None], (inside > 0) & (inside < pixels[:, None])
    for i in range(count):
        mine = np.flatnonzero(whole[i])
        outside = np.zeros(len(mine))
        for j in np.flatnonzero(groups.linked[i]):
            np.maximum(outside, crossing[j, mine] * groups.linked[i, j], out=outside)
        held[mine] += groups.strength[i] * (1 - outside)
    return held / (2 * (width + height) ** KAPPA)


def search_boxes(height: int, width: int, min_side: int, max_aspect: float = 3.0) -> np.ndarray:
    """Return windows (N, 4) over place, size and shape, spaced so that neighbours have an IoU of about ``ALPHA``."""
    found = []
    step = (1 - ALPHA) / (1 + ALPHA)
    aspects = int(np.log(max_aspect) / np.log((1 + ALPHA) / (2 * ALPHA)))
    side = float(min_side)
    while side <= max(height, width):
        for a in range(-aspects, aspects + 1):
            ratio = ((1 + ALPHA) / (2 * ALPHA)) ** a
            w, h = round(side * ratio**0.5), round(side / ratio**0.5)
            if min_side // 2 <= w <= width and min_side // 2 <= h <= height:
                x = np.unique(np.linspace(0, width - w, 1 + int(np.ceil((width - w) / (w * step)))).round())
                y = np.unique(np.linspace(0, height - h, 1 + int(np.ceil((height - h) / (h * step)))).round())
                corner = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
                found.append(np.concatenate([corner, corner + np.array([w, h])], axis=1))
        side *= ALPHA**-0.5
    return np.concatenate(found).astype(int) if found else np.zeros((0, 4), dtype=int)


def refine(groups: EdgeGroups, boxes: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Move each side of each box while the score rises, by steps that halve until one pixel."""
    boxes, scores = boxes.copy(), scores.copy()
    height, width = groups.labels.shape
    step = np.maximum((boxes[:, 2:] - boxes[:, :2]) * (1 - ALPHA) / (1 + ALPHA) / 2, 1)[:, [0, 1, 0, 1]]
    for _ in range(3):
        for side in range(4):
            for sign in (-1, 1):
                moved = boxes.copy()
                moved[:, side] += sign * np.maximum(step[:, side].round().astype(int), 1)
                moved = np.clip(moved, 0, [width, height, width, height])
                valid = ((moved[:, 2:] - moved[:, :2]) >= 4).all(1)
                new = np.where(valid, score_boxes(groups, np.where(valid[:, None], moved, boxes)), -np.inf)
                better = new > scores
                boxes[better], scores[better] = moved[better], new[better]
        step = step / 2
    return boxes, scores


def edge_boxes(
    image: Tensor, count: int = 1000, sigma: float = 1.5, min_side: int = 16, refined: int = 300
) -> tuple[Tensor, Tensor]:
    """Propose windows by the contours that they hold whole. Meant for pictures up to about 128 pixels.

    Args:
        image: (C, H, W) values in any unit.
        count: at most so many windows.
        sigma: blur before edges are taken, in pixels.
        min_side: smallest side of a square window, in pixels.
        refined: so many of the best windows of the search are moved to where they score best.

    Returns:
        ``(boxes, scores)``: (N, 4) float32 xyxy and (N,), best first; no two overlap with an IoU above ``BETA``.
    """
    check_shape("image", image, (None, None, None))
    check_int("count", count, minimum=0)
    check_int("min_side", min_side, minimum=4)
    check_number("sigma", sigma, above=0)
    groups = find_groups(image, sigma)
    boxes = search_boxes(image.shape[1], image.shape[2], min_side)
    scores = score_boxes(groups, boxes)
    order = np.argsort(-scores, kind="stable")
    best, rest = order[:refined], order[refined : refined + 3 * count]  # NMS need not see what comes far behind
    moved, raised = refine(groups, boxes[best], scores[best])
    every = torch.from_numpy(np.concatenate([moved, boxes[rest]])).float()
    value = torch.from_numpy(np.concatenate([raised, scores[rest]])).float()
    keep = nms(every, value, BETA)[:count]
    return every[keep], value[keep]

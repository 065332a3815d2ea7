r"""BING: seen small, every object is a closed ring of gradient (chapter 10).

A window is resized to 8 x 8 pixels; the norms of its gradients are 64 numbers; one linear template w scores them for
all windows of one size by a single filtering of the resized picture, :math:`s = \langle w, g \rangle`. Local maxima
stay, and because objects of some sizes and shapes are commoner than others, each size i has its own calibration

.. math:: o = v_i\, s + t_i.

Binarised, template and gradients become sums of a few binary vectors, and a score a few bit counts
(:func:`binarised_scores`).

Source: M.-M. Cheng, Z. Zhang, W.-Y. Lin, P. Torr, "BING: Binarized Normed Gradients for Objectness Estimation at
300fps", CVPR 2014. Both stages are linear support vector machines, as there; windows with an IoU of at least 0.5 with
an object are the positive examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.check import check_int, check_same_length, check_shape
from course_utils.detection.iou import box_iou

SIDES = (10, 20, 40, 80)  # the paper's quantised widths and heights go on with 160 and 320
KEPT_PER_SIZE = 130
CELL = 8


@dataclass(frozen=True, eq=False)
class Bing:
    """What is learned.

    Args:
        template: (8, 8) the weights w.
        sizes: (width, height) of the windows in pixels.
        slope: (S,) v of each size; nan for sizes at which no object was ever met: they propose nothing.
        offset: (S,) t of each size.
    """

    template: Tensor
    sizes: tuple[tuple[int, int], ...]
    slope: Tensor
    offset: Tensor


def normed_gradients(image: Tensor) -> Tensor:
    """Return ``min(|g_x| + |g_y|, 255)`` of the channel where it is largest.

    Args:
        image: (C, H, W) values 0..255.

    Returns:
        (H, W) float; differences of the two neighbours, the last pixel repeated beyond the border.
    """
    pixels = F.pad(image.float()[None], (1, 1, 1, 1), mode="replicate")[0]
    right = (pixels[:, 1:-1, 2:] - pixels[:, 1:-1, :-2]).abs()
    down = (pixels[:, 2:, 1:-1] - pixels[:, :-2, 1:-1]).abs()
    return (right + down).amax(0).clamp(max=255)


def gradients_at(image: Tensor, width: int, height: int) -> Tensor | None:
    """Return the normed gradients of the picture resized so that windows of this size are 8 x 8; None if none fits."""
    rows, columns = round(image.shape[1] * CELL / height), round(image.shape[2] * CELL / width)
    if rows < CELL or columns < CELL:
        return None
    return normed_gradients(
        F.interpolate(image.float()[None], (rows, columns), mode="bilinear", antialias=True, align_corners=False)[0]
    )


def windows_at(image: Tensor, width: int, height: int, places: Tensor, columns: int) -> Tensor:
    """Return the windows (N, 4) that belong to places, numbered row by row, in the map of scores of one size."""
    x, y = (places % columns) * (width / CELL), (places // columns) * (height / CELL)
    box = torch.stack([x, y, x + width, y + height], dim=1).float()
    return torch.minimum(box, torch.tensor([image.shape[2], image.shape[1]] * 2).float())


def strongest(
    image: Tensor, template: Tensor, size: tuple[int, int], most: int = KEPT_PER_SIZE
) -> tuple[Tensor, Tensor]:
    """Return windows of one size, (N, 4), whose score (N,) is the highest within two places around."""
    gradients = gradients_at(image, *size)
    if gradients is None:
        return torch.zeros(0, 4), torch.zeros(0)
    scores = F.conv2d(gradients[None, None], template[None, None])[0, 0]
    crest = scores == F.max_pool2d(scores[None], 5, stride=1, padding=2)[0]
    places = crest.flatten().nonzero()[:, 0]
    best = scores.flatten()[places].sort(descending=True, stable=True)
    return windows_at(image, *size, places[best.indices[:most]], scores.shape[1]), best.values[:most]


def examples(
    image: Tensor, boxes: Tensor, sizes: Sequence[tuple[int, int]], negatives: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return 64 normed gradients of windows on objects, with their mirror images, and of others: features, labels."""
    features, labels = [torch.zeros(0, CELL * CELL)], [torch.zeros(0, dtype=torch.bool)]
    for width, height in sizes:
        gradients = gradients_at(image, width, height)
        if gradients is None:
            continue
        every = F.unfold(gradients[None, None], CELL)[0].T  # (places, 64)
        windows = windows_at(image, width, height, torch.arange(len(every)), gradients.shape[1] - CELL + 1)
        hit = (box_iou(windows, boxes.float()) >= 0.5).any(1) if len(boxes) else torch.zeros(len(every)).bool()
        miss = (~hit).nonzero()[:, 0]
        miss = miss[torch.randperm(len(miss), generator=generator)[:negatives]]
        mirrored = every[hit].view(-1, CELL, CELL).flip(2).flatten(1)
        features += [every[hit], mirrored, every[miss]]
        labels += [torch.ones(2 * int(hit.sum()), dtype=torch.bool), torch.zeros(len(miss), dtype=torch.bool)]
    return torch.cat(features), torch.cat(labels)


def fit_bing(images: Sequence[Tensor], boxes: Sequence[Tensor], sides: Sequence[int] = SIDES, seed: int = 0) -> Bing:
    """Learn the template, then the calibration of each size.

    Args:
        images: (C, H, W) each, values 0..255.
        boxes: (M, 4) xyxy each, the objects of any class.
        sides: widths and heights of the windows; all pairs are used.
        seed: of the choice of negative windows.

    Raises:
        ValueError: if no window of these sizes covers any object.
    """
    from sklearn.svm import LinearSVC

    check_same_length("images", images, "boxes", boxes)
    sizes = tuple((check_int("sides", w, minimum=4), check_int("sides", h, minimum=4)) for w in sides for h in sides)
    generator = torch.Generator().manual_seed(seed)
    pairs = [examples(image, true, sizes, 20, generator) for image, true in zip(images, boxes)]
    features, labels = (torch.cat(part) for part in zip(*pairs))
    if not bool(labels.any()):
        raise ValueError(f"no window with sides {tuple(sides)} covers an object with an IoU of 0.5; add fitting sides")
    machine = LinearSVC(C=1.0, class_weight="balanced", random_state=seed)
    machine.fit(features.numpy() / 255, labels.numpy())
    template = torch.tensor(machine.coef_, dtype=torch.float32).view(CELL, CELL) / 255
    slope, offset = torch.full((len(sizes),), torch.nan), torch.zeros(len(sizes))
    for k, size in enumerate(sizes):
        found = [strongest(image, template, size) for image in images]
        hits = [
            (box_iou(w, t.float()) >= 0.5).any(1) if len(t) else torch.zeros(len(w)).bool()
            for (w, _), t in zip(found, boxes)
        ]
        hit, score = torch.cat(hits).numpy(), torch.cat([s for _, s in found]).numpy()
        if 0 < hit.sum() < len(hit):
            line = LinearSVC(C=100.0, random_state=seed).fit(score[:, None], hit)
            # A slope below 0 would rank a size upside down; then the size's share of objects is all there is to know.
            slope[k] = max(float(line.coef_[0, 0]), 0.0)
            offset[k] = float(line.intercept_[0]) if slope[k] > 0 else 2 * float(hit.mean()) - 1
    return Bing(template, sizes, slope, offset)


def bing(model: Bing, image: Tensor, count: int = 100) -> tuple[Tensor, Tensor]:
    """Propose windows.

    Args:
        model: from :func:`fit_bing`.
        image: (C, H, W) values 0..255.
        count: at most so many windows.

    Returns:
        ``(boxes, scores)``: (N, 4) float32 xyxy and (N,) calibrated scores, best first.
    """
    check_shape("image", image, (None, None, None))
    check_int("count", count, minimum=0)
    boxes, scores = [torch.zeros(0, 4)], [torch.zeros(0)]
    for size, v, t in zip(model.sizes, model.slope, model.offset):
        if not torch.isnan(v):
            found, score = strongest(image, model.template, size)
            boxes.append(found)
            scores.append(v * score + t)
    best = torch.cat(scores).sort(descending=True, stable=True)
    return torch.cat(boxes)[best.indices[:count]], best.values[:count]


def binary_terms(template: np.ndarray, terms: int) -> tuple[np.ndarray, np.ndarray]:
    r"""Approximate w by :math:`\sum_j \beta_j a_j` with vectors of -1 and 1 (the paper's algorithm 1).

    Returns:
        ``(beta, signs)``: (terms,) and (terms, 64).
    """
    rest = np.asarray(template, dtype=float).ravel().copy()
    beta, signs = np.zeros(check_int("terms", terms, minimum=1)), np.zeros((terms, rest.size))
    for j in range(terms):
        signs[j] = np.where(rest >= 0, 1.0, -1.0)
        beta[j] = signs[j] @ rest / rest.size
        rest -= beta[j] * signs[j]
    return beta, signs


def binarised_scores(features: np.ndarray, template: np.ndarray, terms: int = 2, bits: int = 4) -> np.ndarray:
    r"""Return scores from bit counts alone: :math:`\sum_j \beta_j \sum_k 2^{8-k} (2 |a_j^+ \wedge b_k| - |b_k|)`.

    Args:
        features: (N, 64) normed gradients, whole numbers 0..255.
        template: (8, 8) weights.
        terms: binary vectors for the template.
        bits: highest bits kept of each gradient, 1..8.
    """
    check_int("bits", bits, minimum=1, maximum=8)
    beta, signs = binary_terms(template, terms)
    whole = np.asarray(features).astype(int)
    scores = np.zeros(len(whole))
    for k in range(1, bits + 1):
        b = (whole >> (8 - k)) & 1 == 1  # (N, 64): one machine word a window
        for beta_j, sign in zip(beta, signs):
            scores += beta_j * 2.0 ** (8 - k) * (2 * (b & (sign > 0)).sum(1) - b.sum(1))
    return scores

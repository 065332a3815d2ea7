r"""Objectness: how likely a window holds a whole object of any class, from four cues (chapter 10).

- MS, multi-scale saliency: the window is full of what stands out in the picture (spectral residual);
- CC, colour contrast: its colours differ from those of the ring around it;
- ED, edge density: edges run along the inside of its border;
- SS, superpixel straddling: few regions of even colour cross its border.

The cues are taken to be independent, and their distributions in windows on objects and in others are counted
(naive Bayes): the score is :math:`\sum_c \log p(c \mid \text{object}) - \log p(c \mid \text{background})`.

Source: B. Alexe, T. Deselaers, V. Ferrari, "What is an object?", CVPR 2010; "Measuring the objectness of image
windows", TPAMI 2012. There each cue has a learned parameter; here these are fixed: a surrounding twice as wide and
high, an inner border around half the area, graph-based superpixels at one scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from course_utils.check import check_int, check_same_length, check_shape
from course_utils.detection.edge_groups import edge_map, integral, sums_inside
from course_utils.detection.graph_segmentation import graph_segmentation
from course_utils.detection.iou import box_iou
from course_utils.detection.nms import nms
from course_utils.detection.recall import random_windows
from course_utils.detection.selective_search import to_colour_space

CUES = ("MS", "CC", "ED", "SS")
COLOUR_LEVELS = (4, 8, 8)  # bins of L, a, b
SALIENCY_SIDES = (16, 24, 32)
BINS = 12


def saliency(image: Tensor) -> np.ndarray:
    """Return what stands out: the spectral residual at three scales and over all channels, summed to (H, W), 0..1.

    Source: X. Hou and L. Zhang, "Saliency Detection: A Spectral Residual Approach", CVPR 2007.
    """
    from scipy.ndimage import gaussian_filter, uniform_filter

    total = torch.zeros(image.shape[1:])
    for side in SALIENCY_SIDES:
        small = torch.nn.functional.interpolate(image.float()[None], (side, side), mode="bilinear", antialias=True)[0]
        for channel in small.numpy():
            spectrum = np.fft.fft2(channel)
            log = np.log(np.abs(spectrum) + 1e-6)
            residual = np.exp(log - uniform_filter(log, 3, mode="wrap") + 1j * np.angle(spectrum))
            found = gaussian_filter(np.abs(np.fft.ifft2(residual)) ** 2, 1.0)
            grown = torch.from_numpy(found / found.max()).float()[None, None]
            total += torch.nn.functional.interpolate(grown, image.shape[1:], mode="bilinear")[0, 0]
    return (total / total.max()).numpy()


def resized(boxes: np.ndarray, factor: float, height: int, width: int) -> np.ndarray:
    """Return boxes with sides times ``factor`` around the same centre, rounded and cut at the picture."""
    half = (boxes[:, 2:] - boxes[:, :2]) * (factor - 1) / 2
    grown = np.concatenate([boxes[:, :2] - half, boxes[:, 2:] + half], axis=1).round().astype(int)
    return np.clip(grown, 0, [width, height, width, height])


def measure_cues(image: Tensor, boxes: Tensor) -> np.ndarray:
    """Measure the four cues.

    Args:
        image: (3, H, W) RGB, values 0..255.
        boxes: (N, 4) xyxy in pixels, at least one pixel wide and high; rounded to whole pixels.

    Returns:
        (N, 4): MS, CC, ED and SS, each larger where an object is likelier.
    """
    check_shape("image", image, (3, None, None))
    height, width = image.shape[1:]
    image = image.detach().cpu()
    box = resized(check_shape("boxes", boxes, (None, 4)).detach().cpu().double().numpy(), 1.0, height, width)
    area = (box[:, 2:] - box[:, :2]).prod(1)

    salient = saliency(image)
    high = salient * (salient >= salient.mean())
    ms = sums_inside(integral(high), box) * sums_inside(integral((high > 0).astype(int)), box) / area

    lab = to_colour_space(image, "Lab").permute(1, 2, 0).numpy() / 256
    index = np.ravel_multi_index(
        tuple((lab[..., c] * n).astype(int) for c, n in enumerate(COLOUR_LEVELS)), COLOUR_LEVELS
    )
    _, index = np.unique(index, return_inverse=True)
    colours = integral((index.reshape(height, width) == np.arange(index.max() + 1)[:, None, None]).astype(np.int32))
    inner = sums_inside(colours, box).astype(float)
    ring = sums_inside(colours, resized(box, 2.0, height, width)) - inner
    a, b = (part / np.maximum(part.sum(0), 1) for part in (inner, ring))
    cc = ((a - b) ** 2 / np.maximum(a + b, 1e-12)).sum(0) / 2

    edges = integral((edge_map(image, 1.0)[0] > 0).astype(int))
    ed = sums_inside(edges, box) - sums_inside(edges, resized(box, 0.5**0.5, height, width))
    ed = ed / (box[:, 2:] - box[:, :2]).sum(1)

    regions = graph_segmentation(image, 60.0, 0.8, 15).numpy()
    each = integral((regions == np.arange(regions.max() + 1)[:, None, None]).astype(np.int32))
    inside = sums_inside(each, box)
    ss = 1 - np.minimum(inside, each[:, -1, -1][:, None] - inside).sum(0) / area
    return np.stack([ms, cc, ed, ss], axis=1)


@dataclass(frozen=True, eq=False)
class Objectness:
    """Counted distributions of the cues.

    Args:
        edges: (4, B - 1) borders between the bins of each cue.
        log_ratio: (4, B) log of the probability of each bin in windows on objects over that in others.
    """

    edges: np.ndarray
    log_ratio: np.ndarray

    def of_cues(self, cues: np.ndarray, use: Sequence[str] = CUES) -> np.ndarray:
        """Return the score (N,) of measured cues (N, 4), from those named in ``use``."""
        chosen = [CUES.index(name) for name in use]
        return np.sum([self.log_ratio[c][np.searchsorted(self.edges[c], cues[:, c])] for c in chosen], axis=0)

    def score(self, image: Tensor, boxes: Tensor, use: Sequence[str] = CUES) -> Tensor:
        """Return the score (N,) of windows (N, 4) of a picture (3, H, W); the larger, the likelier an object."""
        return torch.from_numpy(self.of_cues(measure_cues(image, boxes), use)).float()


def fit_objectness(
    images: Sequence[Tensor], boxes: Sequence[Tensor], negatives: int = 100, seed: int = 0
) -> Objectness:
    """Count the cues in windows on objects and in random windows that cover none (IoU below 0.5).

    Args:
        images: (3, H, W) each, values 0..255.
        boxes: (M, 4) xyxy each, the objects; each counts four times, moved by up to a tenth of its sides.
        negatives: random windows drawn for each picture.
        seed: of windows and moves.

    Raises:
        ValueError: if there is no object at all.
    """
    check_same_length("images", images, "boxes", boxes)
    check_int("negatives", negatives, minimum=1)
    generator = torch.Generator().manual_seed(seed)
    on, off = [np.zeros((0, 4))], [np.zeros((0, 4))]
    for k, (image, true) in enumerate(zip(images, boxes)):
        height, width = image.shape[1:]
        sides = (true[:, 2:] - true[:, :2]).repeat(4, 2)
        moved = true.repeat(4, 1) + (torch.rand(4 * len(true), 4, generator=generator) - 0.5) * 0.2 * sides
        windows = random_windows(negatives, height, width, seed + k)
        free = (box_iou(windows, true.float()) < 0.5).all(1) if len(true) else torch.ones(negatives).bool()
        cues = measure_cues(image, torch.cat([moved.float(), windows[free]]))
        on.append(cues[: len(moved)])
        off.append(cues[len(moved) :])
    good, bad = np.concatenate(on), np.concatenate(off)
    if len(good) == 0:
        raise ValueError("boxes must hold at least one object to learn from, got none")
    share = np.linspace(0, 1, BINS + 1)[1:-1]
    edges = np.stack([np.quantile(np.concatenate([good[:, c], bad[:, c]]), share) for c in range(len(CUES))])
    tables = []
    for cues in (good, bad):
        bins = [np.bincount(np.searchsorted(edges[c], cues[:, c]), minlength=BINS) + 1 for c in range(len(CUES))]
        tables.append(np.log(np.stack(bins) / (len(cues) + BINS)))
    return Objectness(edges, tables[0] - tables[1])


def propose(
    model: Objectness, image: Tensor, count: int = 100, drawn: int = 3000, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Score random windows; return the best that overlap by an IoU of at most 0.6: boxes (N, 4) and scores (N,)."""
    windows = random_windows(check_int("drawn", drawn, minimum=1), image.shape[1], image.shape[2], seed)
    scores = model.score(image, windows)
    keep = nms(windows, scores, 0.6)[: check_int("count", count, minimum=0)]
    return windows[keep], scores[keep]

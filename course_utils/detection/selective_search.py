r"""Selective search: windows around regions of a hierarchy that grows from small even patches (chapter 10).

Start from a graph-based segmentation; join the two most similar neighbours until one region is left; every region that
ever existed gives the box around it. Similarity is a sum of up to four measures in 0..1 (letters as in the paper):

- C: overlap of the colour histograms, :math:`\sum_b \min(c_i^b, c_j^b)`; T: the same for texture;
- S: small regions first, :math:`1 - (|r_i| + |r_j|) / |I|`;
- F: regions that fill each other's gaps, :math:`1 - (|BB_{ij}| - |r_i| - |r_j|) / |I|`, with the box BB around both.

Several colour spaces, sets of measures and scales k make the hierarchies differ. Source: J. Uijlings et al., "Selective
Search for Object Recognition", IJCV 2013 (99 % recall with 10,097 windows a picture on the VOC 2007 test set; the
earlier K. van de Sande et al., "Segmentation as Selective Search for Object Recognition", ICCV 2011, reports 96.7 %
with 1,536). Pictures there are about 500 pixels wide; the smaller a picture, the smaller ``k`` and ``min_size``.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from torch import Tensor

from course_utils.check import check_choice, check_int, check_shape
from course_utils.detection.graph_segmentation import graph_segmentation

COLOUR_BINS, TEXTURE_BINS, ORIENTATIONS = 25, 10, 8
# colour spaces, sets of measures, scales k (IJCV 2013, section 5)
MODES: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[float, ...]]] = {
    "single": (("HSV",), ("CTSF",), (100,)),
    "fast": (("HSV", "Lab"), ("CTSF", "TSF"), (50, 100)),
    "quality": (("HSV", "Lab", "rgI", "H", "I"), ("CTSF", "TSF", "F", "S"), (50, 100, 150, 300)),
}
COLOUR_SPACES = ("RGB", "HSV", "Lab", "rgI", "H", "I")


@dataclass(frozen=True, eq=False)
class Regions:
    """What the similarity needs to know of each region; joining two needs no look at the pixels.

    Args:
        size: (R,) pixels.
        box: (R, 4) xyxy, half open.
        colour: (R, 25 * channels) histogram that sums to 1.
        texture: (R, 80 * channels) histogram that sums to 1.
    """

    size: np.ndarray
    box: np.ndarray
    colour: np.ndarray
    texture: np.ndarray


def to_colour_space(image: Tensor, space: str) -> Tensor:
    """Return an RGB picture (3, H, W), 0..255, in another colour space: (C, H, W) float64, each channel 0..255."""
    from skimage import color

    check_choice("space", space, COLOUR_SPACES)
    rgb = image.permute(1, 2, 0).double().numpy() / 255
    intensity = rgb.mean(-1, keepdims=True)
    if space in ("HSV", "H"):
        out = color.rgb2hsv(rgb)[..., : 3 if space == "HSV" else 1]
    elif space == "Lab":
        out = (color.rgb2lab(rgb) + np.array([0, 128, 128])) / np.array([100, 255, 255])
    elif space == "rgI":
        out = np.concatenate([rgb[..., :2] / np.maximum(3 * intensity, 1e-8), intensity], axis=-1)
    else:
        out = rgb if space == "RGB" else intensity
    return torch.from_numpy(out * 255).permute(2, 0, 1)


def texture_bins(image: np.ndarray) -> np.ndarray:
    """Return the bin of each pixel's Gaussian derivative (sigma 1) in eight directions: (H, W, C * 8) integers."""
    from scipy.ndimage import gaussian_filter

    down = gaussian_filter(image, (1, 1, 0), order=(1, 0, 0), mode="nearest")
    right = gaussian_filter(image, (1, 1, 0), order=(0, 1, 0), mode="nearest")
    angle = np.arange(ORIENTATIONS) * (2 * np.pi / ORIENTATIONS)
    slope = np.maximum(right[..., None] * np.cos(angle) + down[..., None] * np.sin(angle), 0)  # (H, W, C, 8)
    steepest = np.maximum(slope.max(axis=(0, 1, 3), keepdims=True), 1e-8)
    bins = np.minimum((slope / steepest * TEXTURE_BINS).astype(int), TEXTURE_BINS - 1)
    return bins.reshape(*image.shape[:2], -1)


def histograms(labels: np.ndarray, bins: np.ndarray, count: int) -> np.ndarray:
    """Return for each region the histogram over all channels, sum 1: (R, channels * count)."""
    regions, channels = labels.max() + 1, bins.shape[-1]
    place = (labels[..., None] * channels + np.arange(channels)) * count + bins
    table = np.bincount(place.ravel(), minlength=regions * channels * count).reshape(regions, -1)
    return table / table.sum(1, keepdims=True)


def describe(image: np.ndarray, labels: np.ndarray) -> Regions:
    """Measure the regions of a segmentation.

    Args:
        image: (H, W, C), values 0..255.
        labels: (H, W) integers 0..R-1.
    """
    colour = np.minimum((image * (COLOUR_BINS / 255)).astype(int), COLOUR_BINS - 1)
    size = np.bincount(labels.ravel())
    y, x = np.indices(labels.shape)
    box = np.empty((len(size), 4), dtype=int)
    box[:, :2], box[:, 2:] = max(labels.shape), 0
    for column, at, ufunc in ((0, x, np.minimum), (1, y, np.minimum), (2, x + 1, np.maximum), (3, y + 1, np.maximum)):
        ufunc.at(box[:, column], labels.ravel(), at.ravel())
    return Regions(
        size, box, histograms(labels, colour, COLOUR_BINS), histograms(labels, texture_bins(image), TEXTURE_BINS)
    )


def neighbours(labels: np.ndarray) -> list[set[int]]:
    """Return for each region the regions that touch it, corners included."""
    touching: list[set[int]] = [set() for _ in range(int(labels.max()) + 1)]
    views = ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:]), (np.s_[:-1, :-1], np.s_[1:, 1:]))
    for a, b in (*views, (np.s_[1:, :-1], np.s_[:-1, 1:])):
        pairs = np.stack([labels[a].ravel(), labels[b].ravel()], axis=1)
        for i, j in np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0).tolist():
            touching[i].add(j)
            touching[j].add(i)
    return touching


def similarity(regions: Regions, i: int, others: Sequence[int], area: int, measures: str = "CTSF") -> np.ndarray:
    """Return how well region ``i`` goes with each of the ``others``: the sum of the measures named.

    Args:
        regions: described as above.
        i: a region.
        others: n regions.
        area: pixels of the picture.
        measures: any of the letters C, T, S, F.
    """
    j = np.asarray(others)
    total = np.zeros(len(j))
    size = regions.size[i] + regions.size[j]
    if "C" in measures:
        total += np.minimum(regions.colour[i], regions.colour[j]).sum(1)
    if "T" in measures:
        total += np.minimum(regions.texture[i], regions.texture[j]).sum(1)
    if "S" in measures:
        total += 1 - size / area
    if "F" in measures:
        corner = np.minimum(regions.box[i, :2], regions.box[j, :2])
        total += 1 - ((np.maximum(regions.box[i, 2:], regions.box[j, 2:]) - corner).prod(1) - size) / area
    return total


def hierarchy(regions: Regions, touching: Sequence[set[int]], area: int, measures: str = "CTSF") -> np.ndarray:
    """Join the two most similar neighbours again and again; equal pairs go by number.

    Args:
        regions: R regions to start from.
        touching: their neighbours.
        area: pixels of the picture.
        measures: letters C, T, S, F.

    Returns:
        (R + joins, 4) the box of every region, those joined last at the end: the last is the whole picture.
    """
    start = len(regions.size)
    padded = [np.concatenate([part, np.zeros_like(part[: start - 1])]) for part in vars(regions).values()]
    grown = Regions(*padded)
    near = [set(each) for each in touching] + [set() for _ in range(start - 1)]
    queue = [
        (-score, i, j)
        for i in range(start)
        if (later := sorted(n for n in near[i] if n > i))
        for j, score in zip(later, similarity(grown, i, later, area, measures).tolist())
    ]
    heapq.heapify(queue)
    alive = [True] * start
    while queue:
        _, i, j = heapq.heappop(queue)
        if not (alive[i] and alive[j]):
            continue
        new, a, b = len(alive), grown.size[i], grown.size[j]
        alive[i] = alive[j] = False
        alive.append(True)
        grown.size[new] = a + b
        grown.box[new, :2] = np.minimum(grown.box[i, :2], grown.box[j, :2])
        grown.box[new, 2:] = np.maximum(grown.box[i, 2:], grown.box[j, 2:])
        for table in (grown.colour, grown.texture):
            table[new] = (a * table[i] + b * table[j]) / (a + b)
        near[new] = (near[i] | near[j]) - {i, j}
        for n in near[new]:
            near[n] -= {i, j}
            near[n].add(new)
        others = sorted(near[new])
        for n, score in zip(others, similarity(grown, new, others, area, measures).tolist() if others else ()):
            heapq.heappush(queue, (-score, n, new))
    return grown.box[: len(alive)]


def selective_search(
    image: Tensor,
    mode: str = "fast",
    seed: int = 0,
    *,
    ks: Sequence[float] | None = None,
    min_size: int = 20,
    min_side: int = 6,
) -> Tensor:
    """Propose windows for objects of any kind.

    Args:
        image: (3, H, W) RGB, values 0..255.
        mode: ``"single"`` (1 hierarchy), ``"fast"`` (8) or ``"quality"`` (80).
        seed: of the order: place in the hierarchy, top first, times a random number in 0..1, as in the paper.
        ks: scales of the segmentations; None: those of the mode.
        min_size: smallest region at the start, in pixels.
        min_side: shortest side of a window in pixels.

    Returns:
        (N, 4) float32 xyxy without doubles, the most promising first.
    """
    check_shape("image", image, (3, None, None))
    check_choice("mode", mode, MODES)
    check_int("min_side", min_side, minimum=1)
    spaces, sets, scales = MODES[mode]
    rng = np.random.default_rng(seed)
    area = image.shape[1] * image.shape[2]
    boxes, order = [], []
    for space, k in product(spaces, ks if ks is not None else scales):
        converted = to_colour_space(image.detach().cpu(), space)
        labels = graph_segmentation(converted, k, sigma=0.8, min_size=min_size).numpy()
        start, touching = describe(converted.permute(1, 2, 0).numpy(), labels), neighbours(labels)
        for measures in sets:
            found = hierarchy(start, touching, area, measures)[::-1]
            boxes.append(found)
            order.append(rng.random(len(found)) * np.arange(1, len(found) + 1))
    every = np.concatenate(boxes)[np.argsort(np.concatenate(order), kind="stable")]
    every = every[((every[:, 2:] - every[:, :2]) >= min_side).all(1)]
    _, first = np.unique(every, axis=0, return_index=True)
    return torch.from_numpy(every[np.sort(first)]).float()

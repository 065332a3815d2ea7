r"""Edge groups: the edges of a picture as pieces of contour that turn little, and how well pieces continue each other.

Two groups i and j within two pixels of each other have the affinity

.. math:: a(s_i, s_j) = |\cos(\theta_i - \theta_{ij}) \cos(\theta_j - \theta_{ij})|^\gamma

with their mean directions and the direction of the line between their mean positions; all others have none.

Source: C. L. Zitnick and P. Dollár, "Edge Boxes: Locating Object Proposals from Edges", ECCV 2014, section 3.1. The
paper's edges come from a trained detector (structured forests); here they are thinned gradients of the blurred picture,
which take every texture for an edge. Used in chapter 10.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

GAMMA = 2.0
NEIGHBOURS = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx]


@dataclass(frozen=True, eq=False)
class EdgeGroups:
    """The edges of a picture, in groups.

    Args:
        magnitude: (H, W) strength of the edge at each pixel, 0..1; 0 where there is none.
        labels: (H, W) number of the group of each pixel, -1 where there is none.
        strength: (G,) sum of the magnitudes in each group.
        affinity: (G, G) in 0..1, 0 for groups more than two pixels apart.
        linked: (G, G) largest product of affinities along any chain between two groups; 1 on the diagonal.
        magnitude_sums: (H + 1, W + 1) integral image of the magnitude.
        pixel_sums: (G, H + 1, W + 1) integral image of the pixels of each group.
    """

    magnitude: np.ndarray
    labels: np.ndarray
    strength: np.ndarray
    affinity: np.ndarray
    linked: np.ndarray
    magnitude_sums: np.ndarray
    pixel_sums: np.ndarray


def edge_map(image: Tensor, sigma: float = 1.0, threshold: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Return thin edges: strength (H, W) in 0..1, and the direction of the edge (H, W) in 0..pi.

    Args:
        image: (C, H, W) values in any unit; at each pixel the channel with the steepest slope counts.
        sigma: blur in pixels.
        threshold: edges weaker than this share of the strongest are dropped.
    """
    from scipy.ndimage import gaussian_filter, map_coordinates

    pixels = image.detach().cpu().double().numpy()
    blur = (0, sigma, sigma)
    down = gaussian_filter(pixels, blur, order=(0, 1, 0), mode="nearest")
    right = gaussian_filter(pixels, blur, order=(0, 0, 1), mode="nearest")
    steepest = np.hypot(down, right).argmax(0)[None]
    gy, gx = (np.take_along_axis(part, steepest, 0)[0] for part in (down, right))
    slope = np.hypot(gy, gx)
    y, x = np.indices(slope.shape).astype(float)
    uy, ux = gy / np.maximum(slope, 1e-12), gx / np.maximum(slope, 1e-12)
    ahead, behind = (map_coordinates(slope, [y + s * uy, x + s * ux], order=1, mode="nearest") for s in (1, -1))
    crest = (slope > ahead) & (slope >= behind) & (slope > threshold * slope.max())
    return np.where(crest, slope / max(slope.max(), 1e-12), 0.0), (np.arctan2(gy, gx) + np.pi / 2) % np.pi


def turn(a: np.ndarray | float, b: np.ndarray | float) -> np.ndarray:
    """Return the angle between two undirected lines, 0..pi/2."""
    difference = np.abs(np.asarray(a) - b) % np.pi
    return np.minimum(difference, np.pi - difference)


def group_edges(magnitude: np.ndarray, angle: np.ndarray, least: float = 0.5) -> np.ndarray:
    """Gather edge pixels into groups of nearly constant direction.

    A group grows by the touching pixel whose direction differs least, until the differences sum to more than 90
    degrees. Groups weaker than ``least`` go to the touching group whose direction is closest, if there is one.

    Returns:
        (H, W) labels 0..G-1, -1 where there is no edge.
    """
    labels = np.where(magnitude > 0, -2, -1)
    angles, padded = np.pad(angle, 1).tolist(), np.pad(labels, 1, constant_values=-1).tolist()
    every = (np.argwhere(magnitude > 0) + 1).tolist()
    count = 0
    for y, x in every:
        if padded[y][x] != -2:
            continue
        front: dict[tuple[int, int], float] = {}
        total = 0.0
        while total <= np.pi / 2:
            padded[y][x] = count
            front.pop((y, x), None)
            for dy, dx in NEIGHBOURS:
                if padded[y + dy][x + dx] == -2:
                    d = abs(angles[y + dy][x + dx] - angles[y][x])
                    front[y + dy, x + dx] = min(d, np.pi - d, front.get((y + dy, x + dx), np.pi))
            if not front:
                break
            (y, x), step = min(front.items(), key=lambda item: item[1])
            total += step
        count += 1
    labels = np.array(padded)
    strength = np.bincount(labels[labels >= 0], np.pad(magnitude, 1)[labels >= 0], minlength=count)
    strength = np.append(strength, np.inf)  # for label -1
    weak = (labels >= 0) & (strength[labels] < least)
    labels[weak] = -2
    changed = True
    while changed:
        changed = False
        for y, x in np.argwhere(labels == -2).tolist():
            near = [
                (float(turn(angles[y + dy][x + dx], angles[y][x])), labels[y + dy, x + dx]) for dy, dx in NEIGHBOURS
            ]
            near = [pair for pair in near if pair[1] >= 0]
            if near:
                labels[y, x], changed = min(near)[1], True
    inner = np.maximum(labels[1:-1, 1:-1], -1)
    used, dense = np.unique(inner, return_inverse=True)
    return dense.reshape(inner.shape) - int(used[0] == -1)


def affinities(magnitude: np.ndarray, angle: np.ndarray, labels: np.ndarray) -> np.ndarray:
    r"""Return :math:`|\cos(\theta_i - \theta_{ij}) \cos(\theta_j - \theta_{ij})|^\gamma` for groups within two pixels.

    :math:`\theta_i` is the mean direction of a group, :math:`\theta_{ij}` that of the line between two mean positions.
    """
    groups = int(labels.max()) + 1
    on = labels >= 0
    of, m = labels[on], magnitude[on]
    mean = lambda value: np.bincount(of, m * value, minlength=groups) / np.bincount(of, m, minlength=groups)
    y, x = (mean(place) for place in np.nonzero(on))
    theta = np.arctan2(mean(np.sin(2 * angle[on])), mean(np.cos(2 * angle[on]))) / 2
    between = np.arctan2(y[:, None] - y, x[:, None] - x)
    value = np.abs(np.cos(theta[:, None] - between) * np.cos(theta - between)) ** GAMMA
    close = np.zeros((groups, groups), dtype=bool)
    padded = np.pad(labels, 2, constant_values=-1)
    height, width = labels.shape
    for dy in range(5):
        for dx in range(5):
            other = padded[dy : dy + height, dx : dx + width]
            both = on & (other >= 0)
            close[labels[both], other[both]] = True
    np.fill_diagonal(close, False)
    return np.where(close, value, 0.0)


def strongest_chains(affinity: np.ndarray) -> np.ndarray:
    """Return the largest product of affinities along any chain between two groups, by Floyd and Warshall's method.

    Chains weaker than 0.05 count as none: they change little and cost time.
    """
    linked = np.maximum(affinity, np.eye(len(affinity)))
    for k in range(len(linked)):
        ends = np.flatnonzero(linked[k])
        block = np.ix_(ends, ends)
        linked[block] = np.maximum(linked[block], linked[ends, k, None] * linked[k, ends])
    return np.where(linked >= 0.05, linked, 0.0)


def integral(maps: np.ndarray) -> np.ndarray:
    """Return the integral images (..., H + 1, W + 1) of maps (..., H, W): sums over all above and left."""
    return np.pad(maps, [(0, 0)] * (maps.ndim - 2) + [(1, 0), (1, 0)]).cumsum(-1).cumsum(-2)


def sums_inside(table: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return the sums inside boxes (N, 4) from integral images (..., H + 1, W + 1): (..., N)."""
    x1, y1, x2, y2 = boxes.T
    stride = table.shape[-1]
    flat = table.reshape(*table.shape[:-2], table.shape[-2] * stride)
    corners = (flat.take(y * stride + x, axis=-1) for y, x in ((y2, x2), (y1, x2), (y2, x1), (y1, x1)))
    a, b, c, d = corners
    return a - b - c + d


def find_groups(image: Tensor, sigma: float = 1.0) -> EdgeGroups:
    """Return the edge groups of a picture (C, H, W)."""
    magnitude, angle = edge_map(image, sigma)
    labels = group_edges(magnitude, angle)
    magnitude = np.where(labels >= 0, magnitude, 0.0)
    strength = np.bincount(labels[labels >= 0], magnitude[labels >= 0], minlength=int(labels.max()) + 1)
    affinity = affinities(magnitude, angle, labels)
    each = (labels == np.arange(len(strength))[:, None, None]).astype(np.int32)
    return EdgeGroups(
        magnitude, labels, strength, affinity, strongest_chains(affinity), integral(magnitude), integral(each)
    )

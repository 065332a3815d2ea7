r"""Efficient graph-based segmentation: parts are joined while the step between them is as small as inside (chapter 10).

Pixels are the vertices of a graph, each linked to its eight neighbours by an edge whose weight is the difference of
their colours. Edges are taken by rising weight; the two components :math:`C_1, C_2` that an edge links become one if

.. math:: w \le \min\!\left(\mathrm{Int}(C_1) + \frac{k}{|C_1|},\; \mathrm{Int}(C_2) + \frac{k}{|C_2|}\right)

where Int is the largest weight used so far inside a component (the largest edge of its minimum spanning tree).

Source: P. Felzenszwalb and D. Huttenlocher, "Efficient Graph-Based Image Segmentation", IJCV 2004. Their grid graph
and their merging of small components (``min_size``) are used; colours are joined by Euclidean distance.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from course_utils.check import check_int, check_number, check_shape

__all__ = ["graph_segmentation", "grid_edges", "segment_edges", "smooth"]


def smooth(image: np.ndarray, sigma: float) -> np.ndarray:
    """Return a picture (H, W, C) blurred by a Gaussian of ``sigma`` pixels, its borders repeated."""
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(image, (sigma, sigma, 0), mode="nearest") if sigma > 0 else image


def grid_edges(image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the edges between each pixel and its neighbours to the right, below, and on both diagonals.

    Args:
        image: (H, W, C) colours in any unit.

    Returns:
        ``(first, second, weight)``: (E,) numbers of the two pixels, row by row, and distance of their colours.
    """
    height, width = image.shape[:2]
    number = np.arange(height * width).reshape(height, width)
    pairs = [
        (np.s_[:, :-1], np.s_[:, 1:]),
        (np.s_[:-1, :], np.s_[1:, :]),
        (np.s_[:-1, :-1], np.s_[1:, 1:]),
        (np.s_[1:, :-1], np.s_[:-1, 1:]),
    ]
    first = np.concatenate([number[a].ravel() for a, _ in pairs])
    second = np.concatenate([number[b].ravel() for _, b in pairs])
    weight = np.concatenate([np.sqrt(((image[a] - image[b]) ** 2).sum(-1)).ravel() for a, b in pairs])
    return first, second, weight


def segment_edges(
    count: int, first: np.ndarray, second: np.ndarray, weight: np.ndarray, k: float, min_size: int = 1
) -> np.ndarray:
    """Segment any weighted graph.

    Args:
        count: number of vertices.
        first, second: (E,) the two vertices of each edge.
        weight: (E,) differences, at least 0.
        k: scale, in the unit of the weights: the larger, the larger the components.
        min_size: afterwards smaller components are joined to the neighbour across their lightest edge.

    Returns:
        (count,) int64, number of the component of each vertex, in order of its first vertex.
    """
    order = np.argsort(weight, kind="stable")
    edges = list(zip(first[order].tolist(), second[order].tolist(), weight[order].tolist()))
    parent = list(range(count))
    size = [1] * count
    limit = [float(k)] * count  # Int(C) + k / |C|

    def find(vertex: int) -> int:
        while parent[vertex] != vertex:
            parent[vertex] = parent[parent[vertex]]  # halve the path for the next time
            vertex = parent[vertex]
        return vertex

    def join(a: int, b: int) -> int:
        root, other = (a, b) if size[a] >= size[b] else (b, a)
        parent[other] = root
        size[root] += size[other]
        return root

    for u, v, w in edges:
        a, b = find(u), find(v)
        if a != b and w <= limit[a] and w <= limit[b]:
            root = join(a, b)
            # Weights rise, so w is the largest inside the new component.
            limit[root] = w + k / size[root]
    for u, v, _ in edges if min_size > 1 else ():
        a, b = find(u), find(v)
        if a != b and (size[a] < min_size or size[b] < min_size):
            join(a, b)
    roots = np.array([find(vertex) for vertex in range(count)])
    _, first_seen, labels = np.unique(roots, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first_seen))[labels]


def graph_segmentation(image: Tensor, k: float = 100.0, sigma: float = 0.8, min_size: int = 20) -> Tensor:
    """Divide a picture into regions of even colour.

    Args:
        image: (C, H, W), values 0..255 (uint8 or float), any number of channels.
        k: scale of observation in units of 0..255 colours times pixels; larger means larger regions. Above 0.
        sigma: blur before, in pixels, at least 0.
        min_size: smallest region in pixels, at least 1.

    Returns:
        (H, W) int64, number of the region of each pixel, 0, 1, ... in reading order.
    """
    check_shape("image", image, (None, None, None))
    check_number("k", k, above=0)
    check_number("sigma", sigma, minimum=0)
    check_int("min_size", min_size, minimum=1)
    pixels = smooth(image.detach().cpu().permute(1, 2, 0).double().numpy(), sigma)
    height, width = pixels.shape[:2]
    labels = segment_edges(height * width, *grid_edges(pixels), k, min_size)
    return torch.from_numpy(labels.reshape(height, width))

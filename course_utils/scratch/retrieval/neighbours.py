"""The nearest pictures: all distances by one matrix product, and the same by loops (chapter 09b)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.check import check_choice, check_int, check_shape

MEASURES = ("cosine", "euclidean")


def closeness(queries: Tensor, gallery: Tensor, measure: str = "cosine") -> Tensor:
    """Return how close each query is to each item of the gallery; larger is closer.

    Args:
        queries: (Q, D) floating point.
        gallery: (N, D).
        measure: ``"cosine"``, the cosine of the angle, or ``"euclidean"``, minus the squared distance.

    Returns:
        (Q, N).

    Raises:
        ValueError: if the lengths of the vectors differ.
    """
    check_shape("queries", queries, (None, None))
    check_shape("gallery", gallery, (None, queries.shape[1]))
    if check_choice("measure", measure, MEASURES) == "cosine":
        return F.normalize(queries, dim=1) @ F.normalize(gallery, dim=1).T
    # |q - g|^2 = |q|^2 - 2 q.g + |g|^2: one matrix product in place of Q * N differences.
    return 2 * queries @ gallery.T - queries.square().sum(1, keepdim=True) - gallery.square().sum(1)


def nearest(queries: Tensor, gallery: Tensor, k: int, measure: str = "cosine", *, chunk: int = 1024) -> Tensor:
    """Return the k items of the gallery that are closest to each query, closest first.

    Args:
        queries: (Q, D).
        gallery: (N, D).
        k: 1..N.
        measure: see :func:`closeness`.
        chunk: queries compared at a time, so that memory stays below ``chunk * N`` numbers.

    Returns:
        int64 (Q, k), positions in the gallery. Of equally close items the one with the smaller position comes first.
    """
    check_shape("gallery", gallery, (None, None))
    check_int("k", k, minimum=1, maximum=len(gallery))
    check_int("chunk", chunk, minimum=1)
    parts = [
        closeness(part, gallery, measure).sort(dim=1, descending=True, stable=True).indices[:, :k]
        for part in queries.split(chunk)
    ]
    return torch.cat(parts) if parts else torch.empty(0, k, dtype=torch.int64)


def nearest_by_loops(queries: Tensor, gallery: Tensor, k: int, measure: str = "cosine") -> Tensor:
    """Compute the same one pair at a time, as the definition says: the slow twin."""
    rows = []
    for query in queries.tolist():
        scores = []
        for place, item in enumerate(gallery.tolist()):
            if measure == "cosine":
                dot = sum(a * b for a, b in zip(query, item, strict=True))
                lengths = sum(a * a for a in query) ** 0.5 * sum(b * b for b in item) ** 0.5
                score = dot / lengths if lengths else 0.0
            else:
                score = -sum((a - b) ** 2 for a, b in zip(query, item, strict=True))
            scores.append((-score, place))
        rows.append([place for _, place in sorted(scores)[:k]])
    return torch.tensor(rows)

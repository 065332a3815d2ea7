"""Metric learning: train a map whose distances mean "the same kind" and "not the same kind".

Taught in chapter 02b_losses.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from course_utils.check import check_int, check_number, check_same_length, check_shape

Array = NDArray[np.float64]


def triplet_loss(anchor: ArrayLike, positive: ArrayLike, negative: ArrayLike, margin: float = 1.0) -> float:
    """Return the mean of ``max(0, |a - p|^2 - |a - n|^2 + margin)``.

    Args:
        anchor: embedded examples, shape ``(N, E)``.
        positive: others of the same class, shape ``(N, E)``.
        negative: others of another class, shape ``(N, E)``.
        margin: by how much the wrong one must be farther, in squared distance, above 0.

    Source: F. Schroff, D. Kalenichenko, J. Philbin, FaceNet (2015), equation 3, averaged.
    """
    return float(_violation(anchor, positive, negative, margin).clip(min=0).mean())


def triplet_gradient(
    anchor: ArrayLike, positive: ArrayLike, negative: ArrayLike, margin: float = 1.0
) -> tuple[Array, Array, Array]:
    """Return the gradients of :func:`triplet_loss` in anchor, positive and negative.

    Args:
        anchor: shape ``(N, E)``.
        positive: shape ``(N, E)``.
        negative: shape ``(N, E)``.
        margin: as in :func:`triplet_loss`.

    Returns:
        Three arrays of shape ``(N, E)``; zero for triplets that already keep the margin.
    """
    violation = _violation(anchor, positive, negative, margin)
    a, p, n = (np.asarray(v, dtype=np.float64) for v in (anchor, positive, negative))
    pull = 2 * (violation > 0)[:, None] / len(a)
    return pull * (n - p), pull * (p - a), pull * (a - n)


def contrastive_loss(first: ArrayLike, second: ArrayLike, same: ArrayLike, margin: float = 1.0) -> float:
    """Return the mean of ``d^2 / 2`` over pairs alike and ``max(0, margin - d)^2 / 2`` over the others.

    Args:
        first: embedded examples, shape ``(N, E)``.
        second: their partners, shape ``(N, E)``.
        same: whether the two are of one class, shape ``(N,)``.
        margin: distance beyond which unlike pairs are left alone, above 0.

    Source: R. Hadsell, S. Chopra, Y. LeCun, Dimensionality reduction by learning an invariant mapping (2006).
    """
    check_number("margin", margin, above=0)
    a = check_shape("first", np.asarray(first, dtype=np.float64), (None, None))
    b = check_shape("second", np.asarray(second, dtype=np.float64), a.shape)
    alike = check_shape("same", np.asarray(same, dtype=bool), (len(a),))
    distance = np.linalg.norm(a - b, axis=1)
    return float(np.where(alike, 0.5 * distance**2, 0.5 * np.maximum(0.0, margin - distance) ** 2).mean())


def nearest_neighbours(gallery: ArrayLike, queries: ArrayLike) -> NDArray[np.int64]:
    """Return for every query the index of the closest row of the gallery.

    Args:
        gallery: shape ``(M, E)``.
        queries: shape ``(N, E)``.

    Returns:
        Shape ``(N,)``.
    """
    known = check_shape("gallery", np.asarray(gallery, dtype=np.float64), (None, None))
    asked = check_shape("queries", np.asarray(queries, dtype=np.float64), (None, known.shape[1]))
    # |q - g|^2 without |q|^2, which is the same for every g
    return np.argmin((known**2).sum(axis=1) - 2 * asked @ known.T, axis=1).astype(np.int64)


def neighbour_accuracy(gallery: ArrayLike, gallery_y: ArrayLike, queries: ArrayLike, queries_y: ArrayLike) -> float:
    """Return the share of queries whose nearest gallery row has their class.

    Args:
        gallery: shape ``(M, E)``.
        gallery_y: classes, shape ``(M,)``.
        queries: shape ``(N, E)``.
        queries_y: classes, shape ``(N,)``.
    """
    nearest = nearest_neighbours(gallery, queries)
    return float((np.asarray(gallery_y)[nearest] == np.asarray(queries_y)).mean())


def draw_triplets(labels: Tensor, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Draw random triplets: an anchor, another example of its class, an example of another class.

    Args:
        labels: classes, shape ``(N,)``; at least two classes, each with at least two examples.
        count: number of triplets, at least 1.
        generator: source of chance.

    Returns:
        Indices of anchors, positives and negatives, shape ``(count,)`` each.
    """
    check_int("count", count, minimum=1)
    classes, kind, sizes = torch.unique(labels, return_inverse=True, return_counts=True)
    if len(classes) < 2 or int(sizes.min()) < 2:
        raise ValueError("labels must hold at least two classes, each with at least two examples")
    sorted_by_class = torch.argsort(kind, stable=True)
    first = torch.cumsum(sizes, dim=0) - sizes  # where each class begins in that order
    place = torch.randint(len(labels), (count,), generator=generator)
    begin, size = first[kind[sorted_by_class[place]]], sizes[kind[sorted_by_class[place]]]
    within = (torch.rand(count, generator=generator) * (size - 1)).long() + begin
    within += (within >= place).long()  # step over the anchor itself
    outside = (torch.rand(count, generator=generator) * (len(labels) - size)).long()
    outside += size * (outside >= begin)  # step over the anchor's class
    return sorted_by_class[place], sorted_by_class[within], sorted_by_class[outside]


def train_embedding(
    net: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    steps: int = 400,
    count: int = 128,
    lr: float = 3e-3,
    margin: float = 1.0,
    seed: int = 0,
    augment: Callable[[Tensor, torch.Generator], Tensor] | None = None,
) -> list[float]:
    """Train ``net`` with the triplet loss and Adam.

    Args:
        net: maps ``x`` to embeddings ``(N, E)``; trained in place.
        x: inputs, first dimension ``N``.
        y: classes, shape ``(N,)``.
        steps: number of batches.
        count: triplets in a batch.
        lr: learning rate, above 0.
        margin: as in :func:`triplet_loss`.
        seed: for triplets and augmentation.
        augment: changes each drawn batch of inputs.

    Returns:
        The loss of every step.
    """
    check_same_length("x", x, "y", y)
    check_int("steps", steps, minimum=1)
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(net.parameters(), lr=check_number("lr", lr, above=0))
    losses = []
    for _ in range(steps):
        drawn = x[torch.cat(draw_triplets(y, count, generator))]
        if augment is not None:
            drawn = augment(drawn, generator)
        a, p, n = net(drawn).chunk(3)
        loss = torch.relu(((a - p) ** 2).sum(dim=1) - ((a - n) ** 2).sum(dim=1) + margin).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


def _violation(anchor: ArrayLike, positive: ArrayLike, negative: ArrayLike, margin: float) -> Array:
    check_number("margin", margin, above=0)
    a = check_shape("anchor", np.asarray(anchor, dtype=np.float64), (None, None))
    p = check_shape("positive", np.asarray(positive, dtype=np.float64), a.shape)
    n = check_shape("negative", np.asarray(negative, dtype=np.float64), a.shape)
    return np.asarray(((a - p) ** 2).sum(axis=1) - ((a - n) ** 2).sum(axis=1) + margin)

"""How good is a ranking: precision at k, average precision, and their means (chapter 09b)."""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils.check import check_int, check_same_length, check_shape


def precision_at(found: Tensor, query_labels: Tensor, gallery_labels: Tensor, k: int) -> float:
    """Return the share of right ones among the first k answers, averaged over the queries.

    Args:
        found: int64 (Q, K), positions in the gallery, best first, K at least k.
        query_labels: (Q,).
        gallery_labels: (N,); an answer is right if its label is that of the query.
        k: 1..K.
    """
    check_shape("found", found, (None, None))
    check_same_length("found", found, "query_labels", query_labels)
    check_int("k", k, minimum=1, maximum=found.shape[1])
    if len(found) == 0:
        raise ValueError("found must hold the answers to at least one query, got none")
    return float((gallery_labels[found[:, :k]] == query_labels[:, None]).double().mean())


def precision_recall(scores: Tensor, relevant: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return precision and recall at every threshold that changes something.

    Args:
        scores: (N,), larger is more likely.
        relevant: bool (N,), at least one true.

    Returns:
        ``(precision, recall, thresholds)``, from the highest threshold to the lowest. Items of equal score are
        answered together, since no threshold tells them apart.

    Raises:
        ValueError: if nothing is relevant: recall has no meaning then.
    """
    check_shape("scores", scores, (None,))
    check_same_length("scores", scores, "relevant", relevant)
    if not bool(relevant.any()):
        raise ValueError("relevant must mark at least one item, got none; leave such a class out of the mean")
    if not bool(torch.isfinite(scores).all()):
        raise ValueError("scores must be finite numbers, got a NaN or an infinity: they give no order")
    order = scores.argsort(descending=True, stable=True)
    ranked, hits = scores[order], relevant[order].double().cumsum(0)
    last = torch.ones(len(ranked), dtype=torch.bool)
    last[:-1] = ranked[1:] != ranked[:-1]
    count = torch.arange(1, len(ranked) + 1, dtype=torch.float64)
    return (hits / count)[last], (hits / hits[-1])[last], ranked[last]


def average_precision(scores: Tensor, relevant: Tensor) -> float:
    """Return the area under the steps of precision over recall.

    Without ties it is the mean, over the relevant items, of the precision at the place where each is found.

    Args:
        scores: (N,).
        relevant: bool (N,), at least one true.
    """
    precision, recall, _ = precision_recall(scores, relevant)
    gained = torch.diff(recall, prepend=torch.zeros(1, dtype=torch.float64))
    return float((gained * precision).sum())


def average_precision_by_hand(scores: Tensor, relevant: Tensor) -> float:
    """Walk down the ranking and note the precision at each relevant item: the slow twin, for scores without ties."""
    found, total = 0, 0.0
    ranking = sorted(zip(scores.tolist(), relevant.tolist(), strict=True), reverse=True)
    for place, (_, wanted) in enumerate(ranking, start=1):
        if wanted:
            found += 1
            total += found / place
    return total / found


def eleven_point_precision(scores: Tensor, relevant: Tensor) -> float:
    """Return PASCAL VOC's average precision of 2007: the mean of the best precision at recall 0, 0.1, ..., 1 or more.

    Args:
        scores: (N,).
        relevant: bool (N,), at least one true.

    Source: M. Everingham et al., "The PASCAL Visual Object Classes (VOC) challenge", IJCV 2010, section 4.2.
    """
    precision, recall, _ = precision_recall(scores, relevant)
    total = 0.0
    for tenth in range(11):
        reached = recall >= tenth / 10 - 1e-12
        total += float(precision[reached].max()) if bool(reached.any()) else 0.0
    return total / 11


def mean_average_precision(scores: Tensor, relevant: Tensor) -> float:
    """Return the mean of the average precision over the columns that have a relevant item.

    Args:
        scores: (N, T), one column a tag or query.
        relevant: bool (N, T).

    Raises:
        ValueError: if shapes differ or no column has a relevant item.
    """
    check_shape("scores", scores, (None, None))
    check_shape("relevant", relevant, tuple(scores.shape))
    usable = relevant.any(0).nonzero()[:, 0].tolist()
    if not usable:
        raise ValueError("relevant must mark at least one item in some column, got none")
    return sum(average_precision(scores[:, tag], relevant[:, tag]) for tag in usable) / len(usable)

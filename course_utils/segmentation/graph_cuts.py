"""Lowest energies by cutting graphs: exact for two labels, and a strong method for more.

A labelling with two labels is a cut between two ends, its energy the capacity of what is cut; the largest flow finds
the smallest cut. With more labels each is offered in turn, and the choice of who takes it is again a cut.

Source: Y. Boykov, O. Veksler, R. Zabih, "Fast approximate energy minimization via graph cuts", PAMI 2001; V.
Kolmogorov, R. Zabih, "What energy functions can be minimized via graph cuts?", PAMI 2004.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from course_utils.check import check_int, check_shape
from course_utils.segmentation.grid_crf import GridCRF, energy

# Capacities of a cut are whole numbers of 31 bits: this is the largest flow, in the smallest unit of energy.
LARGEST_FLOW = 2**30


def _neighbours(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of pixel numbers: first those above each other, then those beside each other."""
    number = np.arange(height * width).reshape(height, width)
    first = np.concatenate([number[:-1].ravel(), number[:, :-1].ravel()])
    return first, np.concatenate([number[1:].ravel(), number[:, 1:].ravel()])


def binary_cut(
    stay: np.ndarray, move: np.ndarray, pairs: tuple[np.ndarray, np.ndarray], costs: np.ndarray
) -> np.ndarray:
    """Minimise an energy of yes-no decisions exactly, as the smallest cut through a graph.

    Args:
        stay: (P,), cost of no for each of P pixels.
        move: (P,), cost of yes.
        pairs: two arrays (E,) of pixel numbers.
        costs: (4, E), cost of a pair's (no, no), (no, yes), (yes, no), (yes, yes); the outer two may not cost more
            than the inner two together.

    Returns:
        Bool (P,): yes. Energies are rounded to a billionth of the largest flow.

    Raises:
        ValueError: if a pair rewards disagreement.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import breadth_first_order, maximum_flow

    a, b, c, d = costs
    first, second = pairs
    cross = b + c - a - d  # paid if the first says no and the second yes
    if (cross < -1e-9).any():
        raise ValueError("costs must not reward disagreement: (no, no) + (yes, yes) <= (no, yes) + (yes, no)")
    count = len(stay)
    balance = np.asarray(move - stay, dtype=np.float64).copy()  # above 0: rather no
    np.add.at(balance, first, c - a)
    np.add.at(balance, second, d - c)
    source, sink = count, count + 1
    pixels = np.arange(count)
    # A pixel on the sink's side says yes: it cuts its edge from the source, which holds it with what yes costs.
    edges = [
        (np.full(count, source), pixels, np.maximum(balance, 0)),
        (pixels, np.full(count, sink), np.maximum(-balance, 0)),
        (first, second, np.maximum(cross, 0)),
    ]
    rows, columns, values = (np.concatenate(parts) for parts in zip(*edges, strict=True))
    flow = max(min(edges[0][2].sum(), edges[1][2].sum()), values.max(initial=0.0))
    unit = max(flow / LARGEST_FLOW, 2.0**-24)
    capacity = np.rint(np.minimum(values, flow) / unit).astype(np.int32)
    graph = coo_matrix((capacity, (rows, columns)), shape=(count + 2, count + 2)).tocsr()
    rest = graph - maximum_flow(graph, source, sink).flow
    rest.data = np.maximum(rest.data, 0)
    rest.eliminate_zeros()
    reached = breadth_first_order(rest, source, return_predecessors=False)
    yes = np.ones(count + 2, dtype=bool)
    yes[reached] = False
    return yes[:count]


def expand(crf: GridCRF, labels: Tensor, alpha: int) -> Tensor:
    """Let the best of all sets of pixels change to the label ``alpha``: one expansion move, by one cut.

    Args:
        crf: the field.
        labels: int (H, W).
        alpha: the label that is offered.

    Returns:
        int64 (H, W). Energies are rounded as in `binary_cut`.
    """
    _, height, width = crf.unary.shape
    weights = torch.cat([crf.down.flatten(), crf.right.flatten()]).double().cpu().numpy()
    first, second = _neighbours(height, width)
    now = labels.flatten().cpu().numpy()
    unary = crf.unary.flatten(1).double().cpu().numpy()
    costs = weights * np.stack(
        [now[first] != now[second], now[first] != alpha, now[second] != alpha, np.zeros_like(first, dtype=bool)]
    )
    yes = binary_cut(unary[now, np.arange(len(now))], unary[alpha], (first, second), costs)
    return torch.where(torch.from_numpy(yes).view(height, width).to(labels.device), alpha, labels)


def graph_cut(crf: GridCRF) -> Tensor:
    """Return the labelling of lowest energy of a field with two labels, int64 (H, W)."""
    k, height, width = crf.unary.shape
    if k != 2:
        raise ValueError(f"a single cut needs two labels, got {k}; use alpha_expansion")
    start = torch.zeros(height, width, dtype=torch.int64, device=crf.unary.device)
    return expand(crf, start, 1)


def alpha_expansion(crf: GridCRF, start: Tensor | None = None, rounds: int = 5) -> tuple[Tensor, list[float]]:
    """Offer every label in turn to all pixels at once, until no offer lowers the energy.

    For these energies the result costs at most twice the lowest energy.

    Args:
        crf: the field.
        start: int (H, W); the best labels without neighbours if left out.
        rounds: over all labels, at most.

    Returns:
        Labels int64 (H, W), and the energy at the start and after each round, which never rises.
    """
    check_int("rounds", rounds, minimum=1)
    labels = crf.unary.argmin(0) if start is None else check_shape("start", start, crf.unary.shape[1:]).long()
    energies = [energy(crf, labels)]
    for _ in range(rounds):
        lowest = energies[-1]
        for alpha in range(len(crf.unary)):
            offer = expand(crf, labels, alpha)
            cost = energy(crf, offer)
            if cost < lowest:  # capacities are rounded: take nothing that is not better
                labels, lowest = offer, cost
        energies.append(lowest)
        if lowest == energies[-2]:
            break
    return labels, energies

"""A conditional random field on the pixel grid: labels should fit the scores, and neighbours should agree.

The energy of a labelling is ``sum_i u_i(y_i) + sum_ij w_ij [y_i != y_j]``: the unary energies of all pixels, and the
weight of every pair of neighbours (up, down, left, right) with different labels. The weights may be small where the
image has an edge, so that labels change there. Three ways down, from cheap to good:

* `icm`: each pixel in turn takes its best label; the energy never rises, and it stops in the next valley.
* `mean_field`: each pixel keeps probabilities; what never rises is the free energy.
* cuts through a graph: exact for two labels, strong for more; they have their own module, `graph_cuts`.

Pixels of a chessboard's one colour do not touch each other, so all of them can be updated at once, as if in turn.

Source: J. Besag, "On the statistical analysis of dirty pictures", JRSS B 1986 (ICM); Y. Boykov, M. Jolly,
"Interactive graph cuts", ICCV 2001 (weights that fade over edges).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from torch import Tensor

from course_utils.check import check_int, check_number, check_shape


@dataclass(frozen=True, eq=False)
class GridCRF:
    """Energies of labels and of disagreement between neighbours, for one image.

    Args:
        unary: (K, H, W), energy of each label at each pixel: low is good.
        down: (H - 1, W), at least 0: cost of a change between a pixel and the one below.
        right: (H, W - 1), at least 0: cost of a change between a pixel and the one on its right.
    """

    unary: Tensor
    down: Tensor
    right: Tensor

    def __post_init__(self) -> None:
        _, height, width = check_shape("unary", self.unary, (None, None, None)).shape
        check_shape("down", self.down, (height - 1, width))
        check_shape("right", self.right, (height, width - 1))
        for name, weights in (("down", self.down), ("right", self.right)):
            if weights.numel() and weights.min() < 0:
                raise ValueError(f"{name} must be at least 0, got {float(weights.min())}: neighbours attract here")


def from_logits(logits: Tensor, weight: float = 1.0, image: Tensor | None = None, sigma: float = 0.1) -> GridCRF:
    """Return the field over a network's scores.

    Args:
        logits: (K, H, W); the unary energy is minus the log-probability.
        weight: cost of a change between neighbours, at least 0.
        image: (C, H, W) in [0, 1]; if given, the cost fades over edges: ``weight * exp(-d^2 / (2 sigma^2))`` with
            the distance d of the two colours.
        sigma: the distance of colours that counts as an edge, above 0.
    """
    check_number("weight", weight, minimum=0)
    check_number("sigma", sigma, above=0)
    unary = -logits.log_softmax(0)
    down, right = torch.ones_like(unary[0, 1:]), torch.ones_like(unary[0, :, 1:])
    if image is not None:
        check_shape("image", image, (None, *logits.shape[1:]))
        image = image.to(unary)
        down = torch.exp(-(image.diff(dim=1) ** 2).sum(0) / (2 * sigma**2))
        right = torch.exp(-(image.diff(dim=2) ** 2).sum(0) / (2 * sigma**2))
    return GridCRF(unary, weight * down, weight * right)


def energy_loop(crf: GridCRF, labels: Tensor) -> float:
    """Sum pixel by pixel: the slow twin of `energy`."""
    _, height, width = crf.unary.shape
    total = 0.0
    for i, j in product(range(height), range(width)):
        total += float(crf.unary[int(labels[i, j]), i, j])
        if i + 1 < height and labels[i, j] != labels[i + 1, j]:
            total += float(crf.down[i, j])
        if j + 1 < width and labels[i, j] != labels[i, j + 1]:
            total += float(crf.right[i, j])
    return total


def energy(crf: GridCRF, labels: Tensor) -> float:
    """Return the energy of a labelling, int (H, W)."""
    unary = crf.unary.gather(0, check_shape("labels", labels, crf.unary.shape[1:]).long()[None]).sum()
    down = (crf.down * (labels[1:] != labels[:-1])).sum()
    right = (crf.right * (labels[:, 1:] != labels[:, :-1])).sum()
    return float(unary + down + right)


def support(crf: GridCRF, q: Tensor) -> Tensor:
    """Return for each pixel and label the weights of the neighbours that have it: ``sum_j w_ij q_j(k)``, (K, H, W)."""
    out = torch.zeros_like(q)
    out[:, 1:] += crf.down * q[:, :-1]
    out[:, :-1] += crf.down * q[:, 1:]
    out[:, :, 1:] += crf.right * q[:, :, :-1]
    out[:, :, :-1] += crf.right * q[:, :, 1:]
    return out


def _chessboard(crf: GridCRF) -> tuple[Tensor, Tensor]:
    """Masks (H, W) of the fields of either colour."""
    rows, columns = (torch.arange(n, device=crf.unary.device) for n in crf.unary.shape[1:])
    black = (rows[:, None] + columns) % 2 == 0
    return black, ~black


def icm(crf: GridCRF, start: Tensor | None = None, sweeps: int = 20) -> tuple[Tensor, list[float]]:
    """Let every pixel take its best label given its neighbours, until nothing changes: iterated conditional modes.

    Args:
        crf: the field.
        start: int (H, W); the best labels without neighbours if left out.
        sweeps: at most so many, at least 1.

    Returns:
        Labels int64 (H, W), and the energy at the start and after each sweep, which never rises. Of equal labels a
        pixel keeps its own.
    """
    check_int("sweeps", sweeps, minimum=1)
    labels = crf.unary.argmin(0) if start is None else check_shape("start", start, crf.unary.shape[1:]).long().clone()
    energies = [energy(crf, labels)]
    for _ in range(sweeps):
        before = labels
        for colour in _chessboard(crf):
            one = torch.zeros_like(crf.unary).scatter(0, labels[None], 1.0)
            cost = crf.unary - support(crf, one)  # what a change costs is the same for all labels but for this
            best = cost.argmin(0)
            better = cost.gather(0, best[None])[0] < cost.gather(0, labels[None])[0]
            labels = torch.where(colour & better, best, labels)
        energies.append(energy(crf, labels))
        if torch.equal(labels, before):
            break
    return labels, energies


def free_energy(crf: GridCRF, q: Tensor) -> float:
    """Return the free energy of independent pixel probabilities q (K, H, W): expected energy minus entropy."""
    down = (crf.down * (1 - (q[:, 1:] * q[:, :-1]).sum(0))).sum()
    right = (crf.right * (1 - (q[:, :, 1:] * q[:, :, :-1]).sum(0))).sum()
    return float((q * crf.unary).sum() + down + right + torch.special.xlogy(q, q).sum())


def mean_field(crf: GridCRF, steps: int = 10) -> tuple[Tensor, list[float]]:
    """Approximate the field by independent pixels: ``q_i(k) ~ exp(-u_i(k) + sum_j w_ij q_j(k))``, colour by colour.

    Args:
        crf: the field.
        steps: rounds over both colours, at least 1.

    Returns:
        q (K, H, W), probabilities; and the free energy at the start and after each round, which never rises.
    """
    check_int("steps", steps, minimum=1)
    q = (-crf.unary).softmax(0)
    energies = [free_energy(crf, q)]
    for _ in range(steps):
        for colour in _chessboard(crf):
            q = torch.where(colour, (support(crf, q) - crf.unary).softmax(0), q)
        energies.append(free_energy(crf, q))
    return q, energies


def brute_force(crf: GridCRF) -> tuple[Tensor, Tensor]:
    """Try all labellings of a tiny image: the labelling of lowest energy, and the exact marginals (K, H, W).

    Raises:
        ValueError: if there are more than a million.
    """
    k, height, width = crf.unary.shape
    check_int("number of labellings", k ** (height * width), maximum=2**20)
    marginals = torch.zeros_like(crf.unary, dtype=torch.float64)
    best, lowest = torch.zeros(height, width, dtype=torch.int64), float("inf")
    for values in product(range(k), repeat=height * width):
        labels = torch.tensor(values).view(height, width)
        cost = energy(crf, labels)
        if cost < lowest:
            best, lowest = labels, cost
        one = torch.zeros_like(marginals).scatter(0, labels[None], 1.0)
        marginals += float(np.exp(-cost)) * one
    return best, marginals / marginals.sum(0, keepdim=True)

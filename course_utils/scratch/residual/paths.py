"""A residual stack as a sum over paths: each block is passed through its branch or around it (chapter 07b).

Source: A. Veit, M. Wilber, S. Belongie, "Residual networks behave like ensembles of relatively shallow networks"
(2016), sections 3 and 4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor, nn

from course_utils.check import check_int
from course_utils.scratch.residual.stacks import DenseBlock


def path_counts(blocks: int) -> list[int]:
    """Return how many of the 2^blocks paths go through 0, 1, ... ``blocks`` branches."""
    check_int("blocks", blocks, minimum=1)
    return [math.comb(blocks, length) for length in range(blocks + 1)]


def path_sums_slow(jacobians: Sequence[Tensor], delta: Tensor) -> Tensor:
    """Add up what all paths bring down to the input, by the number of branches on them, path by path.

    Args:
        jacobians: of the branches, first block first, each ``(D, D)``, out by in.
        delta: gradient at the top, ``(D,)``.

    Returns:
        ``(blocks + 1, D)``: row k is the sum over all paths through k branches.
    """
    sums = [torch.zeros_like(delta) for _ in range(len(jacobians) + 1)]
    for length in range(len(jacobians) + 1):
        for chosen in combinations(range(len(jacobians)), length):
            gradient = delta
            for block in reversed(chosen):
                gradient = gradient @ jacobians[block]
            sums[length] = sums[length] + gradient
    return torch.stack(sums)


def path_sums(jacobians: Sequence[Tensor], delta: Tensor) -> Tensor:
    """The same without listing 2^blocks paths: a block keeps each sum and hands on a copy through its branch."""
    sums = torch.zeros(len(jacobians) + 1, len(delta), dtype=delta.dtype)
    sums[0] = delta
    for jacobian in reversed(jacobians):
        through = sums @ jacobian
        sums[1:] = sums[1:] + through[:-1]
    return sums


def branch_jacobians(blocks: nn.Sequential, x: Tensor) -> list[Tensor]:
    """Return the Jacobian of every branch at one input, ``(D, D)`` each, out by in.

    Args:
        blocks: pre-activation blocks in evaluation mode, so that examples do not mix.
        x: one input, shape ``(D,)``.

    Raises:
        ValueError: for other orders: a ReLU after the addition stands on every path.
    """
    found = []
    for block in blocks:
        if not isinstance(block, DenseBlock) or block.order != "pre":
            raise ValueError("blocks must be of the order 'pre': a ReLU after the addition stands on every path")
        with torch.enable_grad():
            branch = lambda value, block=block: block.branch * block.residual(value[None])[0]
            found.append(torch.autograd.functional.jacobian(branch, x))
        x = block(x[None])[0].detach()
    return found

"""Fully connected twins: the same layers with and without a shortcut, in the two orders of the papers (chapter 07b).

Source: K. He et al., "Deep residual learning for image recognition" (2016), figure 2, and "Identity mappings in deep
residual networks" (2016), figures 1 and 4.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_choice, check_int, check_number
from course_utils.scratch.initialisation.schemes import initialise

ORDERS = ("plain", "post", "pre")


class DenseBlock(nn.Module):
    """Two linear layers and, except in a plain block, a shortcut: (N, width) to (N, width).

    - ``plain``: relu(norm(W2 relu(norm(W1 x))))
    - ``post``: relu(shortcut x + branch norm(W2 relu(norm(W1 x)))), the block of the first paper
    - ``pre``: shortcut x + branch W2 relu(norm(W1 relu(norm(x)))), that of the second

    Args:
        width: units of input, inside and output.
        order: one of ``ORDERS``.
        norm: whether to normalise over the batch.
        shortcut: factor on the input; 1 is the identity.
        branch: factor on the residual.
    """

    def __init__(
        self, width: int, order: str = "post", *, norm: bool = True, shortcut: float = 1.0, branch: float = 1.0
    ) -> None:
        super().__init__()
        check_int("width", width, minimum=1)
        self.order = check_choice("order", order, ORDERS)
        self.linear1, self.linear2 = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
        self.norm1 = nn.BatchNorm1d(width) if norm else nn.Identity()
        self.norm2 = nn.BatchNorm1d(width) if norm else nn.Identity()
        self.shortcut = check_number("shortcut", shortcut)
        self.branch = check_number("branch", branch)

    def residual(self, x: Tensor) -> Tensor:
        """Return F(x), what the branch adds."""
        if self.order == "pre":
            return self.linear2(F.relu(self.norm2(self.linear1(F.relu(self.norm1(x))))))
        return self.norm2(self.linear2(F.relu(self.norm1(self.linear1(x)))))

    def forward(self, x: Tensor) -> Tensor:
        if self.order == "plain":
            return F.relu(self.residual(x))
        out = self.shortcut * x + self.branch * self.residual(x)
        return F.relu(out) if self.order == "post" else out


def stack(
    blocks: int,
    width: int = 64,
    order: str = "post",
    *,
    norm: bool = True,
    shortcut: float = 1.0,
    branch: float = 1.0,
    seed: int = 0,
) -> nn.Sequential:
    """Return blocks in float64 with He's weights; all orders get the same numbers from the same seed.

    Args:
        blocks: how many, of two layers each.
        width: units of every layer.
        order: one of ``ORDERS``.
        norm: whether to normalise over the batch.
        shortcut: factor on every shortcut.
        branch: factor on every residual.
        seed: of the weights.
    """
    check_int("blocks", blocks, minimum=1)
    made = nn.Sequential(
        *(DenseBlock(width, order, norm=norm, shortcut=shortcut, branch=branch) for _ in range(blocks))
    ).double()
    initialise(made, "he fan_in", generator=torch.Generator().manual_seed(seed))
    return made

"""Small networks trained side by side from one start on the same batches, each with a regulariser of its own.

A comparison is fair when only one thing differs. Here first weights, examples and their order are shared, and
the networks are stacked into one tensor, so that ten of them train in little more time than one (chapter 04d).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from course_utils.check import check_int, check_number, check_same_length, check_shape


@dataclass(frozen=True)
class Regulariser:
    """What one network of the stack is trained with.

    Args:
        dropout: probability to drop a hidden unit, in [0, 1).
        l2: strength of ``l2/2 sum w^2``, at least 0; biases go free.
        l1: strength of ``l1 sum |w|``, by its subgradient, at least 0.
        smoothing: epsilon of label smoothing, in [0, 1).
    """

    dropout: float = 0.0
    l2: float = 0.0
    l1: float = 0.0
    smoothing: float = 0.0

    def __post_init__(self) -> None:
        check_number("dropout", self.dropout, minimum=0, below=1)
        check_number("l2", self.l2, minimum=0)
        check_number("l1", self.l1, minimum=0)
        check_number("smoothing", self.smoothing, minimum=0, below=1)


class Stack:
    """S networks of one shape: ReLU layers, then logits.

    Args:
        count: number of networks S.
        sizes: units from input to output, for example ``(64, 128, 10)``.
        seed: seed of the first weights, the same for all networks (uniform within ``1/sqrt(in)``, PyTorch's choice).
    """

    def __init__(self, count: int, sizes: Sequence[int], seed: int = 0) -> None:
        check_int("count", count, minimum=1)
        draw = torch.Generator().manual_seed(seed)
        self.weights: list[Tensor] = []
        self.biases: list[Tensor] = []
        for a, b in itertools.pairwise(sizes):
            bound = 1.0 / math.sqrt(a)
            weight = (2 * torch.rand(a, b, generator=draw) - 1) * bound
            bias = (2 * torch.rand(1, b, generator=draw) - 1) * bound
            self.weights.append(weight.repeat(count, 1, 1).requires_grad_())  # (S, in, out)
            self.biases.append(bias.repeat(count, 1, 1).requires_grad_())  # (S, 1, out)

    def hidden(self, x: Tensor, keep: Tensor | None = None, draw: torch.Generator | None = None) -> Tensor:
        """Return the last hidden layer, shape ``(S, N, H)``.

        Args:
            x: inputs ``(N, D)``.
            keep: probability to keep a unit in each network, shape ``(S, 1, 1)``; None keeps all.
            draw: source of the masks.
        """
        h = x.expand(len(self.weights[0]), *x.shape)
        for weight, bias in zip(self.weights[:-1], self.biases[:-1]):
            h = torch.relu(torch.baddbmm(bias, h, weight))
            if keep is not None:
                h = h * (torch.rand(h.shape, generator=draw) < keep) / keep
        return h

    def logits(self, x: Tensor, keep: Tensor | None = None, draw: torch.Generator | None = None) -> Tensor:
        """Return the scores, shape ``(S, N, K)``; arguments as in `hidden`."""
        return torch.baddbmm(self.biases[-1], self.hidden(x, keep, draw), self.weights[-1])

    @torch.no_grad()
    def scores(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean cross-entropy and accuracy of each network, each of shape ``(S,)``."""
        log_p = self.logits(x).log_softmax(dim=-1)
        right = y.expand(len(log_p), -1)
        loss = -log_p.gather(2, right[..., None]).mean(dim=(1, 2))
        return loss, (log_p.argmax(dim=-1) == right).double().mean(dim=1)

    @torch.no_grad()
    def norms(self) -> Tensor:
        """Return the length of each network's weights, biases left out, shape ``(S,)``."""
        return torch.stack([(w**2).sum(dim=(1, 2)) for w in self.weights]).sum(dim=0).sqrt()


def train_side_by_side(
    x: Tensor,
    y: Tensor,
    regularisers: Mapping[str, Regulariser],
    hidden: Sequence[int] = (128,),
    num_classes: int = 10,
    steps: int = 300,
    batch_size: int = 50,
    lr: float = 3e-3,
    seed: int = 0,
) -> Stack:
    """Train one network a regulariser with Adam on the same random batches from the same first weights.

    Args:
        x: inputs, shape ``(N, D)``.
        y: class numbers, shape ``(N,)``.
        regularisers: name to what that network is trained with; the order is that of the stack.
        hidden: units of each hidden layer.
        num_classes: K.
        steps: number of steps.
        batch_size: examples a batch.
        lr: learning rate.
        seed: of weights, batches and masks.

    Returns:
        The trained `Stack`.
    """
    check_shape("x", x, (None, None))
    check_same_length("x", x, "y", y)
    check_int("steps", steps, minimum=0)
    check_number("lr", lr, above=0)
    chosen = list(regularisers.values())

    def column(name: str) -> Tensor:
        return torch.tensor([getattr(r, name) for r in chosen], dtype=torch.float32)[:, None, None]

    keep, l2, l1, smoothing = 1.0 - column("dropout"), column("l2"), column("l1"), column("smoothing")[..., 0]
    stack = Stack(len(chosen), (x.shape[1], *hidden, num_classes), seed)
    optimiser = torch.optim.Adam([*stack.weights, *stack.biases], lr=lr)
    order, masks = torch.Generator().manual_seed(seed + 1), torch.Generator().manual_seed(seed + 2)
    batches: list[Tensor] = []
    for _ in range(steps):
        if not batches:
            batches = list(torch.randperm(len(x), generator=order).split(batch_size))
        index = batches.pop()
        log_p = stack.logits(x[index], keep if bool((keep < 1).any()) else None, masks).log_softmax(dim=-1)
        right = log_p.gather(2, y[index].expand(len(chosen), -1)[..., None])[..., 0]
        # The sum over networks keeps their gradients apart: no network's loss depends on another's weights.
        loss = -((1 - smoothing) * right + smoothing * log_p.mean(dim=-1)).mean(dim=1).sum()
        for weight in stack.weights:
            loss = loss + (l2 / 2 * weight**2 + l1 * weight.abs()).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return stack

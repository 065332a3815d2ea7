"""Many small networks trained at the same time, each with its own rate, decay, seed and examples (chapter 04e).

A sweep over settings and seeds asks for hundreds of small networks. Stacked into one tensor they train together in
little more time than one of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from course_utils.check import check_int, check_same_length, check_shape

Augment = Callable[[Tensor, torch.Generator], Tensor]


@dataclass
class Networks:
    """S networks of one hidden ReLU layer: weights (S, D, H) and (S, H, K), biases (S, 1, H) and (S, 1, K)."""

    first: Tensor
    bias: Tensor
    last: Tensor
    last_bias: Tensor

    def parts(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.first, self.bias, self.last, self.last_bias

    def logits(self, x: Tensor) -> Tensor:
        """Return scores ``(S, N, K)`` for inputs ``(N, D)``, or ``(S, N, D)`` with other ones for each network."""
        x = x.expand(len(self.first), *x.shape[-2:])
        hidden = torch.baddbmm(self.bias, x, self.first).relu()
        return torch.baddbmm(self.last_bias, hidden, self.last)

    @torch.no_grad()
    def scores(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean cross-entropy and accuracy of each network, each of shape ``(S,)``."""
        log_p = self.logits(x).log_softmax(dim=-1)
        right = y.expand(len(log_p), y.shape[-1])
        loss = -log_p.gather(2, right[..., None]).mean(dim=(1, 2))
        return loss, (log_p.argmax(dim=-1) == right).double().mean(dim=1)


def start(seeds: Sequence[int], inputs: int, hidden: int, classes: int) -> Networks:
    """Return untrained networks, uniform within ``1/sqrt(fan in)``; equal seeds start equal."""

    def one(seed: int) -> list[Tensor]:
        draw = torch.Generator().manual_seed(seed)
        shapes = ((inputs, hidden, inputs), (1, hidden, inputs), (hidden, classes, hidden), (1, classes, hidden))
        return [(2 * torch.rand(a, b, generator=draw) - 1) / math.sqrt(fan) for a, b, fan in shapes]

    stacked = [torch.stack(parts).requires_grad_() for parts in zip(*(one(seed) for seed in seeds))]
    return Networks(*stacked)


def train_many(
    x: Tensor,
    y: Tensor,
    lr: Sequence[float],
    decay: Sequence[float],
    seeds: Sequence[int],
    *,
    batch_size: int = 20,
    epochs: int = 30,
    hidden: int = 64,
    num_classes: int = 10,
    momentum: float = 0.9,
    falling: bool = False,
    augment: Sequence[Augment | None] | None = None,
    shape: tuple[int, int, int] = (1, 8, 8),
    watch: tuple[Tensor, Tensor] | None = None,
) -> tuple[Networks, Tensor, Tensor]:
    """Train S networks by SGD with momentum, batches shuffled anew in every epoch by each network's seed.

    Args:
        x: inputs ``(N, D)``, or ``(S, N, D)``: other examples for each network.
        y: class numbers ``(N,)`` or ``(S, N)``.
        lr: learning rate of each network, length S.
        decay: weight decay of each network: every step also shrinks weights by ``lr * decay``, length S.
        seeds: of first weights and order, length S.
        batch_size: examples a batch; a rest that fills no batch waits for the next epoch's order.
        epochs: passes over the examples.
        hidden: hidden units.
        num_classes: K.
        momentum: of SGD.
        falling: let the rate fall in a straight line, from its value at the first step to almost 0 at the last.
        augment: what changes the pictures of each network, length S; None leaves them as they are. Networks with the
            same augmentation share one stream of random numbers, seeded by the first of them.
        shape: channels, height and width of an input, for ``augment``.
        watch: held-out inputs and class numbers, scored after every epoch.

    Returns:
        ``(networks, losses, accuracies)``; the last two of shape ``(epochs, S)``, empty without ``watch``.
    """
    count = check_same_length("lr", lr, "seeds", seeds)
    check_same_length("decay", decay, "seeds", seeds)
    x, y = x.expand(count, *x.shape[-2:]), y.expand(count, y.shape[-1])
    check_shape("y", y, tuple(x.shape[:2]))
    check_int("batch_size", batch_size, minimum=1, maximum=x.shape[1])
    check_int("epochs", epochs, minimum=1)
    networks = start(seeds, x.shape[2], hidden, num_classes)
    rate, shrink = (torch.tensor(list(v), dtype=torch.float32)[:, None, None] for v in (lr, decay))
    speeds = [torch.zeros_like(part) for part in networks.parts()]
    draws = [torch.Generator().manual_seed(1_000_003 * (seed + 1)) for seed in seeds]
    rows = torch.arange(count)[:, None]
    changes = list(augment or [None] * count)
    check_same_length("augment", changes, "seeds", seeds)
    alike = {one: [s for s in range(count) if changes[s] is one] for one in changes if one is not None}
    chance = {one: torch.Generator().manual_seed(2_000_003 * (seeds[group[0]] + 1)) for one, group in alike.items()}
    total, step = epochs * (x.shape[1] // batch_size), 0
    losses, accuracies = [], []
    for _ in range(epochs):
        order = torch.stack([torch.randperm(x.shape[1], generator=draw) for draw in draws])
        for index in order.split(batch_size, dim=1):
            if index.shape[1] < batch_size:
                continue
            batch = x[rows, index]  # (S, B, D)
            for one, group in alike.items():
                pictures = batch[group].reshape(-1, *shape)
                batch[group] = one(pictures, chance[one]).reshape(len(group), batch_size, -1)
            log_p = networks.logits(batch).log_softmax(dim=-1).gather(2, y[rows, index][..., None])
            gradients = torch.autograd.grad(-log_p.mean(dim=1).sum(), networks.parts())
            now = rate * (1 - step / total) if falling else rate
            step += 1
            with torch.no_grad():
                for part, speed, gradient in zip(networks.parts(), speeds, gradients):
                    if part.shape[1] > 1:  # weights, not biases
                        gradient = gradient + shrink * part
                    speed.mul_(momentum).add_(gradient)
                    part -= now * speed
        if watch is not None:
            loss, accuracy = networks.scores(*watch)
            losses.append(loss)
            accuracies.append(accuracy)
    empty = torch.empty(0, count)
    return networks, torch.stack(losses) if losses else empty, torch.stack(accuracies) if accuracies else empty

"""Many small networks trained at once: one more dimension in every weight matrix.

Twenty seeds of a small network cost little more than one, because a batched matrix product does them all.
Taught in chapter 02b_losses, where a comparison without seeds would say nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_choice, check_int, check_number, check_same_length, check_shape

BENDS: dict[str, tuple[Callable[[Tensor], Tensor], float]] = {
    "sigmoid": (torch.sigmoid, 1.0),
    "tanh": (torch.tanh, 5 / 3),
    "scaled_tanh": (lambda a: 1.7159 * torch.tanh(2 * a / 3), 1.0),
    "relu": (torch.relu, math.sqrt(2)),
    "leaky_relu": (F.leaky_relu, math.sqrt(2 / (1 + 0.01**2))),
    "linear": (lambda a: a, 1.0),
}
"""Name to function and the customary gain: weights start with standard deviation ``gain / sqrt(inputs)``."""


class SideBySide(nn.Module):
    """``len(seeds)`` multi-layer perceptrons of one shape that never see each other.

    Args:
        sizes: units of every layer, the input first.
        activation: a name of ``BENDS``.
        seeds: one a network; it alone decides the network's start.
        gain: of the start; the customary one of the activation if left out.
    """

    def __init__(self, sizes: Sequence[int], activation: str, seeds: Sequence[int], gain: float | None = None) -> None:
        super().__init__()
        check_int("len(sizes)", len(sizes), minimum=2)
        check_int("len(seeds)", len(seeds), minimum=1)
        self.bend, usual = BENDS[check_choice("activation", activation, BENDS)]
        factor = usual if gain is None else check_number("gain", gain, above=0)
        self.seeds = tuple(seeds)
        shapes = list(pairwise(sizes))
        starts: list[list[Tensor]] = [[] for _ in shapes]
        for seed in self.seeds:
            draw = torch.Generator().manual_seed(seed)
            for start, (below, above) in zip(starts, shapes):
                start.append(torch.randn(below, above, generator=draw) * factor / math.sqrt(below))
        self.weights = nn.ParameterList([torch.stack(start) for start in starts])  # (S, below, above)
        self.biases = nn.ParameterList([torch.zeros(len(self.seeds), 1, above) for _, above in shapes])

    def layers(self, x: Tensor) -> list[Tensor]:
        """Return the output of every layer after the input.

        Args:
            x: one batch for all networks, shape ``(B, D)``, or one for each, shape ``(S, B, D)``.

        Returns:
            One tensor a layer, shape ``(S, B, units)``.
        """
        if x.dim() == 2:
            x = x.expand(len(self.seeds), *x.shape)
        check_shape("x", x, (len(self.seeds), None, self.weights[0].shape[1]))
        values = []
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases), start=1):
            x = torch.baddbmm(bias, x, weight)
            if number < len(self.weights):
                x = self.bend(x)
            values.append(x)
        return values

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores, shape ``(S, B, K)``, for inputs as in :meth:`layers`."""
        return self.layers(x)[-1]


def batches_for(seeds: Sequence[int], count: int, batch_size: int, steps: int) -> Tensor:
    """Draw the order in which each seed's network sees the examples: whole passes, shuffled anew.

    Args:
        seeds: one a network.
        count: number of examples.
        batch_size: at most ``count``; the rest of a pass that fills no batch is left out.
        steps: number of batches.

    Returns:
        Indices, shape ``(steps, S, batch_size)``.
    """
    check_int("batch_size", batch_size, minimum=1, maximum=count)
    check_int("steps", steps, minimum=1)
    per_pass = count // batch_size
    orders = []
    for seed in seeds:
        draw = torch.Generator().manual_seed(seed + 1_000_003)  # not the stream that drew the weights
        passes = [torch.randperm(count, generator=draw)[: per_pass * batch_size] for _ in range(-(-steps // per_pass))]
        orders.append(torch.cat(passes).view(-1, batch_size)[:steps])
    return torch.stack(orders, dim=1)


def train(
    nets: SideBySide,
    x: Tensor,
    y: Tensor,
    *,
    steps: int,
    lr: float | Sequence[float],
    batch_size: int = 64,
    momentum: float = 0.0,
    watch: Callable[[int, SideBySide], bool | None] | None = None,
    every: int = 10,
) -> None:
    """Train all networks by stochastic gradient descent on the cross-entropy, each on its own batches.

    Args:
        nets: trained in place.
        x: inputs, shape ``(N, D)``.
        y: classes, shape ``(N,)``.
        steps: number of batches.
        lr: learning rate, above 0: one for all or one a network.
        batch_size: examples in a batch.
        momentum: of the velocity, in ``[0, 1)``.
        watch: called with the number of steps done and the networks, before the first step, every ``every`` steps
            and after the last; training ends when it returns true.
        every: see ``watch``.
    """
    check_same_length("x", x, "y", y)
    check_number("momentum", momentum, minimum=0, below=1)
    rates = torch.as_tensor(lr, dtype=x.dtype).expand(len(nets.seeds))[:, None, None]
    order = batches_for(nets.seeds, len(x), batch_size, steps)
    parameters = list(nets.parameters())
    velocity = [torch.zeros_like(p) for p in parameters]
    for step in range(steps):
        if watch is not None and step % every == 0 and watch(step, nets):
            return
        scores = nets(x[order[step]])
        # a sum over networks of means over batches: each network gets the gradient of its own mean
        loss = F.cross_entropy(scores.flatten(0, 1), y[order[step]].flatten(), reduction="sum") / batch_size
        slopes = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            for p, v, slope in zip(parameters, velocity, slopes):
                v.mul_(momentum).add_(slope)
                p.sub_(rates * v)
    if watch is not None:
        watch(steps, nets)


@torch.no_grad()
def accuracies(nets: SideBySide, x: Tensor, y: Tensor) -> Tensor:
    """Return the share of right answers of each network, shape ``(S,)``."""
    return (nets(x).argmax(dim=2) == y).double().mean(dim=1)

"""Looking at a loss from above: slices through the weights, permuted twins, and the way from one minimum to another.

Networks here are plain dictionaries of one hidden layer, ``weight1 (H, D)``, ``bias1 (H,)``, ``weight2 (K, H)``,
``bias2 (K,)``, so that units can be exchanged and weights can be added. Taught in chapter 03_backprop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch.nn import functional as F

from course_utils.check import check_int, check_number, check_same_length

__all__ = [
    "blend",
    "cosine",
    "forward",
    "loss_slice",
    "match_units",
    "permute_units",
    "random_direction",
    "start_network",
    "train_network",
]

Net = dict[str, torch.Tensor]
Loss = Callable[[Net], float]


def start_network(inputs: int, hidden: int, outputs: int, seed: int = 0) -> Net:
    """Return the random start of a network with one hidden layer, as ``torch.nn.Linear`` starts; float32.

    Args:
        inputs: D, at least 1.
        hidden: H, at least 1.
        outputs: K, at least 1.
        seed: of the start.
    """
    generator = torch.Generator().manual_seed(seed)
    net: Net = {}
    for layer, (fan_in, fan_out) in enumerate(((inputs, hidden), (hidden, outputs)), start=1):
        reach = check_int("size", fan_in, minimum=1) ** -0.5
        for name, shape in (
            (f"weight{layer}", (check_int("size", fan_out, minimum=1), fan_in)),
            (f"bias{layer}", (fan_out,)),
        ):
            net[name] = (torch.rand(shape, generator=generator) * 2 - 1) * reach
    return net


def forward(net: Mapping[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """Return the logits (N, K) of inputs (N, D): linear, ReLU, linear."""
    return F.linear(F.relu(F.linear(x, net["weight1"], net["bias1"])), net["weight2"], net["bias2"])


def train_network(
    net: Net,
    x: torch.Tensor,
    y: torch.Tensor,
    *,
    steps: int = 400,
    batch_size: int = 128,
    lr: float = 0.01,
    seed: int = 0,
) -> Net:
    """Return the network after ``steps`` steps of Adam on the cross-entropy of random batches; ``net`` is left alone.

    Args:
        net: the start.
        x: inputs (N, D).
        y: class numbers (N,).
        steps: how many, at least 1.
        batch_size: examples a step.
        lr: learning rate of the first step; it falls linearly to 0.
        seed: of the batches.
    """
    check_int("steps", steps, minimum=1)
    check_same_length("x", x, "y", y)
    trained = {name: value.clone().requires_grad_(True) for name, value in net.items()}
    optimiser = torch.optim.Adam(trained.values(), lr=check_number("lr", lr, above=0))
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, total_iters=steps)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        batch = torch.randint(len(x), (batch_size,), generator=generator)
        optimiser.zero_grad()
        F.cross_entropy(forward(trained, x[batch]), y[batch]).backward()
        optimiser.step()
        schedule.step()
    return {name: value.detach() for name, value in trained.items()}


def permute_units(net: Mapping[str, torch.Tensor], order: ArrayLike) -> Net:
    """Return the network with its hidden units in another order: other weights, the same function.

    Args:
        net: the network.
        order: the old number of each new unit, a permutation of 0 ... H - 1.

    Raises:
        ValueError: if ``order`` is no permutation.
    """
    index = torch.as_tensor(np.array(order))
    hidden = len(net["bias1"])
    if sorted(index.tolist()) != list(range(hidden)):
        raise ValueError(f"order must hold each of 0 to {hidden - 1} once, got {index.tolist()}")
    return {
        "weight1": net["weight1"][index],
        "bias1": net["bias1"][index],
        "weight2": net["weight2"][:, index],
        "bias2": net["bias2"].clone(),
    }


def match_units(net: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> NDArray[np.int64]:
    """Return the order of ``other``'s units that makes its weights most like those of ``net``.

    The sum over units of the inner product of all their weights, in and out, is made as large as any permutation
    can make it: an assignment problem.

    Source: S. Ainsworth, J. Hayase, S. Srinivasa, Git Re-Basin (2023), "matching weights", for one hidden layer.
    """
    from scipy.optimize import linear_sum_assignment

    def rows(one: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return torch.cat([one["weight1"], one["bias1"][:, None], one["weight2"].T], dim=1)

    _, order = linear_sum_assignment((rows(net) @ rows(other).T).numpy(), maximize=True)
    return np.asarray(order)


def blend(net: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor], t: float) -> Net:
    """Return the weights at ``t`` on the straight line from ``net`` (0) to ``other`` (1)."""
    return {name: (1 - t) * net[name] + t * other[name] for name in net}


def cosine(net: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> float:
    """Return the cosine of the angle between two networks, all their weights read as one vector each."""
    a, b = (torch.cat([one[name].double().ravel() for name in sorted(one)]) for one in (net, other))
    return float(a @ b / (a.norm() * b.norm()))


def random_direction(net: Mapping[str, torch.Tensor], seed: int = 0) -> Net:
    """Return a random direction in which every unit moves in proportion to its own weights; biases stay.

    Without this, a direction that shakes a small unit wildly and a large one hardly at all makes the same network
    look sharp or flat as one rescales its units.

    Source: H. Li et al., Visualizing the loss landscape of neural nets (2018), "filter normalisation".
    """
    generator = torch.Generator().manual_seed(seed)
    direction: Net = {}
    for name in net:
        drawn = torch.randn(net[name].shape, generator=generator)
        if name.startswith("weight"):
            direction[name] = drawn / drawn.norm(dim=1, keepdim=True) * net[name].norm(dim=1, keepdim=True)
        else:
            direction[name] = torch.zeros_like(net[name])
    return direction


def loss_slice(
    loss: Loss, net: Mapping[str, torch.Tensor], across: Mapping[str, torch.Tensor], up: Mapping[str, torch.Tensor],
    offsets: ArrayLike,
) -> NDArray[np.float64]:  # fmt: skip
    """Return the loss on a square grid of a plane through ``net``.

    Args:
        loss: from a network to one number.
        net: the centre.
        across: first direction, one step of it an offset of 1.
        up: second direction.
        offsets: the grid's coordinates in both directions, any number of them.

    Returns:
        ``(len(offsets), len(offsets))``; row r, column c lies at net + offsets[c] across + offsets[r] up.
    """
    grid = np.asarray(offsets, dtype=float)
    surface = np.empty((len(grid), len(grid)))
    for r, b in enumerate(grid.tolist()):
        for c, a in enumerate(grid.tolist()):
            surface[r, c] = loss({name: net[name] + a * across[name] + b * up[name] for name in net})
    return surface

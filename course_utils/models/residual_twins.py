"""Plain and residual twins on small digits: the data and a short run with momentum (chapter 07b)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_int, check_number, check_same_length
from course_utils.models.resnet import SmallResNet


def twin(depth: int, kind: str, seed: int, width: int = 8) -> SmallResNet:
    """Return a network for one-channel images whose first weights depend on the seed alone, not on the kind.

    Args:
        depth: layers, 6n + 2.
        kind: ``"plain"`` or ``"residual"``.
        seed: of the weights.
        width: maps of the first stage.

    Raises:
        ValueError: for another kind or depth.
    """
    if kind not in ("plain", "residual"):
        raise ValueError(f"kind must be 'plain' or 'residual', got {kind!r}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(check_int("seed", seed, minimum=0))
        return SmallResNet(depth, width=width, in_channels=1, residual=kind == "residual")


def momentum_run(
    model: nn.Module, steps: int, lr: float, *, x: Tensor, y: Tensor, seed: int, batch: int = 32
) -> list[float]:
    """Take steps of gradient descent with momentum 0.9 on random batches, in place; return the loss before each.

    Args:
        model: any classifier.
        steps: how many, at least 1.
        lr: learning rate, above 0.
        x: images, shape ``(N, C, H, W)``.
        y: their classes, shape ``(N,)``.
        seed: of the batches.
        batch: examples in a step, drawn with replacement.
    """
    check_int("steps", steps, minimum=1)
    check_number("lr", lr, above=0)
    check_same_length("x", x, "y", y)
    draw, losses = torch.Generator().manual_seed(seed), []
    optimiser = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    model.train()
    for _ in range(steps):
        rows = torch.randint(len(x), (batch,), generator=draw)
        loss = F.cross_entropy(model(x[rows]), y[rows])
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return losses

"""A deep network for small digits, and a short, plain training run for it (chapters 04b and 04c)."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_int, check_number, check_same_length


def deep_mlp(
    depth: int,
    width: int,
    norm: Callable[[int], nn.Module] | None = None,
    activation: Callable[[], nn.Module] = nn.ReLU,
    *,
    dropout: float = 0.0,
    norm_last: bool = False,
    inputs: int = 64,
    classes: int = 10,
) -> nn.Sequential:
    """Return ``depth`` hidden layers of linear, norm, activation, and a linear layer for the classes.

    Args:
        depth: hidden layers, at least 1.
        width: units in each of them, at least 1.
        norm: makes a normalisation layer from a width; none if left out.
        activation: makes an activation.
        dropout: share of units to drop after each hidden layer, 0 to 1.
        norm_last: put the normalisation behind the activation.
        inputs: numbers in an example; images ``(N, 1, 8, 8)`` are flattened to 64.
        classes: scores that come out.
    """
    check_int("depth", depth, minimum=1)
    check_int("width", width, minimum=1)
    layers: list[nn.Module] = [nn.Flatten()]
    for _ in range(depth):
        layers.append(nn.Linear(inputs, width))
        layers += [activation()] if norm_last else []
        layers += [norm(width)] if norm else []
        layers += [] if norm_last else [activation()]
        layers += [nn.Dropout(dropout)] if dropout else []
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, classes))


def short_run(
    model: nn.Module,
    steps: int,
    lr: float,
    *,
    x: Tensor,
    y: Tensor,
    seed: int,
    batch: int = 64,
    clip: float | None = None,
    among: int | None = None,
    after_step: Callable[[int], None] | None = None,
) -> list[float]:
    """Take ``steps`` steps of plain gradient descent on random batches, in place.

    Args:
        model: any classifier.
        steps: how many, at least 1.
        lr: learning rate, above 0.
        x: examples, shape ``(N, ...)``.
        y: their classes, shape ``(N,)``.
        seed: of the batches.
        batch: examples in a step, drawn with replacement.
        clip: longest allowed gradient, all parameters together; no limit if left out.
        among: use only the first so many examples.
        after_step: called with the number of each step taken, from 1.

    Returns:
        The loss before each step. The run ends early where it is no longer a number; that loss is the last.
    """
    check_int("steps", steps, minimum=1)
    check_number("lr", lr, above=0)
    check_same_length("x", x, "y", y)
    draw = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.SGD(model.parameters(), lr=lr)
    losses: list[float] = []
    model.train()
    for step in range(1, steps + 1):
        rows = torch.randint(among or len(x), (batch,), generator=draw)
        loss = F.cross_entropy(model(x[rows]), y[rows])
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            break
        optimiser.zero_grad()
        loss.backward()
        if clip is not None:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimiser.step()
        if after_step:
            after_step(step)
    return losses


def share_right(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Return the accuracy in eval mode; the model's mode is as before afterwards."""
    was_training = model.training
    model.eval()
    with torch.no_grad():
        right = float((model(x).argmax(dim=1) == y).float().mean())
    model.train(was_training)
    return right

"""How many steps until a network is right often enough? The race of chapter 07."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_int, check_number, check_same_length


class Race(NamedTuple):
    """One run: ``steps`` until the target (the limit if it was missed), and what was seen on the way.

    ``checked`` are the steps at which the held-out images were asked, ``accuracy`` the shares right there.
    """

    steps: int
    reached: bool
    checked: list[int]
    accuracy: list[float]


def loss_of_all(outputs: Tensor | tuple[Tensor, ...], y: Tensor, weight: float = 0.3) -> Tensor:
    """Return the cross-entropy of the last logits, plus ``weight`` times that of each auxiliary head.

    Args:
        outputs: logits (N, K), or a tuple of them with the network's own first.
        y: labels (N,).
        weight: of each further head; GoogLeNet took 0.3.
    """
    own, *extra = outputs if isinstance(outputs, tuple) else (outputs,)
    return F.cross_entropy(own, y) + weight * sum((F.cross_entropy(o, y) for o in extra), torch.zeros(()))


def share_correct(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Return the share of images that the model names right in evaluation mode; its mode is kept."""
    was_training = model.training
    model.eval()
    with torch.no_grad():
        right = (model(x).argmax(dim=1) == y).float().mean().item()
    model.train(was_training)
    return right


def race(
    model: nn.Module,
    train: tuple[Tensor, Tensor],
    held: tuple[Tensor, Tensor],
    *,
    lr: float,
    limit: int,
    target: float = 1.0,
    batch_size: int = 32,
    every: int = 5,
    seed: int = 0,
) -> Race:
    """Train with momentum 0.9 until ``target`` of the held-out images are right, or for ``limit`` steps.

    Args:
        model: images to logits, or to a tuple of logits while it trains.
        train: images (N, C, H, W) and labels (N,).
        held: images and labels to ask, never trained on.
        lr: learning rate.
        limit: steps at most.
        target: share of the held-out images at which the run ends; 1 runs to the limit or to perfection.
        batch_size: images a step, drawn with repetition.
        every: steps from one question to the next.
        seed: of the draw of the batches.

    Returns:
        A :class:`Race`. A run whose loss is no longer a number ends there, with the limit as its steps.
    """
    check_same_length("images", train[0], "labels", train[1])
    check_int("limit", limit, minimum=1)
    check_int("every", every, minimum=1)
    check_number("target", target, above=0, maximum=1)
    optimizer = torch.optim.SGD(model.parameters(), lr=check_number("lr", lr, above=0), momentum=0.9)
    generator = torch.Generator().manual_seed(seed)
    checked, accuracy = [], []
    model.train()
    for step in range(1, limit + 1):
        index = torch.randint(len(train[0]), (batch_size,), generator=generator)
        loss = loss_of_all(model(train[0][index]), train[1][index])
        if not math.isfinite(loss.item()):
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % every == 0:
            checked.append(step)
            accuracy.append(share_correct(model, *held))
            if accuracy[-1] >= target:
                return Race(step, True, checked, accuracy)
    return Race(limit, False, checked, accuracy)

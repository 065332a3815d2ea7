"""Measure on MNIST what chapters 04b and 04c show on small digits, and write it to ``results/``.

python -m tools.record_signals            three layers of 100 sigmoids, with and without batch norm (2 minutes)
python -m tools.record_signals depth      10 to 50 layers of ReLU from three starts, no batch norm (4 minutes)

It needs MNIST: course data mnist
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import data
from course_utils.runtime import save_record
from course_utils.scratch.initialisation.schemes import initialise

STEPS, SIGMOID_RATES = (500, 1000, 2000), (0.1, 0.5)
DEPTHS, DEPTH_STEPS, DEPTH_RATE = (10, 20, 30, 50), 1000, 0.03
STARTS = ("he fan_in", "xavier", "gaussian 0.01")


def build(kind: str, depth: int, width: int, activation: Callable[[], nn.Module] = nn.ReLU) -> nn.Sequential:
    """Return ``depth`` hidden layers, plain or with batch norm (bn), and a linear layer for the ten classes."""
    layers: list[nn.Module] = []
    inputs = 784
    for _ in range(depth):
        layers += [nn.Linear(inputs, width), *([nn.BatchNorm1d(width)] if kind == "bn" else []), activation()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, 10))


def standardised(split: str) -> tuple[Tensor, Tensor]:
    """Return MNIST as rows with the mean and deviation of its training pixels taken out, and the labels."""
    images = data.load("mnist", split)
    return (images.images.flatten(1).float() / 255 - 0.1307) / 0.3081, images.labels


def accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Return the share of right answers in eval mode."""
    model.eval()
    with torch.no_grad():
        right = float((model(x).argmax(dim=1) == y).float().mean())
    model.train()
    return right


def descend(
    model: nn.Module, x: Tensor, y: Tensor, steps: int, lr: float, seed: int, watch: Callable[[int], None] | None = None
) -> float:
    """Run plain gradient descent on random batches of 60; return the mean loss of the last 50 steps."""
    draw = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.SGD(model.parameters(), lr=lr)
    losses = []
    for step in range(1, steps + 1):
        rows = torch.randint(len(x), (60,), generator=draw)
        loss = F.cross_entropy(model(x[rows]), y[rows])
        losses.append(loss.item())
        if losses[-1] != losses[-1]:
            return float("inf")
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if watch:
            watch(step)
    return sum(losses[-50:]) / 50


def sigmoid_run(kind: str, lr: float, seed: int, sets: tuple[Tensor, Tensor, Tensor, Tensor]) -> list[float]:
    """Train three layers of 100 sigmoids and return the test accuracy at each of ``STEPS``."""
    x, y, new_x, new_y = sets
    torch.manual_seed(seed)
    model = build(kind, 3, 100, nn.Sigmoid)
    initialise(model, "gaussian 0.1", generator=torch.Generator().manual_seed(seed))
    found = []

    def watch(step: int) -> None:
        if step in STEPS:
            found.append(accuracy(model, new_x, new_y))

    descend(model, x, y, STEPS[-1], lr, seed, watch)
    return found


def record_sigmoids(seeds: int) -> None:
    """Test accuracy of the network of the 2015 paper, with and without batch norm, at two learning rates."""
    sets = (*standardised("train"), *standardised("test"))
    metrics: dict[str, list[float]] = {}
    for lr in SIGMOID_RATES:
        for kind in ("plain", "bn"):
            for seed in range(seeds):
                found = sigmoid_run(kind, lr, seed, sets)
                print(lr, kind, seed, [round(value, 4) for value in found], flush=True)
                for step, value in zip(STEPS, found):
                    metrics.setdefault(f"{kind}_{lr}_{step}", []).append(value)
    save_record(
        "04c_normalisation.sigmoids",
        {
            "metrics": metrics,
            "steps": list(STEPS),
            "rates": list(SIGMOID_RATES),
            "seeds": list(range(seeds)),
            "command": f"python -m tools.record_signals --seeds {seeds}",
        },
    )


def record_depth(seeds: int) -> None:
    """Test accuracy of plain networks of 100 ReLUs a layer, by depth and by the rule of their first weights."""
    x, y = standardised("train")
    new_x, new_y = standardised("test")
    metrics: dict[str, list[float]] = {}
    for scheme in STARTS:
        for depth in DEPTHS:
            for seed in range(seeds):
                model = build("plain", depth, 100)
                initialise(model, scheme, generator=torch.Generator().manual_seed(seed))
                descend(model, x, y, DEPTH_STEPS, DEPTH_RATE, seed)
                metrics.setdefault(f"{scheme}_{depth}", []).append(accuracy(model, new_x, new_y))
            print(scheme, depth, [round(value, 4) for value in metrics[f"{scheme}_{depth}"]], flush=True)
    save_record(
        "04b_signals.mnist_depth",
        {
            "metrics": metrics,
            "depths": list(DEPTHS),
            "starts": list(STARTS),
            "steps": DEPTH_STEPS,
            "rate": DEPTH_RATE,
            "seeds": list(range(seeds)),
            "command": f"python -m tools.record_signals depth --seeds {seeds}",
        },
    )


def main(argv: list[str] | None = None) -> int:
    """Run one recording."""
    parser = argparse.ArgumentParser(prog="python -m tools.record_signals", description=__doc__.split("\n")[0])
    parser.add_argument("topic", nargs="?", choices=("sigmoids", "depth"), default="sigmoids")
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args(argv)
    {"sigmoids": record_sigmoids, "depth": record_depth}[args.topic](args.seeds)
    return 0


if __name__ == "__main__":
    sys.exit(main())

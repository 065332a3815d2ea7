"""Measure what chapter 05b shows on MNIST: one small network, its 3x3 layers ordinary, grouped or separable.

python -m tools.record_layers mnist           needs MNIST: course data mnist (about 5 minutes on two cores)
"""

from __future__ import annotations

import argparse
import sys

import torch
from torch import nn

from course_utils import data
from course_utils.data import Batches
from course_utils.runtime import save_record
from course_utils.training import evaluate, fit

KINDS = ("ordinary", "groups of 2", "groups of 4", "separable")


def middle_layer(kind: str, channels: int, out_channels: int) -> nn.Module:
    """Return one 3x3 layer of a kind, with the same input and output shape for all."""
    if kind == "separable":
        depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        return nn.Sequential(depthwise, nn.Conv2d(channels, out_channels, 1))
    groups = {"ordinary": 1, "groups of 2": 2, "groups of 4": 4}[kind]
    return nn.Conv2d(channels, out_channels, 3, padding=1, groups=groups)


def build(kind: str) -> nn.Sequential:
    """Return the network: a strided layer, two layers of the kind with pooling between, averages, ten scores."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, stride=2, padding=2),
        nn.ReLU(),
        middle_layer(kind, 16, 32),
        nn.ReLU(),
        nn.MaxPool2d(2),
        middle_layer(kind, 32, 32),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 9, 10),
    )


def middle_weights(kind: str) -> int:
    """Return the weights of the two layers that differ, biases not counted."""
    parameters = [p for layer in (build(kind)[2], build(kind)[5]) for p in layer.parameters()]
    return sum(p.numel() for p in parameters if p.dim() > 1)


def record_mnist(seeds: int, epochs: int) -> None:
    """Accuracy on MNIST's test digits for each kind and seed."""
    train, test = data.load("mnist", "train"), data.load("mnist", "test")
    metrics: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for seed in range(seeds):
        for kind in KINDS:
            torch.manual_seed(seed)
            model = build(kind)
            batches = Batches(train, batch_size=128, seed=seed)
            fit(model, batches, epochs=epochs, lr=6e-3, progress=False)
            metrics[kind].append(evaluate(model, Batches(test, batch_size=1000, shuffle=False)).accuracy)
            print(seed, kind, metrics[kind][-1], flush=True)
    save_record(
        "05b_layers.mnist",
        {
            "metrics": metrics,
            "middle_weights": {kind: middle_weights(kind) for kind in KINDS},
            "epochs": epochs,
            "seeds": list(range(seeds)),
            "command": f"python -m tools.record_layers mnist --seeds {seeds} --epochs {epochs}",
        },
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("mnist",))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=1)
    chosen = parser.parse_args(arguments)
    record_mnist(chosen.seeds, chosen.epochs)
    return 0


if __name__ == "__main__":
    sys.exit(main())

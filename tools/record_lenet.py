"""Measure what chapter 06 says about the parts of LeNet-5: each part of 1998 changed alone, on MNIST.

python -m tools.record_lenet parts            needs MNIST: course data mnist (about 5 minutes on one core)
"""

from __future__ import annotations

import argparse
import statistics
import sys

import torch
from torch import nn

from course_utils import data
from course_utils.models.lenet5_parts import MixedLeNet, one_change
from course_utils.recipes.lenet5 import to_paper
from course_utils.runtime import save_record, seed_everything
from course_utils.training import evaluate, fit

RATES = (2e-3, 6e-3)
TRAIN, VALID = 5000, 5000


def train_one(parts: dict[str, str], lr: float, seed: int, epochs: int, train: data.ImageSet) -> nn.Module:
    """Train one mixture of parts from one seed."""
    seed_everything(seed)
    model = MixedLeNet(**parts)
    batches = data.Batches(train, 64, augment=to_paper, seed=seed)
    fit(model, batches, epochs=epochs, lr=lr, schedule="one_cycle", progress=False)
    return model


def record_parts(seeds: int, epochs: int) -> None:
    """Test error of each mixture, at the learning rate that is best on held-out training images."""
    every = data.load("mnist", "train")
    train, valid = every.subset(slice(0, TRAIN)), every.subset(slice(TRAIN, TRAIN + VALID))
    parts_of_data = {"valid": valid, "test": data.load("mnist", "test")}
    batches = {k: data.Batches(s, 1000, shuffle=False, augment=to_paper) for k, s in parts_of_data.items()}
    metrics: dict[str, list[float]] = {}
    chosen: dict[str, float] = {}
    for name, parts in one_change().items():
        errors: dict[float, dict[str, list[float]]] = {}
        for lr in RATES:
            errors[lr] = {"valid": [], "test": []}
            for seed in range(seeds):
                model = train_one(parts, lr, seed, epochs, train)
                for kind, held_out in batches.items():
                    errors[lr][kind].append(round(1 - evaluate(model, held_out).accuracy, 6))
        chosen[name] = min(RATES, key=lambda lr: statistics.median(errors[lr]["valid"]))
        metrics[name] = errors[chosen[name]]["test"]
        shown = {lr: [f"{100 * e:.2f}" for e in kinds["test"]] for lr, kinds in errors.items()}
        print(f"{name:26s} {shown}", flush=True)
    save_record(
        "06_architectures.parts",
        {
            "command": "python -m tools.record_lenet parts",
            "data": f"MNIST, first {TRAIN:,} training images; rate chosen on the next {VALID:,}; 10,000 test images",
            "setting": {"epochs": epochs, "batch_size": 64, "optimizer": "Adam, one-cycle", "rates": list(RATES)},
            "chosen_rates": chosen,
            "seeds": list(range(seeds)),
            "metrics": metrics,
        },
    )


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.record_lenet", description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=("parts",))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=5)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    record_parts(args.seeds, args.epochs)
    return 0


if __name__ == "__main__":
    sys.exit(main())

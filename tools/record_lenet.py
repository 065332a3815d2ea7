"""Measure what chapter 06 says about the parts of LeNet-5: each part of 1998 changed alone, on MNIST.

python -m tools.record_lenet parts            needs MNIST: course data mnist (about 2 minutes on one core)
python -m tools.record_lenet choice           loss and shift of the recipe lenet5, on held-out images (15 minutes)
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import repeat
from multiprocessing import get_context

import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data
from course_utils.models.lenet5 import RBFOutputs, map_loss
from course_utils.models.lenet5_parts import MixedLeNet, one_change
from course_utils.recipes.lenet5 import LOSSES, SETTINGS, to_paper
from course_utils.recipes.lenet5 import train_one as train_paper
from course_utils.runtime import save_record, seed_everything
from course_utils.training import evaluate, fit

RATES = (2e-3, 6e-3)
VALID = 1000
BATCH = 32
TRIAL_SEED = 100  # of the runs that choose the learning rate; none of theirs is reported


def train_one(parts: dict[str, str], lr: float, seed: int, epochs: int, train: data.ImageSet) -> nn.Module:
    """Train one mixture of parts from one seed."""
    seed_everything(seed)
    model = MixedLeNet(**parts)
    batches = data.Batches(train, BATCH, augment=to_paper, seed=seed)
    loss = (
        map_loss if isinstance(model.output, RBFOutputs) else F.cross_entropy
    )  # each output with the loss of its time
    fit(model, batches, epochs=epochs, lr=lr, schedule="one_cycle", loss=loss, progress=False)
    return model


def measure(name: str, seeds: int, epochs: int, count: int) -> tuple[float, list[float]]:
    """Return the learning rate that is best on held-out training images, and the test error of each seed with it."""
    torch.set_num_threads(1)
    every, parts = data.load("mnist", "train"), one_change()[name]
    train, valid = every.subset(slice(0, count)), every.subset(slice(count, count + VALID))
    held_out = data.Batches(valid, 1000, shuffle=False, augment=to_paper)
    test = data.Batches(data.load("mnist", "test"), 1000, shuffle=False, augment=to_paper)
    trials = {lr: evaluate(train_one(parts, lr, TRIAL_SEED, epochs, train), held_out).accuracy for lr in RATES}
    chosen = max(RATES, key=lambda lr: trials[lr])
    nets = (train_one(parts, chosen, seed, epochs, train) for seed in range(seeds))
    errors = [round(1 - evaluate(net, test).accuracy, 6) for net in nets]
    print(f"{name:26s} {chosen} {[f'{100 * e:.2f}' for e in errors]}", flush=True)
    return chosen, errors


def record_parts(seeds: int, epochs: int, count: int, jobs: int) -> None:
    """Test error of each mixture, at its own learning rate."""
    names = list(one_change())
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(measure, names, repeat(seeds), repeat(epochs), repeat(count)))
    save_record(
        "06_architectures.parts",
        {
            "command": f"python -m tools.record_lenet parts --seeds {seeds} --epochs {epochs} --train {count}",
            "data": f"MNIST, first {count:,} training images; rate chosen on the next {VALID:,}; 10,000 test images",
            "setting": {"epochs": epochs, "batch_size": BATCH, "optimizer": "Adam, one-cycle", "rates": list(RATES)},
            "chosen_rates": {name: lr for name, (lr, _) in zip(names, found, strict=True)},
            "seeds": list(range(seeds)),
            "metrics": {name: errors for name, (_, errors) in zip(names, found, strict=True)},
        },
    )


def record_choice(seeds: int) -> None:
    """Error on the last 10,000 training images for each loss and shift, trained on the first 50,000."""
    every = data.load("mnist", "train")
    train = every.subset(slice(0, 50_000))
    held_out = data.Batches(every.subset(slice(50_000, None)), 1000, shuffle=False, augment=to_paper)
    metrics: dict[str, list[float]] = {}
    for loss in LOSSES:
        for shift in (0, 1):
            setting = replace(SETTINGS["lenet5"], loss=loss, shift=shift)
            for seed in range(TRIAL_SEED, TRIAL_SEED + seeds):
                model = train_paper(setting, seed, torch.device("cpu"), progress=False, images=train)
                error = round(1 - evaluate(model, held_out).accuracy, 6)
                metrics.setdefault(f"{loss}, shift {shift}", []).append(error)
                print(f"{loss}, shift {shift}, seed {seed}: {100 * error:.2f} %", flush=True)
            save_record(
                "lenet5.choice",
                {
                    "command": f"python -m tools.record_lenet choice --seeds {seeds}",
                    "data": "MNIST: trained on the first 50,000 training images, error on the last 10,000",
                    "seeds": list(range(TRIAL_SEED, TRIAL_SEED + seeds)),
                    "metrics": metrics,
                },
            )


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.record_lenet", description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=("parts", "choice"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--train", type=int, default=2000, help="training images")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    args = parser.parse_args(argv)
    if args.what == "choice":
        record_choice(args.seeds)
    else:
        record_parts(args.seeds, args.epochs, args.train, args.jobs)
    return 0


if __name__ == "__main__":
    sys.exit(main())

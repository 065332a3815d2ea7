"""Measure what chapter 05d shows at scale: networks that learn, or are built, to ignore a quarter turn, on MNIST.

python -m tools.record_equivariance            needs MNIST: course data mnist (10 minutes on one core)
"""

from __future__ import annotations

import argparse
import os
import sys

import torch
from torch import Tensor

from course_utils import data
from course_utils.runtime import save_record, seed_everything
from course_utils.scratch.equivariance.turned_net import turn_report, turned_net
from course_utils.training import fit

WAYS = {"free filters": "free", "free, turned in training": "free", "turned filters": "turned"}


def any_quarter_turn(x: Tensor, generator: torch.Generator) -> Tensor:
    """Turn each image of a batch by a random multiple of 90 degrees."""
    turns = torch.randint(0, 4, (len(x),), generator=generator).to(x.device)
    turned = torch.stack([torch.rot90(x, k, (2, 3)) for k in range(4)])
    return turned[turns, torch.arange(len(x), device=x.device)]


def save(metrics: dict[str, list[float]], seeds: int, epochs: int, images: int) -> None:
    """Write the record of the seeds that are done."""
    save_record(
        "05d_equivariance.mnist",
        {
            "metrics": metrics,
            "ways": list(WAYS),
            "images": images,
            "epochs": epochs,
            "parameters": sum(p.numel() for p in turned_net("turned").parameters()),
            "seeds": list(range(seeds)),
            "command": f"python -m tools.record_equivariance --seeds {seeds} --images {images} --epochs {epochs}",
        },
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--images", type=int, default=20_000, help="training images: the first so many")
    parser.add_argument("--epochs", type=int, default=2)
    args = parser.parse_args(arguments)
    os.environ.setdefault("COURSE_PROGRESS", "0")
    train, test = data.load("mnist", "train"), data.load("mnist", "test")
    train = train.subset(torch.arange(min(args.images, len(train))))
    x = test.images.float() / 255
    metrics: dict[str, list[float]] = {}
    for seed in range(args.seeds):
        for way, filters in WAYS.items():
            seed_everything(seed)
            model = turned_net(filters)
            augment = any_quarter_turn if "in training" in way else None
            batches = data.Batches(train, 128, augment=augment, seed=seed)
            fit(model, batches, epochs=args.epochs, lr=1e-2, schedule="one_cycle", progress=False)
            found = turn_report(model, x, test.labels)
            for metric, value in found.items():
                metrics.setdefault(f"{way}: {metric}", []).append(value)
            print(seed, way, {metric: round(value, 4) for metric, value in found.items()}, flush=True)
        save(metrics, seed + 1, args.epochs, len(train))  # after each seed: a run that is cut off keeps what it has
    return 0


if __name__ == "__main__":
    sys.exit(main())

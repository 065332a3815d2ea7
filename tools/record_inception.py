"""Measure what chapter 07 reports but is too long to run there: a small inception network on MNIST, with and without
batch normalisation, with and without auxiliary heads, each at three learning rates. Writes to ``results/``.

python -m tools.record_inception mnist         needs MNIST: course data mnist (6 minutes)
"""

from __future__ import annotations

import argparse
import os
import sys

import torch
from torch.nn import functional as F

from course_utils import data
from course_utils.models.mini_inception import MiniInception
from course_utils.runtime import save_record, seed_everything
from course_utils.scratch.inception.race import race

KINDS = {
    "plain": {},
    "heads": {"heads": True},
    "norm": {"norm": True},
    "norm and heads": {"norm": True, "heads": True},
}
RATES = (0.01, 0.03, 0.1)


def small_mnist(part: str, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Digits of 14x14 pixels: means of 2x2, with mean 0 and deviation 1 over all pixels of the training digits."""
    digits = data.load("mnist", part)
    return (F.avg_pool2d(digits.images[:count].float() / 255, 2) - 0.131) / 0.287, digits.labels[:count]


def record_mnist(seeds: int, target: float, limit: int) -> None:
    """Steps until ``target`` of 300 held-out digits are right, or ``limit``."""
    x, y = small_mnist("train", 20_300)
    train, held = (x[:20_000], y[:20_000]), (x[20_000:], y[20_000:])
    metrics: dict[str, list[float]] = {}
    for seed in range(seeds):
        for kind, options in KINDS.items():
            for lr in RATES:
                seed_everything(seed)
                model = MiniInception(10, 1, **options)
                found = race(model, train, held, lr=lr, limit=limit, target=target, every=10, seed=seed)
                metrics.setdefault(f"{kind}: steps at {lr}", []).append(found.steps)
                metrics.setdefault(f"{kind}: accuracy at {lr}", []).append(found.accuracy[-1] if found.accuracy else 0)
                print(seed, kind, lr, found.steps, found.accuracy[-1:], flush=True)
    save_record(
        "07_deeper.mnist",
        {
            "metrics": metrics,
            "kinds": list(KINDS),
            "rates": list(RATES),
            "target": target,
            "limit": limit,
            "batch_size": 32,
            "seeds": list(range(seeds)),
            "command": f"python -m tools.record_inception mnist --seeds {seeds}",
        },
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["mnist"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--target", type=float, default=0.9)
    parser.add_argument("--limit", type=int, default=300)
    args = parser.parse_args(arguments)
    os.environ.setdefault("COURSE_PROGRESS", "0")
    torch.set_num_threads(1)
    record_mnist(args.seeds, args.target, args.limit)
    return 0


if __name__ == "__main__":
    sys.exit(main())

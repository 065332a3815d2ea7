"""Measure on MNIST what augmentation is worth for small and large training sets, and write it to ``results/``.

python -m tools.record_generalisation mnist      needs MNIST: course data mnist (about 3 minutes)
"""

from __future__ import annotations

import argparse
import sys

import torch

from course_utils import data
from course_utils.runtime import save_record
from course_utils.scratch.selection.many_networks import train_many

SIZES = (100, 300, 1000, 3000, 10000)
PASSES, LENGTH = 4, 10000


def measure_mnist(seed: int) -> dict[str, float]:
    """Test error of ten networks with the same number of steps: five training sizes, plain and jiggled."""
    train, test = data.load("mnist", "train"), data.load("mnist", "test")
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))
    jiggle = data.random_affine(degrees=12, scale=0.12, shift=0.09)
    rows = torch.stack([order[torch.arange(LENGTH) % size] for size in SIZES] * 2)
    x, y = train.images.flatten(1)[rows].float() / 255, train.labels[rows]
    networks, _, _ = train_many(
        x,
        y,
        [0.1] * 10,
        [0.0] * 10,
        [seed] * 10,
        batch_size=50,
        epochs=PASSES,
        hidden=128,
        falling=True,
        augment=[None] * 5 + [jiggle] * 5,
        shape=(1, 28, 28),
    )
    _, accuracy = networks.scores(test.images.flatten(1).float() / 255, test.labels)
    names = [f"{kind} {size}" for kind in ("plain", "jiggled") for size in SIZES]
    return {name: 1 - float(right) for name, right in zip(names, accuracy)}


def record_mnist(seeds: int) -> None:
    """Measure every seed and write the record."""
    metrics: dict[str, list[float]] = {}
    for seed in range(seeds):
        for metric, value in measure_mnist(seed).items():
            metrics.setdefault(metric, []).append(value)
        print(f"seed {seed}", flush=True)
    save_record(
        "04e_generalisation.mnist",
        {
            "metrics": metrics,
            "sizes": list(SIZES),
            "steps": PASSES * LENGTH // 50,
            "seeds": list(range(seeds)),
            "command": f"python -m tools.record_generalisation mnist --seeds {seeds}",
        },
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("mnist",))
    parser.add_argument("--seeds", type=int, default=5)
    chosen = parser.parse_args(arguments)
    record_mnist(chosen.seeds)
    return 0


if __name__ == "__main__":
    sys.exit(main())

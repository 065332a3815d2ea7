"""Measure on MNIST what chapter 04 shows on small digits, and write it to ``results/``.

python -m tools.record_training mnist      needs MNIST: course data mnist (about 2 minutes)
"""

from __future__ import annotations

import argparse
import sys

import torch

from course_utils import data
from course_utils.runtime import save_record
from course_utils.scratch.regularisation.side_by_side import Regulariser, train_side_by_side

SIZES = (300, 3000)
CANDIDATES = {
    "none": Regulariser(),
    "dropout 0.25": Regulariser(dropout=0.25),
    "dropout 0.5": Regulariser(dropout=0.5),
    "l2 0.001": Regulariser(l2=0.001),
    "l2 0.003": Regulariser(l2=0.003),
    "both 0.5": Regulariser(dropout=0.5, l2=0.001),
    "smoothing 0.1": Regulariser(smoothing=0.1),
}
STEPS = 300


def measure_mnist(seed: int) -> dict[str, float]:
    """Test accuracy and loss of each method, its strength chosen on 2,000 held-out digits, for each training size."""

    def flat(split: str) -> tuple[torch.Tensor, torch.Tensor]:
        digits = data.load("mnist", split)
        return digits.images.reshape(len(digits), -1), digits.labels

    x, y = flat("train")
    test_x, test_y = flat("test")
    names = list(CANDIDATES)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    held_out = order[-2000:]
    found = {}
    for size in SIZES:
        few = order[:size]
        stack = train_side_by_side(
            x[few].float() / 255,
            y[few],
            CANDIDATES,
            hidden=(128, 128),
            steps=STEPS,
            batch_size=100,
            lr=2e-3,
            seed=seed,
        )
        valid_loss, _ = stack.scores(x[held_out].float() / 255, y[held_out])
        loss, accuracy = stack.scores(test_x.float() / 255, test_y)
        for method in ("none", "dropout", "l2", "both", "smoothing"):
            of_method = [i for i, name in enumerate(names) if name.split()[0] == method]
            chosen = min(of_method, key=lambda i: float(valid_loss[i]))
            found[f"{method}_{size}_accuracy"] = float(accuracy[chosen])
            found[f"{method}_{size}_loss"] = float(loss[chosen])
    return found


def record_mnist(seeds: int) -> None:
    """Measure every seed and write the record."""
    metrics: dict[str, list[float]] = {}
    for seed in range(seeds):
        for metric, value in measure_mnist(seed).items():
            metrics.setdefault(metric, []).append(value)
        print(f"seed {seed}", flush=True)
    save_record(
        "04_training.mnist",
        {
            "metrics": metrics,
            "sizes": list(SIZES),
            "steps": STEPS,
            "seeds": list(range(seeds)),
            "command": f"python -m tools.record_training mnist --seeds {seeds}",
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

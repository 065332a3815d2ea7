"""Measure on MNIST what chapter 08c shows in small: class images against 60,000 digits, read by judges of MNIST.

    python -m tools.record_inversion mnist [--seeds 5]        needs MNIST (course data mnist)

Wishes and judge are the chapter's cells tagged ``band-record``; a judge learns from 20,000 digits of MNIST here.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import torch

from course_utils import data
from course_utils.data import Batches
from course_utils.explain.regularisers import total_variation
from course_utils.recipes.digit_reader import load_digit_reader
from course_utils.runtime import save_record
from course_utils.training import evaluate
from tools.bands import tagged_code

CHAPTER, TRAIN = "08c_inversion", 20_000


def record_mnist(seeds: int) -> dict[str, Any]:
    """Scores, total variation and the judges' answers for every wish and seed; the best scores of 60,000 digits."""
    here: dict[str, Any] = {"SEED": 0, "__name__": "record"}
    exec(compile(tagged_code(CHAPTER, "record"), "<record>", "exec"), here)
    reader, train = load_digit_reader(), data.load("mnist", "train")
    test = Batches(data.load("mnist", "test"), 1000, shuffle=False)
    best = torch.full((10,), -torch.inf)
    with torch.no_grad():
        for x, _ in Batches(train, 1000, shuffle=False):
            best = torch.maximum(best, reader(x).amax(0))
    metrics: dict[str, list[float]] = {}
    lowest = torch.full((10,), torch.inf)
    ten = torch.arange(10)
    for seed in range(seeds):
        chosen = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))[:TRAIN]
        judge = here["train_judge"](train.subset(chosen), seed, epochs=1)
        metrics.setdefault("accuracy of the judge", []).append(evaluate(judge, test).accuracy)
        for name, made in here["climb_for"](reader, ten.repeat(5), seed).items():
            if name == "nothing":
                lowest = torch.minimum(lowest, made.scores.view(5, 10).amin(0))
            agrees = here["judged"](judge, made.images, ten.repeat(5))
            for metric, value in (
                ("score", made.scores.mean().item()),
                ("variation", total_variation(made.images).mean().item()),
                ("judge", agrees),
            ):
                metrics.setdefault(f"{metric}, {name}", []).append(value)
                print(seed, f"{metric}, {name}: {value:.3f}", flush=True)
    real = torch.cat([total_variation(x) for x, _ in Batches(train, 1000, shuffle=False)])
    return {
        "command": "python -m tools.record_inversion mnist",
        "pictures": f"MNIST: best scores of all 60,000 training digits; judges trained on {TRAIN:,}",
        "seeds": list(range(seeds)),
        "metrics": metrics,
        "highest_real": best.tolist(),
        "lowest_climbed": lowest.tolist(),
        "variation_real": float(real.mean()),
    }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.record_inversion", description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["mnist"])
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    print("wrote", save_record(f"{CHAPTER}.mnist", record_mnist(args.seeds)).name)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Measure what chapter 05c reports but is too long to run there: five ways to halve a map, on MNIST and after a
longer training on small digits. Writes to ``results/``.

python -m tools.record_pooling longer          the race of the chapter, three times as long (5 minutes)
python -m tools.record_pooling mnist           needs MNIST: course data mnist (5 minutes)
"""

from __future__ import annotations

import argparse
import os
import sys

from torch.nn import functional as F

from course_utils import data
from course_utils.runtime import save_record, seed_everything
from course_utils.scratch.pooling.halving import KINDS, halving_net, steadiness
from course_utils.training import fit


def framed_digits(part: str) -> data.ImageSet:
    """Digits in the middle of a black frame of 16x16 pixels, as in the chapter."""
    digits = data.load("digits", part)
    return data.ImageSet(F.pad(digits.images, (4, 4, 4, 4)), digits.labels, digits.classes, f"framed {digits.name}")


def record_longer(seeds: int, epochs: int) -> None:
    """The chapter's race with another number of epochs: who is slow, and who is bad?"""
    train, test = framed_digits("train"), framed_digits("test")
    metrics: dict[str, list[float]] = {}
    for seed in range(seeds):
        for kind in KINDS:
            seed_everything(seed)
            model = halving_net(kind)
            batches = data.Batches(train, 64, seed=seed)
            fit(model, batches, epochs=epochs, lr=1e-2, schedule="one_cycle", progress=False)
            found = steadiness(model, test.images.float() / 255, test.labels)
            for metric, value in found.items():
                metrics.setdefault(f"{kind}: {metric}", []).append(value)
            print(seed, kind, {metric: round(value, 4) for metric, value in found.items()}, flush=True)
    save_record(
        "05c_pooling.longer",
        {
            "metrics": metrics,
            "kinds": list(KINDS),
            "epochs": epochs,
            "seeds": list(range(seeds)),
            "command": f"python -m tools.record_pooling longer --seeds {seeds} --epochs {epochs}",
        },
    )


def record_mnist(seeds: int, epochs: int) -> None:
    """Accuracy on MNIST's test digits, where they stand and one pixel away, for each kind of halving."""
    train, test = data.load("mnist", "train"), data.load("mnist", "test")
    # The digits keep at least 4 empty pixels at each side, so a shift by one pushes nothing out.
    x, labels = test.images.float() / 255, test.labels
    metrics: dict[str, list[float]] = {}
    for seed in range(seeds):
        for kind in KINDS:
            seed_everything(seed)
            model = halving_net(kind)
            fit(model, data.Batches(train, 128, seed=seed), epochs=epochs, lr=1e-2, schedule="one_cycle")
            found = steadiness(model, x, labels)
            for metric, value in found.items():
                metrics.setdefault(f"{kind}: {metric}", []).append(value)
            print(seed, kind, {metric: round(value, 4) for metric, value in found.items()}, flush=True)
    save_record(
        "05c_pooling.mnist",
        {
            "metrics": metrics,
            "kinds": list(KINDS),
            "epochs": epochs,
            "parameters": sum(p.numel() for p in halving_net(KINDS[0]).parameters()),
            "seeds": list(range(seeds)),
            "command": f"python -m tools.record_pooling mnist --seeds {seeds} --epochs {epochs}",
        },
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["longer", "mnist"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, help="default: 24 for longer, 1 for mnist")
    args = parser.parse_args(arguments)
    os.environ.setdefault("COURSE_PROGRESS", "0")
    if args.what == "longer":
        record_longer(args.seeds, args.epochs or 24)
    else:
        record_mnist(args.seeds, args.epochs or 1)
    return 0


if __name__ == "__main__":
    sys.exit(main())

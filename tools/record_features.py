"""Measure the features of chapter 00b on MNIST, against the number of labels, and write it to ``results/``.

python -m tools.record_features     needs MNIST: course data mnist (about 2 minutes on 2 cores)
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from course_utils import data
from course_utils.data import Batches, ImageSet
from course_utils.runtime import save_record, seed_everything
from course_utils.scratch.features.hog import hog
from course_utils.scratch.features.kmeans import kmeans
from course_utils.scratch.features.linear_classifier import fit_linear
from course_utils.scratch.features.patch_codes import describe, normalise_patches, patches, triangle_codes
from course_utils.scratch.features.stage import random_filters, stage
from course_utils.training import evaluate, fit

COUNTS = (100, 1000, 10_000, 60_000)
SEED = 0


def small_net() -> nn.Module:
    """The network of the chapter, for 28 x 28 pixels."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, padding=2), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveMaxPool2d(1),
        nn.Flatten(), nn.Linear(32, 10),
    )  # fmt: skip


def codebook_of(images: ImageSet) -> torch.Tensor:
    """Learn 128 words from patches of the first 2,000 images, labels unseen."""
    cut = normalise_patches(patches(images.images[:2000].float() / 255, 6, 2)).reshape(-1, 36)
    cut = cut[cut.norm(dim=1) > 1]
    pick = torch.randperm(len(cut), generator=torch.Generator().manual_seed(SEED))[:20_000]
    return torch.tensor(kmeans(cut[pick].numpy(), 128, 20, seed=SEED).centres, dtype=torch.float32)


def extractors(train: ImageSet) -> dict[str, Callable[[torch.Tensor], np.ndarray]]:
    """Return the fixed features: each maps (N, 1, 28, 28) in [0, 1] to (N, D)."""
    words = codebook_of(train)
    first, second = random_filters(16, 1, 5, SEED), random_filters(32, 16, 3, SEED + 100)

    def in_parts(function: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[torch.Tensor], np.ndarray]:
        return lambda x: torch.cat([function(part) for part in x.split(1000)]).numpy()

    return {
        "pixels": lambda x: x.flatten(1).numpy(),
        "HOG": lambda x: np.concatenate([hog(part[:, 0].numpy(), cell=7) for part in x.split(1000)]),
        "two random stages": in_parts(lambda x: stage(stage(x, first), second).flatten(1)),
        "words, 2 x 2 regions": in_parts(lambda x: describe(x, lambda p: triangle_codes(p, words), grid=2)),
        "bag of words": in_parts(lambda x: describe(x, lambda p: triangle_codes(p, words), grid=1)),
    }


def main(argv: list[str] | None = None) -> int:
    argparse.ArgumentParser(prog="python -m tools.record_features", description=__doc__.split("\n")[0]).parse_args(argv)
    if not data.available("mnist"):
        print("this record needs MNIST: run `course data mnist` first", file=sys.stderr)
        return 2
    start = time.process_time()
    train, test = data.load("mnist", "train"), data.load("mnist", "test")
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(SEED))
    train = train.subset(order)
    y, y_test = train.labels.numpy(), test.labels.numpy()
    metrics: dict[str, list[float]] = {}
    methods = extractors(train)
    for name, extract in methods.items():
        x, x_test = extract(train.images.float() / 255), extract(test.images.float() / 255)
        for count in COUNTS:
            accuracy = fit_linear(x[:count], y[:count], 10).accuracy(x_test, y_test)
            metrics[f"{name}_{count}"] = [accuracy]
            print(f"{name:22} {count:6d} {accuracy:.4f}", flush=True)
    for count in COUNTS:
        seed_everything(SEED)
        net = small_net()
        epochs = max(2, round(200 * 64 / count))
        batches = Batches(train.subset(torch.arange(count)), batch_size=64, seed=SEED)
        fit(net, batches, epochs=epochs, lr=5e-3, schedule="one_cycle", progress=False)
        accuracy = evaluate(net, Batches(test, batch_size=1000, shuffle=False)).accuracy
        metrics[f"learned network_{count}"] = [accuracy]
        print(f"{'learned network':22} {count:6d} {accuracy:.4f}", flush=True)
    save_record(
        "00b_features.mnist",
        {
            "metrics": metrics,
            "counts": list(COUNTS),
            "methods": [*methods, "learned network"],
            "seeds": [SEED],
            "cpu_seconds": round(time.process_time() - start, 1),
            "command": "python -m tools.record_features",
        },
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

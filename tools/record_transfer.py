"""Measure what chapter 09 reports but is too long to run there: the transfer curve on CIFAR-10 in two halves.

python -m tools.record_transfer                needs CIFAR-10: course data cifar10 (3 minutes)
"""

from __future__ import annotations

import argparse
import copy
import os
import sys
from collections import OrderedDict

import torch
from torch import nn

from course_utils import data
from course_utils.runtime import save_record
from course_utils.training import evaluate, fit
from course_utils.training.transfer import collect_features, linear_probe, parameter_groups

OLD = ("airplane", "bird", "deer", "frog", "ship")
NEW = ("automobile", "cat", "dog", "horse", "truck")
SIZES = (50, 250, 1000)
PRETRAINING, HELD_OUT, BATCH = 8_000, 2_000, 64
STEPS = {50: 50, 250: 60, 1000: 90}


def only(pictures: data.ImageSet, names: tuple[str, ...], count: int) -> data.ImageSet:
    """Return the first ``count`` pictures of some classes, with labels counted from 0."""
    place = torch.full((len(pictures.classes),), -1)
    place[[pictures.classes.index(name) for name in names]] = torch.arange(len(names))
    chosen = (place[pictures.labels] >= 0).nonzero()[:count, 0]
    return data.ImageSet(pictures.images[chosen], place[pictures.labels[chosen]], names, pictures.name)


def centred(x: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
    """Return pixels minus one half."""
    return x - 0.5


def network(seed: int) -> nn.Sequential:
    """Return four stages and a head for five classes, for 32x32 photographs."""
    torch.manual_seed(seed)
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    channels = 3
    for number, width in enumerate((16, 32, 64, 64), start=1):
        conv = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        parts[f"stage{number}"] = nn.Sequential(conv, nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2))
        channels = width
    parts["mean"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    parts["head"] = nn.Linear(channels, len(NEW))
    return nn.Sequential(parts)


def accuracy(model: nn.Module, pictures: data.ImageSet) -> float:
    return evaluate(model, data.Batches(pictures, 500, shuffle=False, augment=centred)).accuracy


def measure(old: data.ImageSet, new: data.ImageSet, held: data.ImageSet, seed: int) -> dict[str, float]:
    """Return the accuracy of each way at each number of labels, for one seed and its own choice of labels."""
    base = network(seed)
    batches = data.Batches(old, BATCH, augment=centred, seed=seed)
    fit(base, batches, epochs=3, lr=1e-2, schedule="one_cycle", progress=False)
    order = torch.randperm(len(new), generator=torch.Generator().manual_seed(seed))
    found = {}
    for count in SIZES:
        few = new.subset(order[:count])
        learn = data.Batches(few, BATCH, augment=centred, seed=seed)
        epochs = round(STEPS[count] / len(learn))
        scratch = network(seed + 100)
        fit(scratch, learn, epochs=epochs, lr=1e-2, schedule="cosine", warmup=5, progress=False)
        probed = copy.deepcopy(base)
        features, labels = collect_features(base, data.Batches(few, 500, shuffle=False, augment=centred))
        probed.head = linear_probe(features, labels, len(NEW), penalty=0.1)
        tuned = copy.deepcopy(probed)
        groups = parameter_groups(tuned, 2e-3, 0.5)
        fit(tuned, data.Batches(few, BATCH, augment=centred, seed=seed), epochs=epochs, lr=2e-3,
            optimizer=lambda parameters, lr, groups=groups: torch.optim.Adam(groups), schedule="cosine", warmup=5,
            progress=False)  # fmt: skip
        for way, model in (("scratch", scratch), ("probe", probed), ("tuned", tuned)):
            found[f"{way}_{count}"] = accuracy(model, held)
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args(arguments)
    os.environ.setdefault("COURSE_PROGRESS", "0")
    torch.set_num_threads(1)
    photos = data.load("cifar10", "train")
    old = only(photos.subset(slice(0, 40_000)), OLD, PRETRAINING)
    new = only(photos.subset(slice(0, 40_000)), NEW, 4_000)
    held = only(photos.subset(slice(40_000, 50_000)), NEW, HELD_OUT)
    metrics: dict[str, list[float]] = {}
    for seed in range(args.seeds):
        found = measure(old, new, held, seed)
        for name, value in found.items():
            metrics.setdefault(name, []).append(value)
        print(seed, {name: round(value, 3) for name, value in found.items()}, flush=True)
    save_record(
        "09_transfer.cifar10",
        {
            "metrics": metrics,
            "old": list(OLD),
            "new": list(NEW),
            "sizes": list(SIZES),
            "steps": list(STEPS.values()),
            "pretraining": PRETRAINING,
            "held_out": HELD_OUT,
            "seeds": list(range(args.seeds)),
            "command": f"python -m tools.record_transfer --seeds {args.seeds}",
        },
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

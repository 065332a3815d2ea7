"""Cost against accuracy, in miniature: every family of chapters 06 and 07, one recipe, the same images.

``course train miniatures`` trains networks of 20,000 to 150,000 parameters on 10,000 training images of CIFAR-10
and measures them on the last 5,000 images of the training set, which none of them has seen. Chapter 07c draws the map.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from course_utils import data
from course_utils.models.miniature import Miniature, SmallLeNet
from course_utils.models.summary import summarise
from course_utils.runtime import get_device, save_record, seed_everything
from course_utils.training import evaluate, fit
from course_utils.training.speed import Speed, multiplies_bfloat16

NAME = "miniatures"
SEEDS, EPOCHS, BATCH_SIZE, PEAK_LR = 5, 2, 64, 4e-3
TRAIN, HELD_OUT = range(10_000), range(45_000, 50_000)

# Three prices: about 1.4 million multiply-adds, 3 to 4 million, and 5.8 million for the deepest.
NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "LeNet": SmallLeNet,
    "VGG 8": lambda: Miniature("plain", 8, 1),
    "VGG 8 wide": lambda: Miniature("plain", 16, 1),
    "VGG 20": lambda: Miniature("plain", 8, 3),
    "VGG 38": lambda: Miniature("plain", 8, 6),
    "residual 8": lambda: Miniature("residual", 8, 1),
    "residual 8 wide": lambda: Miniature("residual", 16, 1),
    "residual 20": lambda: Miniature("residual", 8, 3),
    "residual 38": lambda: Miniature("residual", 8, 6),
    "gated 8 wide": lambda: Miniature("gated", 16, 1),
    "inception": lambda: Miniature("inception", 40, 1),
    "dense small": lambda: Miniature("dense", 16, 1),
    "dense": lambda: Miniature("dense", 16, 3),
    "separable small": lambda: Miniature("separable", 24, 1),
    "separable": lambda: Miniature("separable", 40, 1),
    "efficient": lambda: Miniature("inverted", 32, 1),
}


def load_images() -> tuple[data.ImageSet, data.ImageSet]:
    """Return the images to train on and those held out, all from CIFAR-10's training set.

    Raises:
        DataNotFound: if it is not in the data folder.
    """
    images = data.load("cifar10", "train")
    return images.subset(torch.tensor(TRAIN)), images.subset(torch.tensor(HELD_OUT))


def centred(x: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
    """Map pixels from [0, 1] to [-2, 2]; the place is that of an augmentation, and nothing is random."""
    return 4 * x - 2


def train_one(name: str, seed: int, images: data.ImageSet, how: Speed) -> nn.Module:
    """Train one network from one seed: Adam, one cycle of the learning rate, no augmentation."""
    seed_everything(seed)
    model = NETWORKS[name]()
    batches = data.Batches(images, BATCH_SIZE, augment=centred, device=how.device, seed=seed, drop_last=True)
    fit(model, batches, epochs=EPOCHS, lr=PEAK_LR, schedule="one_cycle", speed=how, progress=False)
    return model


def run(
    seed: int = 0,
    device: torch.device | str | None = None,
    progress: bool | None = None,
) -> dict[str, Any]:
    """Train every network from ``SEEDS`` seeds and record the held-out accuracies in ``results/miniatures.json``.

    All networks are trained from one seed before the next begins, and the record is written after each: a run that
    is stopped leaves what it has, and says of how many seeds.

    Args:
        seed: the first of them.
        device: where to train; the fastest present if None.
        progress: not used: one line is printed for each network.

    Raises:
        DataNotFound: if CIFAR-10 is not in the data folder.
    """
    target = get_device(None if device is None else str(device))
    precision = "bfloat16" if multiplies_bfloat16(target) else "float32"
    how = Speed(target, precision, channels_last=True, why="the same for all networks")
    train_set, held_out = load_images()
    valid = data.Batches(held_out, 500, shuffle=False, augment=centred, device=target)
    accounts = {name: summarise(make(), (3, 32, 32)) for name, make in NETWORKS.items()}
    metrics: dict[str, list[float]] = {name: [] for name in NETWORKS}
    start, record = time.perf_counter(), {}
    for done, s in enumerate(range(seed, seed + SEEDS), start=1):
        for name in NETWORKS:
            accuracy = evaluate(train_one(name, s, train_set, how), valid).accuracy
            metrics[name].append(round(accuracy, 6))
            print(f"seed {s}: {name} {100 * accuracy:.1f} %", flush=True)
        record = {
            "command": f"course train {NAME}" + (f" --seed {seed}" if seed else ""),
            "data": "CIFAR-10: 10,000 training images; accuracy on the last 5,000 of the training set, held out",
            "setting": {
                "optimizer": "Adam, one-cycle",
                "epochs": EPOCHS,
                "batch_size": BATCH_SIZE,
                "peak_lr": PEAK_LR,
                "augmentation": "none",
                "precision": precision,
            },
            "parameters": {name: a.parameters for name, a in accounts.items()},
            "multiply_adds": {name: a.multiply_adds for name, a in accounts.items()},
            "depth": {name: a.depth for name, a in accounts.items()},
            "seeds": list(range(seed, seed + done)),
            "metrics": metrics,
            "seconds": round(time.perf_counter() - start, 1),
            "threads": torch.get_num_threads(),
        }
        save_record(NAME, record)
    return record

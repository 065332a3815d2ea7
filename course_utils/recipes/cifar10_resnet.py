"""A residual network on CIFAR-10 for chapters 08 and 09: photographs to look into it with, 1.6 MB of weights.

``course train cifar10_resnet`` trains on the first 40,000 training images and measures on the last 10,000, which it has
never seen; the official test images are left for others.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from course_utils import data
from course_utils.data.real_sets import CLASSES as REAL_CLASSES
from course_utils.models.miniature import Miniature
from course_utils.recipes import stored_weights
from course_utils.runtime import get_device, save_record, seed_everything
from course_utils.training import evaluate, fit
from course_utils.training.muon import Muon, split_groups
from course_utils.training.speed import choose_speed

NAME = "cifar10_resnet"
CLASSES = REAL_CLASSES["cifar10"]
EPOCHS, BATCH_SIZE, SMOOTHING, WARMUP = 8, 160, 0.1, 0.1
RATES = {"lr": 0.09, "head_lr": 0.1, "other_lr": 0.05, "weight_decay": 5e-4}
TRAIN, HELD_OUT = range(40_000), range(40_000, 50_000)
MEAN, SPREAD = (0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616)


def prepare(x: Tensor) -> Tensor:
    """Map pictures to what the network takes: about mean 0 and spread 1 in each channel.

    Args:
        x: (N, 3, H, W), uint8 or floats in [0, 1].

    Returns:
        Float32; gradients pass.
    """
    x = x.float() / 255 if x.dtype == torch.uint8 else x
    mean, spread = (torch.tensor(v, device=x.device)[:, None, None] for v in (MEAN, SPREAD))
    return (x - mean) / spread


def _normalised(x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    return prepare(x)


def build_model() -> Miniature:
    """Return the untrained network: pictures (N, 3, 32, 32), prepared, to logits (N, 10).

    Three stages of two residual blocks, ``stage1`` to ``stage3``, with maps of 16, 8 and 4 pixels.
    """
    return Miniature("residual", width=32, blocks=2)


def train(
    images: data.ImageSet,
    seed: int = 0,
    device: torch.device | str | None = None,
    epochs: int = EPOCHS,
    progress: bool | None = None,
    checkpoints: str | None = None,
) -> nn.Module:
    """Train one network with Muon on flipped and shifted pictures, and round it to float16.

    Args:
        images: pictures (N, 3, 32, 32).
        seed: fixes the start, the order and the augmentation.
        device: where to train; the fastest present if None.
        epochs: passes over the pictures, at least 1.
        progress: show a bar; where somebody watches if None.
        checkpoints: folder to go on from after an interruption.

    Returns:
        The network on the CPU in evaluation mode, holding only values that float16 can store.
    """
    seed_everything(seed)
    model = build_model()
    how = choose_speed(model, get_device(None if device is None else str(device)))

    def optimizer(_: Any, lr: float) -> torch.optim.Optimizer:
        return Muon(split_groups(model, **RATES), lr)

    def loss(logits: Tensor, y: Tensor) -> Tensor:
        return nn.functional.cross_entropy(logits, y, label_smoothing=SMOOTHING)

    augment = data.compose(data.random_flip(), data.random_crop(4), _normalised)
    batches = data.Batches(images, BATCH_SIZE, augment=augment, seed=seed, drop_last=True)
    fit(
        model,
        batches,
        epochs=epochs,
        lr=RATES["lr"],
        optimizer=optimizer,
        schedule="linear",
        warmup=int(WARMUP * epochs * len(batches)),
        loss=loss,
        speed=how,
        progress=progress,
        checkpoints=checkpoints,
    )
    model.float().cpu().to(memory_format=torch.contiguous_format)
    return stored_weights.round_to_half(model).eval()


def weights_path() -> Path:
    """Return where the stored weights lie."""
    return stored_weights.weights_path(NAME)


def run(
    seed: int = 0,
    device: torch.device | str | None = None,
    progress: bool | None = None,
    checkpoints: str | None = None,
) -> dict[str, Any]:
    """Train one network and write ``results/weights/cifar10_resnet.pt`` and ``results/cifar10_resnet.json``.

    Returns:
        The record: held-out accuracy after rounding to float16, setting, checksum of the weights.

    Raises:
        DataNotFound: if CIFAR-10 is not in the data folder.
    """
    images = data.load("cifar10", "train")
    train_set, held_out = (
        images.subset(slice(TRAIN.start, TRAIN.stop)),
        images.subset(slice(HELD_OUT.start, HELD_OUT.stop)),
    )
    start = time.perf_counter()
    model = train(train_set, seed, device, EPOCHS, progress, checkpoints)
    seconds = time.perf_counter() - start
    valid = data.Batches(held_out, 500, shuffle=False, augment=_normalised)
    seen = evaluate(model, valid)
    per_class = [round(float((seen.predictions[seen.labels == c] == c).float().mean()), 4) for c in range(len(CLASSES))]
    record = {
        "command": f"course train {NAME}" + (f" --seed {seed}" if seed else ""),
        "data": f"CIFAR-10: the first {len(TRAIN):,} training images; accuracy on the last {len(HELD_OUT):,} of the "
        "training set, held out",
        "setting": {
            "network": 'Miniature("residual", width=32, blocks=2)',
            "optimizer": "Muon, linear",
            "epochs": EPOCHS,
            "batch_size": BATCH_SIZE,
            **RATES,
            "warmup": WARMUP,
            "label_smoothing": SMOOTHING,
            "augmentation": "flips, crops after 4 reflected pixels of padding",
            "speed": str(choose_speed(model, device)),
        },
        "parameters": sum(p.numel() for p in model.parameters()),
        "seeds": [seed],
        "metrics": {"accuracy": [round(seen.accuracy, 6)]},
        "accuracy_by_class": dict(zip(CLASSES, per_class)),
        "kept_seed": seed,
        "kept_accuracy": round(seen.accuracy, 6),
        **stored_weights.store(model, weights_path()),
        "seconds": round(seconds, 1),
        "threads": torch.get_num_threads(),
    }
    save_record(NAME, record)
    return record

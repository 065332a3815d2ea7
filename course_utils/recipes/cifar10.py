"""CIFAR-10 against the clock: ``course train cifar10_minute`` and ``course train cifar10_five_minutes``.

A small network (`course_utils.models.speed_net`), Muon, bfloat16 where the processor multiplies it. Sized for two CPU
cores; the epochs are fixed, so another machine reaches the same accuracy in another time. After the public records for
one GPU (K. Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024), with these differences: 40,000 training
images instead of 50,000, accuracy on the 10,000 training images held out instead of the test set, narrower groups,
mirror images drawn at random in place of taken in turn, no lookahead average, and the time includes the whitening.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils import data
from course_utils.data.sheets import FOLDER, has_sheets, read_sheets
from course_utils.models.speed_net import SpeedNet
from course_utils.recipes.cifar10_resnet import CLASSES, HELD_OUT, TRAIN, prepare
from course_utils.runtime import data_dir, get_device, save_record, seed_everything
from course_utils.training import History, evaluate, fit
from course_utils.training.muon import Muon, split_groups
from course_utils.training.speed import Speed, choose_speed


@dataclass(frozen=True)
class Setting:
    """What one recipe trains, and how.

    Args:
        widths: channels of the network's three groups.
        epochs: passes over the 40,000 training images.
        seeds: networks to train.
        lr: highest learning rate of the filter banks.
        head_lr: of the head.
        other_lr: of the biases.
        weight_decay: of head and biases.
        warmup: share of the steps in which the learning rates climb; they fall to 0 in the rest.
        batch_size: images a step.
        shift: pixels by which training images are moved at random.
        smoothing: of the labels.
    """

    widths: tuple[int, int, int]
    epochs: int
    seeds: int
    lr: float = 0.09
    head_lr: float = 0.3
    other_lr: float = 0.05
    weight_decay: float = 5e-4
    warmup: float = 0.1
    batch_size: int = 160
    shift: int = 1
    smoothing: float = 0.1


SETTINGS = {
    "cifar10_minute": Setting((32, 64, 128), epochs=3, seeds=5),
    "cifar10_five_minutes": Setting((48, 96, 192), epochs=8, seeds=3, shift=2, smoothing=0.2),
}


def normalised(x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Prepare pictures; the place is that of an augmentation, and nothing is random."""
    return prepare(x)


def train_one(
    setting: Setting, images: data.ImageSet, seed: int, how: Speed, progress: bool | None = None
) -> tuple[SpeedNet, History]:
    """Train one network from one seed.

    Args:
        setting: widths, epochs, rates.
        images: pictures (N, 3, 32, 32).
        seed: fixes start, order and augmentation.
        how: device and number format.
        progress: show a bar; where somebody watches if None.
    """
    seed_everything(seed)
    model = SpeedNet(setting.widths)
    model.whiten_with(prepare(images.images[:5000]))
    augment = data.compose(data.random_flip(), data.random_crop(setting.shift), normalised)
    batches = data.Batches(images, setting.batch_size, augment=augment, device=how.device, seed=seed, drop_last=True)

    def optimizer(_: Any, lr: float) -> torch.optim.Optimizer:
        return Muon(split_groups(model, lr, setting.head_lr, setting.other_lr, setting.weight_decay), lr)

    def loss(logits: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(logits, y, label_smoothing=setting.smoothing)

    history = fit(
        model,
        batches,
        epochs=setting.epochs,
        lr=setting.lr,
        optimizer=optimizer,
        schedule="linear",
        warmup=int(setting.warmup * setting.epochs * len(batches)),
        loss=loss,
        speed=how,
        progress=progress,
    )
    return model, history


def accuracies(model: SpeedNet, images: data.ImageSet, how: Speed) -> dict[str, float]:
    """Return the share of right answers with each picture seen once, and with its mirror image and shifts by a pixel.

    The second mean is over six views: the picture, and the picture moved by a pixel up left and down right with half
    the weight, each with its mirror image.
    """
    views = ViewMean(model)
    batches = [
        (how.inputs(x), y) for x, y in data.Batches(images, 500, shuffle=False, augment=normalised, device=how.device)
    ]
    with how.autocast():
        return {
            "accuracy": round(evaluate(model, batches).accuracy, 6),
            "accuracy, six views": round(evaluate(views, batches).accuracy, 6),
        }


def check_images() -> data.ImageSet | None:
    """Return test images that no choice was made on: all 10,000, the first 1,000 from sheets, or None."""
    if data.available("cifar10"):
        return data.load("cifar10", "test")
    if not has_sheets(data_dir() / FOLDER):
        return None
    return data.ImageSet(
        *read_sheets(data_dir() / FOLDER, range(50_000, 51_000)), CLASSES, "cifar10/first 1,000 of test"
    )


class ViewMean(torch.nn.Module):
    """The weighted mean of a network's logits over six views of each picture (N, 3, H, W)."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, num_classes)."""
        height, width = x.shape[2:]
        wide = F.pad(x, (1, 1, 1, 1), mode="reflect")
        moved = (wide[:, :, :height, :width], wide[:, :, 2:, 2:])
        mean = sum(
            weight * (self.model(v) + self.model(v.flip(3))) for weight, v in zip((2, 1, 1), (x, *moved), strict=True)
        )
        return mean / 8


def run(
    name: str,
    seed: int = 0,
    device: torch.device | str | None = None,
    progress: bool | None = None,
) -> dict[str, Any]:
    """Train a setting's networks and record seconds and held-out accuracy of each in ``results/<name>.json``.

    The seconds are those of whitening and training: pictures are in memory before, and accuracy is measured after.

    Returns:
        The record; written anew after each network, so that a run that is stopped leaves what it has.

    Raises:
        DataNotFound: if CIFAR-10 is not in the data folder.
    """
    setting = SETTINGS[name]
    images = data.load("cifar10", "train")
    checked = check_images()
    train_set = images.subset(slice(TRAIN.start, TRAIN.stop))
    held_out = images.subset(slice(HELD_OUT.start, HELD_OUT.stop))
    model = SpeedNet(setting.widths)
    how = choose_speed(model, get_device(None if device is None else str(device)))
    record: dict[str, Any] = {
        "command": f"course train {name}" + (f" --seed {seed}" if seed else ""),
        "data": f"CIFAR-10: the first {len(train_set):,} training images; accuracy on the last {len(held_out):,} of "
        "the training set, held out" + ("" if checked is None else f"; and on {len(checked):,} test images"),
        "setting": {**asdict(setting), "optimizer": "Muon", "speed": str(how)},
        "parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "seeds": [],
        "metrics": {},
        "threads": torch.get_num_threads(),
    }
    for s in range(seed, seed + setting.seeds):
        start = time.perf_counter()
        model, _ = train_one(setting, train_set, s, how, progress)
        seconds = round(time.perf_counter() - start, 1)
        found = {"seconds": seconds, **accuracies(model, held_out, how)}
        if checked is not None:
            found["accuracy, six views, test images"] = accuracies(model, checked, how)["accuracy, six views"]
        record["seeds"].append(s)
        for metric, value in found.items():
            record["metrics"].setdefault(metric, []).append(value)
        print(f"seed {s}: " + ", ".join(f"{metric} {value}" for metric, value in found.items()), flush=True)
        save_record(name, record)
    return record

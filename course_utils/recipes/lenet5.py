"""LeNet-5 of 1998 and its modern reading on MNIST (chapter 06): ``course train lenet5``, ``... lenet5_modern``.

The paper reports 0.95 % test error without distorted training images, 0.8 % with them (section III.B). Network, start
and criterion (equation 9) of ``lenet5`` are the paper's; its optimiser, a diagonal Levenberg-Marquardt method, gives
way to Adam, and its distortions to shifts by a pixel.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import data, models
from course_utils.models.lenet5 import map_loss
from course_utils.runtime import get_device, save_record, seed_everything
from course_utils.training import evaluate, fit
from course_utils.training.evaluation import Loss

SEEDS = 5


@dataclass(frozen=True)
class Setting:
    """What one recipe trains, and how.

    Args:
        network: name in ``course_utils.models``.
        epochs: passes over the 60,000 training images.
        lr: highest learning rate of the one-cycle schedule, with Adam.
        batch_size: images a step.
        shift: pixels by which training images are moved at random; 0 trains on the images as they are.
        loss: ``"cross-entropy"`` or ``"equation 9"``, which also pulls the features to the right code.
    """

    network: str
    epochs: int
    lr: float
    batch_size: int
    shift: int = 0
    loss: str = "cross-entropy"


LOSSES: dict[str, Loss] = {"cross-entropy": F.cross_entropy, "equation 9": map_loss}
SETTINGS = {
    "lenet5": Setting("lenet5", epochs=10, lr=3e-3, batch_size=128, shift=1, loss="equation 9"),
    "lenet5_modern": Setting("lenet5_modern", epochs=15, lr=3e-3, batch_size=128, shift=2),
}


def to_paper(x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Pad 28x28 digits to 32x32 and scale paper to -0.1 and ink to 1.175, so that the mean is about 0 (section II.B).

    Args:
        x: (N, 1, 28, 28), 0 for paper to 1 for ink.
        generator: not used; the place is that of an augmentation.
    """
    return F.pad(x, (2, 2, 2, 2)) * 1.275 - 0.1


def train_one(
    setting: Setting,
    seed: int,
    device: torch.device,
    progress: bool | None = None,
    images: data.ImageSet | None = None,
) -> nn.Module:
    """Train one network from one seed on ``images``, or on all of MNIST's training images."""
    seed_everything(seed)
    images = data.load("mnist", "train") if images is None else images
    augment = to_paper if not setting.shift else data.compose(data.random_shift(setting.shift), to_paper)
    batches = data.Batches(images, setting.batch_size, augment=augment, device=device, seed=seed)
    model = models.build(setting.network)
    fit(
        model,
        batches,
        epochs=setting.epochs,
        lr=setting.lr,
        schedule="one_cycle",
        loss=LOSSES[setting.loss],
        device=device,
        progress=progress,
    )
    return model


def run(
    name: str,
    seed: int = 0,
    device: torch.device | str | None = None,
    progress: bool | None = None,
) -> dict[str, Any]:
    """Train ``SEEDS`` networks from ``seed`` on and record the test error of each in ``results/<name>.json``.

    Returns:
        The record; errors are shares of the 10,000 test images.

    Raises:
        DataNotFound: if MNIST is not in the data folder.
    """
    setting, target = SETTINGS[name], get_device(None if device is None else str(device))
    test = data.Batches(data.load("mnist", "test"), 1000, shuffle=False, augment=to_paper, device=target)
    start, errors = time.perf_counter(), []
    for s in range(seed, seed + SEEDS):
        error = 1 - evaluate(train_one(setting, s, target, progress), test).accuracy
        errors.append(round(error, 6))
        print(f"seed {s}: test error {100 * error:.2f} %", flush=True)
    record = {
        "command": f"course train {name}" + (f" --seed {seed}" if seed else ""),
        "data": "MNIST, 60,000 training and 10,000 test images",
        "setting": {"optimizer": "Adam, one-cycle", **vars(setting)},
        "parameters": sum(p.numel() for p in models.build(setting.network).parameters()),
        "seeds": list(range(seed, seed + SEEDS)),
        "metrics": {"error": errors},
        "seconds": round(time.perf_counter() - start, 1),
        "threads": torch.get_num_threads(),
    }
    save_record(name, record)
    return record

"""The network behind the ``DigitReader`` widget: two convolutions and one linear layer, trained on MNIST.

Chapter 00 draws a digit in the browser and this network reads it. It is trained on the official 60,000
MNIST images, jittered so that digits drawn with a mouse look familiar, and stored in float16: eleven thousand
numbers, small enough to travel inside a page. ``course train digit_reader`` repeats the run.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data
from course_utils.recipes.stored_weights import WeightsError, restore, round_to_half, store
from course_utils.recipes.stored_weights import weights_path as stored_path
from course_utils.runtime import get_device, save_record, seed_everything
from course_utils.training import evaluate, fit

NAME = "digit_reader"
EPOCHS, BATCH_SIZE, PEAK_LR, RUNS = 8, 128, 4e-3, 3
__all__ = ["WeightsError", "build_model", "jitter", "load_digit_reader", "run", "train", "weights_path"]


def build_model() -> nn.Sequential:
    """Return the untrained network: images (N, 1, 28, 28) in [0, 1] to logits (N, 10).

    Its state dict has the keys ``conv1.weight conv1.bias conv2.weight conv2.bias linear.weight linear.bias``;
    the widget of the same name reads them.
    """
    layers = [
        ("conv1", nn.Conv2d(1, 8, kernel_size=5, padding=2)),  # (N, 8, 28, 28)
        ("relu1", nn.ReLU()),
        ("pool1", nn.MaxPool2d(2)),  # (N, 8, 14, 14)
        ("conv2", nn.Conv2d(8, 16, kernel_size=5, padding=2)),  # (N, 16, 14, 14)
        ("relu2", nn.ReLU()),
        ("pool2", nn.MaxPool2d(2)),  # (N, 16, 7, 7)
        ("flatten", nn.Flatten()),  # (N, 784)
        ("linear", nn.Linear(784, 10)),
    ]
    return nn.Sequential(OrderedDict(layers))


def jitter(x: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
    """Rotate, scale, shear, shift and re-ink every image differently.

    Args:
        x: images (N, 1, H, W), float in [0, 1], strokes bright on black.
        generator: source of randomness on the CPU, so that every device draws the same; the global one if None.

    Returns:
        Images of the same shape and range: turned by up to 14 degrees, scaled by 0.8 to 1.15, shifted by up
        to a tenth of the width, with strokes thickened in a third of the images and thinned in a fifth.
    """

    def uniform(low: float, high: float) -> torch.Tensor:
        return low + (high - low) * torch.rand(len(x), generator=generator).to(x.device)

    angle, shear = uniform(-14, 14) * torch.pi / 180, uniform(-0.15, 0.15)
    scale = uniform(0.8, 1.15)
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    rows = (
        torch.stack([cos, shear - sin, uniform(-0.2, 0.2)], dim=1),
        torch.stack([sin, cos, uniform(-0.2, 0.2)], dim=1),
    )
    grid = F.affine_grid(torch.stack(rows, dim=1), list(x.shape), align_corners=False)
    x = F.grid_sample(x, grid, align_corners=False)

    ink, amount = uniform(0, 1), uniform(0.3, 1.0)[:, None, None, None]
    thicker = F.max_pool2d(x, 3, stride=1, padding=1)
    thinner = -F.max_pool2d(-x, 3, stride=1, padding=1)
    x = torch.where((ink < 1 / 3)[:, None, None, None], torch.lerp(x, thicker, amount), x)
    x = torch.where((ink > 0.8)[:, None, None, None], torch.lerp(x, thinner, 0.5 * amount), x)
    return (x * uniform(1.0, 1.6)[:, None, None, None]).clamp(0, 1)  # pens and mice press differently


def train(
    train_set: data.ImageSet,
    seed: int = 0,
    device: torch.device | str | None = None,
    epochs: int = EPOCHS,
    progress: bool | None = None,
) -> nn.Module:
    """Train one network with Adam and a one-cycle schedule, then round its weights to float16 precision.

    Args:
        train_set: images (N, 1, 28, 28) with labels 0 to 9.
        seed: fixes the start, the order of the images and the jitter.
        device: where to train; the fastest present if None.
        epochs: passes over the images, at least 1.
        progress: show a bar; where somebody watches if None.

    Returns:
        The model on the CPU in evaluation mode, in float32 arithmetic, holding only values that float16 can store.
    """
    seed_everything(seed)
    target = get_device(None if device is None else str(device))
    model = build_model()
    batches = data.Batches(train_set, batch_size=BATCH_SIZE, augment=jitter, device=target, seed=seed)
    fit(model, batches, epochs=epochs, lr=PEAK_LR, schedule="one_cycle", device=target, progress=progress)
    return round_to_half(model).cpu().eval()


def weights_path() -> Path:
    """Return where the float16 state dict lies in the repository."""
    return stored_path(NAME)


def run(seed: int = 0, device: torch.device | str | None = None, progress: bool | None = None) -> dict[str, Any]:
    """Train three networks (``seed`` and the two after it) and store the median one, not the best.

    Writes ``results/weights/digit_reader.pt`` and ``results/digit_reader.json``.

    Returns:
        The record of the run: seeds, test accuracy of each after rounding to float16, which seed was kept,
        and the checksum of its file.

    Raises:
        DataNotFound: if MNIST is not in the data folder.
    """
    train_set = data.load("mnist", "train")
    test = data.Batches(data.load("mnist", "test"), batch_size=1000, shuffle=False)
    start, runs = time.perf_counter(), []
    for s in range(seed, seed + RUNS):
        model = train(train_set, seed=s, device=device, progress=progress)
        score = evaluate(model, test).accuracy
        runs.append((score, s, model))
        print(f"seed {s}: test accuracy {score:.4f}", flush=True)
    kept_score, kept_seed, kept = sorted(runs, key=lambda r: r[:2])[RUNS // 2]
    record = {
        "command": f"course train {NAME}" + (f" --seed {seed}" if seed else ""),
        "data": "MNIST, 60,000 training and 10,000 test images",
        "setting": {"epochs": EPOCHS, "batch_size": BATCH_SIZE, "peak_lr": PEAK_LR, "augment": "jitter"},
        "parameters": sum(p.numel() for p in kept.parameters()),
        "seeds": [s for _, s, _ in runs],
        "metrics": {"accuracy": [score for score, _, _ in runs]},
        "kept_seed": kept_seed,
        "kept_accuracy": kept_score,
        **store(kept, weights_path()),
        "seconds": round(time.perf_counter() - start, 1),
        "threads": torch.get_num_threads(),
    }
    save_record(NAME, record)
    return record


def load_digit_reader() -> nn.Sequential:
    """Return the trained network in float32, in evaluation mode, after verifying the file's checksum.

    Raises:
        WeightsError: if the file is missing or its SHA-256 differs from the one in the record.
    """
    model = build_model()
    restore(model, weights_path(), NAME)
    return model

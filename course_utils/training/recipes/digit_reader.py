"""The network behind the ``DigitReader`` widget: two convolutions and one linear layer, trained on MNIST.

Chapter 00 draws a digit in the browser and this network reads it. It is trained on the official 60,000
MNIST images, jittered so that digits drawn with a mouse look familiar, and stored in float16: eleven thousand
numbers, small enough to travel inside a page. ``course train digit_reader`` repeats the run.
"""

from __future__ import annotations

import gzip
import hashlib
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.runtime import data_dir, get_device, load_record, results_dir, save_record, seed_everything

NAME = "digit_reader"
EPOCHS, BATCH_SIZE, PEAK_LR, RUNS = 8, 128, 4e-3, 3


class WeightsError(RuntimeError):
    """Stored weights are missing or are not the ones that the record describes."""


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
        generator: source of randomness on the device of ``x``; the global one if None.

    Returns:
        Images of the same shape and range: turned by up to 14 degrees, scaled by 0.8 to 1.15, shifted by up
        to a tenth of the width, with strokes thickened in a third of the images and thinned in a fifth.
    """

    def uniform(low: float, high: float) -> torch.Tensor:
        u = torch.rand(len(x), generator=generator, device=x.device)
        return low + (high - low) * u

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


def read_mnist(split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the images (N, 1, 28, 28) uint8 and labels (N,) int64 of MNIST's "train" or "test" files.

    Raises:
        FileNotFoundError: if the files are not in the data folder.
    """
    prefix = {"train": "train", "test": "t10k"}[split]
    folder = data_dir() / "mnist" / "MNIST" / "raw"

    def payload(name: str, header: int) -> np.ndarray:
        plain, packed = folder / name, folder / f"{name}.gz"
        if plain.exists():
            raw = plain.read_bytes()
        elif packed.exists():
            raw = gzip.decompress(packed.read_bytes())
        else:
            raise FileNotFoundError(f"{name} is not in {folder}; fetch it with: course data mnist")
        return np.frombuffer(raw, np.uint8, offset=header).copy()

    images = torch.from_numpy(payload(f"{prefix}-images-idx3-ubyte", 16)).view(-1, 1, 28, 28)
    labels = torch.from_numpy(payload(f"{prefix}-labels-idx1-ubyte", 8)).long()
    return images, labels


def accuracy(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the share of uint8 ``images`` (N, 1, 28, 28) whose largest logit is the label's, in [0, 1]."""
    model.eval()
    with torch.no_grad():
        right = [
            (model(x.float() / 255).argmax(1) == y).sum()
            for x, y in zip(images.split(1000), labels.split(1000), strict=True)
        ]
    return float(sum(right)) / len(labels)


def train(
    images: torch.Tensor,
    labels: torch.Tensor,
    seed: int = 0,
    device: torch.device | str | None = None,
    epochs: int = EPOCHS,
    progress: bool = True,
) -> nn.Sequential:
    """Train one network with Adam and a one-cycle schedule, then round its weights to float16 precision.

    Args:
        images: uint8 (N, 1, 28, 28). labels: int64 (N,).
        seed: fixes the start, the order of the images and the jitter.

    Returns:
        The model on ``device``, in float32 arithmetic, holding only values that float16 can store.
    """
    seed_everything(seed)
    target = get_device(None if device is None else str(device))
    images, labels = images.to(target), labels.to(target)
    model = build_model().to(target)
    steps = -(-len(images) // BATCH_SIZE) * epochs
    optimizer = torch.optim.Adam(model.parameters(), lr=PEAK_LR)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=PEAK_LR, total_steps=steps)
    for epoch in range(epochs):
        start, total = time.perf_counter(), 0.0
        model.train()
        for index in torch.randperm(len(images)).to(target).split(BATCH_SIZE):
            x = jitter(images[index].float() / 255)
            loss = F.cross_entropy(model(x), labels[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(index)
        if progress:
            seconds = time.perf_counter() - start
            print(f"seed {seed}  epoch {epoch + 1}/{epochs}  loss {total / len(images):.4f}  {seconds:.0f} s")
    model.load_state_dict({key: value.half().float() for key, value in model.state_dict().items()})
    return model.eval()


def weights_path() -> Path:
    """Return where the float16 state dict lies in the repository."""
    return results_dir() / "weights" / f"{NAME}.pt"


def run(seed: int = 0, device: torch.device | str | None = None, progress: bool = True) -> dict[str, Any]:
    """Train three networks (``seed`` and the two after it) and store the median one, not the best.

    Writes ``results/weights/digit_reader.pt`` and ``results/digit_reader.json``.

    Returns:
        The record of the run: seeds, test accuracy of each after rounding to float16, which seed was kept,
        and the checksum of its file.

    Raises:
        FileNotFoundError: if MNIST is not in the data folder.
    """
    train_images, train_labels = read_mnist("train")
    test_images, test_labels = read_mnist("test")
    start, runs = time.perf_counter(), []
    for s in range(seed, seed + RUNS):
        model = train(train_images, train_labels, seed=s, device=device, progress=progress).cpu()
        score = accuracy(model, test_images, test_labels)
        runs.append((score, s, model))
        if progress:
            print(f"seed {s}  test accuracy {score:.4f}")
    kept_score, kept_seed, kept = sorted(runs, key=lambda r: r[:2])[RUNS // 2]
    path = weights_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({key: value.half().contiguous() for key, value in kept.state_dict().items()}, path)
    record = {
        "command": f"course train {NAME}" + (f" --seed {seed}" if seed else ""),
        "data": "MNIST, 60,000 training and 10,000 test images",
        "setting": {"epochs": EPOCHS, "batch_size": BATCH_SIZE, "peak_lr": PEAK_LR, "augment": "jitter"},
        "parameters": sum(p.numel() for p in kept.parameters()),
        "seeds": [s for _, s, _ in runs],
        "metrics": {"accuracy": [score for score, _, _ in runs]},
        "kept_seed": kept_seed,
        "kept_accuracy": kept_score,
        "weights": f"weights/{NAME}.pt",
        "sha256": _sha256(path),
        "bytes": path.stat().st_size,
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
    path = weights_path()
    if not path.exists():
        raise WeightsError(f"no weights at {path}; restore the file, or train it: course train {NAME}")
    expected, found = load_record(NAME)["sha256"], _sha256(path)
    if found != expected:
        raise WeightsError(
            f"{path} has SHA-256 {found[:12]}..., the record says {expected[:12]}...; "
            f"restore the file, or train it again: course train {NAME}"
        )
    model = build_model()
    stored = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict({key: value.float() for key, value in stored.items()})
    return model.eval()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

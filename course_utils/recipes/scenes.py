"""The network of chapter 08: four stages of convolutions, trained on drawn things made of parts.

``course train scenes`` draws its pictures, trains from three seeds and stores the first. Batch normalisation helps
while it learns; before it is stored it is folded into the convolutions, so that readers look into a plain network:
convolution, ReLU, max pooling.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from course_utils import data
from course_utils.data.synthetic import OBJECTS, ObjectImages, make_object_images
from course_utils.recipes import stored_weights
from course_utils.runtime import get_device, save_record, seed_everything
from course_utils.training import evaluate, fit
from course_utils.training.speed import choose_speed

NAME = "scenes"
RUNS, EPOCHS, BATCH_SIZE, PEAK_LR, DECAY = 3, 4, 64, 4e-3, 0.02
TRAIN, HELD_OUT = 10_000, 2_000
TRAIN_SEED, HELD_OUT_SEED = 101, 100
WIDTHS = (24, 40, 72, 112)
CLASSES = OBJECTS


def prepare(x: Tensor) -> Tensor:
    """Map pictures to what the network takes.

    Args:
        x: (N, 3, H, W), uint8 or floats in [0, 1].

    Returns:
        Float32 in [-2, 2]; gradients pass.
    """
    x = x.float() / 255 if x.dtype == torch.uint8 else x
    return 4 * x - 2


def _centred(x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    return prepare(x)


def build_model(norm: bool = False) -> nn.Sequential:
    """Return the untrained network: pictures (N, 3, 64, 64), prepared, to logits (N, 10).

    Its children are ``stage1`` (one convolution 7x7), ``stage2``, ``stage3``, ``stage4`` (two convolutions 3x3 each),
    every convolution with a ReLU, every stage with max pooling at its end, and ``head``: the mean over the last
    maps and one linear layer. Larger pictures are taken, too.

    Args:
        norm: with batch normalisation after each convolution, as it is trained.
    """

    def conv(before: int, after: int, kernel_size: int, number: int) -> list[tuple[str, nn.Module]]:
        layers: list[tuple[str, nn.Module]] = [
            (f"conv{number}", nn.Conv2d(before, after, kernel_size, padding=kernel_size // 2, bias=not norm))
        ]
        if norm:
            layers.append((f"norm{number}", nn.BatchNorm2d(after)))
        return [*layers, (f"relu{number}", nn.ReLU())]

    stages: list[tuple[str, nn.Module]] = []
    before = 3
    for number, width in enumerate(WIDTHS, start=1):
        layers = conv(before, width, 7 if number == 1 else 3, 1)
        if number > 1:
            layers += conv(width, width, 3, 2)
        stages.append((f"stage{number}", nn.Sequential(OrderedDict([*layers, ("pool", nn.MaxPool2d(2))]))))
        before = width
    head = [("mean", nn.AdaptiveAvgPool2d(1)), ("flatten", nn.Flatten()), ("linear", nn.Linear(before, len(OBJECTS)))]
    return nn.Sequential(OrderedDict([*stages, ("head", nn.Sequential(OrderedDict(head)))]))


def fold(trained: nn.Sequential) -> nn.Sequential:
    """Return the plain network that computes what a trained one with batch normalisation computes in evaluation mode.

    Source: S. Ioffe, C. Szegedy, "Batch normalization", ICML 2015, section 3.1 (a fixed normalisation is linear).
    """
    plain = build_model().eval()
    trained.eval()
    for stage in range(1, len(WIDTHS) + 1):
        source, target = getattr(trained, f"stage{stage}"), getattr(plain, f"stage{stage}")
        for number in (1,) if stage == 1 else (1, 2):
            fused = fuse_conv_bn_eval(getattr(source, f"conv{number}"), getattr(source, f"norm{number}"))
            getattr(target, f"conv{number}").load_state_dict(fused.state_dict())
    plain[-1].load_state_dict(trained[-1].state_dict())
    return plain


def train(
    images: data.ImageSet,
    seed: int = 0,
    device: torch.device | str | None = None,
    epochs: int = EPOCHS,
    progress: bool | None = None,
) -> nn.Sequential:
    """Train one network with AdamW and a one-cycle schedule, fold it and round it to float16.

    Args:
        images: pictures (N, 3, 64, 64) of `make_object_images`.
        seed: fixes the start and the order of the pictures.
        device: where to train; the fastest present if None.
        epochs: passes over the pictures, at least 1.
        progress: show a bar; where somebody watches if None.

    Returns:
        The plain network on the CPU in evaluation mode, holding only values that float16 can store.
    """
    seed_everything(seed)
    target = get_device(None if device is None else str(device))
    model = build_model(norm=True)

    def optimizer(parameters: Any, lr: float) -> torch.optim.Optimizer:
        return torch.optim.AdamW(parameters, lr=lr, weight_decay=DECAY, fused=True)

    batches = data.Batches(images, BATCH_SIZE, augment=_centred, seed=seed, drop_last=True)
    how = choose_speed(model, target)
    fit(
        model,
        batches,
        epochs=epochs,
        lr=PEAK_LR,
        optimizer=optimizer,
        schedule="one_cycle",
        speed=how,
        progress=progress,
    )
    plain = fold(model.float().cpu())
    stored_weights.round_to_half(plain)
    return plain.to(memory_format=torch.contiguous_format).eval()


def held_out() -> ObjectImages:
    """Return the pictures on which the record's accuracies are measured."""
    return make_object_images(HELD_OUT, 64, HELD_OUT_SEED)


def weights_path() -> Path:
    """Return where the stored weights lie."""
    return stored_weights.weights_path(NAME)


def run(seed: int = 0, device: torch.device | str | None = None, progress: bool | None = None) -> dict[str, Any]:
    """Train three networks (``seed`` and the two after it) and store the first, whatever the others reach.

    Writes ``results/weights/scenes.pt`` and, after each seed, ``results/scenes.json``.

    Returns:
        The record: held-out accuracy of each seed after folding and rounding, and the checksum of what was stored.
    """
    start = time.perf_counter()
    drawn = make_object_images(TRAIN, 64, TRAIN_SEED).image_set
    valid = data.Batches(held_out().image_set, 250, shuffle=False, augment=_centred)
    record: dict[str, Any] = {
        "command": f"course train {NAME}" + (f" --seed {seed}" if seed else ""),
        "data": f"{TRAIN:,} drawn pictures (make_object_images, seed {TRAIN_SEED}), 64x64, ten classes; accuracy on "
        f"{HELD_OUT:,} others (seed {HELD_OUT_SEED})",
        "setting": {
            "optimizer": "AdamW, one-cycle",
            "epochs": EPOCHS,
            "batch_size": BATCH_SIZE,
            "peak_lr": PEAK_LR,
            "weight_decay": DECAY,
            "widths": list(WIDTHS),
            "normalisation": "batch normalisation, folded into the convolutions",
        },
        "seeds": [],
        "metrics": {"accuracy": []},
        "kept_seed": seed,
    }
    for s in range(seed, seed + RUNS):
        model = train(drawn, seed=s, device=device, epochs=EPOCHS, progress=progress)
        accuracy = round(evaluate(model, valid).accuracy, 6)
        print(f"seed {s}: held-out accuracy {accuracy:.4f}", flush=True)
        record["seeds"].append(s)
        record["metrics"]["accuracy"].append(accuracy)
        if s == seed:
            record["kept_accuracy"] = accuracy
            record["parameters"] = sum(p.numel() for p in model.parameters())
            record |= stored_weights.store(model, weights_path())
        record |= {"seconds": round(time.perf_counter() - start, 1), "threads": torch.get_num_threads()}
        save_record(NAME, record)
    return record

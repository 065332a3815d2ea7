"""The network behind the ``OcclusionExplorer`` widget: four convolutions that name drawn things in the browser.

``course train small_scenes`` draws its pictures, trains from three seeds and stores the first. Batch normalisation is
folded away, and every weight is rounded to a whole number from -127 to 127 times a power of two, one power for each
output channel: a page stores one byte a weight, and reads exactly the numbers that were measured here.
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
from course_utils.recipes.scenes import prepare
from course_utils.runtime import get_device, save_record, seed_everything
from course_utils.training import evaluate, fit
from course_utils.training.speed import choose_speed

__all__ = ["CLASSES", "LAYERS", "build_model", "fold", "held_out", "prepare", "round_to_bytes", "run", "train"]

NAME = "small_scenes"
RUNS, EPOCHS, BATCH_SIZE, PEAK_LR, DECAY = 3, 6, 64, 1e-2, 0.02
TRAIN, HELD_OUT = 10_000, 2_000
TRAIN_SEED, HELD_OUT_SEED = 101, 100
LAYERS = ((8, 5, 2), (14, 3, 2), (20, 3, 1), (28, 3, 2))  # output channels, kernel size, stride
LARGEST = 127
CLASSES = OBJECTS


def _centred(x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    return prepare(x)


def build_model(norm: bool = False) -> nn.Sequential:
    """Return the untrained network: pictures (N, 3, 64, 64), prepared, to logits (N, 10).

    Its children are ``conv1 relu1 ... conv4 relu4 mean flatten linear``; there is no pooling but the mean at the end.

    Args:
        norm: with batch normalisation after each convolution, as it is trained.
    """
    layers: list[tuple[str, nn.Module]] = []
    before = 3
    for number, (width, kernel_size, stride) in enumerate(LAYERS, start=1):
        conv = nn.Conv2d(before, width, kernel_size, stride, padding=kernel_size // 2, bias=not norm)
        layers.append((f"conv{number}", conv))
        if norm:
            layers.append((f"norm{number}", nn.BatchNorm2d(width)))
        layers.append((f"relu{number}", nn.ReLU()))
        before = width
    layers += [
        ("mean", nn.AdaptiveAvgPool2d(1)),
        ("flatten", nn.Flatten()),
        ("linear", nn.Linear(before, len(OBJECTS))),
    ]
    return nn.Sequential(OrderedDict(layers))


def fold(trained: nn.Sequential) -> nn.Sequential:
    """Return the plain network that computes what a trained one computes in evaluation mode."""
    plain = build_model().eval()
    trained.eval()
    for number in range(1, len(LAYERS) + 1):
        fused = fuse_conv_bn_eval(getattr(trained, f"conv{number}"), getattr(trained, f"norm{number}"))
        getattr(plain, f"conv{number}").load_state_dict(fused.state_dict())
    plain[-1].load_state_dict(trained[-1].state_dict())
    return plain


def round_to_bytes(model: nn.Module) -> nn.Module:
    """Round the weights of a model in place, and return it.

    Args:
        model: of convolutions and linear layers.

    Returns:
        The model. In each output channel the weights are whole numbers, -127..127, times the smallest power of two
        that allows it; biases are what float16 can store.
    """
    state = model.state_dict()
    for name, value in state.items():
        if name.endswith(".bias"):
            state[name] = value.half().float()
        else:
            most = value.abs().flatten(1).amax(1).clamp_min(2.0**-20)
            step = torch.exp2(torch.ceil(torch.log2(most / LARGEST)))
            step = step.reshape(-1, *[1] * (value.ndim - 1))
            state[name] = (value / step).round().clamp(-LARGEST, LARGEST) * step
    model.load_state_dict(state)
    return model


def train(
    images: data.ImageSet,
    seed: int = 0,
    device: torch.device | str | None = None,
    epochs: int = EPOCHS,
    progress: bool | None = None,
) -> nn.Sequential:
    """Train one network with AdamW and a one-cycle schedule, fold it and round it to bytes.

    Args:
        images: pictures (N, 3, 64, 64) of `make_object_images`.
        seed: fixes the start and the order of the pictures.
        device: where to train; the fastest present if None.
        epochs: passes over the pictures, at least 1.
        progress: show a bar; where somebody watches if None.

    Returns:
        The plain network on the CPU in evaluation mode, its weights as :func:`round_to_bytes` leaves them.
    """
    seed_everything(seed)
    target = get_device(None if device is None else str(device))
    model = build_model(norm=True)

    def optimizer(parameters: Any, lr: float) -> torch.optim.Optimizer:
        return torch.optim.AdamW(parameters, lr=lr, weight_decay=DECAY, fused=True)

    batches = data.Batches(images, BATCH_SIZE, augment=_centred, seed=seed, drop_last=True)
    fit(
        model,
        batches,
        epochs=epochs,
        lr=PEAK_LR,
        optimizer=optimizer,
        schedule="one_cycle",
        speed=choose_speed(model, target),
        progress=progress,
    )
    plain = fold(model.float().cpu())
    round_to_bytes(plain)
    return plain.to(memory_format=torch.contiguous_format).eval()


def held_out() -> ObjectImages:
    """Return the pictures on which the record's accuracies are measured."""
    return make_object_images(HELD_OUT, 64, HELD_OUT_SEED)


def weights_path() -> Path:
    """Return where the stored weights lie."""
    return stored_weights.weights_path(NAME)


def run(seed: int = 0, device: torch.device | str | None = None, progress: bool | None = None) -> dict[str, Any]:
    """Train three networks (``seed`` and the two after it) and store the first, whatever the others reach.

    Writes ``results/weights/small_scenes.pt`` and, after each seed, ``results/small_scenes.json``.

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
            "layers": [list(layer) for layer in LAYERS],
            "normalisation": "batch normalisation, folded into the convolutions",
            "rounding": "weights to 8 bits with a power of two for each output channel, biases to float16",
        },
        "seeds": [],
        "metrics": {"accuracy": []},
        "kept_seed": seed,
    }
    for s in range(seed, seed + RUNS):
        model = train(drawn, seed=s, device=device, progress=progress)
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

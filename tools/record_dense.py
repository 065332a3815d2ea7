"""Measure what chapter 11b reports but is too long to run there: nine ways to a map of classes, trained alike.

python -m tools.record_dense            about five minutes of one core a seed; goes on where it was cut off
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.data.synthetic import make_scenes
from course_utils.models.conv_norm import ConvNormAct
from course_utils.runtime import load_record, save_record
from course_utils.segmentation.boundary import mean_boundary_iou
from course_utils.segmentation.dilated_twin import dilated_twin
from course_utils.segmentation.dilation import context_module
from course_utils.segmentation.encoder_decoder import EncoderDecoder
from course_utils.segmentation.fcn import FCN
from course_utils.segmentation.losses import dice_loss
from course_utils.segmentation.memory import kept_bytes
from course_utils.segmentation.metrics import confusion_matrix, mean_iou, pixel_accuracy
from course_utils.segmentation.patch_classifier import SIDE, dense_network, pad_for_patches, patch_network
from course_utils.segmentation.unet import UNet
from course_utils.segmentation.upsampling import Upsample
from course_utils.training import fit

NAME = "11b_unet.methods"
CLASSES = 11
SIZE, TRAIN, TEST = 48, 1600, 200
LOOK: dict[str, Any] = {"rotation": 20, "scale": (0.3, 0.5)}
EPOCHS, BATCH, LR, WIDTH = 4, 8, 0.006, 16


class DensePatches(nn.Module):
    """The classifier of 17 x 17 patches as one pass over a mirrored image: (N, 3, H, W) to (N, K, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.net = dense_network(patch_network(CLASSES, width=WIDTH), 3, SIDE)

    def forward(self, x: Tensor) -> Tensor:
        return self.net(pad_for_patches(x, SIDE))[:, :, : x.shape[2], : x.shape[3]]


def stages() -> list[nn.Sequential]:
    """Return three stages of two convolutions and a halving, as deep and wide as the U-Net's way down."""
    widths = (3, WIDTH, 2 * WIDTH, 4 * WIDTH)
    return [nn.Sequential(ConvNormAct(a, b), ConvNormAct(b, b), nn.MaxPool2d(2)) for a, b in pairwise(widths)]


def head() -> nn.Sequential:
    return nn.Sequential(ConvNormAct(4 * WIDTH, 8 * WIDTH), ConvNormAct(8 * WIDTH, 8 * WIDTH))


def fcn(fused: int) -> FCN:
    return FCN(stages(), head(), CLASSES, fused, (3, SIZE, SIZE))


class Dilated(nn.Module):
    """The FCN's body with its last two halvings dilated away, scores, the context module, and the rest by 2.

    Each removed pooling shifts the middle of a window, by 1 and by 2 pixels: the image grows by 3 on every side.
    """

    def __init__(self) -> None:
        super().__init__()
        body = dilated_twin(nn.Sequential(*stages(), head()), output_stride=2)
        scores = nn.Conv2d(8 * WIDTH, CLASSES, 1)
        self.net = nn.Sequential(body, scores, context_module(CLASSES), Upsample(CLASSES, 2))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(F.pad(x, (3, 3, 3, 3), mode="replicate"))


def hourglass(unpooling: str) -> EncoderDecoder:
    return EncoderDecoder(3, CLASSES, 2 * WIDTH, 3, unpooling=unpooling)


METHODS: dict[str, Callable[[], nn.Module]] = {
    "patches 17 x 17": DensePatches,
    "FCN-8s": lambda: fcn(0),
    "FCN-4s": lambda: fcn(1),
    "FCN-2s": lambda: fcn(2),
    "hourglass, winners": lambda: hourglass("winners"),
    "hourglass, transposed": lambda: hourglass("transposed"),
    "dilated + context": Dilated,
    "U-Net without skips": lambda: UNet(3, CLASSES, WIDTH, 3, padding="same", norm=True, skips=False),
    "U-Net": lambda: UNet(3, CLASSES, WIDTH, 3, padding="same", norm=True),
}


def inputs(images: Tensor) -> Tensor:
    """Return uint8 images as floats from -2 to 2."""
    return (images.float() / 255 - 0.5) * 4


class Turned:
    """Batches of scenes, at random mirrored; iterated once an epoch, one batch after the other."""

    def __init__(self, images: Tensor, target: Tensor, seed: int) -> None:
        self.images, self.target = images, target
        self.draw = torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        return len(self.images) // BATCH

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.randperm(len(self.images), generator=self.draw)
        for chosen in order[: len(self) * BATCH].split(BATCH):
            x, y = inputs(self.images[chosen]), self.target[chosen]
            if torch.rand((), generator=self.draw) < 0.5:
                x, y = x.flip(3), y.flip(2)
            yield x, y


def entropy_and_dice(logits: Tensor, target: Tensor) -> Tensor:
    """Return cross-entropy plus Dice loss: without it the answer "background" is a plateau of some hundred steps."""
    return F.cross_entropy(logits, target) + dice_loss(logits.float(), target)


def train(model: nn.Module, x: Tensor, y: Tensor, seed: int, epochs: int) -> nn.Module:
    """Train with one cycle of the rate, in half precision where the processor has it."""
    fit(
        model,
        Turned(x, y, seed),
        epochs=epochs,
        lr=LR,
        optimizer="adamw",
        schedule="one_cycle",
        loss=entropy_and_dice,
        speed="auto",
        progress=False,
    )
    return model.float().eval()


@torch.no_grad()
def milliseconds(model: nn.Module, x: Tensor, rounds: int = 9) -> float:
    """Return the median processor time of one image, alone."""
    times = []
    for i in range(rounds):
        start = time.process_time()
        model(x[i : i + 1])
        times.append(1000 * (time.process_time() - start))
    return median(times)


def measure(model: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    """Return scores on the test scenes and the time of one image."""
    with torch.no_grad():
        guess = torch.cat([model(part).argmax(1) for part in x.split(50)])
    table = confusion_matrix(guess, y, CLASSES)
    return {
        "pixel": pixel_accuracy(table),
        "iou": mean_iou(table),
        "rim": mean_boundary_iou(guess, y, CLASSES, distance=2),
        "ms": milliseconds(model, x),
    }


def cost(method: str) -> dict[str, float]:
    """Return weights, and the bytes that a training step keeps for one image; no seed changes them."""
    model = METHODS[method]()
    kept = kept_bytes(model, torch.rand(2, 3, SIZE, SIZE))
    return {"parameters": float(sum(p.numel() for p in model.parameters())), "memory": kept / 2}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--only", default="", help="one method, nothing saved")
    args = parser.parse_args()
    torch.set_num_threads(1)
    learn, test = make_scenes(TRAIN, SIZE, seed=1, **LOOK), make_scenes(TEST, SIZE, seed=2, **LOOK)
    x, y, x_test, y_test = learn.images, learn.semantic, inputs(test.images), test.semantic

    def run(method: str, seed: int) -> dict[str, float]:
        start = time.process_time()
        torch.manual_seed(seed)
        scores = measure(train(METHODS[method](), x, y, seed, args.epochs), x_test, y_test)
        words = ", ".join(f"{name} {value:.3f}" for name, value in scores.items())
        print(f"seed {seed}, {method}: {words}; {time.process_time() - start:.0f} s", flush=True)
        return scores

    if args.only:
        run(args.only, 0)
        return
    try:
        metrics: dict[str, list[float]] = load_record(NAME)["metrics"]
    except FileNotFoundError:
        metrics = {}
    for seed in range(args.seeds):
        for method in reversed(METHODS):
            if len(metrics.get(f"{method} iou", [])) > seed:
                continue
            for name, value in run(method, seed).items():
                metrics.setdefault(f"{method} {name}", []).append(value)
            record = {
                "metrics": metrics,
                "seeds": list(range(seed + 1)),
                "command": "python -m tools.record_dense",
                "methods": list(METHODS),
                "costs": {name: cost(name) for name in METHODS},
                "setting": {
                    "size": SIZE,
                    "train": TRAIN,
                    "test": TEST,
                    "classes": CLASSES,
                    "difficulty": "medium",
                    "epochs": args.epochs,
                    "batch": BATCH,
                },
            }
            save_record(NAME, record)


if __name__ == "__main__":
    main()

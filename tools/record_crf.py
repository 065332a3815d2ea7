"""Measure what chapter 11c reports but is too long to run there: neighbours agree on street scenes.

python -m tools.record_crf            needs COURSE_DATA with camvid_subset/
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.models.conv_norm import ConvNormAct
from course_utils.runtime import data_dir, save_record
from course_utils.segmentation import dense_crf, grid_crf
from course_utils.segmentation.boundary import mean_boundary_iou
from course_utils.segmentation.dense_crf import Kernels
from course_utils.segmentation.losses import pixel_cross_entropy
from course_utils.segmentation.metrics import IGNORE, class_iou, confusion_matrix, mean_iou, pixel_accuracy
from course_utils.segmentation.smoothing import majority_filter

CLASSES = ("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist")
SIZE = (192, 144)  # columns, rows
WIDTHS = (16, 32, 48, 64)
STEPS, BATCH, LR = 240, 4, 0.01
# What is chosen on the first half of the test frames: radius; weight and edge; weights and widths.
RADII = (1, 2, 3)
GRIDS = ((0.5, 0.1), (1.0, 0.1), (2.0, 0.05))
DENSE = (
    Kernels(1.0, 0.5, 16.0, 0.06, 1.5),
    Kernels(2.0, 0.5, 16.0, 0.06, 1.5),
    Kernels(2.0, 0.5, 30.0, 0.06, 1.5),
    Kernels(4.0, 1.0, 16.0, 0.06, 1.5),
)


def frames(folder: Path, part: str) -> tuple[Tensor, Tensor]:
    """Return pictures (N, 3, H, W), 0..1, and truth (N, H, W) with the unlabelled class as `IGNORE`."""
    pictures, truth = [], []
    for path in sorted((folder / part).glob("*.png")):
        pictures.append(np.array(Image.open(path).convert("RGB").resize(SIZE, Image.Resampling.BILINEAR)))
        truth.append(np.array(Image.open(folder / f"{part}annot" / path.name).resize(SIZE, Image.Resampling.NEAREST)))
    x = torch.from_numpy(np.stack(pictures)).movedim(-1, 1).float() / 255
    y = torch.from_numpy(np.stack(truth)).long()
    return x, y.masked_fill(y >= len(CLASSES), IGNORE)


class StreetNet(nn.Module):
    """Stages that halve the picture, scores at 1/8 of its size from the last three of them, interpolated back."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, *WIDTHS)
        self.stages = nn.ModuleList(
            nn.Sequential(ConvNormAct(a, b), nn.MaxPool2d(2), ConvNormAct(b, b))
            for a, b in zip(widths, WIDTHS, strict=False)
        )
        self.scores = nn.ModuleList(nn.Conv2d(w, len(CLASSES), 1) for w in WIDTHS[2:])

    def forward(self, x: Tensor) -> Tensor:
        size, total = x.shape[2:], None
        x = (x - 0.5) * 4
        for level, stage in enumerate(self.stages):
            x = stage(x)
            if level >= 2:
                up = F.interpolate(self.scores[level - 2](x), size, mode="bilinear", align_corners=False)
                total = up if total is None else total + up
        assert total is not None
        return total


def train(x: Tensor, y: Tensor, seed: int) -> nn.Module:
    """Train with mirrored frames and one cycle of the rate."""
    torch.manual_seed(seed)
    model = StreetNet()
    draw = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LR, STEPS)
    for _ in range(STEPS):
        chosen = torch.randint(len(x), (BATCH,), generator=draw)
        pictures, truth = x[chosen], y[chosen]
        if torch.rand((), generator=draw) < 0.5:
            pictures, truth = pictures.flip(3), truth.flip(2)
        loss = pixel_cross_entropy(model(pictures), truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.eval()


def table(guess: Tensor, y: Tensor) -> dict[str, float]:
    """Return all scores of an answer."""
    counts = confusion_matrix(guess, y, len(CLASSES))
    out = {
        "pixel": pixel_accuracy(counts),
        "iou": mean_iou(counts),
        "rim": mean_boundary_iou(guess, y, len(CLASSES), distance=2),
    }
    return out | {f"iou {name}": value for name, value in zip(CLASSES, class_iou(counts).tolist(), strict=True)}


def methods(z: Tensor, x: Tensor) -> dict[str, list[Callable[[int], Tensor]]]:
    """Return for each method its settings, each a function from a frame's number to its labels."""
    return {
        "raw": [lambda i: z[i].argmax(0)],
        "majority": [lambda i, r=r: majority_filter(z[i].argmax(0), len(CLASSES), r) for r in RADII],
        "grid": [
            lambda i, w=w, s=s: grid_crf.mean_field(grid_crf.from_logits(z[i], w, x[i], s))[0].argmax(0)
            for w, s in GRIDS
        ],
        "dense": [lambda i, k=k: dense_crf.mean_field(z[i], x[i], k, 5).argmax(0) for k in DENSE],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    folder = data_dir() / "camvid_subset"
    (x, y), (x_test, y_test) = (frames(folder, part) for part in ("train", "val"))
    half = len(x_test) // 2
    choose, report = range(0, 2 * half, 2), range(1, len(x_test), 2)  # every second frame
    metrics: dict[str, list[float]] = {}
    chosen: list[dict[str, int]] = []
    for seed in range(args.seeds):
        start = time.process_time()
        model = train(x, y, seed)
        with torch.no_grad():
            z = torch.cat([model(part) for part in x_test.split(8)])
        settings: dict[str, int] = {}
        for name, ways in methods(z, x_test).items():
            scores = [
                table(torch.stack([way(i) for i in choose]), y_test[list(choose)])["iou"] if len(ways) > 1 else 0.0
                for way in ways
            ]
            settings[name] = int(np.argmax(scores))
            guess = torch.stack([ways[settings[name]](i) for i in report])
            for metric, value in table(guess, y_test[list(report)]).items():
                metrics.setdefault(f"{name} {metric}", []).append(value)
            row = {m: round(metrics[f"{name} {m}"][-1], 3) for m in ("pixel", "iou", "rim", "iou pole")}
            print(f"seed {seed}, {name} {settings[name]}: {row}", flush=True)
        chosen.append(settings)
        print(f"{time.process_time() - start:.0f} s of processor time", flush=True)
        record = {
            "metrics": metrics,
            "seeds": list(range(seed + 1)),
            "command": "python -m tools.record_crf",
            "methods": ["raw", "majority", "grid", "dense"],
            "chosen": chosen,
            "classes": list(CLASSES),
            "train": len(x),
            "chosen_on": len(choose),
            "reported_on": len(report),
            "size": list(SIZE),
            "steps": STEPS,
        }
        save_record("11c_crf.street", record)  # seed by seed: a run that is cut off keeps what it has


if __name__ == "__main__":
    main()

"""Measure what chapter 11 reports but is too long to run there: an FCN on street scenes, as 32s, 16s and 8s.

python -m tools.record_segmentation            needs COURSE_DATA with camvid_subset/
"""

from __future__ import annotations

import argparse
import copy
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from course_utils.models.conv_norm import ConvNormAct
from course_utils.runtime import data_dir, save_record
from course_utils.segmentation.boundary import mean_boundary_iou
from course_utils.segmentation.fcn import FCN
from course_utils.segmentation.losses import pixel_cross_entropy
from course_utils.segmentation.metrics import IGNORE, class_iou, confusion_matrix, mean_iou, pixel_accuracy

CLASSES = ("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist")
SIZE = (192, 144)  # columns, rows
WIDTHS = (16, 32, 48, 64, 96)
STEPS, MORE, BATCH, LR = 200, 100, 4, 0.01


def frames(folder: Path, part: str) -> tuple[Tensor, Tensor]:
    """Return pictures (N, 3, H, W), -2..2, and truth (N, H, W) with the unlabelled class as `IGNORE`."""
    pictures, truth = [], []
    for path in sorted((folder / part).glob("*.png")):
        pictures.append(np.array(Image.open(path).convert("RGB").resize(SIZE, Image.Resampling.BILINEAR)))
        truth.append(np.array(Image.open(folder / f"{part}annot" / path.name).resize(SIZE, Image.Resampling.NEAREST)))
    x = torch.from_numpy(np.stack(pictures)).movedim(-1, 1).float()
    y = torch.from_numpy(np.stack(truth)).long()
    return (x / 255 - 0.5) * 4, y.masked_fill(y >= len(CLASSES), IGNORE)


def network(seed: int) -> FCN:
    """Return five stages that halve, from nothing, and scores of stride 32."""
    torch.manual_seed(seed)
    stages = [nn.Sequential(ConvNormAct(a, b), nn.MaxPool2d(2)) for a, b in zip((3, *WIDTHS[:-1]), WIDTHS, strict=True)]
    return FCN(stages, ConvNormAct(WIDTHS[-1], 96), len(CLASSES), 0, (3, SIZE[1], SIZE[0]))


def train(model: FCN, x: Tensor, y: Tensor, steps: int, seed: int) -> FCN:
    """Train with mirrored frames and one cycle of the rate."""
    draw = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LR, steps)
    model.train()
    for _ in range(steps):
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


@torch.no_grad()
def measure(model: FCN, x: Tensor, y: Tensor) -> dict[str, float]:
    guess = torch.cat([model(part).argmax(1) for part in x.split(8)])
    table = confusion_matrix(guess, y, len(CLASSES))
    out = {
        "pixel": pixel_accuracy(table),
        "iou": mean_iou(table),
        "rim": mean_boundary_iou(guess, y, len(CLASSES), distance=2),
    }
    return out | {f"iou {name}": value for name, value in zip(CLASSES, class_iou(table).tolist(), strict=True)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    folder = data_dir() / "camvid_subset"
    (x, y), (x_test, y_test) = (frames(folder, part) for part in ("train", "val"))
    metrics: dict[str, list[float]] = {}
    for seed in range(args.seeds):
        start = time.process_time()
        coarse = train(network(seed), x, y, STEPS, seed)
        medium = train(coarse.finer(), x, y, MORE, seed)
        fine = train(medium.finer(), x, y, MORE, seed)
        longer = train(copy.deepcopy(coarse), x, y, 2 * MORE, seed)
        networks = {"32s": coarse, "32s longer": longer, "16s": medium, "8s": fine}
        for name, model in networks.items():
            for metric, value in measure(model, x_test, y_test).items():
                metrics.setdefault(f"{name} {metric}", []).append(value)
            row = {m: round(metrics[f"{name} {m}"][-1], 3) for m in ("pixel", "iou", "rim")}
            print(f"seed {seed}, FCN-{name}: {row}", flush=True)
        print(f"{time.process_time() - start:.0f} s of processor time", flush=True)
    record = {
        "metrics": metrics,
        "seeds": list(range(args.seeds)),
        "command": "python -m tools.record_segmentation",
        "networks": ["32s", "32s longer", "16s", "8s"],
        "classes": list(CLASSES),
        "train": len(x),
        "valid": len(x_test),
        "size": list(SIZE),
        "steps": [STEPS, MORE, MORE],
    }
    print(save_record("11_segmentation.camvid", record))


if __name__ == "__main__":
    main()

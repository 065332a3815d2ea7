"""Measure what chapter 10c reports but is too long to run there: four detectors on the same data, and three mistakes.

    python -m tools.record_detectors               compare, then mistakes (15 minutes of one core)
    python -m tools.record_detectors compare       results/10c_detectors.compare.json
    python -m tools.record_detectors mistakes      results/10c_detectors.mistakes.json

All detectors see the same 600 scenes in the same order, six times, and start from a classifier of the same pictures
of single objects; all are asked about the same 150 scenes. A seed draws weights, order and those pictures. Milliseconds
are processor time of one thread at one picture a call. A record is written after each seed;
what was cut off goes on with the next, what was whole begins anew.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from course_utils import data, models
from course_utils.data.synthetic import CLASSES, make_images, make_scenes
from course_utils.detection.alternating import four_steps
from course_utils.detection.average_precision import Detections, coco_summary, mean_average_precision
from course_utils.detection.backbone import PictureClassifier
from course_utils.detection.fast_rcnn import FastRCNN, region_loss, sample_regions
from course_utils.detection.faster_rcnn import FasterRCNN
from course_utils.detection.precision_recall import sweep
from course_utils.detection.rcnn import RCNN, warp
from course_utils.detection.recall import recall
from course_utils.detection.scene_batches import SceneBatches, mirror, prepare, targets_of, truth_of
from course_utils.detection.selective_search import selective_search
from course_utils.detection.ssd import SCALES, SSD
from course_utils.runtime import load_record, results_dir, save_record
from course_utils.training import fit

SIDE, DIFFICULTY, C = 96, "medium", len(CLASSES)
TRAIN, TEST, EPOCHS, BATCH, LR = 600, 150, 6, 16, 4e-3
WINDOWS = 100  # of selective search, a picture
STEP_EPOCHS = 3  # of each of the four steps
COUNTS = (1, 3, 10, 30, 100)
SEEDS = (0, 1, 2)
PROPOSAL = -2.0  # marks a window among the objects of a batch


class SearchBatches:
    """Batches ``(x, y)`` of scenes with the windows that selective search found in each.

    Args:
        scenes: what to cut up.
        windows: xyxy (P, 4) of each scene.
        seed: of order and mirroring.
        crops: if above 0, hand out so many warped windows a scene and what each shows, as R-CNN learns them.
    """

    def __init__(self, scenes: data.synthetic.Scenes, windows: list[Tensor], seed: int, crops: int = 0) -> None:
        self.images, self.truth, self.windows = scenes.images, truth_of(scenes), windows
        self.seed, self.crops, self.epoch = seed, crops, 0

    def __len__(self) -> int:
        return len(self.images) // BATCH

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next pass."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(1_000_003 * self.seed + self.epoch)
        self.epoch += 1
        order = torch.randperm(len(self.images), generator=generator)
        for index in order[: len(self) * BATCH].split(BATCH):
            x, truth = prepare(self.images[index]), self.truth[index]
            windows = [self.windows[i] for i in index.tolist()]
            if float(torch.rand((), generator=generator)) < 0.5:
                x, truth = mirror(x, truth)
                windows = [torch.stack([SIDE - w[:, 2], w[:, 1], SIDE - w[:, 0], w[:, 3]], dim=1) for w in windows]
            if self.crops:
                boxes, labels, corrections = sample_regions(windows, truth, self.crops, positive_share=0.5)
                yield warp(x, boxes), torch.cat([labels[:, None].float(), corrections], dim=1)
            else:
                rows = truth.new_zeros(len(x), WINDOWS, 5)
                rows[..., 0] = PROPOSAL - 1
                for row, w in zip(rows, windows, strict=True):
                    row[: len(w), 0], row[: len(w), 1:] = PROPOSAL, w
                yield x, torch.cat([truth, rows], dim=1)


def crop_loss(rows: Tensor, wanted: Tensor) -> Tensor:
    """Return R-CNN's loss on warped windows."""
    rows = rows.float()
    return region_loss(rows[:, :-4], rows[:, -4:], wanted[:, 0].long(), wanted[:, 1:])


def fast_loss(model: FastRCNN) -> Callable[[Tensor, Tensor], Tensor]:
    """Return Fast R-CNN's loss on batches that carry their windows."""

    def loss(features: Tensor, y: Tensor) -> Tensor:
        windows = [row[row[:, 0] == PROPOSAL, 1:] for row in y]
        truth = torch.where(y[..., :1] < 0, -1.0, y)
        return model.loss(features, truth, windows)

    return loss


def pretrained(model: nn.Module, seed: int) -> nn.Module:
    """Let a detector's backbone learn to classify pictures of single objects first."""
    pictures = make_images(4000, 32, seed=10 + seed)
    batches = data.Batches(pictures, 64, augment=lambda x, generator=None: 2 * x - 1, seed=seed)
    if isinstance(model, RCNN):
        learner: nn.Module = nn.Sequential(model.layers, nn.Linear(model.classify.in_features, C))
    else:
        learner = PictureClassifier(model.backbone, C)  # type: ignore[arg-type]
    fit(learner, batches, epochs=5, lr=6e-3, optimizer="adamw", schedule="one_cycle", speed="auto", progress=False)
    return model


def train(model: nn.Module, batches: object, loss: object, epochs: int = EPOCHS) -> float:
    """Train a detector; return processor seconds."""
    start = time.process_time()
    fit(model, batches, epochs=epochs, lr=LR, optimizer="adamw", schedule="one_cycle", loss=loss, speed="auto",
        progress=False)  # type: ignore[arg-type]  # fmt: skip
    return time.process_time() - start


def milliseconds(detect: Callable[[int], object], pictures: int = 20) -> float:
    """Return processor time of one picture a call, in ms; two calls before do not count."""
    for i in range(2):
        detect(i)
    start = time.process_time()
    for i in range(pictures):
        detect(i)
    return 1000 * (time.process_time() - start) / pictures


def grades(found: list[Detections], truth: list) -> dict[str, float]:
    """Return what a detector is worth."""
    summary = coco_summary(found, truth)
    at = sweep(found, truth, (0.3,))
    return {
        "mAP50": mean_average_precision(found, truth),
        "mAP50:95": summary["AP"],
        "recall": float(sweep(found, truth, (0.01,)).recall[0]),
        "recall at 0.3": float(at.recall[0]),
        "precision at 0.3": float(at.correct[0] / max(1, at.correct[0] + at.wrong[0])),
    }


def account(model: nn.Module, regions: int) -> dict[str, float]:
    """Return parameters and multiply-adds of a picture, with so many regions where there is a head for each."""
    one = lambda part, shape: models.summarise(part, shape).multiply_adds
    if isinstance(model, SSD):
        work = one(model, (3, SIDE, SIDE))
    elif isinstance(model, RCNN):
        work = regions * one(model, (3, model.side, model.side))
    else:
        channels, cells = model.backbone.channels[0], SIDE // model.stride
        work = one(model.backbone, (3, SIDE, SIDE)) + regions * one(model.head, (channels, 5, 5))
        if isinstance(model, FasterRCNN):
            work += one(model.rpn, (channels, cells, cells))
    return {"parameters": sum(p.numel() for p in model.parameters()), "multiply-adds": work}


def compare() -> None:
    """Write results/10c_detectors.compare.json."""
    scenes = make_scenes(TRAIN, SIDE, seed=101, difficulty=DIFFICULTY)
    fresh = make_scenes(TEST, SIDE, seed=102, difficulty=DIFFICULTY)
    start = time.process_time()
    windows, asked = ([selective_search(x, "fast")[:WINDOWS] for x in s.images] for s in (scenes, fresh))
    search_ms = 1000 * (time.process_time() - start) / (TRAIN + TEST)
    print(f"selective search: {search_ms:.0f} ms a picture", flush=True)
    x, truth = prepare(fresh.images), targets_of(fresh)
    boxes = [fresh.targets(i)["boxes"] for i in range(TEST)]
    metrics, done = measured("compare")

    def note(**values: dict[str, float]) -> None:
        for name, each in values.items():
            for what, value in each.items():
                metrics.setdefault(f"{name.replace('_', ' ')}: {what}", []).append(float(value))

    for seed in SEEDS[done:]:
        torch.manual_seed(seed)
        scene_batches = lambda step=0, seed=seed: SceneBatches(scenes, BATCH, seed=seed + 1000 * step)
        model = pretrained(SSD(C, SIDE), seed)
        seconds = train(model, scene_batches(), model.loss)
        found = [d for part in x.split(50) for d in model.detect(part)]
        ms = milliseconds(lambda i, m=model: m.detect(x[i : i + 1]))
        note(SSD=grades(found, truth) | account(model, 0) | {"ms": ms, "training seconds": seconds})
        print(seed, "SSD", metrics["SSD: mAP50"], flush=True)

        model = pretrained(FasterRCNN(C, SIDE), seed)
        start_state = {k: v.clone() for k, v in model.state_dict().items()}
        seconds = train(model, scene_batches(), model.loss)
        for n in (10, 30, 60, 100):
            found = [d for part in x.split(50) for d in model.detect(part, n)]
            ms = milliseconds(lambda i, m=model, n=n: m.detect(x[i : i + 1], n))
            name = "Faster_R-CNN" if n == 60 else f"Faster_R-CNN,_{n}_proposals"
            note(**{name: grades(found, truth) | account(model, n) | {"ms": ms, "training seconds": seconds}})
        model.eval()
        with torch.no_grad():
            proposed = [b for part in x.split(50) for b in model.propose(model(part), max(COUNTS))]
        draw = torch.Generator().manual_seed(seed)
        anchors = model.rpn.anchors
        any_anchor = [anchors[torch.randperm(len(anchors), generator=draw)] for _ in range(TEST)]
        for name, list_ in (("RPN", proposed), ("anchors", any_anchor), ("search", asked)):
            for iou in (0.5, 0.7):
                row = recall(list_, boxes, COUNTS, iou).tolist()
                note(**{name: {f"recall {iou} of {n}": v for n, v in zip(COUNTS, row)}})
        print(seed, "Faster R-CNN", metrics["Faster R-CNN: mAP50"], flush=True)

        model = pretrained(FastRCNN(C, SIDE), seed)
        seconds = train(model, SearchBatches(scenes, windows, seed), fast_loss(model))
        found = [d for p, w in zip(x.split(50), range(0, TEST, 50)) for d in model.detect(p, asked[w : w + 50])]
        ms = milliseconds(lambda i, m=model: m.detect(x[i : i + 1], asked[i : i + 1]))
        note(**{"Fast_R-CNN": grades(found, truth) | account(model, WINDOWS)
                | {"ms": ms + search_ms, "ms without search": ms, "training seconds": seconds}})  # fmt: skip
        print(seed, "Fast R-CNN", metrics["Fast R-CNN: mAP50"], flush=True)

        model = pretrained(RCNN(C, SIDE), seed)
        seconds = train(model, SearchBatches(scenes, windows, seed, crops=16), crop_loss)
        found = [d for p, w in zip(x.split(10), range(0, TEST, 10)) for d in model.detect(p, asked[w : w + 10])]
        ms = milliseconds(lambda i, m=model: m.detect(x[i : i + 1], asked[i : i + 1]), 10)
        note(**{"R-CNN": grades(found, truth) | account(model, WINDOWS)
                | {"ms": ms + search_ms, "ms without search": ms, "training seconds": seconds}})  # fmt: skip
        print(seed, "R-CNN", metrics["R-CNN: mAP50"], flush=True)

        model = FasterRCNN(C, SIDE)
        model.load_state_dict(start_state)
        start = time.process_time()
        four_steps(model, scene_batches, epochs=STEP_EPOCHS, lr=LR)
        seconds = time.process_time() - start
        found = [d for part in x.split(50) for d in model.detect(part)]
        note(four_steps=grades(found, truth) | {"training seconds": seconds})
        print(seed, "four steps", metrics["four steps: mAP50"], flush=True)
        save("compare", metrics, seed, search_ms=search_ms, test=TEST, epochs=EPOCHS, step_epochs=STEP_EPOCHS)


def mistakes() -> None:
    """Write results/10c_detectors.mistakes.json: SSD trained right, and with one thing wrong at a time."""
    scenes = make_scenes(TRAIN, SIDE, seed=101, difficulty=DIFFICULTY)
    fresh = make_scenes(TEST, SIDE, seed=102, difficulty=DIFFICULTY)
    x, truth = prepare(fresh.images), targets_of(fresh)
    metrics: dict[str, list[float]] = {}
    kinds = {
        "right": {},
        "plain offsets": {"weights": (1.0, 1.0, 1.0, 1.0)},
        "large anchors": {"scales": tuple(2.5 * scale for scale in SCALES)},
    }
    for seed in SEEDS:
        torch.manual_seed(seed)
        start_state = pretrained(SSD(C, SIDE), seed).state_dict()
        for name, wrong in kinds.items():
            model = SSD(C, SIDE, **wrong)  # type: ignore[arg-type]
            model.load_state_dict(start_state)
            train(model, SceneBatches(scenes, BATCH, seed=seed), model.loss, epochs=4)
            found = [d for part in x.split(50) for d in model.detect(part)]
            for iou in (0.5, 0.75):
                value = mean_average_precision(found, truth, iou)
                metrics.setdefault(f"{name}: mAP{100 * iou:.0f}", []).append(value)
            print(seed, name, metrics[f"{name}: mAP50"][-1], metrics[f"{name}: mAP75"][-1], flush=True)
        save("mistakes", metrics, seed, test=TEST, epochs=4)


def measured(name: str) -> tuple[dict[str, list[float]], int]:
    """Return the metrics of the whole seeds that a run before left, and their number."""
    path = results_dir() / f"10c_detectors.{name}.json"
    record = load_record(path.stem) if path.exists() else {"metrics": {}, "seeds": []}
    if record.get("train", TRAIN) != TRAIN or len(record["seeds"]) == len(SEEDS):
        return {}, 0
    return record["metrics"], len(record["seeds"])


def save(name: str, metrics: dict[str, list[float]], last: int, **more: float) -> None:
    """Write what there is after a seed."""
    save_record(
        f"10c_detectors.{name}",
        {"chapter": "10c_detectors", "command": f"python -m tools.record_detectors {name}",
         "seeds": [s for s in SEEDS if s <= last], "train": TRAIN, **more, "metrics": metrics},
    )  # fmt: skip


if __name__ == "__main__":
    torch.set_num_threads(1)
    for part in sys.argv[1:] or ("compare", "mistakes"):
        {"compare": compare, "mistakes": mistakes}[part]()

"""The detector behind the ``DetectorExplorer`` widget: an SSD of 38,000 weights that runs in a page.

``course train small_ssd`` draws its scenes, trains from two seeds and stores the first. Batch normalisation is folded
away, and every weight is rounded to a whole number from -31 to 31 times one step for each output channel: a page stores
one letter a weight, and reads exactly the numbers that were measured here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from course_utils.check import check_int
from course_utils.data.synthetic import CLASSES, Scenes, make_scenes
from course_utils.detection.average_precision import coco_summary, mean_average_precision
from course_utils.detection.backbone import STRIDES
from course_utils.detection.multibox_loss import assign, multibox_loss
from course_utils.detection.scene_batches import mirror, prepare, targets_of, truth_of
from course_utils.detection.ssd import SSD
from course_utils.recipes import stored_weights
from course_utils.runtime import get_device, save_record, seed_everything

__all__ = ["CLASSES", "LAYERS", "SIZE", "SmallSSD", "build_model", "fold", "held_out", "prepare", "round_to_letters"]

NAME = "small_ssd"
RUNS, EPOCHS, BATCH_SIZE, PEAK_LR, DECAY = 2, 16, 32, 6e-3, 0.02
TRAIN, HELD_OUT, SIZE = 8_000, 500, 96
TRAIN_SEED, HELD_OUT_SEED = 111, 110
# Output channels and stride of each convolution, all 3 x 3; the last three make the maps.
LAYERS = ((12, 2), (20, 2), (28, 2), (28, 1), (32, 2), (32, 2))
SCENES: dict[str, Any] = {
    "objects": (1, 5),
    "scale": (0.2, 0.42),
    "clutter": 1,
    "rotation": 30.0,
    "textures": ("plain", "stripes", "checks", "dots"),
}
LARGEST, DIGITS = 31, 64


class SmallBackbone(nn.Module):
    """Six convolutions that hand out the maps of the last three, with a cell for 8, 16 and 32 pixels.

    Args:
        norm: with batch normalisation after each, as it is trained.
    """

    def __init__(self, norm: bool = False) -> None:
        super().__init__()
        self.channels, self.strides = tuple(width for width, _ in LAYERS[-3:]), STRIDES
        self.convs, self.norms = nn.ModuleList(), nn.ModuleList()
        before = 3
        for width, stride in LAYERS:
            self.convs.append(nn.Conv2d(before, width, 3, stride, padding=1, bias=not norm))
            self.norms.append(nn.BatchNorm2d(width) if norm else nn.Identity())
            before = width

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the maps, finest first."""
        maps = []
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = norm(conv(x)).relu()
            maps.append(x)
        return tuple(maps[-3:])


class SmallSSD(SSD):
    """The course's `SSD` with a smaller backbone and heads that look at one cell.

    Args:
        norm: with batch normalisation, as it is trained.
    """

    def __init__(self, norm: bool = False) -> None:
        super().__init__(len(CLASSES), SIZE, width=1)
        outputs = [head.out_channels for head in self.heads if isinstance(head, nn.Conv2d)]
        self.backbone = SmallBackbone(norm)  # type: ignore[assignment]
        self.heads = nn.ModuleList(nn.Conv2d(w, k, 1) for (w, _), k in zip(LAYERS[-3:], outputs, strict=True))


def build_model(norm: bool = False) -> SmallSSD:
    """Return the untrained network: pictures (N, 3, 96, 96), prepared, to (N, 756, 15)."""
    return SmallSSD(norm)


def fold(trained: SmallSSD) -> SmallSSD:
    """Return the plain network that computes what a trained one computes in evaluation mode."""
    plain = build_model().eval()
    trained.eval()
    parts = zip(plain.backbone.convs, trained.backbone.convs, trained.backbone.norms, strict=True)  # type: ignore[arg-type]
    for to, conv, norm in parts:
        to.load_state_dict(fuse_conv_bn_eval(conv, norm).state_dict())
    plain.heads.load_state_dict(trained.heads.state_dict())
    return plain


def round_to_letters(model: nn.Module) -> nn.Module:
    """Round the weights of a model in place, and return it.

    Args:
        model: of convolutions.

    Returns:
        The model. In each output channel the weights are whole numbers, -31..31, times one step, and the step is a
        whole number, 32..63, times a power of two: float16 stores every product exactly. Biases are what float16 can
        store.
    """
    state = model.state_dict()
    for name, value in state.items():
        if name.endswith(".bias"):
            state[name] = value.half().float()
        elif name.endswith(".weight"):
            most = value.abs().flatten(1).amax(1).clamp_min(2.0**-12)
            step, shape = _step(most / LARGEST), (-1, *[1] * (value.ndim - 1))
            state[name] = (value / step.view(shape)).round().clamp(-LARGEST, LARGEST) * step.view(shape)
    model.load_state_dict(state)
    return model


def _step(least: Tensor) -> Tensor:
    """Return the smallest numbers 32..63 times a power of two that are not below ``least``."""
    power = torch.exp2(torch.floor(torch.log2(least)) - 5)  # least / power lies in [32, 64)
    return torch.ceil(least / power) * power  # 64 is 32 times the next power


class _Lessons:
    """Batches of prepared scenes with what each anchor is to say, found once for all epochs."""

    def __init__(self, scenes: Scenes, anchors: Tensor, seed: int) -> None:
        truth = truth_of(scenes)
        flipped = mirror(torch.zeros(1, 1, 1, SIZE), truth)[1]
        self.images, self.seed, self.epoch = scenes.images, seed, 0
        self.sides = [assign(anchors, one) for one in (truth, flipped)]

    def __len__(self) -> int:
        return len(self.images) // BATCH_SIZE

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(1_000_003 * self.seed + self.epoch)
        self.epoch += 1
        order = torch.randperm(len(self.images), generator=generator)
        for index in order[: len(self) * BATCH_SIZE].split(BATCH_SIZE):
            flip = float(torch.rand((), generator=generator)) < 0.5
            x = prepare(self.images[index])
            labels, corrections = self.sides[flip]
            yield x.flip(3) if flip else x, labels[index], corrections[index]


def train(
    scenes: Scenes,
    seed: int = 0,
    device: torch.device | str | None = None,
    epochs: int | None = None,
    progress: bool = False,
) -> SmallSSD:
    """Train one network with AdamW and a one-cycle schedule, fold it and round it to letters.

    Args:
        scenes: pictures of 96 x 96.
        seed: fixes the start and the order of the pictures.
        device: where to train; the fastest present if None.
        epochs: passes over the scenes; those of the recipe if None.
        progress: print the mean loss of each.

    Returns:
        The plain network on the CPU in evaluation mode, its weights as :func:`round_to_letters` leaves them.
    """
    seed_everything(seed)
    target = get_device(None if device is None else str(device))
    model = build_model(norm=True)
    lessons = _Lessons(scenes, model.anchors, seed)
    model.to(target).to(memory_format=torch.channels_last).train()
    passes = check_int("epochs", EPOCHS if epochs is None else epochs, minimum=1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_LR, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_LR, total_steps=passes * len(lessons))
    for epoch in range(1, passes + 1):
        total = 0.0
        for x, labels, corrections in lessons:
            outputs = model(x.to(target, memory_format=torch.channels_last))
            loss = multibox_loss(outputs[..., 4:], outputs[..., :4], labels.to(target), corrections.to(target))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss.detach())
        if progress:
            print(f"epoch {epoch} of {passes}: loss {total / len(lessons):.3f}", flush=True)
    plain = fold(model.float().cpu())
    round_to_letters(plain)
    return plain.to(memory_format=torch.contiguous_format).eval()


def held_out() -> Scenes:
    """Return the scenes on which the record's average precisions are measured."""
    return make_scenes(HELD_OUT, SIZE, HELD_OUT_SEED, "medium", **SCENES)


def measure(model: SSD, scenes: Scenes) -> dict[str, float]:
    """Return ``mAP`` (VOC 2010, IoU 0.5) and ``AP`` (COCO, IoU 0.50 to 0.95) of a detector."""
    found = [one for images in scenes.images.split(100) for one in model.detect(prepare(images))]
    truth = targets_of(scenes)
    return {"mAP": mean_average_precision(found, truth), "AP": coco_summary(found, truth)["AP"]}


def weights_path() -> Path:
    """Return where the stored weights lie."""
    return stored_weights.weights_path(NAME)


def run(seed: int = 0, device: torch.device | str | None = None, progress: bool | None = None) -> dict[str, Any]:
    """Train two networks (``seed`` and the one after it) and store the first, whatever the others reach.

    Writes ``results/weights/small_ssd.pt`` and, after each seed, ``results/small_ssd.json``.

    Returns:
        The record: average precision of each seed after folding and rounding, and the checksum of what was stored.
    """
    start = time.perf_counter()
    drawn, valid = make_scenes(TRAIN, SIZE, TRAIN_SEED, "medium", **SCENES), held_out()
    record: dict[str, Any] = {
        "command": f"course train {NAME}" + (f" --seed {seed}" if seed else ""),
        "data": f"{TRAIN:,} drawn scenes (make_scenes, seed {TRAIN_SEED}), 96x96, ten classes, one to five objects in "
        f"front of photos; average precision on {HELD_OUT:,} others (seed {HELD_OUT_SEED})",
        "setting": {
            "optimizer": "AdamW, one-cycle",
            "epochs": EPOCHS,
            "batch_size": BATCH_SIZE,
            "peak_lr": PEAK_LR,
            "weight_decay": DECAY,
            "layers": [list(layer) for layer in LAYERS],
            "scenes": {name: list(v) if isinstance(v, tuple) else v for name, v in SCENES.items()},
            "normalisation": "batch normalisation, folded into the convolutions",
            "rounding": "weights to whole numbers -31..31 times a step for each output channel, biases to float16",
        },
        "seeds": [],
        "metrics": {"mAP": [], "AP": []},
        "kept_seed": seed,
    }
    for s in range(seed, seed + RUNS):
        model = train(drawn, seed=s, device=device, progress=progress is not False)
        reached = {name: round(value, 6) for name, value in measure(model, valid).items()}
        if progress is not False:
            print(f"seed {s}: held-out mAP {reached['mAP']:.4f}, AP {reached['AP']:.4f}", flush=True)
        record["seeds"].append(s)
        for name, value in reached.items():
            record["metrics"][name].append(value)
        if s == seed:
            record |= {f"kept_{name}": value for name, value in reached.items()}
            record["parameters"] = sum(p.numel() for p in model.parameters())
            record |= stored_weights.store(model, weights_path())
        record |= {"seconds": round(time.perf_counter() - start, 1), "threads": torch.get_num_threads()}
        save_record(NAME, record)
    return record

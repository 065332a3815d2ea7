"""Measure what chapter 06b shows of AlexNet in miniature: an eighth as wide, on pictures of 64 x 64 pixels.

python -m tools.record_alexnet ablation       five seeds with layers left out (about 3 minutes on one core)
python -m tools.record_alexnet zfnet          the finer first layer beside it, with the filters (about 2 minutes)
python -m tools.record_alexnet changes        without one of the changes since LeNet-5 each (about 2 minutes)
"""

from __future__ import annotations

import argparse
import sys

import torch
from torch import Tensor, nn

from course_utils.data import Batches, ImageSet
from course_utils.data.synthetic import make_images
from course_utils.models.alexnet import AlexNet
from course_utils.models.zfnet import ZFNet
from course_utils.runtime import save_record
from course_utils.scratch.evaluation.filter_spectrum import aliased_share
from course_utils.scratch.initialisation.schemes import initialise
from course_utils.training import evaluate, fit

SIDE, WIDTH, EPOCHS, TRAINING, TEST = 64, 1 / 8, 6, 1500, 1000
ABLATIONS: dict[str, tuple[str, ...]] = {
    "whole": (),
    "without fc7": ("fc7",),
    "without fc6, fc7": ("fc6", "fc7"),
    "without conv3, conv4": ("conv3", "conv4"),
    "without all four": ("conv3", "conv4", "fc6", "fc7"),
}


def centre(x: Tensor, generator: torch.Generator) -> Tensor:
    """Move pixels in 0..1 to mean about 0 and deviation about 1."""
    return (x - 0.45) / 0.25


def pictures(seed: int) -> tuple[ImageSet, ImageSet]:
    """Return training and test shapes of a seed; no two sets share a picture."""
    return (
        make_images(TRAINING, SIDE, seed=2 * seed, difficulty="easy"),
        make_images(TEST, SIDE, seed=2 * seed + 1, difficulty="easy"),
    )


def accuracy_of(model: nn.Module, test: ImageSet) -> float:
    """Return the share of right first guesses."""
    return evaluate(model, Batches(test, 250, shuffle=False, augment=centre)).accuracy


def trained(model: nn.Module, train: ImageSet, seed: int, epochs: int = EPOCHS) -> list[float]:
    """Train in place; return the training error of every step's batch."""
    wrong: list[float] = []

    def loss(logits: Tensor, y: Tensor) -> Tensor:
        wrong.append((logits.argmax(1) != y).double().mean().item())
        return nn.functional.cross_entropy(logits, y)

    batches = Batches(train, 64, augment=centre, seed=seed)
    fit(model, batches, epochs=epochs, lr=2e-3, schedule="one_cycle", loss=loss, progress=False)
    return wrong


def fresh(network: type[nn.Module], seed: int, **options: object) -> nn.Module:
    """Return a miniature with He's weights."""
    model = network(10, width=WIDTH, input_size=SIDE, **{"dropout": 0.0, **options})
    return initialise(model, "he fan_in", generator=torch.Generator().manual_seed(seed))


def steps_to_a_quarter(wrong: list[float], window: int = 10) -> int:
    """Return after how many steps the mean error of ten batches first fell to 25 %; all steps + 1 if never."""
    for step in range(window, len(wrong) + 1):
        if sum(wrong[step - window : step]) / window <= 0.25:
            return step
    return len(wrong) + 1


def setting(seeds: int, command: str) -> dict[str, object]:
    """Return what all records of this file say of themselves."""
    return {
        "chapter": "06b_alexnet",
        "command": f"python -m tools.record_alexnet {command}",
        "seeds": list(range(seeds)),
        "data": f"{TRAINING} easy shapes of {SIDE} x {SIDE} pixels a seed, {TEST} new ones to test",
        "epochs": EPOCHS,
    }


def record_ablation(seeds: int) -> None:
    """Accuracy with layers left out."""
    metrics: dict[str, list[float]] = {name: [] for name in ABLATIONS}
    for seed in range(seeds):
        train, test = pictures(seed)
        for name, without in ABLATIONS.items():
            model = fresh(AlexNet, seed, without=without)
            trained(model, train, seed)
            metrics[name].append(accuracy_of(model, test))
        print(seed, {name: round(values[-1], 3) for name, values in metrics.items()}, flush=True)
    counts = {
        name: sum(p.numel() for p in fresh(AlexNet, 0, without=without).parameters())
        for name, without in ABLATIONS.items()
    }
    save_record("06b_alexnet.ablation", setting(seeds, "ablation") | {"parameters": counts, "metrics": metrics})


def record_zfnet(seeds: int) -> None:
    """Accuracy of both first layers, what their strides cannot represent, and the filters of the first seed."""
    networks: dict[str, tuple[type[nn.Module], int]] = {"AlexNet": (AlexNet, 4), "ZFNet": (ZFNet, 2)}
    metrics: dict[str, list[float]] = {name: [] for name in networks}
    metrics |= {f"{name}, aliased {when}": [] for name in networks for when in ("at the start", "trained")}
    filters: dict[str, list] = {}
    for seed in range(seeds):
        train, test = pictures(seed)
        for name, (network, stride) in networks.items():
            model = fresh(network, seed, **({"groups": 1} if network is AlexNet else {}))  # ZFNet has no groups
            weight: Tensor = model.get_submodule("conv1").weight  # type: ignore[assignment]
            metrics[f"{name}, aliased at the start"].append(float(aliased_share(weight.detach(), stride).mean()))
            trained(model, train, seed)
            metrics[f"{name}, aliased trained"].append(float(aliased_share(weight.detach(), stride).mean()))
            metrics[name].append(accuracy_of(model, test))
            filters.setdefault(name, [[round(float(v), 3) for v in row] for row in weight.detach().flatten(1)])
        print(seed, {name: round(values[-1], 3) for name, values in metrics.items()}, flush=True)
    save_record("06b_alexnet.zfnet", setting(seeds, "zfnet") | {"metrics": metrics, "filters": filters})


def record_changes(seeds: int) -> None:
    """Accuracy and speed of learning without one of the changes each."""
    names = ("as it is", "tanh", "a fifth of the pictures", "with dropout")
    metrics: dict[str, list[float]] = {name: [] for name in names}
    metrics |= {f"steps, {name}": [] for name in ("as it is", "tanh")}
    for seed in range(seeds):
        train, test = pictures(seed)
        for name in names:
            model = fresh(
                AlexNet, seed, **{"with dropout": {"dropout": 0.5}, "tanh": {"activation": "tanh"}}.get(name, {})
            )
            if name == "tanh":  # a start that suits it
                initialise(model, "xavier", generator=torch.Generator().manual_seed(seed))
            few = name == "a fifth of the pictures"
            shown = train.subset(torch.arange(TRAINING // 5)) if few else train
            wrong = trained(model, shown, seed, epochs=EPOCHS * (5 if few else 1))
            metrics[name].append(accuracy_of(model, test))
            if f"steps, {name}" in metrics:
                metrics[f"steps, {name}"].append(steps_to_a_quarter(wrong))
        print(seed, {name: round(values[-1], 3) for name, values in metrics.items()}, flush=True)
    save_record("06b_alexnet.changes", setting(seeds, "changes") | {"metrics": metrics})


def main(argv: list[str] | None = None) -> int:
    """Run one of the measurements."""
    measurements = {"ablation": record_ablation, "zfnet": record_zfnet, "changes": record_changes}
    parser = argparse.ArgumentParser(prog="python -m tools.record_alexnet", description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=measurements)
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    measurements[args.what](args.seeds)
    return 0


if __name__ == "__main__":
    sys.exit(main())

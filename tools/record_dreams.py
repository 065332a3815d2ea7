"""Measure what chapter 08d shows: what the layers of trained networks ignore, and what attacks do to them.

python -m tools.record_dreams scenes        five sets of drawn pictures; the trained network and five untrained ones
python -m tools.record_dreams cifar10       needs CIFAR-10 (course data cifar10) and the trained cifar10_resnet

The photographs are the held-out ones of ``course train cifar10_resnet``, which the network never saw, in five disjoint
sets.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

import torch
from torch import nn

from course_utils import data
from course_utils.data.synthetic import make_object_images
from course_utils.explain.adversarial import accuracy, fgsm, pgd, random_signs
from course_utils.recipes import cifar10_resnet, scenes
from course_utils.recipes.trained import Trained, trained
from course_utils.runtime import save_record
from course_utils.scratch.robustness.by_layer import layer_outputs, relative_distance
from course_utils.scratch.robustness.warps import CHANGES, changed, same_travel

SETS = 5
LEVELS = (1, 2, 4, 8)
PHOTOS, PHOTO_TRAVELS, PHOTO_LAYERS = 200, (1, 2, 4), ("stage1", "stage2", "stage3", "output")
DRAWN, DRAWN_TRAVELS = 60, (1, 2, 4, 8)
DRAWN_LAYERS = ("stage1", "stage2", "stage3", "stage4", "head.mean", "output")
DRAWN_SEED = 300  # pictures that neither the training nor the chapter has


def attacks(net: Trained, images: torch.Tensor, labels: torch.Tensor, seed: int) -> dict[str, float]:
    """Return the share of pictures in 0..1 that is right after changes of several sizes."""
    model, prepare = net.model, net.prepare
    found = {"right": accuracy(model, images, labels, prepare)}
    for level in LEVELS:
        e = level / 255
        made = {
            "coin": random_signs(images, e, seed=seed),
            "one step": fgsm(model, images, labels, e, prepare=prepare),
            "ten steps": pgd(model, images, labels, e, steps=10, prepare=prepare, seed=seed),
        }
        for who, pictures in made.items():
            found[f"{who} {level}, right"] = accuracy(model, pictures, labels, prepare)
    return found


def journeys(
    net: Trained,
    model: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    layers: Sequence[str],
    travels: Sequence[int],
    seed: int,
) -> dict[str, float]:
    """Return how far each layer moves, absolutely and for each unit of the input, and the share still right."""
    names, found = ("input", *layers), {}
    before = layer_outputs(model, net.prepare(images), names)
    height, width = images.shape[2:]
    for change in CHANGES:
        for travel in travels:
            moved = changed(images, change, same_travel(change, travel, height, width), seed=seed)
            after = layer_outputs(model, net.prepare(moved), names)
            distance = {name: relative_distance(before[name], after[name]) for name in names}
            for name, value in distance.items():
                found[f"{change} {travel}, {name}"] = value
                found[f"{change} {travel}, q {name}"] = value / distance["input"]
            found[f"{change} {travel}, right"] = float((after["output"].argmax(1) == labels).float().mean())
    return found


def record_scenes() -> None:
    """Write ``results/08d_dreams.scenes.json``."""
    net = trained("scenes")
    metrics: dict[str, list[float]] = {}
    began = time.perf_counter()
    for number in range(SETS):
        drawn = make_object_images(DRAWN, 64, DRAWN_SEED + number)
        torch.manual_seed(number)
        blank = scenes.build_model().eval()
        for who, model, travels in (("trained", net.model, DRAWN_TRAVELS), ("untrained", blank, DRAWN_TRAVELS[-1:])):
            numbers = journeys(net, model, drawn.images / 255, drawn.labels, DRAWN_LAYERS, travels, number)
            for name, value in numbers.items():
                metrics.setdefault(f"{who}: {name}", []).append(round(value, 5))
        print(f"set {number}: {time.perf_counter() - began:.0f} s", flush=True)
    _save("scenes", f"{SETS} sets of {DRAWN} drawn pictures, 64x64", net, DRAWN_LAYERS, metrics, began)


def record_cifar10() -> None:
    """Write ``results/08d_dreams.cifar10.json``."""
    net = trained("cifar10")
    start = cifar10_resnet.HELD_OUT.start
    held_out = data.load("cifar10", "train").subset(slice(start, start + SETS * PHOTOS))
    metrics: dict[str, list[float]] = {}
    began = time.perf_counter()
    for number in range(SETS):
        part = held_out.subset(slice(number * PHOTOS, (number + 1) * PHOTOS))
        images = part.images / 255
        numbers = attacks(net, images, part.labels, number)
        numbers |= journeys(net, net.model, images, part.labels, PHOTO_LAYERS, PHOTO_TRAVELS, number)
        for name, value in numbers.items():
            metrics.setdefault(name, []).append(round(value, 5))
        print(f"set {number}: {metrics['right'][-1]:.3f} right, {time.perf_counter() - began:.0f} s", flush=True)
    what = f"{SETS} disjoint sets of {PHOTOS} CIFAR-10 pictures that the network never saw"
    _save("cifar10", what, net, PHOTO_LAYERS, metrics, began)


def _save(
    what: str, pictures: str, net: Trained, layers: Sequence[str], metrics: dict[str, list[float]], began: float
) -> None:
    save_record(
        f"08d_dreams.{what}",
        {
            "command": f"python -m tools.record_dreams {what}",
            "pictures": pictures,
            "weights_sha256": net.record["sha256"],
            "layers": list(layers),
            "seeds": list(range(SETS)),
            "metrics": metrics,
            "seconds": round(time.perf_counter() - began, 1),
        },
    )


def main(argv: list[str] | None = None) -> int:
    """Run one record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["scenes", "cifar10"])
    what = parser.parse_args(argv).what
    torch.set_num_threads(1)
    record_scenes() if what == "scenes" else record_cifar10()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Measure what chapter 08d shows on photographs: attacks, and what the layers of a trained network ignore.

python -m tools.record_dreams cifar10       needs CIFAR-10 (course data cifar10) and the trained cifar10_resnet

The pictures are the held-out ones of ``course train cifar10_resnet``, which the network never saw: five disjoint sets.
"""

from __future__ import annotations

import argparse
import sys
import time

import torch

from course_utils import data
from course_utils.explain.adversarial import accuracy, fgsm, pgd, random_signs
from course_utils.recipes import cifar10_resnet
from course_utils.recipes.trained import Trained, trained
from course_utils.runtime import save_record
from course_utils.scratch.robustness.by_layer import layer_outputs, relative_distance
from course_utils.scratch.robustness.warps import CHANGES, changed, same_travel

SETS, EACH, SIDE = 5, 200, 32
LEVELS, TRAVELS = (1, 2, 4, 8), (1, 2, 4)
LAYERS = ("stage1", "stage2", "stage3", "output")


def measure(net: Trained, images: torch.Tensor, labels: torch.Tensor, seed: int) -> dict[str, float]:
    """Return all numbers of one set of pictures in 0..1."""
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
    names = ("input", *LAYERS)
    before = layer_outputs(model, prepare(images), names)
    for change in CHANGES:
        for travel in TRAVELS:
            moved = changed(images, change, same_travel(change, travel, SIDE, SIDE), seed=seed)
            after = layer_outputs(model, prepare(moved), names)
            distance = {name: relative_distance(before[name], after[name]) for name in names}
            for name, value in distance.items():
                found[f"{change} {travel}, {name}"] = value
                found[f"{change} {travel}, q {name}"] = value / distance["input"]
            found[f"{change} {travel}, right"] = float((after["output"].argmax(1) == labels).float().mean())
    return found


def record_cifar10() -> None:
    """Write ``results/08d_dreams.cifar10.json``."""
    net = trained("cifar10")
    start = cifar10_resnet.HELD_OUT.start
    held_out = data.load("cifar10", "train").subset(slice(start, start + SETS * EACH))
    metrics: dict[str, list[float]] = {}
    began = time.perf_counter()
    for number in range(SETS):
        part = held_out.subset(slice(number * EACH, (number + 1) * EACH))
        for name, value in measure(net, part.images / 255, part.labels, number).items():
            metrics.setdefault(name, []).append(round(value, 5))
        print(f"set {number}: {metrics['right'][-1]:.3f} right, {time.perf_counter() - began:.0f} s", flush=True)
    save_record(
        "08d_dreams.cifar10",
        {
            "command": "python -m tools.record_dreams cifar10",
            "pictures": f"{SETS} disjoint sets of {EACH} CIFAR-10 pictures that the network never saw",
            "network": f"cifar10_resnet, {net.record['parameters']:,} parameters",
            "weights_sha256": net.record["sha256"],
            "layers": list(LAYERS),
            "seeds": list(range(SETS)),
            "metrics": metrics,
            "seconds": round(time.perf_counter() - began, 1),
        },
    )


def main(argv: list[str] | None = None) -> int:
    """Run one record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["cifar10"])
    parser.parse_args(argv)
    torch.set_num_threads(1)
    record_cifar10()
    return 0


if __name__ == "__main__":
    sys.exit(main())

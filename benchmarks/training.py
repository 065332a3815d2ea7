"""What the training loop costs, and what its choices save, in one run. Needs MNIST and CIFAR-10, and a quiet machine:

    python -m benchmarks.training

- ``overhead``: what ``fit``, and other libraries where they are installed, add to a step of a bare loop.
- ``loader``: an epoch on MNIST and on CIFAR-10 by ``fit`` on batches in memory, against the same network fed by a
  ``DataLoader`` that transforms one image at a time.
- ``lenet``: accuracy and seconds of LeNet on MNIST after three epochs.
- ``formats``: images a second of a small residual network and of LeNet in each number format and memory layout, and
  the share of the machine's measured peak of matrix products that each reaches.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from multiprocessing import get_context
from statistics import median
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.batches import Pictures
from benchmarks.rivals import RIVALS, Epoch, Pairs, installed
from course_utils import data, models
from course_utils.data.batches import Augment
from course_utils.models.miniature import SmallLeNet
from course_utils.models.speed_net import SpeedNet
from course_utils.recipes.cifar10 import normalised
from course_utils.recipes.cifar10_resnet import MEAN, SPREAD
from course_utils.recipes.lenet5 import to_paper
from course_utils.runtime import save_record, seed_everything
from course_utils.training import Speed, choose_speed, evaluate, fit
from course_utils.training.speed import multiplies_bfloat16

CPU = torch.device("cpu")


def peak(precision: torch.dtype = torch.float32, size: int = 2048, repeats: int = 8) -> float:
    """Return multiply-adds a second of a large matrix product, the best of some."""
    a, b = (torch.randn(size, size).to(precision) for _ in range(2))
    best = 0.0
    for _ in range(repeats):
        start = time.perf_counter()
        a @ b
        best = max(best, size**3 / (time.perf_counter() - start))
    return best


def bare_epoch(model: nn.Module, batches: Any, lr: float = 1e-3) -> None:
    """Do what ``fit`` does for one epoch, and nothing else."""
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    model.train()
    total, right = 0.0, 0
    for x, y in batches:
        logits = model(x)
        loss = F.cross_entropy(logits, y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(y)
        right += int((logits.detach().argmax(dim=1) == y).sum())


def small_batches(count: int) -> Pairs:
    """Return batches for a step so small that what a loop adds to it shows: 64 inputs of 16 numbers."""
    draws = torch.Generator().manual_seed(0)
    return [(torch.rand(64, 16, generator=draws), torch.randint(10, (64,), generator=draws)) for _ in range(count)]


def ours(model: nn.Module, batches: Any) -> None:
    """Do one epoch by ``fit``."""
    fit(model, batches, epochs=1, progress=False)


def step_ms(epoch: Epoch, steps: int = 400) -> float:
    """Return processor time of one step in milliseconds, without what a run costs once.

    Processor time of one thread rather than time on the clock: it does not count what the neighbours do.
    """
    seconds = []
    for count in (steps, 3 * steps):
        model, batches = nn.Linear(16, 10), small_batches(count)
        start = time.process_time()
        epoch(model, batches)
        seconds.append(time.process_time() - start)
    return 1000 * (seconds[1] - seconds[0]) / (2 * steps)


def overhead(images: data.ImageSet, rounds: int) -> dict[str, Any]:
    """Return what loops add to a step of a raw loop, and the ratio of an epoch of LeNet, all in processor time."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    ways: dict[str, Epoch] = {"raw": bare_epoch, "fit": ours, **installed()}
    for epoch in ways.values():
        step_ms(epoch, 20)  # imports and first calls
    taken = {name: [] for name in ways}
    for _ in range(rounds):
        for name, epoch in ways.items():
            taken[name].append(step_ms(epoch))
    raw = taken.pop("raw")
    found: dict[str, Any] = {"raw_ms": median(raw)}
    for name, values in taken.items():
        found[name] = {"added_ms": median(a - b for a, b in zip(values, raw, strict=True))}
        if name != "fit":
            found[name]["version"] = version(name)

    batches = data.Batches(images.subset(slice(0, 6400)), 64, augment=to_paper)
    ratios = []
    for _ in range(rounds):
        pair = []
        for epoch in (ours, bare_epoch):
            model = models.build("lenet5_modern")
            start = time.process_time()
            epoch(model, batches)
            pair.append(time.process_time() - start)
        ratios.append(pair[0] / pair[1])
    torch.set_num_threads(threads)
    return found | {"lenet_ratio": median(ratios)}


def loader(
    make: Callable[[], nn.Module], images: data.ImageSet, transforms: list[Any], augment: Augment, rounds: int
) -> dict[str, float]:
    """Return seconds for an epoch from memory and from a ``DataLoader`` with torchvision's transforms.

    Both augment and scale alike. The first is as this course trains (``speed="auto"``), the second as a script would
    that calls the same loop on its loader; ``same_speed_ratio`` compares the two with the same arithmetic.
    """
    from torchvision.transforms import Compose

    slow = torch.utils.data.DataLoader(Pictures(images, Compose(transforms)), batch_size=256, shuffle=True)
    fast = data.Batches(images, 256, augment=augment)
    ways = {"memory": (fast, "auto"), "memory, float32": (fast, None), "loader": (slow, None)}
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (batches, speed) in ways.items():
            model = make()
            start = time.perf_counter()
            fit(model, batches, epochs=1, speed=speed, progress=False)
            found[name].append(time.perf_counter() - start)
    memory, plain, sliced = (median(found[name]) for name in ways)
    return {
        "images": len(images),
        "memory_seconds": memory,
        "loader_seconds": sliced,
        "ratio": sliced / memory,
        "same_speed_ratio": sliced / plain,
    }


def loaders(mnist: data.ImageSet, cifar10: data.ImageSet, rounds: int) -> dict[str, dict[str, float]]:
    """Return what :func:`loader` finds for LeNet on MNIST and for two networks on CIFAR-10."""
    from torchvision import transforms

    digits = [
        transforms.RandomCrop(32, padding=4),
        transforms.ToTensor(),
        transforms.Normalize((0.1 / 1.275,), (1 / 1.275,)),
    ]
    photos = [
        transforms.RandomCrop(32, padding=4, padding_mode="reflect"),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        transforms.Normalize(MEAN, SPREAD),
    ]
    shifted = data.compose(data.random_shift(2), to_paper)
    flipped = data.compose(data.random_flip(), data.random_crop(4), normalised)
    return {
        "LeNet, MNIST": loader(lambda: models.build("lenet5_modern"), mnist, digits, shifted, rounds),
        "LeNet, CIFAR-10": loader(SmallLeNet, cifar10, photos, flipped, rounds),
        "SpeedNet, CIFAR-10": loader(SpeedNet, cifar10, photos, flipped, 1),
    }


def lenet(rounds: int) -> dict[str, Any]:
    """Return test accuracy and seconds of LeNet on MNIST: Adam, one cycle up to 6e-3, batches of 256, three epochs."""
    train, test = data.load("mnist", "train"), data.load("mnist", "test")
    accuracies, seconds = [], []
    for seed in range(rounds):
        seed_everything(seed)
        model = models.build("lenet5_modern")
        batches = data.Batches(train, 256, augment=to_paper, seed=seed)
        start = time.perf_counter()
        fit(model, batches, epochs=3, lr=6e-3, schedule="one_cycle", speed="auto", progress=False)
        seconds.append(time.perf_counter() - start)
        accuracies.append(evaluate(model, data.Batches(test, 1000, shuffle=False, augment=to_paper)).accuracy)
    return {"accuracy": accuracies, "seconds": seconds}


def formats(rounds: int, steps: int = 12) -> dict[str, dict[str, float]]:
    """Return images a second, and the share of the fp32 peak, of two networks in each format."""
    ways = {
        "float32": Speed(CPU),
        "float32 channels_last": Speed(CPU, "float32", True),
        "bfloat16 channels_last": Speed(CPU, "bfloat16", True),
    }
    nets = {
        "small ResNet": (lambda: models.build("resnet20_small", width=32), (64, 3, 32, 32)),
        "SpeedNet": (SpeedNet, (250, 3, 32, 32)),
        "LeNet": (lambda: models.build("lenet5_modern"), (256, 1, 32, 32)),
    }
    top, found = peak(), {}
    ways_of = [(name, way, speed) for name in nets for way, speed in ways.items()]
    for name, way, speed in ways_of:
        make, shape = nets[name]
        batch = (torch.rand(shape), torch.randint(10, (shape[0],)))
        # Forward, and twice as much on the way back.
        work = 3 * models.summarise(make(), shape[1:]).multiply_adds
        rates = []
        for _ in range(rounds):
            model = make()
            fit(model, [batch] * 2, epochs=1, speed=speed, progress=False)
            start = time.perf_counter()
            fit(model, [batch] * steps, epochs=1, speed=speed, progress=False)
            rates.append(steps * shape[0] / (time.perf_counter() - start))
        found[f"{name}, {way}"] = {"images_per_second": median(rates), "share_of_peak": median(rates) * work / top}
    for name, (make, _) in nets.items():
        found[f"{name}, chosen"] = {"way": str(choose_speed(make(), "cpu"))}
    return found | {"peak": {"giga_multiply_adds_per_second": top / 1e9, "bfloat16": peak(torch.bfloat16) / 1e9}}


def one_process(keep_memory: bool, steps: int = 40) -> float:
    """Return images a second of LeNet, in batches of 256, in a process that has done nothing else."""
    speed = Speed(CPU, "bfloat16" if multiplies_bfloat16(CPU) else "float32", True, keep_memory=keep_memory)
    batch = (torch.rand(256, 1, 32, 32), torch.randint(10, (256,)))
    model = models.build("lenet5_modern")
    fit(model, [batch] * 3, epochs=1, speed=speed, progress=False)
    start = time.perf_counter()
    fit(model, [batch] * steps, epochs=1, speed=speed, progress=False)
    return steps * 256 / (time.perf_counter() - start)


def kept_memory(rounds: int) -> dict[str, float]:
    """Return images a second of LeNet with freed memory given back and kept: fresh processes, the median of some."""
    found: dict[str, list[float]] = {"given back": [], "kept": []}
    for _ in range(rounds):
        for name, keep in (("given back", False), ("kept", True)):
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                found[name].append(pool.submit(one_process, keep).result())
    return {name: median(rates) for name, rates in found.items()}


def main(images: int = 20_000, rounds: int = 5) -> dict[str, Any]:
    """Measure everything, print and return the figures.

    Args:
        images: of MNIST, at most this many.
        rounds: of each measurement; the median counts.
    """
    mnist = data.load("mnist", "train").subset(slice(0, images))
    record: dict[str, Any] = {"images": len(mnist), "threads": torch.get_num_threads()}
    record["overhead"] = overhead(mnist, rounds)
    o = record["overhead"]
    print(f"a raw step takes {o['raw_ms']:.3f} ms of processor time; added to it:")
    for name in ("fit", *RIVALS):
        if name in o:
            print(f"  {name:12s} {o[name]['added_ms']:.3f} ms")
    print(f"an epoch of LeNet, batches of 64, by fit: {o['lenet_ratio']:.3f} times that of the raw loop")
    record["memory"] = kept_memory(rounds)
    print("LeNet, images a second, freed memory", *(f"{name} {rate:,.0f}" for name, rate in record["memory"].items()))
    # Before anything tells the allocator to keep memory, for the rest of the process.
    record["formats"] = formats(min(rounds, 3))
    for name, figures in record["formats"].items():
        print(f"{name:40s}", *(f"{k} {v:,.2f}" if isinstance(v, float) else v for k, v in figures.items()))
    cifar10 = data.load("cifar10", "train").subset(slice(0, images // 2))
    record["loader"] = loaders(mnist, cifar10, min(rounds, 3))
    for name, e in record["loader"].items():
        print(
            f"an epoch of {name}, {e['images']:,} images: from memory {e['memory_seconds']:.2f} s, DataLoader with "
            f"transforms {e['loader_seconds']:.2f} s: {e['ratio']:.1f} times (float32: {e['same_speed_ratio']:.1f})"
        )
    record["lenet"] = lenet(min(rounds, 3))
    print("LeNet on MNIST:", *(f"{100 * a:.2f} % in {s:.1f} s" for a, s in zip(*record["lenet"].values(), strict=True)))
    return record


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--record", action="store_true", help="store the figures in results/training.json")
    arguments = parser.parse_args()
    figures = main(arguments.images, arguments.rounds)
    if arguments.record:
        save_record("training", {"command": "python -m benchmarks.training --record", **figures})

"""What the training loop costs, and what its choices save, in one run. Needs MNIST; run it on a quiet machine:

    python -m benchmarks.training

- ``overhead``: ``fit`` against a bare loop with the same operations, per step, on LeNet.
- ``loader``: an epoch of LeNet on MNIST by ``fit`` on batches in memory, against the same network fed by a
  ``DataLoader`` that transforms one image at a time.
- ``formats``: images a second of a small residual network and of LeNet in each number format and memory layout, and
  the share of the machine's measured peak of matrix products that each reaches.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.batches import Pictures
from course_utils import data, models
from course_utils.recipes.lenet5 import to_paper
from course_utils.runtime import save_record
from course_utils.training import Speed, choose_speed, fit

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


def bare_epoch(model: nn.Module, batches: data.Batches, lr: float = 1e-3) -> None:
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


def overhead(images: data.ImageSet, rounds: int) -> dict[str, float]:
    """Return seconds a step of ``fit`` and of the bare loop, taken in turns, and the median of their ratios."""
    batches = data.Batches(images, 64, augment=to_paper)
    steps = len(batches)

    def seconds(run: Callable[[nn.Module], Any]) -> float:
        model = models.build("lenet5_modern")
        start = time.perf_counter()
        run(model)
        return (time.perf_counter() - start) / steps

    bare = lambda model: bare_epoch(model, batches)
    ours = lambda model: fit(model, batches, epochs=1, progress=False)
    seconds(bare), seconds(ours)
    pairs = [(seconds(ours), seconds(bare)) for _ in range(rounds)]
    return {
        "fit_ms": 1000 * median(a for a, _ in pairs),
        "bare_ms": 1000 * median(b for _, b in pairs),
        "added_ms": 1000 * median(a - b for a, b in pairs),
        "ratio": median(a / b for a, b in pairs),
    }


def loader(images: data.ImageSet, rounds: int) -> dict[str, float]:
    """Return seconds for an epoch of LeNet from memory and from a ``DataLoader`` with torchvision's transforms."""
    from torchvision import transforms

    crop = transforms.Compose([transforms.Pad(2), transforms.RandomCrop(32, padding=2), transforms.ToTensor()])
    slow = torch.utils.data.DataLoader(Pictures(images, crop), batch_size=256, shuffle=True)
    fast = data.Batches(images, 256, augment=data.compose(data.random_shift(2), to_paper))
    found: dict[str, list[float]] = {"memory": [], "loader": []}
    for _ in range(rounds):
        for name, batches in (("memory", fast), ("loader", slow)):
            model = models.build("lenet5_modern")
            start = time.perf_counter()
            fit(model, batches, epochs=1, progress=False)
            found[name].append(time.perf_counter() - start)
    memory, sliced = median(found["memory"]), median(found["loader"])
    return {"memory_seconds": memory, "loader_seconds": sliced, "ratio": sliced / memory}


def formats(rounds: int, steps: int = 12) -> dict[str, dict[str, float]]:
    """Return images a second, and the share of the fp32 peak, of two networks in each format."""
    ways = {
        "float32": Speed(CPU),
        "float32 channels_last": Speed(CPU, "float32", True),
        "bfloat16 channels_last": Speed(CPU, "bfloat16", True),
    }
    nets = {
        "small ResNet": (lambda: models.build("resnet20_small", width=32), (64, 3, 32, 32)),
        "LeNet": (lambda: models.build("lenet5_modern"), (64, 1, 32, 32)),
    }
    top, found = peak(), {}
    for name, (make, shape) in nets.items():
        batch = (torch.rand(shape), torch.randint(10, (shape[0],)))
        # Forward, and twice as much on the way back.
        work = 3 * models.summarise(make(), shape[1:]).multiply_adds
        for way, speed in ways.items():
            rates = []
            for _ in range(rounds):
                model = make()
                fit(model, [batch] * 2, epochs=1, speed=speed, progress=False)
                start = time.perf_counter()
                fit(model, [batch] * steps, epochs=1, speed=speed, progress=False)
                rates.append(steps * shape[0] / (time.perf_counter() - start))
            found[f"{name}, {way}"] = {"images_per_second": median(rates), "share_of_peak": median(rates) * work / top}
        found[f"{name}, chosen"] = {"way": str(choose_speed(make(), "cpu"))}
    return found | {"peak": {"giga_multiply_adds_per_second": top / 1e9, "bfloat16": peak(torch.bfloat16) / 1e9}}


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
    print(
        f"a step of LeNet, batch 64: bare loop {o['bare_ms']:.3f} ms, fit {o['fit_ms']:.3f} ms: {o['ratio']:.3f} times"
    )
    record["loader"] = loader(mnist, min(rounds, 3))
    e = record["loader"]
    print(
        f"an epoch of LeNet, {len(mnist):,} images: from memory {e['memory_seconds']:.2f} s, "
        f"DataLoader with transforms {e['loader_seconds']:.2f} s: {e['ratio']:.1f} times"
    )
    record["formats"] = formats(min(rounds, 3))
    for name, figures in record["formats"].items():
        print(f"{name:40s}", *(f"{k} {v:,.2f}" if isinstance(v, float) else v for k, v in figures.items()))
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

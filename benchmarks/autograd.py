"""One training step on digits: the chapter's tensor engine against PyTorch and against the scalar engine.

The same network (64-32-10 with ReLUs), the same batch, the same step of plain gradient descent, float32, one thread.
Run it on a quiet machine:

    python -m benchmarks.autograd
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from course_utils import data
from course_utils.runtime import save_record
from course_utils.scratch.autograd.tensor import MLP, Tensor, cross_entropy
from course_utils.scratch.autograd.value import ScalarMLP, Value

SIZES = (64, 32, 10)


def rounds(runs: dict[str, Callable[[], None]], repeats: int, calls: int) -> dict[str, list[float]]:
    """Return seconds a call for each run and repeat; the runs take turns, so that a busy moment meets all of them."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()  # what happens only once is over
    for _ in range(repeats):
        for name, run in runs.items():
            start = time.perf_counter()
            for _ in range(calls):
                run()
            seconds[name].append((time.perf_counter() - start) / calls)
    return seconds


def scalar_seconds(x: np.ndarray, y: np.ndarray) -> float:
    """Return seconds for one step of the scalar engine on these examples."""
    start_net = MLP(SIZES)
    net = ScalarMLP([w.data for w in start_net.weights], [b.data for b in start_net.biases], "relu")
    start = time.perf_counter()
    total = Value(0.0)
    for row, label in zip(x.tolist(), y.tolist()):
        logits = net(row)
        total = total + sum((z.exp() for z in logits), start=Value(0.0)).log() - logits[label]
    (total / len(y)).backward()
    net.step(0.1)
    return time.perf_counter() - start


def main(batch_size: int = 64, repeats: int = 25, calls: int = 100, scalar_examples: int = 4) -> dict[str, Any]:
    """Time a step each way, print and return the figures.

    Args:
        batch_size: examples a step of the tensor engines.
        repeats: rounds; the median of their ratios counts.
        calls: steps a round.
        scalar_examples: examples of the scalar engine's one step; its time is scaled up to the batch.

    Returns:
        Milliseconds a step (``tensor_ms``, ``torch_ms``, ``scalar_ms``), ``ratio`` of the first two, ``scalar_ratio``.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    digits = data.load("digits", "train")
    x = digits.images.reshape(len(digits), -1).numpy().astype(np.float32)[:batch_size] / 255
    y = digits.labels.numpy()[:batch_size]
    ours = MLP(SIZES)
    theirs = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
    optimiser = torch.optim.SGD(theirs.parameters(), lr=0.1)
    tx, ty = torch.tensor(x), torch.tensor(y)

    def our_step() -> None:
        cross_entropy(ours(Tensor(x)), y).backward()
        ours.step(0.1)

    def torch_step() -> None:
        optimiser.zero_grad()
        F.cross_entropy(theirs(tx), ty).backward()
        optimiser.step()

    seconds = rounds({"tensor": our_step, "torch": torch_step}, repeats, calls)
    scalar = scalar_seconds(x[:scalar_examples], y[:scalar_examples]) / scalar_examples * batch_size
    torch.set_num_threads(threads)
    record: dict[str, Any] = {
        "batch_size": batch_size,
        "sizes": list(SIZES),
        "threads": 1,
        "tensor_ms": 1000 * median(seconds["tensor"]),
        "torch_ms": 1000 * median(seconds["torch"]),
        "scalar_ms": 1000 * scalar,
        "ratio": median(a / b for a, b in zip(seconds["tensor"], seconds["torch"])),
        "scalar_ratio": scalar / median(seconds["tensor"]),
    }
    print(f"one step of {'-'.join(map(str, SIZES))}, batch {batch_size}, one thread")
    print(f"  tensor engine {record['tensor_ms']:9.3f} ms")
    print(f"  PyTorch       {record['torch_ms']:9.3f} ms   the engine takes {record['ratio']:.2f} times as long")
    print(f"  scalar engine {record['scalar_ms']:9.0f} ms   {record['scalar_ratio']:,.0f} times the tensor engine")
    return record


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=25)
    parser.add_argument("--record", action="store_true", help="store the figures in results/autograd.json")
    arguments = parser.parse_args()
    figures = main(arguments.batch_size, arguments.repeats)
    if arguments.record:
        save_record("autograd", {"command": "python -m benchmarks.autograd --record", **figures})

"""Measure what chapter 07b needs more time for than a page has, and write it to ``results/``.

python -m tools.record_residual preact     two orders of a residual block, 20 to 218 layers, digits (5 minutes)
python -m tools.record_residual mnist      plain and residual twins of 8 and 56 layers, MNIST (2 minutes)

The second needs MNIST: course data mnist
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import data
from course_utils.models.preact_resnet import PreActivationResNet
from course_utils.models.residual_twins import momentum_run, twin
from course_utils.models.resnet import SmallResNet
from course_utils.runtime import save_record

PREACT_STEPS, PREACT_BATCH, PREACT_WIDTH, SMOOTH = 100, 32, 4, 10
PREACT_RUNS = ((20, 0.1), (110, 0.1), (218, 0.1), (110, 0.02))  # layers, learning rate
MNIST_DEPTHS, MNIST_STEPS, MNIST_BATCH, MNIST_RATE, MNIST_WIDTH = (8, 56), 80, 32, 0.05, 8

KINDS: dict[str, Callable[[int], nn.Module]] = {
    "post": lambda depth: SmallResNet(depth, width=PREACT_WIDTH, in_channels=1),
    "pre": lambda depth: PreActivationResNet(depth, width=PREACT_WIDTH, in_channels=1, bottleneck=False),
}


def standardised(images: Tensor) -> Tensor:
    """Return images as floats with mean 0 and deviation 1 over all pixels."""
    x = images.float()
    return (x - x.mean()) / x.std()


def means(values: list[float], size: int) -> list[float]:
    """Return the means of successive groups of ``size`` values."""
    return [round(sum(values[i : i + size]) / size, 4) for i in range(0, len(values), size)]


def record_preact(seeds: int) -> None:
    """Training loss of post- and pre-activation networks over the first steps."""
    digits = data.load("digits", "train")
    x, y = standardised(digits.images), digits.labels
    curves: dict[str, list[list[float]]] = {}
    for depth, lr in PREACT_RUNS:
        for kind, make in KINDS.items():
            for seed in range(seeds):
                torch.manual_seed(seed)
                losses = momentum_run(make(depth), PREACT_STEPS, lr, x=x, y=y, seed=seed, batch=PREACT_BATCH)
                curves.setdefault(f"{kind}_{depth}_{lr}", []).append(means(losses, SMOOTH))
            print(depth, lr, kind, [c[-1] for c in curves[f"{kind}_{depth}_{lr}"]], flush=True)
    save_record(
        "07b_residual.preact",
        {
            "metrics": {key: [curve[-1] for curve in found] for key, found in curves.items()},
            "curves": curves,
            "runs": [list(run) for run in PREACT_RUNS],
            "steps": PREACT_STEPS,
            "smooth": SMOOTH,
            "batch": PREACT_BATCH,
            "width": PREACT_WIDTH,
            "seeds": list(range(seeds)),
            "command": f"python -m tools.record_residual preact --seeds {seeds}",
        },
    )


def record_mnist(seeds: int) -> None:
    """Training loss of plain and residual twins on MNIST at 14x14 pixels, and the test accuracy beside it."""
    train, test = data.load("mnist", "train"), data.load("mnist", "test")
    x, new_x = (standardised(F.avg_pool2d(part.images.float(), 2)) for part in (train, test))
    metrics: dict[str, list[float]] = {}
    for depth in MNIST_DEPTHS:
        for kind in ("plain", "residual"):
            for seed in range(seeds):
                model = twin(depth, kind, seed, MNIST_WIDTH)
                losses = momentum_run(model, MNIST_STEPS, MNIST_RATE, x=x, y=train.labels, seed=seed, batch=MNIST_BATCH)
                metrics.setdefault(f"{kind}_{depth}", []).append(means(losses[-20:], 20)[0])
                model.eval()
                with torch.no_grad():
                    right = (model(new_x[:1000]).argmax(1) == test.labels[:1000]).float().mean().item()
                metrics.setdefault(f"{kind}_{depth}_accuracy", []).append(round(right, 4))
            print(depth, kind, metrics[f"{kind}_{depth}"], metrics[f"{kind}_{depth}_accuracy"], flush=True)
    save_record(
        "07b_residual.mnist",
        {
            "metrics": metrics,
            "depths": list(MNIST_DEPTHS),
            "steps": MNIST_STEPS,
            "batch": MNIST_BATCH,
            "rate": MNIST_RATE,
            "width": MNIST_WIDTH,
            "seeds": list(range(seeds)),
            "command": f"python -m tools.record_residual mnist --seeds {seeds}",
        },
    )


def main(argv: list[str] | None = None) -> int:
    """Run one recording."""
    parser = argparse.ArgumentParser(prog="python -m tools.record_residual", description=__doc__.split("\n")[0])
    parser.add_argument("topic", choices=("preact", "mnist"))
    parser.add_argument("--seeds", type=int, default=6)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    {"preact": record_preact, "mnist": record_mnist}[args.topic](args.seeds)
    return 0


if __name__ == "__main__":
    sys.exit(main())

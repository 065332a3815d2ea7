"""Measure on MNIST what chapters 04 and 04d show on small digits, and write it to ``results/``.

python -m tools.record_training rates             one epoch with each optimiser at each rate (about 4 minutes)
python -m tools.record_training regularisers      networks with different regularisers (about 2 minutes)

Both need MNIST: ``course data mnist``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import data
from course_utils.runtime import save_record
from course_utils.scratch.regularisation.side_by_side import Regulariser, train_side_by_side

SIZES = (300, 3000)
CANDIDATES = {
    "none": Regulariser(),
    "dropout 0.25": Regulariser(dropout=0.25),
    "dropout 0.5": Regulariser(dropout=0.5),
    "l2 0.001": Regulariser(l2=0.001),
    "l2 0.003": Regulariser(l2=0.003),
    "both 0.5": Regulariser(dropout=0.5, l2=0.001),
    "smoothing 0.1": Regulariser(smoothing=0.1),
}
STEPS = 300

RATES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
BATCH = 128
HIDDEN = 128
RULES: dict[str, Callable[[list[Tensor], float], torch.optim.Optimizer]] = {
    "descent": lambda weights, lr: torch.optim.SGD(weights, lr),
    "momentum": lambda weights, lr: torch.optim.SGD(weights, lr, momentum=0.9),
    "rmsprop": lambda weights, lr: torch.optim.RMSprop(weights, lr),
    "adam": lambda weights, lr: torch.optim.Adam(weights, lr),
}


def flat(split: str) -> tuple[Tensor, Tensor]:
    """MNIST as rows of 784 bytes, and the labels."""
    digits = data.load("mnist", split)
    return digits.images.reshape(len(digits), -1), digits.labels


def one_epoch(rule: str, lr: float, seed: int, train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]) -> float:
    """Test accuracy after one pass over the training digits, with batches of 128."""
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(784, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 10))
    optimiser = RULES[rule](list(net.parameters()), lr)
    x, y = train
    for index in torch.randperm(len(x)).split(BATCH):
        optimiser.zero_grad()
        F.cross_entropy(net(x[index].float() / 255), y[index]).backward()
        optimiser.step()
    with torch.no_grad():
        return float((net(test[0].float() / 255).argmax(dim=1) == test[1]).double().mean())


def record_rates(seeds: int) -> None:
    """Measure every optimiser at every rate and write the record."""
    train, test = flat("train"), flat("test")
    metrics: dict[str, list[float]] = {}
    for seed in range(seeds):
        for rule in RULES:
            for lr in RATES:
                metrics.setdefault(f"{rule}_{lr:g}", []).append(one_epoch(rule, lr, seed, train, test))
        print(f"seed {seed}", flush=True)
    save_record(
        "04_training.rates",
        {
            "metrics": metrics,
            "rates": list(RATES),
            "rules": list(RULES),
            "batch_size": BATCH,
            "hidden": HIDDEN,
            "seeds": list(range(seeds)),
            "command": f"python -m tools.record_training rates --seeds {seeds}",
        },
    )


def measure_regularisers(seed: int) -> dict[str, float]:
    """Test accuracy and loss of each method, its strength chosen on 2,000 held-out digits, for each training size."""
    x, y = flat("train")
    test_x, test_y = flat("test")
    names = list(CANDIDATES)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    held_out = order[-2000:]
    found = {}
    for size in SIZES:
        few = order[:size]
        stack = train_side_by_side(
            x[few].float() / 255,
            y[few],
            CANDIDATES,
            hidden=(128, 128),
            steps=STEPS,
            batch_size=100,
            lr=2e-3,
            seed=seed,
        )
        valid_loss, _ = stack.scores(x[held_out].float() / 255, y[held_out])
        loss, accuracy = stack.scores(test_x.float() / 255, test_y)
        for method in ("none", "dropout", "l2", "both", "smoothing"):
            of_method = [i for i, name in enumerate(names) if name.split()[0] == method]
            chosen = min(of_method, key=lambda i: float(valid_loss[i]))
            found[f"{method}_{size}_accuracy"] = float(accuracy[chosen])
            found[f"{method}_{size}_loss"] = float(loss[chosen])
    return found


def record_regularisers(seeds: int) -> None:
    """Measure every seed and write the record."""
    metrics: dict[str, list[float]] = {}
    for seed in range(seeds):
        for metric, value in measure_regularisers(seed).items():
            metrics.setdefault(metric, []).append(value)
        print(f"seed {seed}", flush=True)
    save_record(
        "04d_regularisation.mnist",
        {
            "metrics": metrics,
            "sizes": list(SIZES),
            "steps": STEPS,
            "seeds": list(range(seeds)),
            "command": f"python -m tools.record_training regularisers --seeds {seeds}",
        },
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("rates", "regularisers"))
    parser.add_argument("--seeds", type=int, default=5)
    chosen = parser.parse_args(arguments)
    (record_rates if chosen.what == "rates" else record_regularisers)(chosen.seeds)
    return 0


if __name__ == "__main__":
    sys.exit(main())

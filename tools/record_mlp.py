"""Measure what chapter 02 shows over many seeds, and write it to ``results/``.

python -m tools.record_mlp race      batches to a target error, for each activation and depth (2 minutes)
python -m tools.record_mlp mnist     needs MNIST: course data mnist (3 minutes)
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import data, training
from course_utils.runtime import save_record, seed_everything
from course_utils.scratch.networks.distortions import shift
from course_utils.scratch.networks.side_by_side import SideBySide, accuracies, train

ACTIVATIONS = ("relu", "leaky_relu", "tanh", "sigmoid")
DEPTHS = (1, 3, 6)
RATES = (0.1, 0.3, 1.0, 3.0, 10.0)
TARGETS = {"25": 0.25, "5": 0.05, "1": 0.01}
BUDGET = 600
PILOTS = range(100, 105)


def digits_for_race() -> tuple[Tensor, Tensor]:
    """Return the training digits, centred and scaled to unit spread, and their classes."""
    digits = data.load("digits", "train")
    x = digits.images.flatten(1).float() / 255
    return (x - x.mean(dim=0)) / x.std(), digits.labels


def batches_to_target(
    hidden: int, activation: str, seeds: list[int], rates: list[float], decided: Callable[[Tensor], bool]
) -> dict[str, Tensor]:
    """Train one network a seed and rate; return for every target the first batch at which its error is met.

    The training error on all digits is taken every 5 batches; a target not met within the budget counts as
    one step more than the budget. ``decided`` sees which runs have met the last target and may end the training.
    """
    x, y = digits_for_race()
    met = {name: torch.full((len(seeds),), BUDGET + 1) for name in TARGETS}

    def watch(step: int, nets: SideBySide) -> bool:
        error = 1 - accuracies(nets, x, y)
        for name, target in TARGETS.items():
            met[name][(error <= target) & (met[name] > BUDGET)] = step
        return decided(met["1"] <= BUDGET)

    nets = SideBySide([64, *[64] * hidden, 10], activation, seeds)
    train(nets, x, y, steps=BUDGET, lr=rates, watch=watch, every=5)
    return met


def most_seeds_of_some_rate(done: Tensor) -> bool:
    """Tell whether most pilot seeds of one rate are done; ``done`` lists the seeds of a rate one after another."""
    return bool((done.view(len(RATES), -1).sum(dim=1) > len(PILOTS) / 2).any())


def record_race(seeds: int) -> None:
    """Batches to 25, 5 and 1 % training error; each activation at the rate that is best for it in a pilot."""
    metrics: dict[str, list[float]] = {}
    chosen = {}
    for hidden in DEPTHS:
        for activation in ACTIVATIONS:
            pilots, rates = [s for _ in RATES for s in PILOTS], [r for r in RATES for _ in PILOTS]
            # the pilot is decided once most seeds of some rate have met the last target
            pilot = batches_to_target(hidden, activation, pilots, rates, most_seeds_of_some_rate)
            # the rate with the best median at 1 %, at 5 % where nothing gets that far, at 25 % then
            scores = torch.stack([pilot[t].view(len(RATES), -1).median(dim=1).values for t in ("1", "5", "25")], dim=1)
            best = min(range(len(RATES)), key=lambda i: scores[i].tolist())
            chosen[f"{activation}_{hidden}"] = RATES[best]
            met = batches_to_target(
                hidden, activation, list(range(seeds)), [RATES[best]] * seeds, lambda done: bool(done.all())
            )
            for target, steps in met.items():
                metrics[f"{activation}_{hidden}_to_{target}"] = steps.tolist()
            medians = {t: int(v.median()) for t, v in met.items()}
            print(f"{hidden} hidden, {activation}: rate {RATES[best]}, median batches {medians}", flush=True)
    save_record(
        "02_mlp.race",
        {
            "metrics": metrics,
            "rates": chosen,
            "rates_tried": list(RATES),
            "hidden_layers": list(DEPTHS),
            "units": 64,
            "batch_size": 64,
            "budget": BUDGET,
            "seeds": list(range(seeds)),
            "pilot_seeds": list(PILOTS),
            "command": f"python -m tools.record_mlp race --seeds {seeds}",
        },
    )


def linear_probe(features: Tensor, labels: Tensor, test: Tensor, test_labels: Tensor, seed: int) -> float:
    """Train one linear layer on standardised features and return its test accuracy."""
    mean, spread = features.mean(dim=0), features.std(dim=0) + 1e-6
    features, test = (features - mean) / spread, (test - mean) / spread
    torch.manual_seed(seed)
    probe = nn.Linear(features.shape[1], 10)
    optimiser = torch.optim.Adam(probe.parameters(), lr=1e-3)
    draw = torch.Generator().manual_seed(seed)
    for _ in range(5):
        for batch in torch.randperm(len(features), generator=draw).split(256):
            optimiser.zero_grad()
            F.cross_entropy(probe(features[batch]), labels[batch]).backward()
            optimiser.step()
    with torch.no_grad():
        return (probe(test).argmax(dim=1) == test_labels).double().mean().item()


def record_mnist(seeds: int) -> None:
    """Shifts of MNIST's test digits for an MLP and a small pooled CNN, and probes on 64 hidden units."""
    digits, unseen = data.load("mnist", "train"), data.load("mnist", "test")
    test, labels = unseen.images.float() / 255, unseen.labels
    shifts = (0, 1, 2, 3, 4)
    metrics: dict[str, list[float]] = {}

    def put(name: str, value: float) -> None:
        metrics.setdefault(name, []).append(value)
        print(name, f"{value:.4f}", flush=True)

    for seed in range(seeds):
        seed_everything(seed)
        mlp = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
        x, test_x = digits.images.flatten(1).float() / 255, test.flatten(1)
        with torch.no_grad():
            start = [torch.relu(mlp[1](v)) for v in (x, test_x)]
        batches = data.Batches(digits, batch_size=128, seed=seed)
        training.fit(mlp, batches, epochs=4, lr=3e-3, schedule="one_cycle", progress=False)
        cnn = nn.Sequential(
            nn.Conv2d(1, 8, 5, stride=2, padding=2), nn.ReLU(),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(32, 10),
        )  # fmt: skip
        training.fit(cnn, batches, epochs=1, lr=1e-2, schedule="one_cycle", progress=False)
        with torch.no_grad():
            for name, net in (("mlp", mlp), ("cnn", cnn.eval())):
                for pixels in shifts:
                    moved = shift(test, right=pixels)
                    right = torch.cat([net(part).argmax(dim=1) for part in moved.split(1000)]) == labels
                    put(f"{name}_shift_{pixels}", right.double().mean().item())
            learned = [torch.relu(mlp[1](v)) for v in (x, test_x)]
        for name, (a, b) in {"raw": (x, test_x), "random": start, "learned": learned}.items():
            put(f"probe_{name}", linear_probe(a, digits.labels, b, labels, seed))
        # after every seed, so that a run that is cut short leaves what it has
        save_record(
            "02_mlp.mnist",
            {
                "metrics": metrics,
                "shifts": list(shifts),
                "parameters": {
                    name: sum(p.numel() for p in net.parameters()) for name, net in (("mlp", mlp), ("cnn", cnn))
                },
                "seeds": list(range(seed + 1)),
                "command": f"python -m tools.record_mlp mnist --seeds {seed + 1}",
            },
        )


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.record_mlp", description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=("race", "mnist"))
    parser.add_argument("--seeds", type=int)
    args = parser.parse_args(argv)
    if args.what == "race":
        record_race(args.seeds or 20)
    else:
        record_mnist(args.seeds or 3)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Measure what chapter 02b shows over many seeds, and write it to ``results/``.

python -m tools.record_losses race      batches to a target error, for each activation and depth (2 minutes)
python -m tools.record_losses mnist     the same race on MNIST: course data mnist (5 minutes)
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from course_utils import data
from course_utils.runtime import save_record
from course_utils.scratch.networks.side_by_side import SideBySide, accuracies, train

ACTIVATIONS = ("relu", "leaky_relu", "tanh", "sigmoid")
RATES = (0.1, 0.3, 1.0, 3.0, 10.0)
UNITS, BATCH_SIZE = 64, 64


@dataclass(frozen=True)
class Race:
    """One data set and the rules of the race on it.

    Attributes:
        depths: numbers of hidden layers.
        targets: name in percent to training error; the last one ends a run.
        budget: most batches of a run.
        every: batches between two looks at the error.
        watched: the training examples on which the error is taken: the first so many.
        pilots: seeds that choose the learning rate, none of them among those of the race.
    """

    depths: tuple[int, ...]
    targets: dict[str, float]
    budget: int
    every: int
    watched: int
    pilots: range


RACES = {
    "digits": Race((1, 3, 6), {"25": 0.25, "5": 0.05, "1": 0.01}, 600, 5, 1297, range(100, 105)),
    "mnist": Race((1, 3, 6), {"25": 0.25, "10": 0.1, "5": 0.05}, 1500, 25, 10_000, range(100, 103)),
}


def inputs(name: str) -> tuple[Tensor, Tensor]:
    """Return the training digits, centred and scaled to unit spread, and their classes."""
    digits = data.load(name, "train")
    x = digits.images.flatten(1).float() / 255
    return (x - x.mean(dim=0)) / x.std(), digits.labels


def batches_to_target(
    name: str,
    hidden: int,
    activation: str,
    seeds: list[int],
    rates: list[float],
    decided: Callable[[Tensor], bool],
    budget: int | None = None,
) -> dict[str, Tensor]:
    """Train one network a seed and rate; return for every target the first batch at which its error is met.

    A target not met within the budget counts as one step more than the budget. ``decided`` sees which runs have met
    the last target and may end the training. ``budget`` replaces the race's own.
    """
    (x, y), rules = inputs(name), RACES[name]
    most = budget or rules.budget
    met = {target: torch.full((len(seeds),), most + 1) for target in rules.targets}
    last = list(rules.targets)[-1]

    def watch(step: int, nets: SideBySide) -> bool:
        error = 1 - accuracies(nets, x[: rules.watched], y[: rules.watched])
        for target, bound in rules.targets.items():
            met[target][(error <= bound) & (met[target] > most)] = step
        return decided(met[last] <= most)

    nets = SideBySide([x.shape[1], *[UNITS] * hidden, 10], activation, seeds)
    train(nets, x, y, steps=most, lr=rates, batch_size=BATCH_SIZE, watch=watch, every=rules.every)
    return met


def record_race(name: str, record: str, command: str, seeds: int) -> None:
    """Batches to each training error; each activation at the rate that is best for it in a pilot."""
    rules = RACES[name]
    metrics: dict[str, list[float]] = {}
    chosen = {}

    def some_rate_is_done(done: Tensor) -> bool:  # most pilot seeds of one rate; a rate's seeds stand together
        return bool((done.view(len(RATES), -1).sum(dim=1) > len(rules.pilots) / 2).any())

    for hidden in rules.depths:
        for activation in ACTIVATIONS:
            pilots, rates = [s for _ in RATES for s in rules.pilots], [r for r in RATES for _ in rules.pilots]
            pilot = batches_to_target(name, hidden, activation, pilots, rates, some_rate_is_done)
            # the rate with the best median at the last target; where nothing gets that far, at the one before
            hardest_first = reversed(rules.targets)
            scores = torch.stack([pilot[t].view(len(RATES), -1).median(dim=1).values for t in hardest_first], dim=1)
            best = min(range(len(RATES)), key=lambda i: scores[i].tolist())
            chosen[f"{activation}_{hidden}"] = RATES[best]
            run = list(range(seeds))
            met = batches_to_target(name, hidden, activation, run, [RATES[best]] * seeds, lambda done: bool(done.all()))
            for target, steps in met.items():
                metrics[f"{activation}_{hidden}_to_{target}"] = steps.tolist()
            medians = {t: int(v.median()) for t, v in met.items()}
            print(f"{hidden} hidden, {activation}: rate {RATES[best]}, median batches {medians}", flush=True)
    save_record(
        record,
        {
            "metrics": metrics,
            "rates": chosen,
            "rates_tried": list(RATES),
            "hidden_layers": list(rules.depths),
            "units": UNITS,
            "batch_size": BATCH_SIZE,
            "budget": rules.budget,
            "error_taken_on": rules.watched,
            "seeds": list(range(seeds)),
            "pilot_seeds": list(rules.pilots),
            "command": f"python -m tools.record_losses {command} --seeds {seeds}",
        },
    )


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.record_losses", description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=("race", "mnist"))
    parser.add_argument("--seeds", type=int)
    args = parser.parse_args(argv)
    if args.what == "race":
        record_race("digits", "02b_losses.race", "race", args.seeds or 20)
    else:
        record_race("mnist", "02b_losses.mnist", "mnist", args.seeds or 10)
    return 0


if __name__ == "__main__":
    sys.exit(main())

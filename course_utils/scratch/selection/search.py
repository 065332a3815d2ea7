"""Settings to try: on a grid, or at random; every trial with a seed of its own, written down (chapter 04e)."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from course_utils.check import check_int, check_number

Setting = dict[str, Any]


def grid(axes: Mapping[str, Sequence[Any]]) -> list[Setting]:
    """Return every combination, the last axis running fastest.

    Args:
        axes: values to try of each hyperparameter, at least one each.
    """
    for name, values in axes.items():
        check_int(f"number of values of {name}", len(values), minimum=1)
    return [dict(zip(axes, values)) for values in itertools.product(*axes.values())]


@dataclass(frozen=True)
class LogUniform:
    """Numbers between ``low`` and ``high`` of which every power of ten is equally likely (rates, strengths)."""

    low: float
    high: float

    def __post_init__(self) -> None:
        check_number("low", self.low, above=0)
        check_number("high", self.high, above=self.low)

    def draw(self, rng: np.random.Generator) -> float:
        return float(np.exp(rng.uniform(np.log(self.low), np.log(self.high))))


@dataclass(frozen=True)
class Choice:
    """One of several values, all equally likely."""

    values: tuple[Any, ...]

    def draw(self, rng: np.random.Generator) -> Any:
        return self.values[int(rng.integers(len(self.values)))]


def random_settings(ranges: Mapping[str, LogUniform | Choice], count: int, seed: int = 0) -> list[Setting]:
    """Draw settings at random, each hyperparameter from its own range.

    Args:
        ranges: name to range.
        count: number of settings, at least 1.
        seed: at least 0.

    Source: J. Bergstra and Y. Bengio, Random search for hyper-parameter optimization, 2012.
    """
    rng = np.random.default_rng(check_int("seed", seed, minimum=0))
    return [{name: r.draw(rng) for name, r in ranges.items()} for _ in range(check_int("count", count, minimum=1))]


def chance_of_top(share: float, trials: int) -> float:
    """Return the chance that one of m random settings or more is among the best ``share`` q: ``1 - (1 - q)^m``."""
    q = check_number("share", share, minimum=0, maximum=1)
    return float(1 - (1 - q) ** check_int("trials", trials, minimum=1))


@dataclass(frozen=True)
class Trial:
    """One setting, the seed it ran with, and its score (higher is better)."""

    setting: Setting
    seed: int
    score: float


def run_trials(
    settings: Sequence[Setting], evaluate: Callable[[Setting, int], float], seed: int = 0, log: Path | None = None
) -> list[Trial]:
    """Evaluate every setting with a seed of its own and write each result down as soon as it is there.

    Args:
        settings: what to try.
        evaluate: ``(setting, seed) -> score``; must be a function of the two alone.
        seed: trial i runs with a seed made from this one and i, so that adding trials changes none of the earlier ones.
        log: file that gets one line of JSON a trial; None writes nothing.

    Returns:
        The trials, in order.
    """
    trials = []
    for number, setting in enumerate(settings):
        own = int(np.random.SeedSequence([check_int("seed", seed, minimum=0), number]).generate_state(1)[0] % 2**31)
        trials.append(Trial(dict(setting), own, float(evaluate(setting, own))))
        if log is not None:
            with open(log, "a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(trials[-1])) + "\n")
    return trials


def read_log(path: Path) -> list[Trial]:
    """Return the trials that `run_trials` wrote down."""
    return [Trial(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def best_trial(trials: Sequence[Trial]) -> Trial:
    """Return the trial with the highest score; of equals the first; a score that is NaN never wins."""
    check_int("number of trials", len(trials), minimum=1)
    return max(trials, key=lambda t: -np.inf if np.isnan(t.score) else t.score)

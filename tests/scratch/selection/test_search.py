"""Grids are complete, random settings spread, every trial can be run again."""

import numpy as np
import pytest

from course_utils.scratch.selection.search import (
    Choice,
    LogUniform,
    Trial,
    best_trial,
    chance_of_top,
    grid,
    random_settings,
    read_log,
    run_trials,
)


def test_a_grid_is_every_combination_once():
    settings = grid({"lr": [0.1, 0.2, 0.3], "decay": [0, 1]})
    assert len(settings) == 6
    assert settings[:3] == [{"lr": 0.1, "decay": 0}, {"lr": 0.1, "decay": 1}, {"lr": 0.2, "decay": 0}]
    assert len({tuple(s.items()) for s in settings}) == 6


def test_random_settings_are_even_over_powers_of_ten():
    ranges = {"lr": LogUniform(1e-4, 1e0), "act": Choice(("a", "b"))}
    settings = random_settings(ranges, 4000, seed=1)
    decade = np.floor(np.log10([s["lr"] for s in settings]))
    assert np.abs(np.bincount((decade + 4).astype(int)) / 4000 - 0.25).max() < 0.03
    assert len({s["lr"] for s in settings}) == 4000
    assert 0.45 < np.mean([s["act"] == "a" for s in settings]) < 0.55
    assert random_settings(ranges, 5, seed=1) == settings[:5]


@pytest.mark.parametrize(("share", "trials"), [(0.05, 60), (0.2, 3)])
def test_the_chance_of_a_top_setting(share, trials):
    hits = (np.random.default_rng(0).random((20_000, trials)) < share).any(axis=1).mean()
    assert hits == pytest.approx(chance_of_top(share, trials), abs=0.01)


def test_the_log_reproduces_the_best(tmp_path):
    def evaluate(setting, seed):
        return -abs(setting["lr"] - 0.3) + 0.01 * np.random.default_rng(seed).normal()

    log = tmp_path / "trials.jsonl"
    trials = run_trials(grid({"lr": [0.1, 0.3, 0.9]}), evaluate, seed=5, log=log)
    assert read_log(log) == trials
    best = best_trial(read_log(log))
    assert best.setting == {"lr": 0.3}
    assert evaluate(best.setting, best.seed) == best.score
    assert len({t.seed for t in trials}) == 3
    assert run_trials(grid({"lr": [0.1, 0.3]}), evaluate, seed=5) == trials[:2]


def test_nan_never_wins():
    nan = Trial({"lr": 9}, 0, float("nan"))
    assert best_trial([nan, Trial({"lr": 1}, 0, 0.2), nan]).score == 0.2
    with pytest.raises(ValueError, match="number of values of lr must be at least 1"):
        grid({"lr": []})
    with pytest.raises(ValueError, match="high must be greater than"):
        LogUniform(1.0, 0.1)

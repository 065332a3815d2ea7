"""Formulas against simulation, and the two theorems that the chapter states."""

import numpy as np
import pytest

from course_utils.scratch.pooling.boureau import (
    POOLINGS,
    best_threshold_error,
    measured_separability,
    pooled_moments,
    separability,
    simulate_pooled,
)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize(
    ("alpha_1", "alpha_2", "places"), [(0.02, 0.004, 64), (0.2, 0.1, 16), (0.6, 0.4, 9), (0.1, 0.3, 1)]
)
def test_formulas_match_a_simulation(pooling, alpha_1, alpha_2, places):
    a = simulate_pooled(alpha_1, places, 60_000, 0, pooling)
    b = simulate_pooled(alpha_2, places, 60_000, 1, pooling)
    mean, std = pooled_moments(alpha_1, places, pooling)
    assert a.mean() == pytest.approx(float(mean), abs=5 * float(std) / 60_000**0.5)
    assert measured_separability(a, b) == pytest.approx(
        float(separability(alpha_1, alpha_2, places, pooling)), rel=0.05
    )


def test_with_one_place_both_are_the_same():
    assert separability(0.3, 0.1, 1, "max") == pytest.approx(float(separability(0.3, 0.1, 1, "average")))


def test_max_always_wins_against_a_silent_class():
    alpha, places = np.meshgrid(np.linspace(0.001, 0.2, 40), np.arange(2, 60))
    assert (separability(alpha, 0.0, places, "max") > separability(alpha, 0.0, places, "average")).all()


def test_average_wins_for_dense_features_and_max_for_sparse_ones():
    assert separability(0.5, 0.25, 64, "average") > 5 * separability(0.5, 0.25, 64, "max")
    assert separability(0.02, 0.001, 64, "max") > separability(0.02, 0.001, 64, "average")


def test_for_rare_features_the_border_is_the_fourth_power_of_the_golden_ratio():
    # For small alpha the difference has the sign of a^2 - 3ab + b^2, with a^2 = alpha_1 and b^2 = alpha_2.
    border = ((3 + 5**0.5) / 2) ** 2
    alpha = 1e-5
    for places in (2, 10, 100):
        for ratio, wins in ((border * 1.05, True), (border / 1.05, False)):
            ahead = separability(alpha, alpha / ratio, places, "max") > separability(
                alpha, alpha / ratio, places, "average"
            )
            assert ahead == wins


def test_two_features_that_always_fire_are_not_separable_and_silence_against_certainty_is():
    assert separability(1.0, 1.0, 4, "max") == 0
    assert separability(0.9, 0.8, 10_000, "max") == 0
    assert separability(1.0, 0.0, 4, "max") == np.inf


def test_no_threshold_on_the_maximum_beats_the_best_one_on_the_count():
    rng = np.random.default_rng(0)
    for _ in range(200):
        alpha_1, alpha_2, places = rng.random(), rng.random(), int(rng.integers(1, 80))
        best = best_threshold_error(alpha_1, alpha_2, places, "average")
        assert best <= best_threshold_error(alpha_1, alpha_2, places, "max") + 1e-12


def test_threshold_error_matches_a_search_over_drawn_samples():
    a, b = (simulate_pooled(alpha, 20, 100_000, seed, "average") for seed, alpha in enumerate((0.2, 0.1)))
    searched = min(0.5 * ((a <= t).mean() + (b > t).mean()) for t in np.arange(20) / 20 + 1e-6)
    assert searched == pytest.approx(best_threshold_error(0.2, 0.1, 20, "average"), abs=0.005)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="pooling must be one of"):
        pooled_moments(0.1, 4, "min")
    with pytest.raises(ValueError, match="alpha must be at most 1"):
        simulate_pooled(1.5, 4, 10, 0, "max")

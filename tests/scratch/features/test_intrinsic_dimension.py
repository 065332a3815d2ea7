"""Estimates of dimension on clouds whose dimension is known, and on pictures of two factors."""

import numpy as np
import pytest

from course_utils.scratch.features.intrinsic_dimension import (
    levina_bickel,
    neighbour_distances,
    neighbour_distances_loop,
    pca_dimension,
    two_nn,
)
from course_utils.scratch.features.rendered_bars import draw_factors, render, targets


def test_distances_equal_loops_also_far_from_the_origin() -> None:
    x = np.random.default_rng(0).normal(size=(30, 4)) + 1e8
    assert np.allclose(neighbour_distances(x, 5), neighbour_distances_loop(x, 5), rtol=1e-6)


@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_estimates_find_the_dimension_of_a_flat_cloud(dimension: int) -> None:
    rng = np.random.default_rng(dimension)
    cloud = rng.uniform(size=(2000, dimension)) @ rng.normal(size=(dimension, 50))
    assert two_nn(cloud) == pytest.approx(dimension, rel=0.1)
    assert levina_bickel(cloud) == pytest.approx(dimension, rel=0.15)
    assert pca_dimension(cloud, 0.999) == dimension


def test_a_rolled_up_sheet_has_two_dimensions_and_three_components() -> None:
    rng = np.random.default_rng(0)
    t, height = rng.uniform(4, 14, 2000), rng.uniform(0, 20, 2000)
    roll = np.stack([t * np.cos(t), height, t * np.sin(t)], axis=1)
    assert two_nn(roll) == pytest.approx(2, rel=0.1)
    assert pca_dimension(roll) == 3


@pytest.mark.parametrize("seed", range(3))
def test_pictures_of_two_factors_need_two_dimensions_but_many_components(seed: int) -> None:
    bars = render(draw_factors(1500, ("x", "angle"), seed=seed), size=24).flatten(1).double().numpy()
    assert two_nn(bars) == pytest.approx(2, abs=0.3)
    assert levina_bickel(bars) == pytest.approx(2, abs=0.3)
    assert pca_dimension(bars) >= 10


def test_noise_raises_the_estimate_of_the_nearest_neighbours_most() -> None:
    bars = render(draw_factors(1500, ("x", "angle")), size=24).flatten(1).double().numpy()
    noisy = bars + 0.01 * np.random.default_rng(0).normal(size=bars.shape)
    assert two_nn(noisy) > 3.5
    assert levina_bickel(noisy, 20) < two_nn(noisy)


def test_two_nn_equals_its_formula_and_refuses_duplicates() -> None:
    x = np.random.default_rng(1).normal(size=(40, 3))
    r = neighbour_distances_loop(x, 2)
    assert two_nn(x) == pytest.approx(40 / np.log(r[:, 1] / r[:, 0]).sum())
    with pytest.raises(ValueError, match="got duplicates"):
        two_nn(np.vstack([x, x[:1]]))


def test_bars_come_back_after_half_a_turn_and_targets_know_it() -> None:
    factors = {"x": np.array([0.1]), "angle": np.array([0.4])}
    turned = {"x": np.array([0.1]), "angle": np.array([0.4 + np.pi])}
    assert np.allclose(render(factors), render(turned), atol=1e-6)
    assert np.allclose(targets(factors)["angle"], targets(turned)["angle"])
    assert not np.allclose(render(factors), render({"x": np.array([0.1]), "angle": np.array([0.9])}), atol=0.1)
    with pytest.raises(ValueError, match="factor must be one of"):
        draw_factors(3, ("z",))

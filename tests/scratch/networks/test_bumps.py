"""Hand-built approximations: what a bump is, that errors fall as promised, that no quadratic does better."""

from itertools import pairwise

import numpy as np
import pytest

from course_utils.scratch.networks.bumps import best_polynomial, bump, bump_network, hinge_network, uniform_error

WAVE = lambda x: np.sin(6 * x)


def test_a_bump_is_one_inside_and_zero_outside():
    assert bump([0.5, 0.0, 1.0], 0.0, 1.0, 60.0) == pytest.approx([1.0, 0.5, 0.5], abs=1e-9)
    assert bump([-0.5, 1.5], 0.0, 1.0, 60.0) == pytest.approx([0, 0], abs=1e-9)
    with pytest.raises(ValueError, match="right"):
        bump([0.0], 1.0, 0.0, 5.0)


@pytest.mark.parametrize("bumps", [1, 4, 30])
def test_the_network_is_the_sum_of_its_bumps(bumps):
    net = bump_network(WAVE, -1, 1, bumps, steepness=40.0)
    assert net.weights[0].shape == (2 * bumps, 1)
    x = np.linspace(-1, 1, 50)
    edges, width = np.linspace(-1, 1, bumps + 1), 2 / bumps
    total = np.zeros_like(x)
    for j in range(bumps):
        left, right = edges[j] - width * (j == 0), edges[j + 1] + width * (j == bumps - 1)
        total += WAVE((edges[j] + edges[j + 1]) / 2) * bump(x, left, right, 40.0)
    np.testing.assert_allclose(net(x[:, None])[:, 0], total, atol=1e-9)


def test_more_bumps_smaller_error():
    errors = [uniform_error(bump_network(WAVE, -1, 1, n), WAVE, -1, 1) for n in (10, 20, 40, 80)]
    assert all(b < 0.7 * a for a, b in pairwise(errors))


@pytest.mark.parametrize("pieces", [1, 3, 16, 50])
def test_relus_join_the_knots(pieces):
    net = hinge_network(WAVE, -1, 1, pieces)
    knots, x = np.linspace(-1, 1, pieces + 1), np.linspace(-1, 1, 301)
    assert len(net.weights[0]) == pieces
    np.testing.assert_allclose(net(x[:, None])[:, 0], np.interp(x, knots, WAVE(knots)), atol=1e-12)
    assert uniform_error(net, WAVE, -1, 1) <= 36 * 4 / (8 * pieces**2) + 1e-12


def test_uniform_error_is_the_largest():
    assert uniform_error(lambda x: x * 0, lambda x: x, -3, 2) == 3


def test_best_polynomial_against_chebyshev():
    x = np.linspace(-1, 1, 2001)
    coefficients, error = best_polynomial(x, x**3, 2)  # x^3 - T_3 / 4 is the best quadratic, its error 1/4
    assert error == pytest.approx(0.25, abs=1e-4)
    assert coefficients == pytest.approx([0, 0.75, 0], abs=1e-3)
    assert best_polynomial(x, 2 - x, 1)[1] == pytest.approx(0, abs=1e-9)

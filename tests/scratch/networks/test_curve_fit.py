"""A hidden layer fitted to a curve: exact where it can be, stuck where it must be."""

import numpy as np
import pytest
import torch

from course_utils.scratch.networks.bumps import best_polynomial, uniform_error
from course_utils.scratch.networks.curve_fit import CurveNet, fit_curve

WAVE = lambda x: np.sin(6 * x)
GRID = np.linspace(-1, 1, 401)


def test_the_formula():
    net = CurveNet("tanh", 3, -1, 1, seed=4)
    with torch.no_grad():
        net.v.copy_(torch.tensor([1.0, -2.0, 0.5]))
        net.c.fill_(0.25)
    w, b = net.w.detach().numpy(), net.b.detach().numpy()
    slow = [0.25 + sum(v * np.tanh(w[j] * x + b[j]) for j, v in enumerate((1.0, -2.0, 0.5))) for x in GRID]
    np.testing.assert_allclose(net.curve(GRID), slow, atol=1e-12)
    assert (np.abs(b / w) <= 1).all()  # every bend lies inside


def test_more_tanh_units_smaller_error():
    errors = [uniform_error(fit_curve(WAVE, "tanh", h).curve, WAVE, -1, 1) for h in (1, 4, 32)]
    assert errors[0] > 0.8
    assert errors[1] < 0.5
    assert errors[2] < 1e-3


@pytest.mark.parametrize("hidden", [1, 5, 40])
def test_squares_never_beat_the_best_quadratic(hidden):
    floor = best_polynomial(GRID, WAVE(GRID), 2)[1]
    assert uniform_error(fit_curve(WAVE, "square", hidden, steps=50).curve, WAVE, -1, 1) >= floor - 1e-6
    np.testing.assert_allclose(
        fit_curve(lambda x: 2 - x + 3 * x**2, "square", 5).curve(GRID), 2 - GRID + 3 * GRID**2, atol=1e-4
    )


def test_without_biases_tanh_is_odd():
    net = fit_curve(lambda x: np.cos(6 * x), "tanh", 20, biases=False, steps=50)
    assert net.b.abs().max() == 0
    np.testing.assert_allclose(net.curve(GRID) - net.c.item(), -(net.curve(-GRID) - net.c.item()), atol=1e-12)

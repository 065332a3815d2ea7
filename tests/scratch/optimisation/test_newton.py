"""Newton, Gauss-Newton and L-BFGS against closed forms, scipy and the full quasi-Newton matrix."""

import numpy as np
import pytest
from scipy.optimize import least_squares, minimize, rosen, rosen_der

from course_utils.scratch.optimisation.newton import gauss_newton, lbfgs, newton, two_loops


def test_one_newton_step_solves_a_quadratic():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(5, 5))
    matrix, b = root @ root.T + 0.01 * np.eye(5), rng.normal(size=5)
    path = newton(lambda w: matrix @ w - b, lambda w: matrix, rng.normal(size=5), 1)
    np.testing.assert_allclose(path[-1], np.linalg.solve(matrix, b), rtol=1e-8)


def test_newton_doubles_the_right_digits():
    # x^2 = 2 as the minimum of x^3/3 - 2x
    path = newton(lambda w: w**2 - 2, lambda w: np.diag(2 * w), [1.5], 4)[:, 0]
    error = np.abs(path - np.sqrt(2))
    assert (error[1:4] <= error[:3] ** 2).all()


def test_newton_walks_uphill_where_the_curvature_is_negative():
    path = newton(lambda w: -np.sin(w), lambda w: -np.diag(np.cos(w)), [0.3], 4)  # loss cos w, maximum at 0
    assert abs(path[-1, 0]) < 1e-6


def test_gauss_newton_fits_like_scipy():
    t = np.linspace(0, 2, 30)
    y = 2.0 * np.exp(-1.3 * t) + 0.01 * np.random.default_rng(1).normal(size=30)
    residuals = lambda w: w[0] * np.exp(-w[1] * t) - y
    jacobian = lambda w: np.stack([np.exp(-w[1] * t), -w[0] * t * np.exp(-w[1] * t)], axis=1)
    ours = gauss_newton(residuals, jacobian, [1.0, 0.5], 12)[-1]
    np.testing.assert_allclose(ours, least_squares(residuals, [1.0, 0.5], xtol=1e-12).x, rtol=1e-5)


def test_gauss_newton_is_newton_for_linear_residuals():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(12, 3)), rng.normal(size=12)
    path = gauss_newton(lambda w: a @ w - b, lambda w: a, np.zeros(3), 1)
    np.testing.assert_allclose(path[-1], np.linalg.lstsq(a, b, rcond=None)[0], rtol=1e-9)


def test_damping_shortens_the_step():
    steps = [
        np.linalg.norm(newton(lambda w: w - 1, lambda w: np.eye(2), [0.0, 0.0], 1, damping)[-1])
        for damping in (0.0, 1.0, 9.0)
    ]
    np.testing.assert_allclose(steps, np.sqrt(2) * np.array([1, 0.5, 0.1]))


@pytest.mark.parametrize("remembered", [1, 3, 6])
def test_two_loops_are_the_product_with_the_bfgs_matrix(remembered):
    rng = np.random.default_rng(3)
    changes = []
    while len(changes) < remembered:
        s = rng.normal(size=6)
        y = s + 0.4 * rng.normal(size=6)
        if s @ y > 0:
            changes.append((s, y))
    s, y = changes[-1]
    inverse = (s @ y) / (y @ y) * np.eye(6)
    for s, y in changes:  # the slow twin: the whole matrix
        left = np.eye(6) - np.outer(s, y) / (s @ y)
        inverse = left @ inverse @ left.T + np.outer(s, s) / (s @ y)
    gradient = rng.normal(size=6)
    before = gradient.copy()
    np.testing.assert_allclose(two_loops(gradient, changes), inverse @ gradient, rtol=1e-9)
    np.testing.assert_array_equal(gradient, before)


def test_lbfgs_reaches_scipys_minimum_of_the_bent_valley():
    start = np.array([-1.2, 1.0])
    run = lbfgs(lambda w: (float(rosen(w)), rosen_der(w)), start, 300)
    theirs = minimize(rosen, start, jac=rosen_der, method="L-BFGS-B")
    np.testing.assert_allclose(run.w, theirs.x, atol=1e-4)
    assert run.losses[-1] < 1e-10
    assert (np.diff(run.losses) < 0).all()
    assert run.evaluations[-1] < 6 * theirs.nfev


def test_every_evaluation_is_counted_and_the_goal_stops():
    made = []

    def bowl(w):
        made.append(w)
        return float(0.5 * (w * [1, 50] * w).sum()), w * [1, 50]

    run = lbfgs(bowl, [3.0, 1.0], 100, goal=1e-3)
    assert run.evaluations[-1] == len(made)
    assert run.losses[-1] <= 1e-3 < run.losses[-2]


def test_a_flat_start_is_left_alone():
    run = lbfgs(lambda w: (1.0, np.zeros(2)), [0.0, 0.0], 5)
    assert run.losses == [1.0]
    with pytest.raises(ValueError, match="memory must be at least 1"):
        lbfgs(lambda w: (1.0, np.zeros(2)), [0.0, 0.0], 5, memory=0)

"""The dual solver: optimality conditions, an independent quadratic programme, and scikit-learn."""

import numpy as np
import pytest
from scipy.optimize import minimize

from course_utils.scratch.kernel_methods.kernels import linear_kernel, rbf_kernel
from course_utils.scratch.kernel_methods.point_sets import moons, rings, separable_clouds
from course_utils.scratch.kernel_methods.smo import solve_dual


@pytest.mark.parametrize("c", [0.3, 1.0, 30.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_agrees_with_scikit_learn(c, seed):
    from sklearn.svm import SVC

    x, y = moons(60, seed=seed)
    kernel = rbf_kernel(x, x, 1.0)
    ours = solve_dual(kernel, y, c)
    theirs = SVC(kernel="precomputed", C=c, tol=1e-8).fit(kernel, y)
    np.testing.assert_allclose(ours.score(kernel), theirs.decision_function(kernel), atol=1e-4)
    np.testing.assert_array_equal(ours.support, np.sort(theirs.support_))


@pytest.mark.parametrize("c", [0.5, 20.0])
def test_optimality_conditions_hold(c):
    x, y = moons(60, seed=3)
    kernel = rbf_kernel(x, x, 1.0)
    dual = solve_dual(kernel, y, c, tolerance=1e-8)
    margin = y * dual.score(kernel)
    assert dual.gap < 1e-8
    assert dual.alpha.min() >= 0
    assert dual.alpha.max() <= c
    assert (dual.alpha * y).sum() == pytest.approx(0.0, abs=1e-9)
    assert (margin[dual.alpha == 0] >= 1 - 1e-7).all()
    assert (margin[dual.alpha == c] <= 1 + 1e-7).all()
    free = (dual.alpha > 0) & (dual.alpha < c)
    np.testing.assert_allclose(margin[free], 1.0, atol=1e-7)


def test_hard_margin_agrees_with_the_primal_quadratic_programme():
    x, y = separable_clouds(30, seed=4)
    dual = solve_dual(linear_kernel(x, x), y, np.inf)
    rows = y[:, None] * np.column_stack([x, np.ones(len(x))])
    primal = minimize(
        lambda v: 0.5 * v[:2] @ v[:2],
        np.array([1.0, 1.0, 0.0]),
        jac=lambda v: np.array([v[0], v[1], 0.0]),
        constraints={"type": "ineq", "fun": lambda v: rows @ v - 1, "jac": lambda v: rows},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    np.testing.assert_allclose((dual.alpha * y) @ x, primal.x[:2], rtol=1e-4)
    assert dual.bias == pytest.approx(primal.x[2], abs=1e-3)
    assert 2 <= len(dual.support) <= 3


def test_steps_run_out_where_the_hard_margin_does_not_exist():
    x, y = rings(30, seed=0)
    assert solve_dual(linear_kernel(x, x), y, np.inf, max_steps=200).gap > 1e-3


def test_bad_arguments_are_refused():
    kernel = np.eye(2)
    with pytest.raises(ValueError, match="both"):
        solve_dual(kernel, [1, 1])
    with pytest.raises(ValueError, match="c must"):
        solve_dual(kernel, [1, -1], c=0.0)
    with pytest.raises(ValueError):
        solve_dual(np.ones((2, 3)), [1, -1])

"""The linear SVM by sub-gradients: objective against autograd, margin against the exact one."""

import numpy as np
import pytest
import torch

from course_utils.scratch.kernel_methods.kernels import linear_kernel
from course_utils.scratch.kernel_methods.point_sets import separable_clouds, two_clouds
from course_utils.scratch.kernel_methods.smo import solve_dual
from course_utils.scratch.kernel_methods.svm import (
    LinearRule,
    fit_subgradient,
    hinge_objective,
    hinge_subgradient,
    pegasos,
)


@pytest.mark.parametrize(("n", "d"), [(30, 3), (1, 1)])
def test_objective_and_subgradient_agree_with_autograd(n, d):
    rng = np.random.default_rng(0)
    x, y, w = rng.normal(size=(n, d)), np.where(rng.random(n) < 0.5, 1.0, -1.0), rng.normal(size=d)
    wt, bt = torch.tensor(w, requires_grad=True), torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    loss = 0.05 * wt @ wt + (1 - torch.tensor(y) * (torch.tensor(x) @ wt + bt)).relu().mean()
    loss.backward()
    rule = LinearRule(w, 0.3)
    assert hinge_objective(rule, x, y, 0.1) == pytest.approx(loss.item(), abs=1e-12)
    w_part, bias_part = hinge_subgradient(rule, x, y, 0.1)
    np.testing.assert_allclose(w_part, wt.grad.numpy(), atol=1e-12)
    assert bias_part == pytest.approx(bt.grad.item(), abs=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_subgradient_margin_is_within_a_few_percent_of_the_exact_one(seed):
    x, y = separable_clouds(40, gap=0.3, seed=seed)
    dual = solve_dual(linear_kernel(x, x), y, np.inf)
    exact = LinearRule((dual.alpha * y) @ x, dual.bias).margin(x, y)
    assert exact >= 0.3
    assert fit_subgradient(x, y).margin(x, y) >= 0.97 * exact
    assert fit_subgradient(x, y).margin(x, y) <= exact * (1 + 1e-5)
    assert pegasos(x, y, steps=40000, seed=seed).margin(x, y) >= 0.90 * exact


def test_training_does_not_care_where_the_origin_is():
    x, y = separable_clouds(40, seed=1)
    near, far = fit_subgradient(x, y), fit_subgradient(x + 100.0, y)
    np.testing.assert_allclose(near.score(x), far.score(x + 100.0), atol=1e-6)


def test_objective_is_close_to_the_dual_optimum_on_overlapping_classes():
    x, y = two_clouds(60, distance=1.5, seed=2)
    penalty = 0.05
    dual = solve_dual(linear_kernel(x, x), y, 1 / (penalty * len(x)))
    best = hinge_objective(LinearRule((dual.alpha * y) @ x, dual.bias), x, y, penalty)
    reached = hinge_objective(fit_subgradient(x, y, penalty), x, y, penalty)
    assert best <= reached <= best * 1.01


def test_margin_is_negative_when_a_sample_is_wrong_and_ignores_scale():
    rule = LinearRule(np.array([2.0, 0.0]), 0.0)
    assert rule.margin([[1.0, 5.0]], [1.0]) == 1.0
    assert rule.margin([[1.0, 5.0]], [-1.0]) == -1.0


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="penalty"):
        fit_subgradient(np.ones((2, 1)), np.array([-1, 1]), penalty=0.0)
    with pytest.raises(ValueError):
        pegasos(np.ones((3, 1)), np.array([-1, 1]))

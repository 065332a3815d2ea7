"""Logistic regression: gradient and Hessian against autograd, two optimisers, one library."""

import numpy as np
import pytest
import torch

from course_utils.scratch.kernel_methods.logistic import (
    fit_gradient_descent,
    fit_newton,
    logistic_gradient,
    logistic_hessian,
    logistic_loss,
    sigmoid,
)
from course_utils.scratch.kernel_methods.point_sets import separable_clouds, two_clouds
from course_utils.scratch.perceptrons.perceptron import add_bias


def problem(n=50, d=4, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    return x, np.where(rng.random(n) < sigmoid(x @ rng.normal(size=d)), 1.0, -1.0), rng.normal(size=d)


def torch_loss(w, x, y, penalty):
    scores = torch.as_tensor(y.copy()) * (torch.as_tensor(x.copy()) @ w)
    return (
        -torch.nn.functional.logsigmoid(scores).mean()
        + 0.5 * (torch.as_tensor(penalty, dtype=torch.float64) * w**2).sum()
    )


@pytest.mark.parametrize(("n", "d"), [(50, 4), (1, 3), (7, 1)])
@pytest.mark.parametrize("per_weight", [False, True])
def test_gradient_and_hessian_agree_with_autograd(n, d, per_weight):
    x, y, w = problem(n, d)
    penalty = np.linspace(0.0, 0.5, d) if per_weight else 0.3
    wt = torch.tensor(w, requires_grad=True)
    loss = torch_loss(wt, x, y, penalty)
    loss.backward()
    assert logistic_loss(w, x, y, penalty) == pytest.approx(loss.item(), abs=1e-12)
    np.testing.assert_allclose(logistic_gradient(w, x, y, penalty), wt.grad.numpy(), atol=1e-12)
    hessian = torch.autograd.functional.hessian(lambda v: torch_loss(v, x, y, penalty), torch.tensor(w))
    np.testing.assert_allclose(logistic_hessian(w, x, penalty), hessian.numpy(), atol=1e-12)


def test_gradient_reads_non_contiguous_inputs():
    x, y, w = problem(40, 4)
    wide = np.repeat(x, 2, axis=0)[::2]
    assert not wide.flags.c_contiguous
    np.testing.assert_allclose(logistic_gradient(w, wide, y), logistic_gradient(w, x, y), atol=1e-14)


def test_sigmoid_is_exact_at_both_ends():
    with np.errstate(over="raise"):
        np.testing.assert_array_equal(sigmoid([-1000.0, 0.0, 1000.0]), [0.0, 0.5, 1.0])


def test_gradient_descent_reaches_the_newton_solution():
    x, y = two_clouds(200, distance=2.0, seed=3)
    x = add_bias(x)
    slow, fast = fit_gradient_descent(x, y, lr=1.0, steps=3000)[-1], fit_newton(x, y)
    np.testing.assert_allclose(slow, fast[-1], atol=1e-6)
    assert len(fast) < 12


def test_newton_agrees_with_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    x, y = two_clouds(200, distance=2.0, seed=3)
    free_bias = np.array([0.05, 0.05, 0.0])
    ours = fit_newton(add_bias(x), y, penalty=free_bias)[-1]
    theirs = LogisticRegression(C=1 / (0.05 * len(x)), tol=1e-10).fit(x, y)
    np.testing.assert_allclose(ours[:2], theirs.coef_[0], atol=1e-5)
    assert ours[2] == pytest.approx(theirs.intercept_[0], abs=1e-5)


def test_newton_says_so_when_the_classes_are_separable():
    x, y = separable_clouds(30)
    with pytest.raises(RuntimeError, match="separable"):
        fit_newton(add_bias(x), y)
    assert np.isfinite(fit_newton(add_bias(x), y, penalty=0.01)[-1]).all()


def test_labels_other_than_plus_and_minus_one_are_refused():
    with pytest.raises(ValueError, match=r"2 \* y - 1"):
        fit_newton(np.ones((2, 1)), np.array([0, 1]))
    with pytest.raises(ValueError, match="lr"):
        fit_gradient_descent(np.ones((2, 1)), np.array([-1, 1]), lr=0.0)
